/**
 * Looks for secrets where they must not be: in every file below some folders, in the forms in which they could have been written.
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface SearchResult {
  readonly files: number;
  readonly bytes: number;
  /** Files that hold one. */
  readonly found: readonly string[];
}

export async function searchFiles(folders: readonly string[], secrets: readonly string[]): Promise<SearchResult> {
  const needles = secrets.flatMap(formsOf);
  const found: string[] = [];
  let files = 0;
  let bytes = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const content = await readFile(path);
      files++;
      bytes += content.length;
      if (needles.some((needle) => content.includes(needle))) found.push(path);
    }
  }
  return { files, bytes, found };
}

/** As it is, in the usual encodings, and in base64 inside a longer text, where it is shifted by one or two bytes. */
function formsOf(secret: string): readonly Buffer[] {
  const raw = Buffer.from(secret);
  const encodings = (["base64", "base64url", "hex"] as const).map((form) => Buffer.from(raw.toString(form)));
  const shifted = [1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), raw]).toString("base64");
    return Buffer.from(encoded.slice(4, encoded.length - 4));
  });
  return [raw, ...encodings, ...shifted];
}

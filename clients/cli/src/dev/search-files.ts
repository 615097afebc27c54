/**
 * Looks for a secret where it must not be: in every file below some folders, in the forms in which it could have been written.
 * @module
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

export interface SearchResult {
  readonly files: number;
  readonly bytes: number;
  /** Files that hold it. */
  readonly found: readonly string[];
}

export async function searchFiles(folders: readonly string[], secret: Uint8Array): Promise<SearchResult> {
  const raw = Buffer.from(secret);
  const needles = [raw, ...(["base64", "base64url", "hex"] as const).map((form) => Buffer.from(raw.toString(form)))];
  // Text inside other text is shifted by one or two bytes before it is encoded: look for those forms too.
  for (const shift of [1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(shift), raw]).toString("base64");
    needles.push(Buffer.from(encoded.slice(4, encoded.length - 4)));
  }
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

/**
 * Listings in the order that clients expect, also where the store knows other names.
 *
 * With plain names the store's order is the clients' and a page costs a page. With encrypted names it is not: everything under the listed folder is fetched, opened
 * and sorted, for every page. Sizes, ETags and kinds of checksums are those of the plaintext, from memory or else from each object's end.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { Backend, ListEntry, ListOptions } from "./backend/backend.ts";
import { foldedPrefix } from "./backend/folder-index.ts";
import { RESERVED_PREFIX } from "./kek-reader.ts";
import type { Names } from "./names.ts";
import type { Objects } from "./objects.ts";
import type { ListedChecksums } from "./operations/checksums.ts";

export interface KeyEntry {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  readonly checksums: ListedChecksums;
  readonly modifiedMs: number;
}

export interface KeyPage {
  readonly entries: readonly KeyEntry[];
  readonly prefixes: readonly string[];
  /** Where the next page begins; undefined for the last. */
  readonly next: string | undefined;
}

/** Names that are sorted in memory at most. */
const MAX_SORTED = 1_000_000;
const DESCRIBED_AT_ONCE = 32;

interface Parts {
  readonly backend: Backend;
  readonly names: Names;
  readonly objects: Objects;
}

export async function listKeys(parts: Parts, bucket: string, options: ListOptions): Promise<KeyPage> {
  if (options.limit === 0) return { entries: [], prefixes: [], next: undefined };
  const raw = parts.names.isEncrypted(bucket)
    ? await listSorted(parts, bucket, options)
    : await listStored(parts.backend, bucket, options);
  const entries: KeyEntry[] = [];
  for (let i = 0; i < raw.entries.length; i += DESCRIBED_AT_ONCE) {
    const batch = raw.entries.slice(i, i + DESCRIBED_AT_ONCE).map(async ({ key, entry }): Promise<KeyEntry> => {
      const described = await parts.objects.describe(bucket, key, entry.name, entry.etag);
      return {
        key,
        modifiedMs: entry.modifiedMs,
        ...(described ?? { etag: entry.etag, size: entry.length, checksums: {} }),
      };
    });
    entries.push(...(await Promise.all(batch)));
  }
  const { prefixes } = raw;
  const last = [entries.at(-1)?.key ?? "", prefixes.at(-1) ?? ""].reduce((a, b) => (compareUtf8(a, b) > 0 ? a : b));
  return { entries, prefixes, next: raw.isTruncated ? last : undefined };
}

interface RawPage {
  readonly entries: readonly { readonly key: string; readonly entry: ListEntry }[];
  readonly prefixes: readonly string[];
  readonly isTruncated: boolean;
}

/** The store's pages without the gateway's own records. */
async function listStored(backend: Backend, bucket: string, options: ListOptions): Promise<RawPage> {
  const entries: { key: string; entry: ListEntry }[] = [];
  const prefixes: string[] = [];
  let { after } = options;
  for (;;) {
    // The records lie together: jump over all of them at once.
    if (after.startsWith(RESERVED_PREFIX)) after = `${RESERVED_PREFIX}\u{10ffff}`;
    const limit = options.limit - entries.length - prefixes.length;
    const page = await backend.list(bucket, { ...options, after, limit });
    for (const entry of page.entries) if (!isReserved(entry.name)) entries.push({ key: entry.name, entry });
    prefixes.push(...page.prefixes.filter((prefix) => !isReserved(prefix)));
    if (!page.isTruncated) return { entries, prefixes, isTruncated: false };
    if (entries.length + prefixes.length === options.limit) return { entries, prefixes, isTruncated: true };
    after = [page.entries.at(-1)?.name ?? "", page.prefixes.at(-1) ?? ""].reduce((a, b) =>
      compareUtf8(a, b) > 0 ? a : b,
    );
    if (after === "") return { entries, prefixes, isTruncated: false };
  }
}

const isReserved = (name: string): boolean => name.startsWith(RESERVED_PREFIX);

async function listSorted({ backend, names }: Parts, bucket: string, options: ListOptions): Promise<RawPage> {
  const { prefix, delimiter } = options;
  const folder = await names.toStore(bucket, prefix.slice(0, prefix.lastIndexOf("/") + 1));
  const found = new Map<string, ListEntry | undefined>();
  for (let after = ""; ; ) {
    const page = await backend.list(bucket, {
      prefix: folder,
      delimiter: delimiter === "/" ? "/" : "",
      after,
      limit: 1000,
    });
    for (const entry of page.entries)
      if (!isReserved(entry.name)) found.set(await names.toClient(bucket, entry.name), entry);
    for (const stored of page.prefixes)
      if (!isReserved(stored)) found.set(await names.toClient(bucket, stored), undefined);
    if (found.size > MAX_SORTED)
      throw new MilagroError("ERR_OVERLOADED", "too many encrypted names in one folder to be sorted");
    if (!page.isTruncated) break;
    after = [page.entries.at(-1)?.name ?? "", page.prefixes.at(-1) ?? ""].reduce((a, b) =>
      compareUtf8(a, b) > 0 ? a : b,
    );
  }
  const entries: { key: string; entry: ListEntry }[] = [];
  const prefixes = new Set<string>();
  const after = options.after.startsWith(prefix) ? (foldedPrefix(options.after, prefix, delimiter) ?? "") : "";
  for (const [key, entry] of [...found].sort(([a], [b]) => compareUtf8(a, b))) {
    if (!key.startsWith(prefix) || compareUtf8(key, options.after) <= 0) continue;
    const folded = foldedPrefix(key, prefix, delimiter);
    if (folded !== undefined && (folded === after || prefixes.has(folded))) continue;
    if (entries.length + prefixes.size === options.limit)
      return { entries, prefixes: [...prefixes], isTruncated: true };
    if (folded !== undefined) prefixes.add(folded);
    else if (entry) entries.push({ key, entry });
  }
  return { entries, prefixes: [...prefixes], isTruncated: false };
}

/** By bytes of UTF-8; JavaScript itself compares UTF-16, which differs beyond U+FFFF. */
export function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * One delivery as it goes over the wire. The record inside is the text its author's signature was checked on, spliced in
 * unparsed: it may be a megabyte, and is not ours to touch.
 * @module
 */
import type { KmsStore, StoredEvent } from "./store.ts";

/**
 * JSON of a `KmsEvent` (`core/protocol/kms-messages`).
 * @param maxRecordBytes - a longer record stays out, and the recipient fetches it by path and version
 */
export async function eventText(
  store: Pick<KmsStore, "readVersion">,
  event: StoredEvent,
  maxRecordBytes: number,
): Promise<string> {
  const { sequence, time, path, version } = event;
  if (event.kind === "tombstone") return JSON.stringify({ sequence, time, type: "deleted", path });
  const head = JSON.stringify({ sequence, time, type: "version", path, version });
  // Gone when the secret was deleted since: the tombstone is a later delivery.
  const record = maxRecordBytes > 0 ? (await store.readVersion(path, version))?.record : undefined;
  // Canonical JSON of a record is ASCII but for labels, so length is a good measure of bytes.
  return record === undefined || record.length > maxRecordBytes ? head : `${head.slice(0, -1)},"record":${record}}`;
}

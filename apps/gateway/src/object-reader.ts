/**
 * Opening what lies at a store: header, KEK, manifest, and then the bytes that are wanted. The gateway and the offline reader both do it like this.
 * @module
 */
import { parseBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import type { Backend, StoredInfo } from "./backend/backend.ts";
import { planRead } from "./format/layout.ts";
import { type Manifest, manifestLengthFrom, openManifest } from "./format/manifest.ts";
import { type ObjectHeader, type Place, parseObjectHeader, unwrapDek } from "./format/object-header.ts";
import { corrupt, type Dek, openPlan, partKey } from "./format/segments.ts";
import type { KekReader, OpenedKek } from "./kek-reader.ts";

/** An object with everything that is needed to read it. */
export interface OpenedObject {
  readonly bucket: string;
  readonly key: string;
  /** At the store. */
  readonly name: string;
  readonly info: StoredInfo;
  readonly header: ObjectHeader;
  readonly kek: OpenedKek;
  readonly dek: Dek;
  readonly manifest: Manifest;
  /** The object's last bytes at rest, when they have just been read. */
  readonly tail: Uint8Array;
}

/** The last bytes that are fetched with an object's metadata: the whole of small ones. */
const TAIL_LENGTH = 128 * 1024;

/**
 * @param name - at the store
 * @throws `ERR_OBJECT_CORRUPT`, `ERR_OBJECT_FOREIGN`, and what opening the KEK throws
 */
export async function openObject(
  { backend, keks }: { readonly backend: Pick<Backend, "read">; readonly keks: Pick<KekReader, "open"> },
  { bucket, key }: Place,
  name: string,
  version?: string,
): Promise<OpenedObject | undefined> {
  const found = await backend.read(bucket, name, { last: TAIL_LENGTH }, { version });
  if (!found) return undefined;
  const { info } = found;
  let tail = await collect(found.body, Math.min(info.length, TAIL_LENGTH));
  if (info.header === "") throw new MilagroError("ERR_OBJECT_FOREIGN", "the object was not written by a gateway");
  const header = parseObjectHeader(info.header);
  const kek = await keks.open(bucket, header.kekId);
  const dek = unwrapDek(kek.kek, header, { bucket, key });
  const manifestLength = manifestLengthFrom(tail);
  if (manifestLength > tail.length) {
    if (manifestLength > info.length) corrupt();
    const more = await backend.read(bucket, name, { last: manifestLength }, { version, ifEtag: info.etag });
    if (!more) corrupt();
    tail = await collect(more.body, manifestLength);
  }
  const manifest = await openManifest(dek, tail.subarray(tail.length - manifestLength), info.length);
  return { bucket, key, name, info, header, kek, dek, manifest, tail };
}

/** Bytes [from, from + length) of the plaintext, each authenticated before it comes out. @throws `ERR_OBJECT_CORRUPT`, `ERR_OBJECT_CHANGED` */
export async function* readObject(
  backend: Pick<Backend, "read">,
  { bucket, name, info, dek, manifest, tail }: OpenedObject,
  from: number,
  length: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const plan = planRead(
    manifest.parts.map(([size]) => size),
    from,
    length,
  );
  const keyOf = (index: number) =>
    partKey(dek, parseBase64url((manifest.parts[index] as Manifest["parts"][number])[1]));
  const tailFrom = info.length - tail.length;
  if (plan.from >= tailFrom) {
    const at = plan.from - tailFrom;
    yield* openPlan(keyOf, plan, [tail.subarray(at, at + plan.length)]);
    return;
  }
  const found = await backend.read(
    bucket,
    name,
    { from: plan.from, length: plan.length },
    { version: info.version, ifEtag: info.etag, ...(signal ? { signal } : {}) },
  );
  if (!found) throw new MilagroError("ERR_OBJECT_CHANGED", "the object was deleted meanwhile");
  yield* openPlan(keyOf, plan, found.body);
}

async function collect(body: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  let filled = 0;
  for await (const chunk of body) {
    if (filled + chunk.length > length) corrupt();
    out.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled !== length) corrupt();
  return out;
}

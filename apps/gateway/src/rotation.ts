/**
 * Rotation at three levels, each of which can be stopped at any moment and goes on where it was:
 *
 *   kek    the KEKs of a bucket are sealed anew to their policies in the present epoch     costs a record for each KEK; who lost their key is out, unless they kept a KEK
 *   dek    every object's key is wrapped with a KEK of the present epoch                    costs the metadata of each object; a kept KEK is of no use for it, a kept object key is
 *   body   every object is sealed anew under a fresh key                                    costs every byte; nothing that was kept helps
 *
 * What was changed meanwhile needs nothing: it was written in the present epoch.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { errorFields } from "@milagro/runtime/log";
import type { ListEntry } from "./backend/backend.ts";
import type { Gateway } from "./exchange.ts";
import { encodeObjectHeader, parseObjectHeader, unwrapDek, wrapDek } from "./format/object-header.ts";
import { RESERVED_PREFIX } from "./kek-reader.ts";
import { basePolicy } from "./keks.ts";
import { resealObject } from "./reseal.ts";
import type { RotationLevel, RotationRow } from "./store.ts";

export interface RotationProgress {
  readonly id: string;
  readonly done: number;
  readonly skipped: number;
}

export interface RotationOptions {
  readonly signal?: AbortSignal;
  onProgress?(progress: RotationProgress): void;
}

/** Objects at once: at a folder they share a commit, at S3 a round trip's wait. */
const AT_ONCE: Readonly<Record<RotationLevel, number>> = { kek: 1, dek: 64, body: 2 };

/** Notes down what is to be done. @param prefix - of names at the store; empty for all, and for KEKs */
export async function beginRotation(
  { store, policyKeys, audit, clock }: Gateway,
  level: RotationLevel,
  bucket: string,
  prefix = "",
): Promise<string> {
  const id = Buffer.from(policyKeys.random(8)).toString("hex");
  const epoch = policyKeys.currentEpoch();
  await audit.record({ action: "rotation.begin", outcome: "ok", details: { level, bucket, key: prefix, epoch } });
  const row: RotationRow = {
    id,
    level,
    bucket,
    prefix,
    epoch,
    after_name: "",
    done: 0,
    skipped: 0,
    started_ms: clock(),
    finished_ms: null,
  };
  await store.transaction(async (tx) => {
    await tx.insertInto("rotation").values(row).execute();
  });
  return id;
}

export function listRotations({ store }: Pick<Gateway, "store">): Promise<RotationRow[]> {
  return store.db.selectFrom("rotation").selectAll().orderBy("started_ms").execute();
}

/**
 * Does what is left of a rotation. Done once more it finds nothing to do.
 * @throws `ERR_ROTATION_MISSING`; what an object's damage gives, after noting how far it came
 */
export async function runRotation(gateway: Gateway, id: string, options: RotationOptions = {}): Promise<RotationRow> {
  const { store, log, audit, clock } = gateway;
  const row = await store.db.selectFrom("rotation").selectAll().where("id", "=", id).executeTakeFirst();
  if (!row) throw new MilagroError("ERR_ROTATION_MISSING", "there is no such rotation");
  const { level, bucket } = row;
  let progress: RotationRow = row;
  const note = async (change: Partial<RotationRow>): Promise<void> => {
    progress = { ...progress, ...change };
    await store.transaction(async (tx) => {
      await tx.updateTable("rotation").set(change).where("id", "=", id).execute();
    });
    options.onProgress?.({ id, done: progress.done, skipped: progress.skipped });
  };
  log.info("rotation runs", { kind: level, name: bucket, count: progress.done, epoch: row.epoch });
  for await (const batch of batches(gateway, row)) {
    options.signal?.throwIfAborted();
    const results = await Promise.all(batch.map((entry) => rotateOne(gateway, level, bucket, entry)));
    const changed = results.filter(Boolean).length;
    await note({
      after_name: batch.at(-1)?.name ?? "",
      done: progress.done + changed,
      skipped: progress.skipped + results.length - changed,
    });
  }
  await note({ finished_ms: clock() });
  const { done, skipped } = progress;
  await audit.record({ action: "rotation.end", outcome: "ok", details: { level, bucket, count: done } });
  log.info("rotation finished", { kind: level, name: bucket, count: done, total: done + skipped, epoch: row.epoch });
  return progress;
}

async function* batches(gateway: Gateway, row: RotationRow): AsyncGenerator<readonly ListEntry[], void> {
  const { level, bucket, prefix, after_name: from } = row;
  const size = AT_ONCE[level];
  if (level === "kek") {
    for await (const id of gateway.keks.list(bucket, from)) yield [{ name: id, length: 0, etag: "", modifiedMs: 0 }];
    return;
  }
  for (let after = from; ; ) {
    const page = await gateway.backend.list(bucket, { prefix, delimiter: "", after, limit: 1000 });
    const own = page.entries.filter(({ name }) => !name.startsWith(RESERVED_PREFIX));
    for (let i = 0; i < own.length; i += size) yield own.slice(i, i + size);
    const last = page.entries.at(-1)?.name;
    if (!page.isTruncated || last === undefined) return;
    after = last;
  }
}

/** @returns whether anything had to be done */
async function rotateOne(
  gateway: Gateway,
  level: RotationLevel,
  bucket: string,
  { name, etag }: ListEntry,
): Promise<boolean> {
  try {
    if (level === "kek") return (await gateway.keks.renew(bucket, name as never)) !== undefined;
    return await (level === "dek" ? rewrap : reseal)(gateway, bucket, name);
  } catch (error) {
    // Written or deleted meanwhile: nothing is left to do. A store that says so of what has not changed must not look like that.
    if (error instanceof MilagroError && ["ERR_OBJECT_CHANGED", "ERR_PRECONDITION_FAILED"].includes(error.code))
      if ((await gateway.backend.head(bucket, name))?.etag !== etag) return false;
    gateway.log.error("an object could not be rotated", { operation: level, name: bucket, ...errorFields(error) });
    throw error;
  }
}

async function rewrap(gateway: Gateway, bucket: string, name: string): Promise<boolean> {
  const { backend, keks, names, policyKeys } = gateway;
  const info = await backend.head(bucket, name);
  if (!info || info.header === "") return false;
  const header = parseObjectHeader(info.header);
  const old = await keks.open(bucket, header.kekId);
  const fresh = await keks.forWriting(bucket, basePolicy(old.policy));
  if (fresh.id === header.kekId) return false;
  const place = { bucket, key: await names.toClient(bucket, name) };
  const dek = unwrapDek(old.kek, header, place);
  const next = encodeObjectHeader(wrapDek(policyKeys.random, fresh.kek, fresh.id, place, dek));
  dek.destroy();
  await backend.copy({ bucket, name, ifEtag: info.etag }, { bucket, name, header: next }, { ifEtag: info.etag });
  return true;
}

async function reseal(gateway: Gateway, bucket: string, name: string): Promise<boolean> {
  const { backend, keks, names, objects } = gateway;
  const info = await backend.head(bucket, name);
  if (!info || info.header === "") return false;
  const key = await names.toClient(bucket, name);
  const object = await objects.open(bucket, key);
  if (!object) return false;
  await resealObject(gateway, object, await keks.forWriting(bucket, basePolicy(object.kek.policy)));
  objects.forget(bucket, key);
  return true;
}

/**
 * The KEKs in memory: opened once, kept, so that an object costs no pairing. At the store each lies under `.milagro/kek/<id>` in the bucket it is for.
 * @module
 */
import type { Policy } from "@milagro/crypto/policy";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import type { Audit } from "./audit.ts";
import type { Backend } from "./backend/backend.ts";
import { type KekRecord, openKek, parseKekRecord, sealKek, verifyKekRecord } from "./format/kek-record.ts";
import { generateKekId, type Kek, type KekId } from "./format/object-header.ts";
import { type PolicyKeys, policyOfEpoch, sealingScope } from "./policy-keys.ts";
import type { GatewayStore } from "./store.ts";

/** Names that begin like this are the gateway's own; clients neither see nor reach them. */
export const RESERVED_PREFIX = ".milagro/";

export interface OpenedKek {
  readonly id: KekId;
  readonly kek: Kek;
  /** That it is sealed to, epoch clause included: who may read what it wraps. */
  readonly policy: Policy;
}

export interface Keks {
  /** The KEK for what is written now under a policy; a new one when the epoch has none yet. */
  forWriting(bucket: string, policy: string): Promise<OpenedKek>;
  /** @throws `ERR_KEK_INVALID`, `ERR_POLICY_UNSATISFIED` for a gateway that may not read it */
  open(bucket: string, id: KekId): Promise<OpenedKek>;
  /** The key for a bucket's names and tags; made at its first use, for whoever may read anything under the policy. */
  forBucket(bucket: string, policy: string): Promise<OpenedKek>;
  /** Seals a KEK anew to the same policy in the present epoch; undefined when it already is. */
  renew(bucket: string, id: KekId): Promise<OpenedKek | undefined>;
  /** The ids of a bucket's KEKs at the store. */
  list(bucket: string): AsyncGenerator<KekId, void>;
  close(): void;
}

/** The id of the key for names and tags: a bucket has one. */
export const BUCKET_KEY_ID = "0".repeat(32) as KekId;

const MAX_RECORD_LENGTH = 256 * 1024;
const MAX_CACHED = 10_000;
const EPOCH_CLAUSE = /&epoch\[32\]>=\d+$/;

export const kekName = (id: KekId): string => `${RESERVED_PREFIX}kek/${id}`;

export function createKeks(parts: {
  readonly backend: Backend;
  readonly store: GatewayStore;
  readonly audit: Audit;
  readonly policyKeys: PolicyKeys;
  /** Identities of the gateways whose records are taken; its own is always. */
  readonly writers: readonly string[];
}): Keks {
  const { backend, store, audit, policyKeys } = parts;
  const { engine, random, keys } = policyKeys;
  const cache = new Map<string, Promise<OpenedKek>>();

  const trusted = (): ReadonlySet<string> => {
    const own = policyKeys.writer()?.identity;
    return new Set([...parts.writers, ...(own === undefined ? [] : [own])]);
  };
  const needWriter = () => {
    const writer = policyKeys.writer();
    if (!writer) throw new MilagroError("ERR_KEY_MISSING", "the gateway has no signing key of this epoch");
    return writer;
  };
  const fetchRecord = async (bucket: string, id: KekId): Promise<KekRecord> => {
    const found = await backend.read(bucket, kekName(id), "all");
    if (!found) throw new MilagroError("ERR_KEK_INVALID", "the KEK is not at the store");
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of found.body) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_RECORD_LENGTH) throw new MilagroError("ERR_KEK_INVALID", "the KEK's record is too long");
    }
    const record = parseKekRecord(new Uint8Array(Buffer.concat(chunks)));
    verifyKekRecord(engine, keys, record, bucket, id, trusted());
    return record;
  };
  const openRecord = (record: KekRecord, bucket: string, id: KekId): OpenedKek => ({
    id,
    kek: openWithAny(policyKeys, record, bucket, id),
    policy: record.envelope.abe.policy,
  });
  /** At most so many are kept. One that falls out may still be in use, so it is left to the collector. */
  const keep = (key: string, work: () => Promise<OpenedKek>): Promise<OpenedKek> => {
    const known = cache.get(key);
    if (known) return known;
    const fresh = work();
    cache.set(key, fresh);
    fresh.catch(() => cache.delete(key));
    if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value as string);
    return fresh;
  };
  const write = async (bucket: string, id: KekId, kek: Kek, policy: Policy, condition?: "absent"): Promise<void> => {
    const scope = sealingScope(policyKeys);
    const record = sealKek(engine, random, { keys, scope, policy, bucket, kekId: id, kek, writer: needWriter() });
    await backend.write(bucket, kekName(id), { header: "", length: record.length, body: [record] }, condition);
  };
  const current = async (bucket: string, policy: string, epoch: number): Promise<OpenedKek> => {
    const known = await store.db
      .selectFrom("kek")
      .select("id")
      .where("bucket", "=", bucket)
      .where("policy", "=", policy)
      .where("epoch", "=", epoch)
      .executeTakeFirst();
    if (known) {
      try {
        return await keks.open(bucket, known.id as KekId);
      } catch {
        // Not ours to read, or gone from the store: what is written from now on gets another.
      }
    }
    const id = generateKekId(random);
    const kek: Kek = new Secret("KEK", random(32));
    const parsed = parsePolicy(policyOfEpoch(policy, policyKeys), policyKeys.schema);
    await audit.record({ action: "kek.create", outcome: "ok", details: { bucket, policy, epoch, kek: id } });
    await write(bucket, id, kek, parsed);
    await store.transaction(async (tx) => {
      await tx
        .insertInto("kek")
        .values({ bucket, policy, epoch, id })
        .onConflict((conflict) => conflict.columns(["bucket", "policy", "epoch"]).doUpdateSet({ id }))
        .execute();
    });
    const opened = { id, kek, policy: parsed };
    void keep(`${bucket}/${id}`, async () => opened);
    return opened;
  };

  const keks: Keks = {
    forWriting(bucket, policy) {
      const epoch = policyKeys.currentEpoch();
      return keep(`${bucket}\n${epoch}\n${policy}`, () => current(bucket, policy, epoch));
    },
    open: (bucket, id) => keep(`${bucket}/${id}`, async () => openRecord(await fetchRecord(bucket, id), bucket, id)),
    forBucket: (bucket, policy) =>
      keep(`${bucket}/${BUCKET_KEY_ID}`, async () => {
        if (!(await backend.head(bucket, kekName(BUCKET_KEY_ID)))) {
          const parsed = parsePolicy(policyOfEpoch(policy, policyKeys), policyKeys.schema);
          await audit.record({ action: "kek.create", outcome: "ok", details: { bucket, policy, kek: BUCKET_KEY_ID } });
          await write(bucket, BUCKET_KEY_ID, new Secret("KEK", random(32)), parsed, "absent").catch(
            (error: unknown) => {
              // Another gateway was faster: its key counts.
              if (!(error instanceof MilagroError && error.code === "ERR_PRECONDITION_FAILED")) throw error;
            },
          );
        }
        return openRecord(await fetchRecord(bucket, BUCKET_KEY_ID), bucket, BUCKET_KEY_ID);
      }),
    async renew(bucket, id) {
      const record = await fetchRecord(bucket, id);
      const text = formatPolicy(record.envelope.abe.policy, { compact: true });
      const base = text.replace(EPOCH_CLAUSE, "");
      const policy = parsePolicy(policyOfEpoch(base, policyKeys), policyKeys.schema);
      const scope = sealingScope(policyKeys);
      const isCurrent =
        record.envelope.abe.epoch === scope.epoch &&
        (policyKeys.boundToEpoch || text.endsWith(`>=${policyKeys.currentEpoch()}`));
      if (isCurrent) return undefined;
      const { kek } = openRecord(record, bucket, id);
      await write(bucket, id, kek, policy);
      const opened = { id, kek, policy };
      cache.set(`${bucket}/${id}`, Promise.resolve(opened));
      return opened;
    },
    async *list(bucket) {
      const prefix = `${RESERVED_PREFIX}kek/`;
      for (let after = ""; ; ) {
        const page = await backend.list(bucket, { prefix, delimiter: "", after, limit: 1000 });
        for (const { name } of page.entries) {
          const id = name.slice(prefix.length);
          if (/^[0-9a-f]{32}$/.test(id)) yield id as KekId;
          after = name;
        }
        if (!page.isTruncated || page.entries.length === 0) return;
      }
    },
    close() {
      for (const opened of cache.values())
        opened.then(
          ({ kek }) => kek.destroy(),
          () => {},
        );
      cache.clear();
    },
  };
  return keks;
}

/** Tries the keys at hand whose epoch fits. @throws the reason of the last one */
export function openWithAny(policyKeys: PolicyKeys, record: KekRecord, bucket: string, id: KekId): Kek {
  let refusal: unknown = new MilagroError("ERR_POLICY_UNSATISFIED", "no attribute key at hand satisfies the policy");
  for (const key of policyKeys.attributeKeys()) {
    try {
      return openKek(policyKeys.engine, policyKeys.keys, record, bucket, id, key);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

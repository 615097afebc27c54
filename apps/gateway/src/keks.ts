/**
 * The KEKs of a running gateway: one for each bucket, policy and epoch that is written under, made when it is first needed, sealed anew when an epoch is to be left behind.
 * @module
 */
import type { Policy } from "@milagro/crypto/policy";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import type { Audit } from "./audit.ts";
import type { Backend } from "./backend/backend.ts";
import { sealKek } from "./format/kek-record.ts";
import { generateKekId, type Kek, type KekId } from "./format/object-header.ts";
import { createKekReader, kekKey, kekName, type OpenedKek, RESERVED_PREFIX } from "./kek-reader.ts";
import { type PolicyKeys, policyOfEpoch, sealingScope } from "./policy-keys.ts";
import type { GatewayStore } from "./store.ts";

export interface Keks {
  /** The KEK for what is written now under a policy; a new one when the epoch has none yet. */
  forWriting(bucket: string, policy: string): Promise<OpenedKek>;
  /** @throws `ERR_KEK_INVALID`, `ERR_POLICY_UNSATISFIED` for a gateway that may not read it */
  open(bucket: string, id: KekId): Promise<OpenedKek>;
  /** The key for a bucket's names and tags; made at its first use, for whoever may read anything under the policy. */
  forBucket(bucket: string, policy: string): Promise<OpenedKek>;
  /** Seals a KEK anew to the same policy in the present epoch; undefined when it already is. */
  renew(bucket: string, id: KekId): Promise<OpenedKek | undefined>;
  /** The ids of a bucket's KEKs at the store, in their order, after one of them. */
  list(bucket: string, after?: string): AsyncGenerator<KekId, void>;
  close(): void;
}

/** The id of the key for names and tags: a bucket has one. */
export const BUCKET_KEY_ID = "0".repeat(32) as KekId;

const EPOCH_CLAUSE = /&epoch\[32\]>=\d+$/;

/** A policy without the clause about the epoch: what a rule said. */
export function basePolicy(policy: Policy): string {
  return formatPolicy(policy, { compact: true }).replace(EPOCH_CLAUSE, "");
}

export function createKeks(parts: {
  readonly backend: Backend;
  readonly store: GatewayStore;
  readonly audit: Audit;
  readonly policyKeys: PolicyKeys;
  readonly writers: readonly string[];
}): Keks {
  const { backend, store, audit, policyKeys } = parts;
  const { engine, random, keys } = policyKeys;
  const reader = createKekReader(parts);

  const write = async (bucket: string, id: KekId, kek: Kek, policy: Policy, condition?: "absent"): Promise<void> => {
    const writer = policyKeys.writer();
    if (!writer) throw new MilagroError("ERR_KEY_MISSING", "the gateway has no signing key of this epoch");
    const scope = sealingScope(policyKeys);
    const record = sealKek(engine, random, { keys, scope, policy, bucket, kekId: id, kek, writer });
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
        return await reader.open(bucket, known.id as KekId);
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
    reader.replace(bucket, opened);
    return opened;
  };

  return {
    forWriting(bucket, policy) {
      const epoch = policyKeys.currentEpoch();
      return reader.keep(`${bucket}\n${epoch}\n${policy}`, () => current(bucket, policy, epoch));
    },
    open: reader.open,
    forBucket: (bucket, policy) =>
      reader.keep(kekKey(bucket, BUCKET_KEY_ID), async () => {
        if (!(await backend.head(bucket, kekName(BUCKET_KEY_ID)))) {
          const parsed = parsePolicy(policyOfEpoch(policy, policyKeys), policyKeys.schema);
          await audit.record({ action: "kek.create", outcome: "ok", details: { bucket, policy, kek: BUCKET_KEY_ID } });
          try {
            await write(bucket, BUCKET_KEY_ID, new Secret("KEK", random(32)), parsed, "absent");
          } catch (error) {
            // Another gateway was faster: its key counts.
            if (!(error instanceof MilagroError && error.code === "ERR_PRECONDITION_FAILED")) throw error;
          }
        }
        return reader.openRecord(await reader.record(bucket, BUCKET_KEY_ID), bucket, BUCKET_KEY_ID);
      }),
    async renew(bucket, id) {
      const record = await reader.record(bucket, id);
      const text = formatPolicy(record.envelope.abe.policy, { compact: true });
      const scope = sealingScope(policyKeys);
      const isCurrent =
        record.envelope.abe.epoch === scope.epoch &&
        (policyKeys.boundToEpoch || text.endsWith(`>=${policyKeys.currentEpoch()}`));
      if (isCurrent) return undefined;
      const policy = parsePolicy(policyOfEpoch(basePolicy(record.envelope.abe.policy), policyKeys), policyKeys.schema);
      const { kek } = reader.openRecord(record, bucket, id);
      await write(bucket, id, kek, policy);
      const opened = { id, kek, policy };
      reader.replace(bucket, opened);
      return opened;
    },
    async *list(bucket, from = "") {
      const prefix = `${RESERVED_PREFIX}kek/`;
      for (let after = from === "" ? "" : prefix + from; ; ) {
        const page = await backend.list(bucket, { prefix, delimiter: "", after, limit: 1000 });
        for (const { name } of page.entries) {
          const id = name.slice(prefix.length);
          if (/^[0-9a-f]{32}$/.test(id)) yield id as KekId;
          after = name;
        }
        if (!page.isTruncated || page.entries.length === 0) return;
      }
    },
    close: reader.close,
  };
}

/**
 * Opening KEKs: what a gateway and an offline reader have in common. Opened once, kept, so that an object costs no pairing.
 * @module
 */
import type { Policy } from "@milagro/crypto/policy";
import { MilagroError } from "@milagro/engine/error";
import type { Backend } from "./backend/backend.ts";
import { type KekRecord, openKek, parseKekRecord, verifyKekRecord } from "./format/kek-record.ts";
import type { Kek, KekId } from "./format/object-header.ts";
import type { PolicyKeys } from "./policy-keys.ts";

/** Names that begin like this are the gateway's own; clients neither see nor reach them. */
export const RESERVED_PREFIX = ".milagro/";

export interface OpenedKek {
  readonly id: KekId;
  readonly kek: Kek;
  /** That it is sealed to, epoch clause included: who may read what it wraps. */
  readonly policy: Policy;
}

export interface KekReader {
  /** @throws `ERR_KEK_INVALID`, `ERR_POLICY_UNSATISFIED` for whoever may not read it */
  open(bucket: string, id: KekId): Promise<OpenedKek>;
  /** From the store, its writer checked. @throws `ERR_KEK_INVALID` */
  record(bucket: string, id: KekId): Promise<KekRecord>;
  openRecord(record: KekRecord, bucket: string, id: KekId): OpenedKek;
  /** Under a name of the caller's choice; what fails is not kept. */
  keep(name: string, work: () => Promise<OpenedKek>): Promise<OpenedKek>;
  /** In place of the one that is kept. */
  replace(bucket: string, opened: OpenedKek): void;
  close(): void;
}

const MAX_RECORD_LENGTH = 256 * 1024;
const MAX_CACHED = 10_000;

/** Where a KEK's record lies. */
export const kekName = (id: KekId): string => `${RESERVED_PREFIX}kek/${id}`;
/** What it is kept under. */
export const kekKey = (bucket: string, id: KekId): string => `${bucket}/${id}`;

export function createKekReader(parts: {
  readonly backend: Pick<Backend, "read">;
  readonly policyKeys: PolicyKeys;
  /** Identities of the gateways whose records are taken; its own is always. */
  readonly writers: readonly string[];
}): KekReader {
  const { backend, policyKeys } = parts;
  const cache = new Map<string, Promise<OpenedKek>>();
  const trusted = (): ReadonlySet<string> => {
    const own = policyKeys.writer()?.identity;
    return new Set([...parts.writers, ...(own === undefined ? [] : [own])]);
  };
  const reader: KekReader = {
    async record(bucket, id) {
      const found = await backend.read(bucket, kekName(id), "all");
      if (!found) throw new MilagroError("ERR_KEK_INVALID", "the KEK is not at the store");
      const chunks: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of found.body) {
        chunks.push(chunk.slice());
        length += chunk.length;
        if (length > MAX_RECORD_LENGTH) throw new MilagroError("ERR_KEK_INVALID", "the KEK's record is too long");
      }
      const record = parseKekRecord(new Uint8Array(Buffer.concat(chunks)));
      verifyKekRecord(policyKeys.engine, policyKeys.keys, record, bucket, id, trusted());
      return record;
    },
    openRecord: (record, bucket, id) => ({
      id,
      kek: openWithAny(policyKeys, record, bucket, id),
      policy: record.envelope.abe.policy,
    }),
    open: (bucket, id) =>
      reader.keep(kekKey(bucket, id), async () => reader.openRecord(await reader.record(bucket, id), bucket, id)),
    keep(name, work) {
      const known = cache.get(name);
      if (known) return known;
      const fresh = work();
      cache.set(name, fresh);
      fresh.catch(() => cache.delete(name));
      // One that falls out may still be in use, so it is left to the collector.
      if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value as string);
      return fresh;
    },
    replace: (bucket, opened) => void cache.set(kekKey(bucket, opened.id), Promise.resolve(opened)),
    close() {
      for (const opened of cache.values())
        opened.then(
          ({ kek }) => kek.destroy(),
          () => {},
        );
      cache.clear();
    },
  };
  return reader;
}

/** Tries the keys at hand whose epoch fits. @throws the reason of the last one */
function openWithAny(policyKeys: PolicyKeys, record: KekRecord, bucket: string, id: KekId): Kek {
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

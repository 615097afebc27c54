/**
 * Keeps the identity supplied with attribute keys that hold what its settings say: for this epoch, for the next one once its other keys are
 * there, and for past ones that secrets to a policy need. What was begun is sealed before it is sent.
 * @module
 */
import { join } from "node:path";
import { entitlementFor, requestAttributeKeys, resumeAttributeKeys } from "@milagro/client/attribute-keys";
import { parseAttributePairs } from "@milagro/client/attribute-pairs";
import { fetchAttributeSchema } from "@milagro/client/attribute-schema";
import type { ClientDeps } from "@milagro/client/deps";
import { isOutage } from "@milagro/client/outage";
import type { AbeEntitlement } from "@milagro/crypto/abe-entitlement";
import { parseUtf8, utf8, wipe } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import type { AttributeEnrolmentResult } from "@milagro/protocol/attribute-enrolment";
import {
  type DomainAttributes,
  encodeSignedAttributeSchema,
  parseSignedAttributeSchema,
  type SignedAttributeSchema,
  verifyAttributeSchema,
} from "@milagro/protocol/attribute-schema-statement";
import { policyEnvelopeOf } from "@milagro/protocol/secret";
import type { SecretRecord } from "@milagro/protocol/secret-record";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { Log } from "@milagro/runtime/log";
import type { EndpointConfig } from "./config.ts";
import type { IdentityStore } from "./identity-store.ts";
import type { Shelf } from "./shelf.ts";

export interface AttributeKeeperOptions {
  readonly config: Pick<EndpointConfig, "home" | "attributes" | "keepEpochs">;
  readonly client: ClientDeps;
  readonly store: IdentityStore;
  readonly shelf: Shelf;
  readonly log: Log;
}

export interface AttributeKeeper {
  /** One look: asks for what is missing now. @returns whether keys have come @throws what asking throws; the keys that are here stay */
  keep(): Promise<boolean>;
}

const MAX_SCHEMA_BYTES = 1024 * 1024;
/** A D-TA's policy may come to allow what it refused; asking each minute would only fill its log. */
const ASK_AGAIN_MS = 3_600_000;

export function createAttributeKeeper({ config, client, store, shelf, log }: AttributeKeeperOptions): AttributeKeeper {
  const file = join(config.home, "attribute-schema.json");
  const refusedUntil = new Map<Epoch, number>();
  const { ring, attributes } = store;

  /** The newest one; when the D-TAs are away, the one that is kept. */
  async function schema(): Promise<DomainAttributes> {
    const { engine, random, domain } = client;
    const known = await readKept(file);
    try {
      const newest = await fetchAttributeSchema(client, known);
      if (known?.version !== newest.version)
        await writeFileAtomic(file, utf8(JSON.stringify(encodeSignedAttributeSchema(newest.signed))));
      return newest;
    } catch (error) {
      if (known && isOutage(error)) return verifyAttributeSchema(engine, random, domain, known);
      throw error;
    }
  }

  /** Epochs that secrets to a policy are encapsulated in. */
  const epochsOf = (secrets: readonly { readonly record: SecretRecord }[]): readonly Epoch[] =>
    secrets.flatMap(({ record }) => policyEnvelopeOf(record)?.abe.epoch ?? []);

  /** Epochs without a key of ours, that are worth asking for now. */
  function missingEpochs(): readonly Epoch[] {
    const nowMs = client.clock();
    const current = epochAt(nowMs, client.domain.epochSeconds);
    const next = (current + 1) as Epoch;
    if (ring.find("sig", current) === undefined) return []; // nothing to vouch with yet
    const past = epochsOf(shelf.locked());
    const wanted = [current, ...(ring.find("sig", next) ? [next] : []), ...past.filter((epoch) => epoch < current)];
    return [...new Set(wanted)].filter(
      (epoch) => attributes.inScope("cp", epoch).length === 0 && (refusedUntil.get(epoch) ?? 0) <= nowMs,
    );
  }

  async function resume(): Promise<AttributeEnrolmentResult | undefined> {
    const pending = store.pending("attributes");
    if (!pending) return undefined;
    const exported = pending.use((bytes) => bytes.slice());
    pending.destroy();
    try {
      return await resumeAttributeKeys(client, attributes, exported);
    } catch (error) {
      if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
      await store.setPending(undefined, "attributes");
      return undefined;
    } finally {
      wipe(exported);
    }
  }

  async function taken(result: AttributeEnrolmentResult | undefined): Promise<boolean> {
    if (!result) return false;
    const current = epochAt(client.clock(), client.domain.epochSeconds);
    const needed = epochsOf([...shelf.open(), ...shelf.locked()]);
    attributes.forgetBefore(Math.max(1, Math.min(current - config.keepEpochs, ...needed)) as Epoch);
    await store.save();
    await store.setPending(undefined, "attributes");
    log.info("attribute keys received", { identity: ring.identity, count: result.keys.length });
    return true;
  }

  return {
    async keep() {
      if (config.attributes.length === 0) return false;
      let changed = await taken(await resume());
      const epochs = missingEpochs();
      if (epochs.length === 0) return changed;
      const { schema: labels } = await schema();
      const wanted = { attributes: parseAttributePairs(labels, config.attributes) };
      // One request for each epoch: those of the past are chosen by whoever encapsulated, and one that is refused must not cost the others.
      for (const epoch of epochs) {
        const entitlement: AbeEntitlement = entitlementFor(client, labels, ring.identity, epoch, wanted);
        try {
          const onBegun = (exported: Parameters<typeof store.setPending>[0]) =>
            store.setPending(exported, "attributes");
          changed =
            (await taken(await requestAttributeKeys(client, ring, attributes, [entitlement], { onBegun }))) || changed;
        } catch (error) {
          if (!(error instanceof MilagroError) || error.code !== "ERR_ENROLMENT_REFUSED") throw error;
          await store.setPending(undefined, "attributes");
          refusedUntil.set(epoch, client.clock() + ASK_AGAIN_MS);
          if (epoch === epochs[0]) throw error;
        }
      }
      return changed;
    },
  };
}

async function readKept(file: string): Promise<SignedAttributeSchema | undefined> {
  try {
    return parseSignedAttributeSchema(parseJson(parseUtf8(await readFileLimited(file, MAX_SCHEMA_BYTES))));
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  }
}

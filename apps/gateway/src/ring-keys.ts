/**
 * The gateway's keys from an identity's sealed key store, the one that `milagro enrol` and `milagro attributes request` fill. It asks the D-TAs by itself for those of
 * the next epoch: without them it could write nothing that is read then.
 * @module
 */
import { entitlementsToRenew, requestAttributeKeys } from "@milagro/client/attribute-keys";
import type { ClientDeps } from "@milagro/client/deps";
import { renewKeys } from "@milagro/client/renew";
import { planRenewal } from "@milagro/client/renewal";
import type { AbeKey } from "@milagro/crypto/abe-key";
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { type IdentityStore, openIdentityStore } from "@milagro/endpoint/identity-store";
import { MilagroError } from "@milagro/engine/error";
import { currentEpoch } from "@milagro/protocol/trust-domain";
import type { SigningKeys } from "@milagro/runtime/channel/self";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { Passphrase } from "@milagro/runtime/passphrase";
import type { PolicyKeys } from "./policy-keys.ts";

export interface RingKeysOptions {
  /** Engine, domain, network, clock. */
  readonly deps: ClientDeps;
  readonly path: string;
  readonly identity: Identity;
  /** Lent: the caller destroys it, after `close`. */
  readonly passphrase: Passphrase;
  readonly schema: AttributeSchema;
  readonly log: Log;
  /** Default: false where an unbound attribute key is at hand, true otherwise. */
  readonly boundToEpoch?: boolean | undefined;
}

export interface RingKeys extends PolicyKeys {
  /** The identity's `sig` keys, as channels look for them. */
  readonly signing: SigningKeys;
  /** Asks for what is missing now. @throws what enrolment throws; the keys that are here stay */
  renew(): Promise<void>;
  close(): Promise<void>;
}

const AHEAD_FRACTION = 0.25;
const LOOK_MS = 30_000;

/** @param options.deps - with a network for the renewals; `readRingKeys` goes without */
export async function openRingKeys(options: RingKeysOptions): Promise<RingKeys> {
  const { deps, log } = options;
  const opened = await open(options);
  let { store } = opened;
  const epochs = (): readonly [Epoch, Epoch] => {
    const epoch = currentEpoch(deps.domain, deps.clock());
    return [epoch, (epoch + 1) as Epoch];
  };
  const ask = async (): Promise<void> => {
    const { ring, attributes } = store;
    const jitter = 0.5;
    const { epochSeconds } = deps.domain;
    const plan = planRenewal(ring, deps.clock(), {
      epochSeconds,
      usages: ["sig"],
      aheadFraction: AHEAD_FRACTION,
      jitter,
    });
    if (plan.keys.length > 0) await renewKeys(deps, ring, plan.keys);
    const [now, next] = epochs();
    const wanted = entitlementsToRenew(deps, options.schema, attributes, ring.find("sig", next) ? [now, next] : [now]);
    if (wanted.length > 0) await requestAttributeKeys(deps, ring, attributes, wanted);
    if (plan.keys.length === 0 && wanted.length === 0) return;
    await store.save();
    log.info("keys received", { identity: options.identity, count: plan.keys.length + wanted.length });
  };
  const keys = policyKeysOf(options, () => store);
  let running: Promise<void> | undefined;
  const renew = async (): Promise<void> => {
    running ??= ask()
      .catch(async (error: unknown) => {
        if (!(error instanceof MilagroError) || error.code !== "ERR_KEYSTORE_CHANGED") throw error;
        // Another program wrote the file: what it has counts, and then we look again.
        store = (await open(options)).store;
        await ask();
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(() => {
    renew().catch((error: unknown) => log.warn("keys could not be renewed", { retry: true, ...errorFields(error) }));
  }, LOOK_MS);
  timer.unref();
  return {
    ...keys,
    signing: { identity: options.identity, find: (usage, epoch) => store.ring.find(usage, epoch) },
    renew,
    async close() {
      clearInterval(timer);
      await running?.catch(() => {});
      await store.close();
    },
  };
}

async function open({ deps, path, identity, passphrase }: RingKeysOptions): Promise<{ readonly store: IdentityStore }> {
  const { engine, domain } = deps;
  return { store: await openIdentityStore({ path, passphrase, engine, domain, identity }) };
}

/** The keys of a store that is open, as the port has them. */
export function policyKeysOf(
  { deps, identity, schema, boundToEpoch }: Pick<RingKeysOptions, "deps" | "identity" | "schema" | "boundToEpoch">,
  store: () => Pick<IdentityStore, "ring" | "attributes">,
): PolicyKeys {
  const { engine, random, domain } = deps;
  const held = (): readonly AbeKey<"cp">[] =>
    store()
      .attributes.keys()
      .filter((key): key is AbeKey<"cp"> => key.scheme === "cp")
      .toReversed();
  const now = (): Epoch => currentEpoch(domain, deps.clock());
  return {
    engine,
    random,
    domainId: domain.domainId,
    keys: { cp: domain.publicKeys.cp, id: domain.publicKey },
    schema,
    currentEpoch: now,
    attributeKeys: held,
    writer() {
      const epoch = now();
      const key = store().ring.find("sig", epoch);
      return key && { identity, epoch, key };
    },
    boundToEpoch: boundToEpoch ?? !held().some((key) => key.entitlement.scope.epoch === NO_EXPIRY),
  };
}

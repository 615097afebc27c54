/**
 * Getting further keys for an identity that has some: the newest `sig` key vouches for the request.
 * @module
 */
import { epochAt } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import type { EnrolmentResult, EvidenceSource } from "@milagro/protocol/enrolment";
import { makeRenewal } from "@milagro/protocol/issuance";
import type { ClientDeps } from "./deps.ts";
import { type CollectOptions, enrol } from "./enrol.ts";
import type { KeyRing, KeySlot } from "./key-ring.ts";

/** The most keys of one request (issuance-messages.ts). */
const MAX_KEYS = 16;

/**
 * Asks all D-TAs for keys by renewal and adds them to the ring. Nothing is asked for what the ring holds already.
 * @returns what was issued, or undefined when there was nothing to ask for
 * @throws `ERR_KEY_MISSING` when the ring holds no `sig` key, and what `enrol` throws
 */
export async function renewKeys(
  deps: ClientDeps,
  ring: KeyRing,
  wanted: readonly KeySlot[],
  options: CollectOptions = {},
): Promise<EnrolmentResult | undefined> {
  const keys = wanted.filter(({ usage, epoch }) => ring.find(usage, epoch) === undefined).slice(0, MAX_KEYS);
  if (keys.length === 0) return undefined;
  const result = await enrol(deps, {
    ...options,
    identity: ring.identity,
    keys,
    evidence: renewalEvidence(deps, ring),
  });
  ring.add(result.keys);
  return result;
}

/** Evidence by the newest `sig` key of the ring, for every D-TA. @throws `ERR_KEY_MISSING` when there is none */
export function renewalEvidence(deps: ClientDeps, ring: KeyRing): EvidenceSource {
  const { engine, random, domain } = deps;
  const { identity } = ring;
  const now = epochAt(deps.clock(), domain.epochSeconds);
  const epoch = ring.newest("sig", now);
  if (epoch === undefined)
    throw new MilagroError("ERR_KEY_MISSING", `${identity} holds no signing key to renew with; enrol with evidence`);
  const key = ring.need("sig", epoch);
  return ({ requestHash }) => {
    const { publicKey, domainId, authorities } = domain;
    const renewal = makeRenewal({ engine, random, key, publicKey, domainId, identity, epoch, requestHash });
    return authorities.map(() => [renewal]);
  };
}

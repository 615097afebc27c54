/**
 * Getting attribute keys: the approvals of all D-TAs, then the shares of all D-TAs, one sum, one check. As with other keys, the newest `sig` key of the
 * identity is the evidence unless there is another.
 * @module
 */
import {
  type AbeEntitlement,
  attributeEntitlement,
  encodeEntitlement,
  policyEntitlement,
} from "@milagro/crypto/abe-entitlement";
import { type AttributeSchema, EPOCH_LABEL, UID_LABEL } from "@milagro/crypto/attribute-schema";
import type { AttributeSet, AttributeValues } from "@milagro/crypto/attribute-set";
import { encodeHex } from "@milagro/crypto/bytes";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import type { Policy } from "@milagro/crypto/policy";
import type { Secret } from "@milagro/crypto/secret";
import {
  type AttributeEnrolmentResult,
  collectApprovals,
  finishAttributeEnrolment,
  requestShares,
} from "@milagro/protocol/attribute-enrolment";
import { attributeKeyRequest } from "@milagro/protocol/attribute-issuance";
import { MAX_ATTRIBUTE_KEYS } from "@milagro/protocol/attribute-messages";
import {
  beginEnrolment,
  type Enrolment,
  type EvidenceSource,
  exportEnrolment,
  resumeEnrolment,
} from "@milagro/protocol/enrolment";
import type { AttributeRing } from "./attribute-ring.ts";
import type { ClientDeps } from "./deps.ts";
import { type CollectOptions, collectAnswers } from "./enrol.ts";
import type { KeyRing } from "./key-ring.ts";
import { renewalEvidence } from "./renew.ts";

/** What a key is to hold: attributes or a policy, without the epoch. */
export type WantedKey = ({ readonly attributes: AttributeValues } | { readonly policy: Policy }) & {
  /** `false`: good for ciphertexts of any epoch, which the D-TAs must allow. */
  readonly boundToEpoch?: boolean | undefined;
};

export interface AttributeKeyOptions extends CollectOptions {
  /** Default: the newest `sig` key of the ring vouches. */
  readonly evidence?: EvidenceSource | undefined;
  /** As in `enrol`: seals what is needed to go on after a crash. */
  readonly onBegun?: ((enrolment: Secret<"enrolment">) => Promise<void>) | undefined;
}

/** The entitlement of a key in an epoch. @throws `ERR_ATTRIBUTE_INVALID`, `ERR_ENTITLEMENT_INVALID` */
export function entitlementFor(
  deps: Pick<ClientDeps, "domain">,
  schema: AttributeSchema,
  identity: Identity,
  epoch: Epoch,
  wanted: WantedKey,
): AbeEntitlement {
  const options = { domainId: deps.domain.domainId, identity, epoch, boundToEpoch: wanted.boundToEpoch ?? true };
  return "policy" in wanted
    ? policyEntitlement(options, wanted.policy)
    : attributeEntitlement(options, schema, wanted.attributes);
}

/** What to ask for to have the same key in another epoch. */
export function wantedAgain({ scope, ...rest }: AbeEntitlement): WantedKey {
  const boundToEpoch = scope.epoch !== NO_EXPIRY;
  return "attributes" in rest
    ? { attributes: valuesOf(rest.attributes), boundToEpoch }
    : { policy: rest.policy, boundToEpoch };
}

/** A set as people write it, without `uid` and `epoch`, which every key gets by itself. */
export function valuesOf(set: AttributeSet): AttributeValues {
  const own = set.filter(({ label }) => label !== UID_LABEL && label !== EPOCH_LABEL);
  return Object.fromEntries(
    own.map((attribute) => [attribute.label, attribute.kind === "texts" ? attribute.values : attribute.value]),
  );
}

/**
 * Asks all D-TAs for attribute keys and adds them to the ring. Nothing is asked for what the ring holds already.
 * @param ring - the identity's other keys: its newest `sig` key vouches for the request
 * @throws as `enrol`, and `ERR_APPROVAL_MISSING` naming a D-TA that approved something else
 */
export async function requestAttributeKeys(
  deps: ClientDeps,
  ring: KeyRing,
  attributeRing: AttributeRing,
  entitlements: readonly AbeEntitlement[],
  options: AttributeKeyOptions = {},
): Promise<AttributeEnrolmentResult | undefined> {
  const missing = entitlements.filter((entitlement) => !attributeRing.has(entitlement)).slice(0, MAX_ATTRIBUTE_KEYS);
  if (missing.length === 0) return undefined;
  const { random, domain, x25519 } = deps;
  const enrolment = await beginEnrolment({
    random,
    domain,
    identity: ring.identity,
    keys: missing.map(attributeKeyRequest),
    evidence: options.evidence ?? renewalEvidence(deps, ring),
    nowMs: deps.clock(),
    x25519,
  });
  if (options.onBegun) {
    const exported = exportEnrolment(enrolment);
    await options.onBegun(exported).finally(() => exported.destroy());
  }
  const result = await bothRounds(deps, enrolment, options);
  attributeRing.add(result.keys);
  return result;
}

/** Goes on with a request that a crash cut short: the same one, which spends no evidence a second time. */
export async function resumeAttributeKeys(
  deps: ClientDeps,
  attributeRing: AttributeRing,
  exported: Uint8Array,
  options: CollectOptions = {},
): Promise<AttributeEnrolmentResult> {
  const result = await bothRounds(deps, resumeEnrolment(exported), options);
  attributeRing.add(result.keys);
  return result;
}

async function bothRounds(
  deps: ClientDeps,
  enrolment: Enrolment,
  options: CollectOptions,
): Promise<AttributeEnrolmentResult> {
  const { engine, random, domain, x25519 } = deps;
  const first = await collectAnswers(deps, enrolment.requests, options);
  const approvals = collectApprovals({ engine, random, domain, enrolment, answers: first });
  const requests = await requestShares({ random, domain, enrolment, approvals, x25519 });
  const answers = await collectAnswers(deps, requests, options);
  return finishAttributeEnrolment({ engine, random, domain, enrolment, answers, x25519 });
}

/**
 * What to ask for so that every kind of key in the ring is there for these epochs: of each attribute set and policy the newest.
 * A set that is part of another is asked for as well: it may have been made to be handed to a program that shall see less.
 */
export function entitlementsToRenew(
  deps: Pick<ClientDeps, "domain">,
  schema: AttributeSchema,
  attributeRing: AttributeRing,
  epochs: readonly Epoch[],
): readonly AbeEntitlement[] {
  const kinds = new Map<string, WantedKey>();
  for (const { entitlement } of attributeRing.keys()) {
    const wanted = wantedAgain(entitlement as AbeEntitlement);
    // The same kind in epoch 1 names it, whatever epochs it is here for.
    const sample = entitlementFor(deps, schema, attributeRing.identity, 1 as Epoch, wanted);
    kinds.set(encodeHex(encodeEntitlement(sample)), wanted);
  }
  return [...kinds.values()]
    .flatMap((wanted) => epochs.map((epoch) => entitlementFor(deps, schema, attributeRing.identity, epoch, wanted)))
    .filter((entitlement) => !attributeRing.has(entitlement));
}

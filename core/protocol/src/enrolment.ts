/**
 * Enrolment from the requester's side: one claim, n sealed requests, n answers, one sum.
 *
 * The claim (identity, keys, request key, nonce, time) is the same for every D-TA, so evidence can be bound to its hash and
 * any transport, the D-KMS included, may carry requests and answers: it sees sealed shares only. What comes back is checked
 * for authorship (receipts and refusals, in one batch) before it is looked into; the sum of the shares is checked once for
 * all keys, and only when that fails each share, to name the D-TA that lied and to keep its receipt as proof.
 * @module
 */
import { concat, equalBytes, parseUtf8, wipe } from "@milagro/crypto/bytes";
import type { Epoch } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair, type HpkePrivateKey, parseHpkePrivateKey, type X25519 } from "@milagro/crypto/hpke";
import type { Identity } from "@milagro/crypto/identity";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import {
  combineIdentityKeyShares,
  type IdentityKey,
  type IdentityKeyShare,
  parseIdentityKeyShare,
  verifyIdentityKeyShare,
  verifyIdentityKeys,
} from "@milagro/crypto/identity-key";
import { Secret } from "@milagro/crypto/secret";
import type { IdentityUsage } from "@milagro/crypto/usage";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { canonicalBytes, canonicalText } from "./canonical.ts";
import { allIssued, checkAuthorship, onePerAuthority } from "./enrolment-answers.ts";
import { liar, openAnswer } from "./enrolment-shares.ts";
import { sealIssuanceRequest } from "./issuance.ts";
import {
  type Evidence,
  encodeKeyRequests,
  type IdentityKeyRequest,
  type IssuanceAnswer,
  type IssuanceClaim,
  IssuanceClaimSchema,
  type IssuedAnswer,
  type KeyRequest,
  type Receipt,
  requestHashOf,
  type SealedRequest,
  SealedRequestSchema,
  type Share,
} from "./issuance-messages.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";
import { encoderOf, MAX_AUTHORITIES, parseJson, parserOf, strict, Version } from "./wire.ts";

/** An enrolment under way. Its private key opens the shares: keep it, or export and seal it, until it is finished. */
export interface Enrolment {
  readonly claim: IssuanceClaim;
  readonly requestHash: Uint8Array;
  /** One for each D-TA, in order. Sending one twice is harmless. */
  readonly requests: readonly SealedRequest[];
  readonly privateKey: HpkePrivateKey;
}

/** What evidence is bound to. */
export interface EvidenceBinding {
  readonly requestHash: Uint8Array;
  readonly requestKey: Uint8Array;
}
/** Evidence for each D-TA in order; as a function when it must be bound to the request. */
export type EvidencePerAuthority = readonly (readonly Evidence[])[];
export type EvidenceSource =
  | EvidencePerAuthority
  | ((binding: EvidenceBinding) => EvidencePerAuthority | Promise<EvidencePerAuthority>);

/** One key, whole. */
export interface EnrolledKey {
  readonly usage: IdentityUsage;
  readonly epoch: Epoch;
  readonly input: IdentityInput;
  readonly key: IdentityKey;
}

/** What enrolment yields. */
export interface EnrolmentResult {
  /** In the order they were asked for. */
  readonly keys: readonly EnrolledKey[];
  /** In the order of the D-TAs. Public; worth keeping. */
  readonly receipts: readonly Receipt[];
}

/** Makes the requests. @throws TypeError when there is not exactly one list of evidence for each D-TA */
export async function beginEnrolment(options: {
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly identity: Identity;
  readonly keys: readonly KeyRequest[];
  readonly evidence: EvidenceSource;
  readonly nowMs: number;
  readonly x25519?: X25519 | undefined;
}): Promise<Enrolment> {
  const { random, domain, identity, keys, nowMs, x25519 } = options;
  if (new Set(keys.map((key) => canonicalText(encodeKeyRequests([key])))).size !== keys.length)
    throw new TypeError("a key is asked for twice");
  const { publicKey: requestKey, privateKey } = await generateHpkeKeyPair(random, x25519);
  const claim: IssuanceClaim = {
    v: 1,
    domainId: domain.domainId,
    identity,
    keys,
    requestKey,
    nonce: random(16),
    time: Math.floor(nowMs / 1000),
  };
  const requestHash = requestHashOf(claim);
  const source = options.evidence;
  const evidence = typeof source === "function" ? await source({ requestHash, requestKey }) : source;
  if (evidence.length !== domain.authorities.length) throw new TypeError("one list of evidence for each D-TA");
  const requests = await Promise.all(
    domain.authorities.map(({ entry, hpkeKey }, i) =>
      sealIssuanceRequest({
        random,
        hpkeKey,
        index: entry.index,
        request: { ...claim, evidence: evidence[i] ?? [] },
        x25519,
      }),
    ),
  );
  return { claim, requestHash, requests, privateKey };
}

/**
 * Adds up. May be called again with more answers: it changes nothing.
 * @param options.answers - in any order; the same answer may be there twice
 * @throws `ERR_ENROLMENT_INCOMPLETE`, `ERR_ENROLMENT_REFUSED`, `ERR_RECEIPT_INVALID`, `ERR_SHARE_INVALID`, each with a report
 * of which D-TAs (`faultReportOf`), for `ERR_SHARE_INVALID` with the liar's receipt; `ERR_DOMAIN_MISMATCH`; `ERR_MESSAGE_INVALID`
 * for an enrolment whose private key is not that of its request
 */
export async function finishEnrolment(options: {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly enrolment: Enrolment;
  readonly answers: readonly IssuanceAnswer[];
  readonly x25519?: X25519 | undefined;
}): Promise<EnrolmentResult> {
  const { engine, random, domain, enrolment, x25519 } = options;
  if (!equalBytes(enrolment.claim.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another domain");
  if (!enrolment.claim.keys.every(isIdentityKey))
    throw new TypeError(
      "M-Pin secrets are finished in mpin-issuance and mpin-server-issuance, attribute keys in attribute-enrolment",
    );
  const answers = onePerAuthority(domain, options.answers);
  checkAuthorship(engine, random, domain, enrolment, answers);
  const issued = allIssued(domain, answers);
  const contributions = await Promise.all(
    issued.map((answer) => openContribution(engine, random, domain, enrolment, answer, x25519)),
  );
  return {
    keys: combine(engine, random, domain, enrolment.claim, contributions),
    receipts: issued.map(({ receipt }) => receipt),
  };
}

/** One D-TA's shares, decoded, with the receipt it signed for them. */
interface Contribution {
  readonly receipt: Receipt;
  readonly shares: readonly IdentityKeyShare[];
}

const isIdentityKey = (key: KeyRequest): key is IdentityKeyRequest =>
  key.usage === "enc" || key.usage === "sig" || key.usage === "kex";

async function openContribution(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  enrolment: Enrolment,
  answer: IssuedAnswer,
  x25519: X25519 | undefined,
): Promise<Contribution> {
  const shares = await openAnswer({ random, domain, opener: enrolment, answer, x25519 }, (list) =>
    list.map((share) => decodeShare(engine, share)),
  );
  return { receipt: answer.receipt, shares };
}

function decodeShare(engine: Engine, share: Share): IdentityKeyShare {
  if (share.usage !== "enc" && share.usage !== "sig" && share.usage !== "kex")
    throw new TypeError("no share of an identity key");
  const bytes = "g2" in share ? concat(share.g1, share.g2) : share.g1;
  try {
    return parseIdentityKeyShare(engine, share.usage, bytes);
  } finally {
    wipe(bytes);
  }
}

function combine(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  claim: IssuanceClaim,
  contributions: readonly Contribution[],
): EnrolledKey[] {
  const wanted = claim.keys.filter(isIdentityKey);
  const inputs = wanted.map(({ usage, epoch }) => identityInput(claim.domainId, usage, claim.identity, epoch));
  try {
    const keys = wanted.map(({ usage, epoch }, i): EnrolledKey => {
      const shares = contributions.map(({ shares }) => shares[i] as IdentityKeyShare);
      return { usage, epoch, input: inputs[i] as IdentityInput, key: combineIdentityKeyShares(engine, shares) };
    });
    if (verifyIdentityKeys(engine, random, domain.publicKey, keys)) {
      for (const share of contributions.flatMap(({ shares }) => shares)) share.destroy();
      return keys;
    }
    for (const { key } of keys) key.destroy();
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error; // a sum of zero: somebody lied, find out who
  }
  for (const { receipt, shares } of contributions) {
    const { publicShares } = authorityAt(domain, receipt.index);
    const wrong = shares.some(
      (share, i) => !verifyIdentityKeyShare(engine, publicShares.id, inputs[i] as IdentityInput, share),
    );
    if (wrong) throw liar(domain, receipt, "issued a wrong share");
  }
  throw new MilagroError("ERR_SHARE_INVALID", "the shares do not add up to the key, though each one is right");
}

const ExportSchema = strict({
  v: Version,
  claim: IssuanceClaimSchema,
  requests: Type.Array(SealedRequestSchema, { minItems: 1, maxItems: MAX_AUTHORITIES }),
});
const parseExport = parserOf("enrolment", ExportSchema);
const encodeExport = encoderOf("enrolment", ExportSchema);

/** Everything needed to go on after a crash: private key (32 bytes) ‖ canonical JSON. To be sealed, never to be sent. */
export function exportEnrolment({ claim, requests, privateKey }: Enrolment): Secret<"enrolment"> {
  const rest = canonicalBytes(encodeExport({ v: 1, claim, requests }));
  return new Secret(
    "enrolment",
    privateKey.use((key) => concat(key, rest)),
  );
}

/** The way back, from unsealed bytes, which the caller wipes. @throws `ERR_MESSAGE_INVALID` */
export function resumeEnrolment(bytes: Uint8Array): Enrolment {
  if (bytes.length <= 32) throw new MilagroError("ERR_MESSAGE_INVALID", "enrolment: too short");
  const { claim, requests } = parseExport(parseJson(parseUtf8(bytes.subarray(32))));
  return { claim, requests, requestHash: requestHashOf(claim), privateKey: parseHpkePrivateKey(bytes.slice(0, 32)) };
}

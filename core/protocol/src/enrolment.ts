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
import {
  generateHpkeKeyPair,
  type HpkePrivateKey,
  hpkeOpen,
  hpkeSeal,
  parseHpkePrivateKey,
  parseHpkePublicKey,
  type X25519,
} from "@milagro/crypto/hpke";
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
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { canonicalBytes } from "./canonical.ts";
import { checkAuthorship, entryAt, isRefusal, onePerAuthority } from "./enrolment-answers.ts";
import { faultError, nameOf, type Refusal } from "./fault.ts";
import { openShares, sealIssuanceRequest } from "./issuance.ts";
import {
  type Evidence,
  type IssuanceAnswer,
  type IssuanceClaim,
  IssuanceClaimSchema,
  type IssuedAnswer,
  type KeyRequest,
  parseShareList,
  type Receipt,
  requestHashOf,
  type SealedRequest,
  SealedRequestSchema,
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
  readonly usage: KeyRequest["usage"];
  readonly epoch: KeyRequest["epoch"];
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
  if (new Set(keys.map(({ usage, epoch }) => `${usage} ${epoch}`)).size !== keys.length)
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
  const answers = onePerAuthority(domain, options.answers);
  checkAuthorship(engine, random, domain, enrolment, answers);
  const refusals = answers
    .filter(isRefusal)
    .map(({ index, refusal }): Refusal => ({ index, name: entryAt(domain, index).name, ...refusal }));
  if (refusals.length > 0) {
    const who = refusals.map((refusal) => `${nameOf(refusal)}: ${refusal.code}`).join("; ");
    throw faultError("ERR_ENROLMENT_REFUSED", `refused by ${who}`, { refusals });
  }
  const missing = domain.authorities
    .map(({ entry }) => entry.index)
    .filter((index) => !answers.some((answer) => answer.index === index));
  if (missing.length > 0) {
    const who = missing.map((index) => nameOf(entryAt(domain, index))).join(", ");
    throw faultError("ERR_ENROLMENT_INCOMPLETE", `no answer yet from ${who}`, { missing });
  }
  const issued = answers
    .filter((answer): answer is IssuedAnswer => !isRefusal(answer))
    .sort((a, b) => a.index - b.index);
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

function liar(domain: TrustDomain, receipt: Receipt, what: string): MilagroError {
  const { index } = receipt;
  const { name } = entryAt(domain, index);
  const report = { faults: [{ index, name, receipt }] };
  return faultError(
    "ERR_SHARE_INVALID",
    `${nameOf({ index, name })} ${what}; its receipt (log entry ${receipt.logIndex}) is attached`,
    report,
  );
}

/** Before a D-TA is blamed for what does not open: a damaged export would look the same. */
async function ownsRequestKey(random: RandomBytes, { claim, privateKey }: Enrolment): Promise<boolean> {
  const nothing = new Uint8Array();
  try {
    const publicKey = parseHpkePublicKey(claim.requestKey);
    const sealed = await hpkeSeal({ publicKey, info: nothing, aad: nothing, plaintext: nothing, random });
    await hpkeOpen({ privateKey, ...sealed, info: nothing, aad: nothing });
    return true;
  } catch {
    return false;
  }
}

async function openContribution(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  enrolment: Enrolment,
  answer: IssuedAnswer,
  x25519: X25519 | undefined,
): Promise<Contribution> {
  const { receipt, index, shares: sealed } = answer;
  let plaintext: Uint8Array | undefined;
  try {
    plaintext = await openShares(enrolment.privateKey, enrolment.requestHash, index, sealed, x25519);
    const { shares } = parseShareList(parseJson(parseUtf8(plaintext)));
    const wanted = enrolment.claim.keys;
    if (
      shares.length !== wanted.length ||
      shares.some(({ usage, epoch }, i) => usage !== wanted[i]?.usage || epoch !== wanted[i]?.epoch)
    )
      throw new MilagroError("ERR_SHARE_INVALID", "shares of other keys");
    const decoded = shares.map((share) => {
      const bytes = "g2" in share ? concat(share.g1, share.g2) : share.g1;
      try {
        return parseIdentityKeyShare(engine, share.usage, bytes);
      } finally {
        wipe(bytes, share.g1);
      }
    });
    return { receipt, shares: decoded };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    if (!(await ownsRequestKey(random, enrolment)))
      throw new MilagroError("ERR_MESSAGE_INVALID", "enrolment: the private key is not that of the request");
    throw liar(domain, receipt, "sealed something that is not the shares asked for");
  } finally {
    if (plaintext !== undefined) wipe(plaintext);
  }
}

function combine(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  claim: IssuanceClaim,
  contributions: readonly Contribution[],
): EnrolledKey[] {
  const inputs = claim.keys.map(({ usage, epoch }) => identityInput(claim.domainId, usage, claim.identity, epoch));
  try {
    const keys = claim.keys.map(({ usage, epoch }, i): EnrolledKey => {
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

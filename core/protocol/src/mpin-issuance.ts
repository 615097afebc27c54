/**
 * Enrolment of a device for M-Pin, from its side: one claim for a client secret and a signing key, one sealed request for each
 * D-TA, n answers, two sums. Needs arithmetic in G1 alone: every share comes with a proof, so a D-TA that lies is named without a
 * pairing. Receipts and refusals are not verified here, because their signatures take pairings: whoever registers the device, the
 * login server, verifies the receipts before it believes them.
 *
 * Requests are sealed one by one, when there is evidence: codes arrive one after the other and may be mistyped. Evidence is not part
 * of the claim, so a request that is sealed again is the same request to the D-TA.
 * @module
 */
import { concat, equalBytes, parseUtf8 } from "@milagro/crypto/bytes";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair, parseHpkePrivateKey, type X25519 } from "@milagro/crypto/hpke";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import {
  combineIdentityKeyShares,
  type IdentityKey,
  type IdentityKeyShare,
  parseIdentityKeyShare,
} from "@milagro/crypto/identity-key";
import { verifyProvenIdentityKeyShare } from "@milagro/crypto/identity-key-proof";
import type { DvsProof } from "@milagro/crypto/mpin-dvs";
import {
  type DvsPublicKey,
  dvsInput,
  type MpinIdentity,
  type MpinInput,
  mpinInput,
  parseMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import {
  combineClientSecretShares,
  type MpinClientSecret,
  type MpinClientSecretShare,
  parseClientSecretShare,
  verifyClientSecretShare,
} from "@milagro/crypto/mpin-key";
import { Secret } from "@milagro/crypto/secret";
import type { G1Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { canonicalBytes } from "./canonical.ts";
import { allIssued, checkContents, onePerAuthority } from "./enrolment-answers.ts";
import { liar, openAnswer, type ShareOpener } from "./enrolment-shares.ts";
import { sealIssuanceRequest } from "./issuance.ts";
import {
  type Evidence,
  encodeIssuanceClaim,
  type IssuanceAnswer,
  type IssuanceClaim,
  type IssuedAnswer,
  parseIssuanceClaim,
  type Receipt,
  requestHashOf,
  type SealedRequest,
  type Share,
} from "./issuance-messages.ts";
import { authorityOf, type IssuingDomain, masterField } from "./issuing-domain.ts";
import { parseJson } from "./wire.ts";

/** Of the `mpin` master, and of the signing key, which lasts as long as the device does. */
const EPOCH: Epoch = NO_EXPIRY;

/** An enrolment under way. Its private key opens the shares: keep it, or export and seal it, until it is finished. */
export type MpinEnrolment = ShareOpener;

/** What a device has once it is enrolled. */
export interface MpinKeys {
  /** To make a token of, and then to destroy. Its `input` is what the login server pins. */
  readonly secret: MpinClientSecret;
  /** Speaks for the device towards the D-TAs, as when it approves another one; never logs in. */
  readonly signing: { readonly input: IdentityInput; readonly key: IdentityKey<"sig"> };
  /** In the order of the D-TAs. Their signatures have not been verified. */
  readonly receipts: readonly Receipt[];
}

/**
 * Draws the request key and makes the claim. Keep it (`exportMpinEnrolment`) before anything is sent.
 * @param options.identity - of a device that never enrolled: D-TAs issue its keys once
 * @param options.dvs - the user's own key, with its proof for `dvsInput(domainId, identity, 0, key)`
 */
export async function beginMpinEnrolment(options: {
  readonly random: RandomBytes;
  readonly domain: IssuingDomain;
  readonly identity: MpinIdentity;
  readonly dvs?: { readonly key: DvsPublicKey; readonly proof: DvsProof } | undefined;
  readonly nowMs: number;
  readonly x25519?: X25519 | undefined;
}): Promise<MpinEnrolment> {
  const { random, domain, identity, dvs, nowMs, x25519 } = options;
  const { publicKey: requestKey, privateKey } = await generateHpkeKeyPair(random, x25519);
  const claim: IssuanceClaim = {
    v: 1,
    domainId: domain.domainId,
    identity,
    keys: [
      { usage: "mpin", epoch: EPOCH, ...(dvs ? { dvs } : {}), ...masterField(domain.masterEpoch) },
      { usage: "sig", epoch: EPOCH },
    ],
    requestKey,
    nonce: random(16),
    time: Math.floor(nowMs / 1000),
    proofs: true,
  };
  return { claim, requestHash: requestHashOf(claim), privateKey };
}

/** The request to one D-TA, with the evidence for it. @throws `ERR_DOMAIN_MISMATCH` */
export async function sealMpinRequest(options: {
  readonly random: RandomBytes;
  readonly domain: IssuingDomain;
  readonly enrolment: MpinEnrolment;
  readonly index: number;
  readonly evidence: readonly Evidence[];
  readonly x25519?: X25519 | undefined;
}): Promise<SealedRequest> {
  const { random, domain, enrolment, index, evidence, x25519 } = options;
  checkDomain(domain, enrolment);
  const { hpkeKey } = authorityOf(domain, index);
  return sealIssuanceRequest({ random, hpkeKey, index, request: { ...enrolment.claim, evidence }, x25519 });
}

/**
 * Checks every share and adds up. May be called again with more answers: it changes nothing.
 * @param options.answers - in any order; the same answer may be there twice
 * @throws `ERR_ENROLMENT_INCOMPLETE`, `ERR_ENROLMENT_REFUSED`, `ERR_RECEIPT_INVALID`, `ERR_SHARE_INVALID`, each with a report
 * of which D-TAs (`faultReportOf`); `ERR_DOMAIN_MISMATCH`; `ERR_MESSAGE_INVALID` for an enrolment whose private key is not
 * that of its request
 */
export async function finishMpinEnrolment(options: {
  readonly engine: G1Engine;
  readonly random: RandomBytes;
  readonly domain: IssuingDomain;
  readonly enrolment: MpinEnrolment;
  readonly answers: readonly IssuanceAnswer[];
  readonly x25519?: X25519 | undefined;
}): Promise<MpinKeys> {
  const { engine, random, domain, enrolment, x25519 } = options;
  checkDomain(domain, enrolment);
  const answers = onePerAuthority(domain, options.answers);
  checkContents(domain, enrolment, answers);
  const issued = allIssued(domain, answers);
  const inputs = inputsOf(enrolment.claim);
  const opened: DeviceShares[] = [];
  try {
    for (const answer of issued) opened.push(await openDeviceShares(engine, random, domain, enrolment, answer, x25519));
    const secret = combineClientSecretShares(
      engine,
      opened.map(({ mpin }) => mpin),
    );
    const key = combineIdentityKeyShares(
      engine,
      opened.map(({ sig }) => sig),
    );
    return { secret, signing: { input: inputs.sig, key }, receipts: issued.map(({ receipt }) => receipt) };
  } finally {
    for (const { mpin, sig } of opened) {
      mpin.destroy();
      sig.destroy();
    }
  }
}

/** Everything needed to go on after a crash: private key (32 bytes) ‖ canonical JSON of the claim. To be sealed, never to be sent. */
export function exportMpinEnrolment({ claim, privateKey }: MpinEnrolment): Secret<"enrolment"> {
  const rest = canonicalBytes(encodeIssuanceClaim(claim));
  return new Secret(
    "enrolment",
    privateKey.use((key) => concat(key, rest)),
  );
}

/** The way back, from unsealed bytes, which the caller wipes. @throws `ERR_MESSAGE_INVALID` */
export function resumeMpinEnrolment(bytes: Uint8Array): MpinEnrolment {
  if (bytes.length <= 32) throw new MilagroError("ERR_MESSAGE_INVALID", "enrolment: too short");
  const claim = parseIssuanceClaim(parseJson(parseUtf8(bytes.subarray(32))));
  return { claim, requestHash: requestHashOf(claim), privateKey: parseHpkePrivateKey(bytes.slice(0, 32)) };
}

/** One D-TA's shares, each proved. */
interface DeviceShares {
  readonly mpin: MpinClientSecretShare;
  readonly sig: IdentityKeyShare<"sig">;
}

async function openDeviceShares(
  engine: G1Engine,
  random: RandomBytes,
  domain: IssuingDomain,
  enrolment: MpinEnrolment,
  answer: IssuedAnswer,
  x25519: X25519 | undefined,
): Promise<DeviceShares> {
  const inputs = inputsOf(enrolment.claim);
  const { id, mpin: mpinKey } = authorityOf(domain, answer.index).publicShares;
  const { shares, right } = await openAnswer({ random, domain, opener: enrolment, answer, x25519 }, (list) => {
    const [mpin, sig] = list as readonly [Share, Share];
    if (mpin.usage !== "mpin" || sig.usage !== "sig" || sig.proof === undefined)
      throw new MilagroError("ERR_SHARE_INVALID", "a share without its proof");
    const shares: DeviceShares = {
      mpin: parseClientSecretShare(engine, inputs.mpin, mpin.g1),
      sig: parseIdentityKeyShare(engine, "sig", sig.g1),
    };
    const right =
      verifyClientSecretShare(engine, mpinKey, shares.mpin, mpin.proof) &&
      verifyProvenIdentityKeyShare(engine, id, inputs.sig, shares.sig, sig.proof);
    return { shares, right };
  });
  if (right) return shares;
  shares.mpin.destroy();
  shares.sig.destroy();
  throw liar(domain, answer.receipt, "issued a wrong share");
}

/** @throws `ERR_MESSAGE_INVALID` for a claim that `beginMpinEnrolment` did not make */
function inputsOf({ domainId, identity, keys }: IssuanceClaim): {
  readonly mpin: MpinInput;
  readonly sig: IdentityInput;
} {
  const [mpin, sig, ...more] = keys;
  if (mpin?.usage !== "mpin" || sig?.usage !== "sig" || more.length > 0)
    throw new MilagroError("ERR_MESSAGE_INVALID", "enrolment: not that of a device");
  const device = parseMpinIdentity(identity);
  return {
    // Its own claim: the key was parsed when the enrolment began, and D-TAs refuse any other.
    mpin: mpin.dvs
      ? dvsInput(domainId, device, mpin.epoch, mpin.dvs.key as DvsPublicKey)
      : mpinInput(domainId, device, mpin.epoch),
    sig: identityInput(domainId, "sig", identity, sig.epoch),
  };
}

function checkDomain(domain: IssuingDomain, { claim }: MpinEnrolment): void {
  if (!equalBytes(claim.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another domain");
  const [mpin] = claim.keys;
  if (mpin?.usage === "mpin" && (mpin.master ?? 0) !== domain.masterEpoch)
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another epoch of the mpin master");
}

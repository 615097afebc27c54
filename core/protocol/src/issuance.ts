/**
 * Issuance: what requester and D-TA do with the messages of `issuance-messages.ts`. Deciding whether to issue is the D-TA's own.
 *
 *   request   HPKE to the D-TA's key,   info "milagro issuance v1", aad = domainId ‖ u16 index
 *   shares    HPKE to the request key,  info "milagro shares v1",   aad = requestHash ‖ u16 index
 *   receipt   statement signature; `sharesHash` binds it to the sealed shares, so neither can be exchanged on the way
 * @module
 */

import { signStatement } from "@milagro/crypto/bls";
import { concat, equalBytes, parseUtf8, transcript, u16, utf8, wipe } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { Epoch } from "@milagro/crypto/epoch";
import {
  type HpkePorts,
  type HpkePrivateKey,
  type HpkePublicKey,
  hpkeOpen,
  hpkeSeal,
  parseHpkePublicKey,
  type X25519,
} from "@milagro/crypto/hpke";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { DomainPublicKey } from "@milagro/crypto/master-public";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { canonicalBytes } from "./canonical.ts";
import {
  type Evidence,
  encodeIssuanceAnswer,
  encodeIssuanceRequest,
  encodeReceipt,
  encodeShareList,
  type IssuanceRequest,
  parseIssuanceRequest,
  type Receipt,
  type RefusedAnswer,
  requestHashOf,
  type SealedRequest,
  type SealedShares,
  type Share,
} from "./issuance-messages.ts";
import { statementBytes } from "./statement.ts";
import { parseJson } from "./wire.ts";

const REQUEST_INFO = utf8("milagro issuance v1");
const SHARES_INFO = utf8("milagro shares v1");

const requestAad = (domainId: DomainId, index: number) => concat(domainId, u16(index));
const sharesAad = (requestHash: Uint8Array, index: number) => concat(requestHash, u16(index));

/** Seals a request to one D-TA. */
export async function sealIssuanceRequest(options: {
  readonly random: RandomBytes;
  readonly hpkeKey: HpkePublicKey;
  readonly index: number;
  readonly request: IssuanceRequest;
  readonly x25519?: X25519 | undefined;
}): Promise<SealedRequest> {
  const { random, hpkeKey: publicKey, index, request, x25519 } = options;
  const plaintext = canonicalBytes(encodeIssuanceRequest(request));
  const aad = requestAad(request.domainId, index);
  const sealed = await hpkeSeal({ publicKey, info: REQUEST_INFO, aad, plaintext, random, x25519 });
  wipe(plaintext);
  return { v: 1, domainId: request.domainId, index, ...sealed };
}

/** A request that this D-TA could open. */
export interface OpenedRequest {
  readonly request: IssuanceRequest;
  readonly requestHash: Uint8Array;
}

/**
 * Opens a request at the D-TA.
 * @throws `ERR_DOMAIN_MISMATCH` when it is for another domain or D-TA, `ERR_HPKE_OPEN_FAILED`, `ERR_MESSAGE_INVALID`
 */
export async function openIssuanceRequest(options: {
  readonly privateKey: HpkePrivateKey;
  readonly domainId: DomainId;
  readonly index: number;
  readonly sealed: SealedRequest;
  readonly native?: HpkePorts | undefined;
}): Promise<OpenedRequest> {
  const { privateKey, domainId, index, sealed } = options;
  const mismatch = () => new MilagroError("ERR_DOMAIN_MISMATCH", "the request is for another domain or another D-TA");
  if (!equalBytes(sealed.domainId, domainId) || sealed.index !== index) throw mismatch();
  const { encapsulatedKey, ciphertext } = sealed;
  const plaintext = await hpkeOpen({
    ...options.native,
    privateKey,
    encapsulatedKey,
    ciphertext,
    info: REQUEST_INFO,
    aad: requestAad(domainId, index),
  });
  const request = parseIssuanceRequest(parseJson(parseUtf8(plaintext)));
  wipe(plaintext);
  if (!equalBytes(request.domainId, domainId)) throw mismatch();
  return { request, requestHash: requestHashOf(request) };
}

/** The bytes of a share that are to be wiped. */
export const secretsOf = (share: Share): readonly Uint8Array[] => {
  if ("share" in share) return [share.share];
  return [...("g1" in share ? [share.g1] : []), ...("g2" in share ? [share.g2] : [])];
};

/** What is sealed of shares; to be wiped. The shares' bytes are overwritten. */
export function encodeShares(shares: readonly Share[]): Uint8Array {
  const plaintext = canonicalBytes(encodeShareList({ v: 1, shares }));
  for (const share of shares) wipe(...secretsOf(share));
  return plaintext;
}

interface SharesSealing {
  readonly random: RandomBytes;
  readonly requestKey: Uint8Array;
  readonly requestHash: Uint8Array;
  readonly index: number;
  readonly native?: HpkePorts | undefined;
}

/** Seals what `encodeShares` made to the requester, and wipes it. */
export async function sealEncodedShares(plaintext: Uint8Array, options: SharesSealing): Promise<SealedShares> {
  const { random, requestKey, requestHash, index, native } = options;
  try {
    const publicKey = parseHpkePublicKey(requestKey);
    const aad = sharesAad(requestHash, index);
    return await hpkeSeal({ ...native, publicKey, info: SHARES_INFO, aad, plaintext, random });
  } finally {
    wipe(plaintext);
  }
}

/** Seals shares to the requester. Their bytes are overwritten. */
export const sealShares = (options: SharesSealing & { readonly shares: readonly Share[] }): Promise<SealedShares> =>
  sealEncodedShares(encodeShares(options.shares), options);

/** Opens shares at the requester: canonical JSON of a `ShareList`. @throws `ERR_HPKE_OPEN_FAILED` */
export const openShares = (
  privateKey: HpkePrivateKey,
  requestHash: Uint8Array,
  index: number,
  sealed: SealedShares,
  x25519?: X25519,
): Promise<Uint8Array> =>
  hpkeOpen({ privateKey, ...sealed, info: SHARES_INFO, aad: sharesAad(requestHash, index), x25519 });

/** What a receipt says of the shares it comes with. */
export const sharesHashOf = ({ encapsulatedKey, ciphertext }: SealedShares): Uint8Array =>
  sha256(transcript("MILAGRO-V1-SEALED-SHARES", encapsulatedKey, ciphertext));

/** What is signed of a receipt. */
export function receiptStatement(receipt: Receipt | Omit<Receipt, "signature">): Uint8Array {
  const { signature: _, ...body } = encodeReceipt({ ...receipt, signature: new Uint8Array(48) });
  return statementBytes("receipt", body);
}

/** Signs a receipt. The log record it names must be on disk. */
export const signReceipt = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  receipt: Omit<Receipt, "signature">,
): Receipt => ({
  ...receipt,
  signature: signStatement(engine, statement, receiptStatement(receipt)),
});

/** What is signed of a refusal. The request hash binds domain and identity. */
export function refusalStatement(answer: RefusedAnswer | Omit<RefusedAnswer, "signature">): Uint8Array {
  const { signature: _, ...body } = encodeIssuanceAnswer({ ...answer, signature: new Uint8Array(48) }) as {
    signature: string;
  };
  return statementBytes("refusal", body);
}

/** Signs a refusal. */
export const signRefusal = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  answer: Omit<RefusedAnswer, "signature">,
): RefusedAnswer => ({
  ...answer,
  signature: signStatement(engine, statement, refusalStatement(answer)),
});

const renewalMessage = (requestHash: Uint8Array) => transcript("MILAGRO-V1-RENEWAL", requestHash);

/** Evidence by the identity's own `sig` key of an earlier epoch. */
export function makeRenewal(options: {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly key: IdentityKey<"sig">;
  readonly publicKey: DomainPublicKey<"id">;
  readonly domainId: DomainId;
  readonly identity: IssuanceRequest["identity"];
  readonly epoch: Epoch;
  readonly requestHash: Uint8Array;
}): Evidence {
  const { engine, random, key, publicKey, domainId, identity, epoch, requestHash } = options;
  const input = identityInput(domainId, "sig", identity, epoch);
  return {
    type: "renewal",
    epoch,
    signature: signAs(engine, random, key, publicKey, input, renewalMessage(requestHash)),
  };
}

/** Whether a renewal is that of the request's identity. How old its epoch may be is policy. */
export function verifyRenewal(
  engine: Engine,
  publicKey: DomainPublicKey<"id">,
  { request, requestHash }: OpenedRequest,
  evidence: Extract<Evidence, { type: "renewal" }>,
): boolean {
  const input = identityInput(request.domainId, "sig", request.identity, evidence.epoch);
  return verifySignature(engine, publicKey, input, renewalMessage(requestHash), evidence.signature);
}

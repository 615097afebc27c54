/**
 * Updating a token to a later `mpin` master, on both sides. The device needs G1 alone; the D-TA pairs to check the signature.
 *
 *   signature   IBS by the device's `sig` key of epoch 0 over digest("MILAGRO-V1-TOKEN-UPDATE", requestHash)
 *   answer      HPKE to the request key, info "milagro token update v1", aad = requestHash ‖ u16 index, of Uᵢ (48) ‖ proof (64)
 *
 * Security: Uᵢ helps whoever has shares of both masters, so it is issued to the device alone: signed for by its own key, sealed to a
 * key inside what is signed. Whoever sends the request again gets what only the device opens.
 * @module
 */
import { concat, equalBytes, u16, utf8, wipe } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import {
  generateHpkeKeyPair,
  type HpkePorts,
  type HpkePrivateKey,
  hpkeOpen,
  hpkeSeal,
  parseHpkePublicKey,
  type X25519,
} from "@milagro/crypto/hpke";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import { digest } from "@milagro/crypto/kdf";
import type { DomainPublicKey } from "@milagro/crypto/master-public";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import {
  dvsInput,
  type MpinIdentity,
  type MpinInput,
  mpinInput,
  parseDvsPublicKey,
  parseMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import {
  combineTokenUpdateShares,
  encodeTokenUpdateShare,
  issueTokenUpdateShare,
  parseTokenUpdateShare,
  type Replaced,
  type TokenUpdate,
  type TokenUpdateShare,
  verifyTokenUpdateShare,
} from "@milagro/crypto/mpin-update";
import type { Engine, G1, G1Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { faultError, nameOf } from "./fault.ts";
import {
  type TokenUpdateAnswer,
  type TokenUpdateClaim,
  type TokenUpdateRequest,
  tokenUpdateHashOf,
} from "./token-update-messages.ts";

const INFO = utf8("milagro token update v1");
const SHARE_LENGTH = 48;

const aadOf = (requestHash: Uint8Array, index: number) => concat(requestHash, u16(index));
const messageOf = (claim: TokenUpdateClaim) => digest("MILAGRO-V1-TOKEN-UPDATE", tokenUpdateHashOf(claim));

/** A request under way. Its private key opens the answers. */
export interface PendingTokenUpdate {
  readonly request: TokenUpdateRequest;
  readonly privateKey: HpkePrivateKey;
}

/** Draws the request key and signs. @param options.input - of the token */
export async function beginTokenUpdate(options: {
  readonly engine: G1Engine;
  readonly random: RandomBytes;
  readonly domainId: DomainId;
  readonly identity: MpinIdentity;
  readonly dvsKey?: Uint8Array | undefined;
  readonly from: number;
  readonly to: number;
  readonly key: IdentityKey<"sig">;
  readonly publicKey: Pick<DomainPublicKey<"id">, "hash">;
  readonly x25519?: X25519 | undefined;
}): Promise<PendingTokenUpdate> {
  const { engine, random, domainId, identity, dvsKey, from, to, key, publicKey, x25519 } = options;
  const { publicKey: requestKey, privateKey } = await generateHpkeKeyPair(random, x25519);
  const claim = {
    v: 1,
    domainId,
    identity,
    ...(dvsKey ? { dvsKey } : {}),
    from,
    to,
    requestKey,
    nonce: random(16),
  } as const;
  const input = identityInput(domainId, "sig", identity, NO_EXPIRY);
  return {
    request: { ...claim, signature: signAs(engine, random, key, publicKey, input, messageOf(claim)) },
    privateKey,
  };
}

/** Whether the device signed it. Whether it may have its update is the D-TA's to decide. */
export function verifyTokenUpdateRequest(
  engine: Engine,
  domain: { readonly domainId: DomainId; readonly publicKey: DomainPublicKey<"id"> },
  request: TokenUpdateRequest,
): boolean {
  const input = identityInput(domain.domainId, "sig", request.identity, NO_EXPIRY);
  return verifySignature(engine, domain.publicKey, input, messageOf(request), request.signature);
}

/**
 * A D-TA's answer, once it has decided and recorded.
 * @param options.random - for the seal's ephemeral key
 * @throws `ERR_IDENTITY_INVALID`, `ERR_PUBLIC_KEY_INVALID`, `ERR_HPKE_KEY_INVALID`
 */
export async function answerTokenUpdate(options: {
  readonly engine: Engine;
  readonly random: (plaintext: Uint8Array) => RandomBytes;
  readonly index: number;
  readonly shares: Replaced<MasterSecretShare<"mpin">>;
  readonly request: TokenUpdateRequest;
  readonly native?: HpkePorts | undefined;
}): Promise<TokenUpdateAnswer> {
  const { engine, random, index, shares, request, native } = options;
  const requestHash = tokenUpdateHashOf(request);
  const { share, proof } = issueTokenUpdateShare(engine, shares, inputOf(engine, request));
  const bytes = encodeTokenUpdateShare(engine, share);
  share.destroy();
  const plaintext = concat(bytes, proof);
  wipe(bytes);
  try {
    const publicKey = parseHpkePublicKey(request.requestKey);
    const sealed = await hpkeSeal({
      ...native,
      publicKey,
      info: INFO,
      aad: aadOf(requestHash, index),
      plaintext,
      random: random(plaintext),
    });
    return { v: 1, index, requestHash, ...sealed };
  } finally {
    wipe(plaintext);
  }
}

/** @throws `ERR_IDENTITY_INVALID`, `ERR_PUBLIC_KEY_INVALID` */
function inputOf(engine: Engine, { domainId, identity, dvsKey }: TokenUpdateClaim): MpinInput {
  const device = parseMpinIdentity(identity);
  return dvsKey === undefined
    ? mpinInput(domainId, device, NO_EXPIRY)
    : dvsInput(domainId, device, NO_EXPIRY, parseDvsPublicKey(engine, dvsKey));
}

/** One D-TA, as the device knows it before and after. */
export interface UpdatingAuthority {
  readonly index: number;
  readonly name: string;
  /** `sᵢ·g1`. */
  readonly mpinKey: Replaced<G1>;
}

/**
 * Opens one D-TA's answer and checks its proof.
 * @throws `ERR_SHARE_INVALID` naming the D-TA
 */
export async function openTokenUpdate(options: {
  readonly engine: G1Engine;
  readonly input: MpinInput;
  readonly pending: PendingTokenUpdate;
  readonly authority: UpdatingAuthority;
  readonly answer: TokenUpdateAnswer;
  readonly x25519?: X25519 | undefined;
}): Promise<TokenUpdateShare> {
  const { engine, input, pending, authority, answer, x25519 } = options;
  const { index, mpinKey } = authority;
  const requestHash = tokenUpdateHashOf(pending.request);
  try {
    if (answer.index === index && equalBytes(answer.requestHash, requestHash)) {
      const { encapsulatedKey, ciphertext } = answer;
      const sealed = { encapsulatedKey, ciphertext, info: INFO, aad: aadOf(requestHash, index) };
      const plaintext = await hpkeOpen({ privateKey: pending.privateKey, ...sealed, x25519 });
      try {
        const share = parseTokenUpdateShare(engine, input, plaintext.subarray(0, SHARE_LENGTH));
        const keys = { before: { g1: mpinKey.before }, after: { g1: mpinKey.after } };
        if (verifyTokenUpdateShare(engine, keys, share, plaintext.slice(SHARE_LENGTH))) return share;
        share.destroy();
      } finally {
        wipe(plaintext);
      }
    }
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
  }
  throw faultError("ERR_SHARE_INVALID", `${nameOf(authority)} answered a wrong token update`, {
    faults: [{ index, name: authority.name }],
  });
}

/** The sum of all D-TAs' parts, which are destroyed. @throws `ERR_SHARE_INVALID` */
export function combineTokenUpdates(engine: G1Engine, shares: readonly TokenUpdateShare[]): TokenUpdate {
  try {
    return combineTokenUpdateShares(engine, shares);
  } finally {
    for (const share of shares) share.destroy();
  }
}

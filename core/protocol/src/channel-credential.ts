/**
 * Who takes part in an agreement, and what proves it.
 *
 *   credential = 0x00                                                  anonymous (initiator only): proves nothing
 *              | 0x01 ‖ len16 identity ‖ u64 epoch                     an identity of the domain; evidence: its signature (96)
 *              | 0x02 ‖ u8 index                                       a D-TA; evidence: its statement signature (48)
 *              | 0x03 ‖ len16 identity ‖ u64 permit epoch, or 0        a person (initiator only); evidence: U ‖ R of M-Pin Full (96)
 *   message    = transcript("MILAGRO-V1-CHANNEL-SIGNATURE", role, th, own credential, the other's credential or nothing)
 *   signature  = by the identity's `sig` key over `message`; by a D-TA: statement "channel" over { v, role, index, binding },
 *                binding = digest("MILAGRO-V1-CHANNEL-BINDING", message)
 *
 * The role and both names are under the signature: nothing of one run fits another, the other direction, or other parties.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { ByteReader, concat, lengthPrefixed, parseUtf8, transcript, u8, u64, utf8 } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { SIGNATURE_LENGTH, verifySignature } from "@milagro/crypto/ibs";
import { type Identity, parseIdentity, splitIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { digest } from "@milagro/crypto/kdf";
import type { DomainPublicKey, PublicShare } from "@milagro/crypto/master-public";
import { type MpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { statementBytes } from "./statement.ts";
import { isSigningEpoch, type TrustDomain } from "./trust-domain.ts";

export type ChannelRole = "initiator" | "responder";

/** Who somebody says to be. */
export type Credential =
  | { readonly kind: "anonymous" }
  | { readonly kind: "identity"; readonly identity: Identity; readonly epoch: Epoch }
  | { readonly kind: "authority"; readonly index: number }
  /** `permitEpoch` 0: without a time permit. */
  | { readonly kind: "mpin"; readonly identity: MpinIdentity; readonly permitEpoch: Epoch };

/** What is yet to be verified; all parts can be cloned, so that a worker may do it. */
export interface CredentialClaim {
  readonly credential: Credential;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes of a statement signature. */
const STATEMENT_LENGTH = 48;
/** Bytes of U ‖ R. */
const MPIN_LENGTH = 96;

/** A credential and its encoding, which an agreement needs several times. */
export interface EncodedCredential {
  readonly credential: Credential;
  readonly encoded: Uint8Array;
}

export function withEncoding(credential: Credential): EncodedCredential {
  return { credential, encoded: encodeCredential(credential) };
}

export function encodeCredential(credential: Credential): Uint8Array {
  switch (credential.kind) {
    case "anonymous":
      return u8(0);
    case "identity":
      return concat(u8(1), lengthPrefixed(16, utf8(credential.identity)), u64(credential.epoch));
    case "authority":
      return concat(u8(2), u8(credential.index));
    case "mpin":
      return concat(u8(3), lengthPrefixed(16, utf8(credential.identity)), u64(credential.permitEpoch));
  }
}

/** @throws `ERR_CHANNEL_MESSAGE` whatever is wrong, the form of the identity included */
export function parseCredential(bytes: Uint8Array): Credential {
  try {
    const reader = new ByteReader(bytes, "ERR_CHANNEL_MESSAGE");
    const credential = readCredential(reader);
    reader.end();
    return credential;
  } catch (cause) {
    throw new MilagroError("ERR_CHANNEL_MESSAGE", "not a credential", { cause });
  }
}

function readCredential(reader: ByteReader): Credential {
  switch (reader.integer(8)) {
    case 0:
      return { kind: "anonymous" };
    case 1:
      return {
        kind: "identity",
        identity: parseIdentity(parseUtf8(reader.prefixed(16))),
        epoch: parseEpoch(reader.u64()),
      };
    case 2:
      return { kind: "authority", index: reader.integer(8) };
    case 3:
      return {
        kind: "mpin",
        identity: parseMpinIdentity(parseUtf8(reader.prefixed(16))),
        permitEpoch: parseEpoch(reader.u64()),
      };
    default:
      throw new MilagroError("ERR_CHANNEL_MESSAGE", "an unknown kind of credential");
  }
}

/** How many bytes of evidence go with it. */
export function evidenceLength(credential: Credential): number {
  const lengths = { anonymous: 0, identity: SIGNATURE_LENGTH, authority: STATEMENT_LENGTH, mpin: MPIN_LENGTH };
  return lengths[credential.kind];
}

/** `anonymous`, `dta:<index>`, or the identity: how policies and logs name somebody. */
export function credentialName(credential: Credential): string {
  if (credential.kind === "anonymous") return "anonymous";
  return credential.kind === "authority" ? `dta:${credential.index}` : credential.identity;
}

/** What of a domain an agreement looks at; the whole is needed only where signatures are made and verified. */
export type ChannelDomain = Pick<TrustDomain, "domainId" | "name" | "epochSeconds"> & {
  readonly authorities: readonly unknown[];
};

/** What costs nothing to see: the right domain, an authority there is, an epoch whose keys count now. Undefined: nothing against it. */
export function objectionTo(
  domain: Omit<ChannelDomain, "domainId">,
  role: ChannelRole,
  credential: Credential,
  nowMs: number,
): "ERR_CHANNEL_MESSAGE" | "ERR_DOMAIN_MISMATCH" | "ERR_EPOCH_OUT_OF_WINDOW" | undefined {
  switch (credential.kind) {
    case "anonymous":
      return role === "initiator" ? undefined : "ERR_CHANNEL_MESSAGE";
    case "authority":
      return domain.authorities[credential.index - 1] === undefined ? "ERR_DOMAIN_MISMATCH" : undefined;
    case "identity":
      if (splitIdentity(credential.identity).domain !== domain.name) return "ERR_DOMAIN_MISMATCH";
      return isSigningEpoch(domain, credential.epoch, nowMs) ? undefined : "ERR_EPOCH_OUT_OF_WINDOW";
    case "mpin":
      if (role === "responder") return "ERR_CHANNEL_MESSAGE";
      return splitIdentity(credential.identity).domain === domain.name ? undefined : "ERR_DOMAIN_MISMATCH";
  }
}

/**
 * What the holder of a credential signs; empty for those who sign nothing.
 * @param other - the peer's encoded credential, or nothing when it is not known yet
 */
export function channelStatement(
  role: ChannelRole,
  hash: Uint8Array,
  { credential, encoded }: EncodedCredential,
  other: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const message = transcript("MILAGRO-V1-CHANNEL-SIGNATURE", utf8(role), hash, encoded, other);
  if (credential.kind === "identity") return message;
  if (credential.kind !== "authority") return new Uint8Array(0);
  const binding = encodeBase64url(digest("MILAGRO-V1-CHANNEL-BINDING", message));
  return statementBytes("channel", { v: 1, role, index: credential.index, binding });
}

/** What it takes to verify: a `TrustDomain` has it, a worker thread is given no more. */
export interface VerifyingKeys {
  readonly domainId: DomainId;
  readonly publicKey: DomainPublicKey<"id">;
  readonly authorities: readonly { readonly publicShares: { readonly statement: PublicShare<"statement"> } }[];
}

/** Whether the signature is that of whom the credential names. Two pairings. Neither persons nor nobody sign. */
export function verifyCredential(engine: Engine, domain: VerifyingKeys, claim: CredentialClaim): boolean {
  const { credential, message, signature } = claim;
  if (credential.kind === "identity") {
    const input = identityInput(domain.domainId, "sig", credential.identity, credential.epoch);
    return verifySignature(engine, domain.publicKey, input, message, signature);
  }
  if (credential.kind !== "authority") return false;
  const authority = domain.authorities[credential.index - 1];
  return authority !== undefined && verifyStatement(engine, authority.publicShares.statement, message, signature);
}

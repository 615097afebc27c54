/**
 * What a device whose token is of an earlier `mpin` master asks each D-TA for. The request is signed by the device's own `sig` key and
 * is the same for all; the answer is sealed to a key of this request. Who signs, seals and adds up is in `token-update.ts`.
 *
 *   POST /v1/mpin/updates      TokenUpdateRequest → TokenUpdateAnswer, or a problem such as ERR_MASTER_OVER
 * @module
 */
import { Type } from "typebox";
import { hashCanonical } from "./canonical.ts";
import {
  AuthorityIndex,
  bytes,
  Counter,
  DomainIdBytes,
  encoderOf,
  Hash,
  IdentityText,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  Version,
} from "./wire.ts";

const claimProperties = {
  v: Version,
  domainId: DomainIdBytes,
  identity: IdentityText,
  /** Pa, where the token's input has one. */
  dvsKey: Type.Optional(bytes(96, "The user's own public key")),
  /** Epoch of the master that the token is of, and the one that it is to be of. */
  from: Counter,
  to: Ordinal,
  requestKey: bytes(32, "X25519 public key"),
  nonce: bytes(16, "Random"),
} as const;

/** What is signed. */
export const TokenUpdateClaimSchema = strict(claimProperties);
export type TokenUpdateClaim = Parsed<typeof TokenUpdateClaimSchema>;
const encodeTokenUpdateClaim = encoderOf("token update claim", TokenUpdateClaimSchema);

/** Body of `POST /v1/mpin/updates`. It has no time: the answer is of use to nobody but the device, whenever it is asked for. */
export const TokenUpdateRequestSchema = strict(
  { ...claimProperties, signature: bytes(96, "Identity signature") },
  "A device asks for its part of a new mpin master",
);
export type TokenUpdateRequest = Parsed<typeof TokenUpdateRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseTokenUpdateRequest = parserOf("token update request", TokenUpdateRequestSchema);
export const encodeTokenUpdateRequest = encoderOf("token update request", TokenUpdateRequestSchema);

/** SHA-256 of the canonical claim: names the request. */
export function tokenUpdateHashOf(request: TokenUpdateClaim): Uint8Array {
  const { v, domainId, identity, dvsKey, from, to, requestKey, nonce } = request;
  const claim = { v, domainId, identity, ...(dvsKey ? { dvsKey } : {}), from, to, requestKey, nonce };
  return hashCanonical(encodeTokenUpdateClaim(claim));
}

/** `Uᵢ ‖ proof`, 112 bytes, sealed to the request key. */
export const TokenUpdateAnswerSchema = strict(
  {
    v: Version,
    index: AuthorityIndex,
    requestHash: Hash,
    encapsulatedKey: bytes(32, "HPKE encapsulated key"),
    ciphertext: bytes(128, "Sealed share and proof"),
  },
  "One D-TA's part of a token update",
);
export type TokenUpdateAnswer = Parsed<typeof TokenUpdateAnswerSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseTokenUpdateAnswer = parserOf("token update answer", TokenUpdateAnswerSchema);
export const encodeTokenUpdateAnswer = encoderOf("token update answer", TokenUpdateAnswerSchema);

/**
 * Signing a text with token and PIN, in one pass: what the user saw is what is proven. It convinces the login server, which keeps
 * the text with its verdict, and nobody else.
 *
 *   POST /v1/signatures               SignatureRequest → SignatureOutcome      attempts are counted as at a login
 *   GET  /v1/signatures?cursor=       → SignatureList                          logged in; newest first
 *   message of the one-pass proof = transcript("MILAGRO-V1-SIGNED-TEXT", UTF-8 of the text)
 *   origin: the server's; client: the service; permit: as for a login, of the epoch of the proof's time
 * @module
 */
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { Type } from "typebox";
import { BLOCKED_PROPERTIES, REFUSED_PROPERTIES } from "./login-messages.ts";
import {
  bytes,
  encoderOf,
  IdentityText,
  Ordinal,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** Lines of text as they are shown: no control characters but line feeds, nothing that turns the direction of what follows. */
export const SignedText = Type.String({
  minLength: 1,
  maxLength: 4096,
  pattern: "^(?:[^\\p{Cc}\\p{Cs}\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069]|\\n)+$",
  description: "Text that the user saw",
});

/** What the one-pass proof is over. */
export const signedTextMessage = (text: string): Uint8Array => transcript("MILAGRO-V1-SIGNED-TEXT", utf8(text));

/** Body of `POST /v1/signatures`. */
export const SignatureRequestSchema = strict({
  v: Version,
  identity: IdentityText,
  text: SignedText,
  proof: bytes(104, "One-pass proof: time, U, V"),
  /** Epoch of the `mpin` master that the token is of; absent for 0. Another one than the server's is told, and not counted. */
  master: Type.Optional(Ordinal),
});
export type SignatureRequest = Parsed<typeof SignatureRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSignatureRequest = parserOf("signature request", SignatureRequestSchema);
export const encodeSignatureRequest = encoderOf("signature request", SignatureRequestSchema);

/** The name of a stored signature. */
const SignatureId = Type.String({ pattern: "^[A-Za-z0-9_\\-]{22}$" });

/** Answer to it. A clock that is wrong is `ERR_REQUEST_EXPIRED`, before anything is counted. */
export const SignatureOutcomeSchema = Type.Union([
  strict({ v: Version, outcome: Type.Literal("accepted"), id: SignatureId, time: UnixSeconds }),
  strict(REFUSED_PROPERTIES),
  strict(BLOCKED_PROPERTIES),
]);
export type SignatureOutcome = Parsed<typeof SignatureOutcomeSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSignatureOutcome = parserOf("signature outcome", SignatureOutcomeSchema);
export const encodeSignatureOutcome = encoderOf("signature outcome", SignatureOutcomeSchema);

/** Answer of `GET /v1/signatures`; `cursor` is there when there is more. */
export const SignatureListSchema = strict({
  v: Version,
  signatures: Type.Array(strict({ id: SignatureId, identity: IdentityText, text: SignedText, time: UnixSeconds }), {
    maxItems: 100,
  }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 128, pattern: "^[A-Za-z0-9_\\-.]+$" })),
});
export type SignatureList = Parsed<typeof SignatureListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseSignatureList = parserOf("signature list", SignatureListSchema);
export const encodeSignatureList = encoderOf("signature list", SignatureListSchema);

/**
 * What a login says and hears, and the comparison that stands between them: the server's payload with what the user was shown.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { hashCanonical } from "@milagro/protocol/canonical";
import {
  optional,
  type Read,
  readBytes,
  readEither,
  readInteger,
  readObject,
  readOneOf,
  readText,
  readWith,
} from "./mpin-read.ts";

/** What a login is for. Ids are 32 bytes, from the server. */
export type LoginPurpose =
  | { readonly type: "session" }
  /** For an application, by OpenID Connect. */
  | { readonly type: "interaction"; readonly uid: string }
  /** To approve a device: `requestHash` and `label` are what the user was shown. */
  | {
      readonly type: "quick-code";
      readonly id: Uint8Array;
      readonly requestHash: Uint8Array;
      readonly label: string;
    }
  /** For another screen: `client` is what the user was shown, `number` what the user picked. */
  | { readonly type: "handover"; readonly id: Uint8Array; readonly number: string; readonly client: string };

const readName = readText(255);
const readNumber = readText(2, /^[0-9]{2}$/);
const readSession = readBytes(32);
const readEpoch: Read<Epoch> = (value) => parseEpoch(readInteger(value));
const quickCodePayload = readObject({
  type: readOneOf("quick-code"),
  requestHash: readBytes(32),
  label: readText(64),
});
const handoverPayload = readObject({
  type: readOneOf("handover"),
  id: readSession,
  client: readName,
  number: readNumber,
});
const messagePayload = readObject({ type: readOneOf("message"), text: readText(256) });
const readPayload = readEither(quickCodePayload, readEither(handoverPayload, messagePayload));
export const readStarted = readObject({
  v: readOneOf(1),
  session: readSession,
  expires: readInteger,
  client: readName,
  origin: readText(512),
  payload: optional(readPayload),
  permitEpoch: optional(readEpoch),
  master: optional(readInteger),
});
export const readChallenge = readObject({ v: readOneOf(1), nonce: readBytes(32) });
export const readRefused = readEither(
  readObject({
    v: readOneOf(1),
    outcome: readOneOf("refused"),
    attemptsLeft: readInteger,
    retryAfter: optional(readInteger),
  }),
  readObject({ v: readOneOf(1), outcome: readOneOf("blocked"), retryAfter: optional(readInteger) }),
);
export const readOutcome = readEither(
  readObject({
    v: readOneOf(1),
    outcome: readOneOf("accepted"),
    identity: readWith(parseMpinIdentity),
    user: readText(200),
    next: optional(readText(2048)),
  }),
  readRefused,
);
/** A login as the server has begun it. */
export type Started = ReturnType<typeof readStarted>;

/** What the application asks to confirm. */
export function messageOf({ payload }: Started): string | undefined {
  return payload?.type === "message" ? payload.text : undefined;
}

/** A purpose as it is sent. */
export function wirePurpose(purpose: LoginPurpose): object {
  switch (purpose.type) {
    case "quick-code":
      return { type: purpose.type, id: encodeBase64url(purpose.id) };
    case "handover":
      return { type: purpose.type, id: encodeBase64url(purpose.id), number: purpose.number };
    default:
      return purpose;
  }
}

/** What is approved must be what the user was shown, not what the server says it is. @throws `ERR_LOGIN_MISMATCH` */
export function checkPayload(purpose: LoginPurpose, payload: Started["payload"]): void {
  const same = ((): boolean => {
    switch (purpose.type) {
      case "session":
        return payload === undefined;
      case "interaction":
        return payload === undefined || payload.type === "message";
      case "quick-code":
        return (
          payload?.type === "quick-code" &&
          payload.label === purpose.label &&
          equalBytes(payload.requestHash, purpose.requestHash)
        );
      case "handover":
        return (
          payload?.type === "handover" &&
          payload.number === purpose.number &&
          payload.client === purpose.client &&
          equalBytes(payload.id, purpose.id)
        );
    }
  })();
  if (!same) mismatch("the server asks to approve something else");
}

/** SHA-256 of the canonical payload, or empty. */
export function payloadHashOf(payload: Started["payload"]): Uint8Array {
  if (!payload) return new Uint8Array(0);
  switch (payload.type) {
    case "quick-code":
      return hashCanonical({ ...payload, requestHash: encodeBase64url(payload.requestHash) });
    case "handover":
      return hashCanonical({ ...payload, id: encodeBase64url(payload.id) });
    default:
      return hashCanonical(payload);
  }
}

/** @throws `ERR_LOGIN_MISMATCH` */
export function mismatch(reason: string): never {
  throw new MilagroError("ERR_LOGIN_MISMATCH", reason);
}

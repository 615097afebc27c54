/**
 * Signing a text with the PIN: what the user sees is what is proven, in one pass. It convinces the login server, which keeps text and
 * verdict, and nobody else.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { proveOnePass } from "@milagro/crypto/mpin-one-pass";
import type { DeviceFactor, Pin } from "@milagro/crypto/mpin-token";
import { MilagroError } from "@milagro/engine/error";
import { callMpin } from "./mpin-call.ts";
import type { Blocked, Offline, Refused } from "./mpin-login.ts";
import { readRefused } from "./mpin-login-messages.ts";
import { masterField, openCurrent } from "./mpin-master.ts";
import type { NoPermit, Outdated } from "./mpin-outcomes.ts";
import { permitFor } from "./mpin-permits.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { optional, readEither, readInteger, readList, readObject, readOneOf, readText, readWith } from "./mpin-read.ts";
import { fetchTerms } from "./mpin-terms.ts";
import { isOutage } from "./outage.ts";

/** `time` in unix seconds, by the server's clock. */
export interface Signed {
  readonly outcome: "accepted";
  readonly id: string;
  readonly time: number;
}

export type SignOutcome = Signed | Refused | Blocked | Offline | NoPermit | Outdated;

/** A signature that the server keeps. */
export interface KeptSignature {
  readonly id: string;
  readonly identity: Identity;
  readonly text: string;
  readonly time: number;
}

/** Lines as they are shown: no controls but line feeds, nothing that turns the direction of what follows. */
const SIGNED_TEXT = /^(?:[^\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]|\n)+$/u;
const MAX_TEXT = 4096;

const readId = readText(22, /^[A-Za-z0-9_-]{22}$/);
/** @internal exported for the test that compares it with the schema */
export const readSigned = readEither(
  readObject({ v: readOneOf(1), outcome: readOneOf("accepted"), id: readId, time: readInteger }),
  readRefused,
);
/** @internal */
export const readSignatures = readObject({
  v: readOneOf(1),
  signatures: readList(
    100,
    readObject({ id: readId, identity: readWith(parseMpinIdentity), text: readText(MAX_TEXT), time: readInteger }),
  ),
  cursor: optional(readText(128, /^[A-Za-z0-9_\-.]+$/)),
});

/** Whether this text can be signed: 1 to 4096 characters, nothing in it that a screen would not show. */
export function isSignable(text: string): boolean {
  return text.length <= MAX_TEXT && SIGNED_TEXT.test(text);
}

/**
 * Signs what the user has been shown. The PIN is destroyed.
 * @throws `ERR_MESSAGE_INVALID` for a text that is not signable; `ERR_MASTER_CHANGED`, not counted: sign again; `ERR_REQUEST_EXPIRED` when the clocks differ, and nothing was counted;
 * `ERR_ACCOUNT_UNKNOWN`, `ERR_KEYSTORE_CORRUPT`; `ERR_SHARE_INVALID` naming a D-TA that lied about a permit
 */
export async function signText(
  client: MpinClient,
  options: {
    readonly identity: Identity;
    readonly text: string;
    readonly pin: Pin;
    readonly deviceFactor?: DeviceFactor;
  },
): Promise<SignOutcome> {
  const { identity, text, pin, deviceFactor } = options;
  let sent = false;
  try {
    if (!isSignable(text)) throw new MilagroError("ERR_MESSAGE_INVALID", "a text that is signed shows all it holds");
    const terms = await fetchTerms(client);
    const current = await openCurrent(client, identity, terms.master);
    if ("outcome" in current) return current;
    const { account, input, token, destroy } = current;
    try {
      if (account.deviceFactor && !deviceFactor) throw new TypeError("this account has a device factor");
      const nowMs = client.clock();
      const permit = terms.permits
        ? await permitFor(client, account, input, epochAt(nowMs, terms.epochSeconds))
        : undefined;
      if (permit && "outcome" in permit) return permit;
      const unlock = deviceFactor ? { pin, deviceFactor } : { pin };
      const message = transcript("MILAGRO-V1-SIGNED-TEXT", utf8(text));
      const context = { origin: client.origin, client: account.service, message };
      const time = Math.floor(nowMs / 1000);
      const proof = proveOnePass(client.engine, client.random, token, permit, unlock, context, time);
      const { master } = account;
      const body = { v: 1, identity: account.identity, text, proof: encodeBase64url(proof), ...masterField(master) };
      sent = true;
      const call = { method: "POST", url: "/v1/signatures", body } as const;
      const { v: _, ...outcome } = await callMpin(client, call, readSigned);
      return outcome;
    } finally {
      destroy();
    }
  } catch (error) {
    if (isOutage(error)) return { outcome: "offline", code: error.code, sent };
    throw error;
  } finally {
    pin.destroy();
  }
}

/** Those of the user, the newest first. @param cursor - from the page before */
export async function listSignatures(
  client: MpinClient,
  cursor?: string,
): Promise<{ readonly signatures: readonly KeptSignature[]; readonly cursor?: string }> {
  const url = cursor === undefined ? "/v1/signatures" : `/v1/signatures?cursor=${encodeURIComponent(cursor)}`;
  const { v: _, ...page } = await callMpin(client, { method: "GET", url }, readSignatures);
  return page;
}

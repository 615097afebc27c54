/**
 * A login on one screen by the device in one's hand: the screen shows a QR code and a number, the device shows who asks and three
 * numbers to pick from. Someone who relays a code from elsewhere cannot show the victim the right number.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { callMpin } from "./mpin-call.ts";
import type { Accepted } from "./mpin-login.ts";
import { readOutcome } from "./mpin-login-messages.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { readBytes, readInteger, readList, readObject, readOneOf, readText } from "./mpin-read.ts";

/** On the screen. */
export interface Handover {
  readonly id: Uint8Array;
  /** Two digits, to be shown. */
  readonly number: string;
  /** For the QR code. */
  readonly url: string;
  /** Unix seconds. */
  readonly expires: number;
}

/** On the device. All of it is to be shown before a number is picked; then `login` with purpose `handover`. */
export interface HandoverView {
  /** The application. */
  readonly client: string;
  /** Where the screen is, as the server saw it. */
  readonly place: { readonly address: string; readonly agent: string };
  readonly choices: readonly string[];
  readonly expires: number;
}

export interface HandoverState {
  readonly state: "waiting" | "accepted" | "refused";
  readonly expires: number;
}

const readNumber = readText(2, /^[0-9]{2}$/);
/** @internal exported for the test that compares it with the schema */
export const readHandover = readObject({
  v: readOneOf(1),
  id: readBytes(32),
  number: readNumber,
  url: readText(512),
  expires: readInteger,
});
/** @internal */
export const readHandoverView = readObject({
  v: readOneOf(1),
  client: readText(255),
  place: readObject({ address: readText(64, /^/), agent: readText(128, /^/) }),
  choices: readList(3, readNumber, 3),
  expires: readInteger,
});
/** @internal */
export const readHandoverState = readObject({
  v: readOneOf(1),
  state: readOneOf("waiting", "accepted", "refused"),
  expires: readInteger,
});

/** The id in the URL of a QR code: its last segment. @throws `ERR_ENCODING_INVALID` */
export function handoverIdOf(url: string): Uint8Array {
  return parseBase64url(url.split(/[?#]/)[0]?.split("/").at(-1) ?? "");
}

/** Screen: begins. @param interaction - the application's login that it is for */
export async function beginHandover(client: MpinClient, interaction?: string): Promise<Handover> {
  const body = { v: 1, ...(interaction === undefined ? {} : { interaction }) };
  const { v: _, ...rest } = await callMpin(client, { method: "POST", url: "/v1/handovers", body }, readHandover);
  return rest;
}

/** Screen: whether it has been answered; waits for up to `waitSeconds`. */
export async function handoverState(client: MpinClient, id: Uint8Array, waitSeconds = 25): Promise<HandoverState> {
  const url = `${pathOf(id)}/state?wait=${waitSeconds}`;
  const { v: _, ...rest } = await callMpin(client, { method: "GET", url, waitSeconds }, readHandoverState);
  return rest;
}

/** Screen: takes the session, once, when the state is `accepted`. @throws the server's error when there is none to take */
export async function takeHandover(client: MpinClient, id: Uint8Array): Promise<Accepted> {
  const url = `${pathOf(id)}/session`;
  const { v: _, ...outcome } = await callMpin(client, { method: "POST", url, body: { v: 1 } }, readOutcome);
  if (outcome.outcome !== "accepted") throw new TypeError("a session is taken when the state is accepted");
  return outcome;
}

/** Device: what the code is for. */
export async function viewHandover(client: MpinClient, id: Uint8Array): Promise<HandoverView> {
  const { v: _, ...rest } = await callMpin(client, { method: "GET", url: pathOf(id) }, readHandoverView);
  return rest;
}

function pathOf(id: Uint8Array): string {
  return `/v1/handovers/${encodeBase64url(id)}`;
}

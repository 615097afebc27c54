/**
 * Once logged in: who one is, one's devices, and the end of it. The session is the port's cookie.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import { type MpinIdentity, parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { callMpin, readDone } from "./mpin-call.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { optional, readInteger, readList, readObject, readOneOf, readText, readWith } from "./mpin-read.ts";

/** One device of the user. `pending`: enrolled, and never logged in. Times in unix seconds. */
export interface Device {
  readonly identity: MpinIdentity;
  readonly label: string;
  readonly created: number;
  readonly lastLogin?: number;
  readonly state: "pending" | "active" | "revoked";
}

/** Who is logged in. `identity` is the device that it began on. */
export interface Me {
  readonly user: string;
  readonly identity: MpinIdentity;
  readonly authenticated: number;
  readonly expires: number;
  readonly devices: readonly Device[];
}

/** @internal exported for the test that compares it with the schema */
export const readMe = readObject({
  v: readOneOf(1),
  user: readText(200),
  identity: readWith(parseMpinIdentity),
  authenticated: readInteger,
  expires: readInteger,
  devices: readList(
    100,
    readObject({
      identity: readWith(parseMpinIdentity),
      label: readText(64),
      created: readInteger,
      lastLogin: optional(readInteger),
      state: readOneOf("pending", "active", "revoked"),
    }),
  ),
});

/** @throws the server's error where nobody is logged in */
export async function whoAmI(client: MpinClient): Promise<Me> {
  const { v: _, ...me } = await callMpin(client, { method: "GET", url: "/v1/me" }, readMe);
  return me;
}

export async function logout(client: MpinClient): Promise<void> {
  await callMpin(client, { method: "POST", url: "/v1/logout", body: { v: 1 }, idempotent: true }, readDone);
}

/** @param label - one line of up to 64 characters */
export async function renameDevice(client: MpinClient, identity: MpinIdentity, label: string): Promise<void> {
  const call = { method: "PATCH", url: deviceUrl(identity), body: { v: 1, label }, idempotent: true } as const;
  await callMpin(client, call, readDone);
}

/** The device cannot log in any more. On that device itself, `forgetAccount` as well. */
export async function revokeDevice(client: MpinClient, identity: MpinIdentity): Promise<void> {
  await callMpin(client, { method: "DELETE", url: deviceUrl(identity), idempotent: true }, readDone);
}

function deviceUrl(identity: Identity): string {
  return `/v1/devices/${splitMpinIdentity(parseMpinIdentity(identity)).device}`;
}

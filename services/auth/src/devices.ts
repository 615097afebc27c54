/**
 * Devices: identities that have registered, with the input that is pinned for each.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { dvsInput, type MpinIdentity, parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import type { Device } from "@milagro/protocol/login-messages";
import type { Kysely } from "kysely";
import type { AuthContext, Tx } from "./context.ts";
import { appendEvent } from "./events.ts";
import type { Session } from "./sessions.ts";
import type { AuthTables, DeviceRow } from "./store-schema.ts";

/**
 * An identity of this domain and service.
 * @throws `ERR_IDENTITY_INVALID`, `ERR_DOMAIN_MISMATCH`: both say nothing about who is known
 */
export function parseOwnIdentity(context: Pick<AuthContext, "domain" | "config">, text: string): MpinIdentity {
  const identity = parseMpinIdentity(text);
  const { domain, service } = splitMpinIdentity(identity);
  if (domain !== context.domain.name)
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the identity is of another domain than this server's");
  if (service !== context.config.service)
    throw new MilagroError("ERR_IDENTITY_INVALID", "the identity is of another service than this server's");
  return identity;
}

/** The pinned input of a device that may log in; for anybody else, one of the same length that no answer fits. */
export async function inputFor(
  { domain, nobody }: Pick<AuthContext, "domain" | "nobody">,
  db: Kysely<AuthTables>,
  identity: MpinIdentity,
): Promise<Uint8Array> {
  const device = await readDevice(db, identity);
  const stranger = dvsInput(domain.domainId, identity, NO_EXPIRY, nobody);
  return device && device.state !== "revoked" && device.blocked === 0 ? parseBase64url(device.input) : stranger;
}

async function readDevice(db: Kysely<AuthTables>, identity: Identity) {
  return db
    .selectFrom("auth_devices as d")
    .innerJoin("auth_users as u", "u.user", "d.user")
    .select(["d.input", "d.state", "u.blocked"])
    .where("d.identity", "=", identity)
    .executeTakeFirst();
}

/** On the wire. */
export function toDevice(row: DeviceRow): Device {
  return {
    identity: parseMpinIdentity(row.identity),
    label: row.label,
    created: Math.floor(row.created_ms / 1000),
    ...(row.last_login_ms === null ? {} : { lastLogin: Math.floor(row.last_login_ms / 1000) }),
    state: row.state,
  };
}

/** The user's devices, oldest first; those that were revoked stay in the list. */
export async function devicesOf({ store }: Pick<AuthContext, "store">, user: string): Promise<readonly Device[]> {
  const rows = await store.db
    .selectFrom("auth_devices")
    .selectAll()
    .where("user", "=", user)
    .orderBy("created_ms")
    .orderBy("identity")
    .limit(100)
    .execute();
  return rows.map(toDevice);
}

/** @throws `ERR_DEVICE_UNKNOWN` for a device that is not this user's, or was revoked */
export async function renameDevice(
  context: AuthContext,
  { user }: Session,
  device: string,
  label: string,
): Promise<void> {
  await context.store.transaction(async (tx) => {
    const row = await tx
      .updateTable("auth_devices")
      .set({ label })
      .where("user", "=", user)
      .where("device", "=", device)
      .where("state", "!=", "revoked")
      .returning("identity")
      .executeTakeFirst();
    if (!row) throw unknownDevice();
    await context.audit.append(tx, { action: "device.rename", outcome: "ok", subject: row.identity });
  });
}

/** Ends the device and its sessions, for good. @throws `ERR_DEVICE_UNKNOWN` */
export async function revokeDevice(
  context: AuthContext,
  user: string,
  device: string,
  by: "user" | "administrator",
): Promise<void> {
  await context.store.transaction(async (tx) => {
    const row = await tx
      .updateTable("auth_devices")
      .set({ state: "revoked" })
      .where("user", "=", user)
      .where("device", "=", device)
      .where("state", "!=", "revoked")
      .returning("identity")
      .executeTakeFirst();
    if (!row) throw unknownDevice();
    await endSessions(tx, "identity", row.identity);
    await context.audit.append(tx, { action: "device.revoke", outcome: by, subject: row.identity });
    await appendEvent(context, tx, { type: "device.revoked", subject: row.identity, data: { user, by } });
  });
  context.kickWebhooks();
}

export async function endSessions(tx: Tx, column: "identity" | "user", value: string): Promise<void> {
  await tx.deleteFrom("auth_sessions").where(column, "=", value).execute();
}

/** What stands in the database for an input. */
export const encodeInput = (input: Uint8Array): string => encodeBase64url(input);

const unknownDevice = (): MilagroError => new MilagroError("ERR_DEVICE_UNKNOWN", "there is no such device");

/**
 * Registration of a device. The server decides nothing here: it pins what all D-TAs have issued for, as their receipts say, together
 * with the key that only this device knows. The same registration again changes nothing and gets the same answer, so that a
 * device whose answer was lost can go on.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import type { Device } from "@milagro/protocol/login-messages";
import type { Registration } from "@milagro/protocol/registration-messages";
import { forgetAttempts } from "./attempts.ts";
import type { AuthContext, Tx } from "./context.ts";
import { encodeInput, parseOwnIdentity, toDevice } from "./devices.ts";
import { appendEvent } from "./events.ts";
import type { DeviceRow } from "./store-schema.ts";

const DEVICE = /^[a-z0-9]{10}$/;

/**
 * @param body - the message as it came, for the worker that checks it
 * @throws `ERR_IDENTITY_INVALID`, `ERR_DOMAIN_MISMATCH`, `ERR_RECEIPT_INVALID`, `ERR_PUBLIC_KEY_INVALID`, `ERR_IDENTITY_KNOWN`,
 *   `ERR_DEVICE_LIMIT`
 */
export async function register(context: AuthContext, body: unknown, registration: Registration): Promise<Device> {
  const { config, clock, store, workers } = context;
  const identity = parseOwnIdentity(context, registration.identity);
  const { user, device } = splitMpinIdentity(identity);
  if (!DEVICE.test(device) || user !== user.toLowerCase())
    throw new MilagroError(
      "ERR_IDENTITY_INVALID",
      "a user is in lower case, a device is ten random letters and digits",
    );
  const now = clock();
  const input = encodeInput(
    await workers.pool.call("verifyRegistration", { body, nowMs: now, maxAgeSeconds: config.receiptSeconds }),
  );
  const row: DeviceRow = {
    identity,
    user,
    device,
    label: registration.label,
    input,
    created_ms: now,
    last_login_ms: null,
    state: "pending",
  };
  const stored = await store.transaction((tx) => storeOnce(context, tx, row));
  context.kickWebhooks();
  context.count.registration("accepted");
  return toDevice(stored);
}

async function storeOnce(context: AuthContext, tx: Tx, row: DeviceRow): Promise<DeviceRow> {
  const { identity, user } = row;
  const known = await tx.selectFrom("auth_devices").selectAll().where("identity", "=", identity).executeTakeFirst();
  if (known && known.input === row.input && known.state !== "revoked") return known;
  if (known)
    throw new MilagroError("ERR_IDENTITY_KNOWN", "the identity is registered already, with another key or removed");
  await tx
    .insertInto("auth_users")
    .values({ user, id: encodeBase64url(context.random(16)), created_ms: row.created_ms, blocked: 0 })
    .onConflict((conflict) => conflict.column("user").doNothing())
    .execute();
  const { count } = await tx
    .selectFrom("auth_devices")
    .select((e) => e.fn.countAll<number>().as("count"))
    .where("user", "=", user)
    .where("state", "!=", "revoked")
    .executeTakeFirstOrThrow();
  if (Number(count) >= context.config.limits.devicesPerUser)
    throw new MilagroError("ERR_DEVICE_LIMIT", "this user has as many devices as the service allows");
  await tx.insertInto("auth_devices").values(row).execute();
  // Attempts at a name that nobody had are no attempts at this device.
  await forgetAttempts(tx, identity);
  await context.audit.append(tx, { action: "device.register", outcome: "ok", subject: identity });
  await appendEvent(context, tx, { type: "device.registered", subject: identity, data: { user } });
  return row;
}

/**
 * Keys of the login: which identity may have which, and that a device is issued for once.
 *
 * The client secret of a device and its `sig` key of epoch 0 do not expire. Were they issued again on fresh evidence, whoever reads the
 * user's mail for a minute could clone a device that is registered already, unnoticed; so they go to one request, which may be repeated.
 * A further device has a name of its own, and shows in the user's list.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { type Identity, splitIdentity } from "@milagro/crypto/identity";
import type { KeyRequest } from "@milagro/protocol/issuance-messages";
import type { StoreTransaction } from "./store.ts";

type Key = Pick<KeyRequest, "usage" | "epoch">;

/** Parts of the name: a device is `<service>/<user>/<device>`, a login server `<service>`. */
const SEGMENTS: Readonly<Record<string, number>> = { mpin: 3, "mpin-server": 1 };

/** Why an identity of this kind may not have such a key, whatever the policy says; `undefined` when it may. */
export function refusalByKind(
  identity: Identity,
  { usage, epoch }: Key,
): "ERR_POLICY_REFUSED" | "ERR_EPOCH_OUT_OF_WINDOW" | undefined {
  const { kind, name } = splitIdentity(identity);
  const is = (wanted: string): boolean => kind === wanted && name.split("/").length === SEGMENTS[wanted];
  if (usage === "mpin" || usage === "mpin-server") {
    if (!is(usage)) return "ERR_POLICY_REFUSED";
    return epoch === NO_EXPIRY ? undefined : "ERR_EPOCH_OUT_OF_WINDOW";
  }
  return epoch !== NO_EXPIRY || (usage === "sig" && is("mpin")) ? undefined : "ERR_EPOCH_OUT_OF_WINDOW";
}

/** Whether the request is for keys that a device is issued once. */
export const isDeviceRequest = (keys: readonly Key[]): boolean =>
  keys.some(({ usage, epoch }) => epoch === NO_EXPIRY && usage !== "mpin-server");

/** Whether this D-TA has issued such keys to the device, and whether to another request. */
export async function findDevice(
  tx: Pick<StoreTransaction, "selectFrom">,
  domainId: Uint8Array,
  identity: Identity,
): Promise<{ readonly requestHash: Uint8Array } | undefined> {
  const row = await tx
    .selectFrom("device")
    .select("request_hash")
    .where("domain_id", "=", domainId)
    .where("identity", "=", identity)
    .executeTakeFirst();
  return row && { requestHash: row.request_hash };
}

/** Whether the keys went to another request. */
export async function isIssuedElsewhere(
  tx: StoreTransaction,
  domainId: Uint8Array,
  identity: Identity,
  requestHash: Uint8Array,
): Promise<boolean> {
  const device = await findDevice(tx, domainId, identity);
  return device !== undefined && !equalBytes(device.requestHash, requestHash);
}

/** Remembers it for good. */
export async function rememberDevice(
  tx: StoreTransaction,
  domainId: Uint8Array,
  device: { readonly identity: Identity; readonly requestHash: Uint8Array; readonly nowMs: number },
): Promise<void> {
  await tx
    .insertInto("device")
    .values({
      domain_id: domainId,
      identity: device.identity,
      request_hash: device.requestHash,
      time_ms: device.nowMs,
    })
    .onConflict((conflict) => conflict.columns(["domain_id", "identity"]).doNothing())
    .execute();
}

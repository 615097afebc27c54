/**
 * Epochs of the `mpin` master, from a device's side. The login server says by which one it checks; a device whose token is of an earlier
 * one updates it, without a PIN and without the person, and begins again. What does it is fetched only then (`mpin-token-update.ts`).
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import { type OpenAccount, openAccount } from "./mpin-account.ts";
import type { MasterAway, NoPermit, Outdated } from "./mpin-outcomes.ts";
import type { MpinClient } from "./mpin-ports.ts";

/** How messages name the epoch: not at all for the founding one. */
export const masterField = (master: number): { readonly master?: number } => (master === 0 ? {} : { master });

/**
 * An account whose token is of the master that the server checks by, updated first if need be (to the newest one, which may be a later one
 * by now). The caller destroys it.
 * @throws as `openAccount`; `ERR_SHARE_INVALID` naming a D-TA that lied; `ERR_DESCRIPTOR_…` for one that is not to be believed
 */
export async function openCurrent(
  client: MpinClient,
  identity: Identity,
  master: number,
): Promise<OpenAccount | NoPermit | Outdated | MasterAway> {
  const opened = await openAccount(client, identity);
  if (opened.account.master === master) return opened;
  opened.destroy();
  // The server has not switched yet, and this device has.
  if (opened.account.master > master) return { outcome: "offline", code: "ERR_MASTER_AHEAD", sent: false };
  const update = await client.loadUpdate?.();
  return (await update?.(client, identity)) ?? openAccount(client, identity);
}

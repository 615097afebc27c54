/**
 * Epochs of the `mpin` master, from a device's side. The login server says by which one it checks; a device whose token is of an earlier
 * one updates it, without a PIN and without the person, and begins again. What does it is fetched only then (`mpin-token-update.ts`).
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import { type OpenAccount, openAccount } from "./mpin-account.ts";
import type { NoPermit } from "./mpin-permits.ts";
import type { MpinClient } from "./mpin-ports.ts";

/** This device was away for so long that its token cannot be updated any more: it has to be set up anew. */
export interface Outdated {
  readonly outcome: "outdated";
  readonly code: string;
  /** Who said so. */
  readonly authority: { readonly index: number; readonly name: string };
}

/**
 * Updates an account's token to the newest master of its domain.
 * @returns undefined when it is updated; else `outdated`, or which D-TA refuses (`revoked`) or who cannot be asked (`offline`)
 */
export type UpdateAccount = (
  client: MpinClient,
  identity: Identity,
) => Promise<NoPermit | Outdated | MasterAway | undefined>;

/** Not now: the server could not be asked, or has not switched yet to the master that this device knows. */
export interface MasterAway {
  readonly outcome: "offline";
  readonly code: string;
  readonly sent: false;
}

/** How messages name the epoch: not at all for the founding one. */
export const masterField = (master: number): { readonly master?: number } => (master === 0 ? {} : { master });

/**
 * An account whose token is of the master that the server checks by, updated first if need be (to the newest one, which may be a later one
 * by now). The caller destroys it.
 * @throws as `openAccount`; `ERR_SHARE_INVALID` naming a D-TA that lied; `ERR_DESCRIPTOR_…` for one that is not to be believed; TypeError for
 * a client without `loadUpdate`
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
  if (!client.loadUpdate) throw new TypeError("no loadUpdate");
  const update = await client.loadUpdate();
  const stopped = await update(client, identity);
  return stopped ?? openAccount(client, identity);
}

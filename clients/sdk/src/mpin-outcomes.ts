/**
 * Why a device cannot go on by itself: what permits and token updates end with, other than well.
 * @module
 */

/** Why there is no permit. `revoked`: this D-TA said no. `offline`: it could not be asked; the PIN has not been used. */
export interface NoPermit {
  readonly outcome: "revoked" | "offline";
  readonly code: string;
  readonly authority: { readonly index: number; readonly name: string };
}

/** This device was away for so long that its token cannot be updated any more: it has to be set up anew. */
export interface Outdated {
  readonly outcome: "outdated";
  readonly code: string;
  /** Who said so. */
  readonly authority: { readonly index: number; readonly name: string };
}

/** Not now: the server could not be asked, or has not switched yet to the master that this device knows. */
export interface MasterAway {
  readonly outcome: "offline";
  readonly code: string;
  readonly sent: false;
}

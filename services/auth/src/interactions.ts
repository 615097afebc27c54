/**
 * The seam to applications: logins that somebody else has asked for, such as an OpenID client. The OpenID provider plugs
 * in here; logins know nothing of OpenID.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import type { LoginPayload } from "@milagro/protocol/login-messages";

/** A login that an application waits for. */
export interface Interaction {
  /** What stands as `client` in the login's context: the application's id. */
  readonly client: string;
  /** What is to be confirmed beyond the login. */
  readonly payload?: LoginPayload;
}

/** Who has logged in for it. */
export interface InteractionResult {
  readonly userId: string;
  readonly user: string;
  readonly identity: Identity;
  readonly authenticatedMs: number;
}

export interface Interactions {
  /** Undefined for one that is unknown or over. @param browser - hash of the cookie of the browser that asks */
  find(uid: string, browser: string): Promise<Interaction | undefined>;
  /** Tells the application, and says where the browser must go now. */
  finish(uid: string, result: InteractionResult): Promise<string>;
}

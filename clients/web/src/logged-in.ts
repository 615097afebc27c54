/**
 * The event that ends a login.
 * @module
 */

/** What listeners of `milagro-login` are told. */
export interface LoggedIn {
  readonly user: string;
  readonly identity: string;
  readonly next?: string;
}

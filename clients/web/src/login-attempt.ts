/**
 * The login that is under way: everything that needs no PIN is done while it is typed.
 * @module
 */
import { type LoginOptions, type LoginOutcome, type PreparedLogin, prepareLogin } from "@milagro/client/mpin-login";
import type { MpinClient } from "@milagro/client/mpin-ports";
import type { Pin } from "@milagro/crypto/mpin-token";

export class LoginAttempt {
  #prepared: Promise<PreparedLogin | LoginOutcome> | undefined;

  /**
   * Begins another, in place of the one before.
   * @param ready - told when it waits for the PIN, or is over without one; not told of one that was dropped
   */
  prepare(
    client: MpinClient,
    request: LoginOptions,
    ready: (login: PreparedLogin | LoginOutcome) => void,
    failed: (error: unknown) => void,
  ): void {
    this.drop();
    const prepared: Promise<PreparedLogin | LoginOutcome> = prepareLogin(client, request);
    this.#prepared = prepared;
    const wanted = () => this.#prepared === prepared;
    prepared.then(
      (login) => wanted() && ready(login),
      (error: unknown) => wanted() && failed(error),
    );
  }

  /** @param pin - stays the caller's to destroy */
  async answer(pin: Pin): Promise<LoginOutcome> {
    const login = await this.#prepared;
    if (!login) throw new TypeError("no login was prepared");
    return "outcome" in login ? login : login.answer(pin);
  }

  drop(): void {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    prepared?.then(
      (login) => "destroy" in login && login.destroy(),
      () => {}, // told where it was prepared
    );
  }
}

/**
 * Logging in. The server is asked for a login and sent U before the PIN is there, so that the last digit costs one multiplication
 * and one round trip: `prepareLogin`, then `answer`. `login` is both.
 *
 * What a login is bound to is stated by the client from its own knowledge: the origin is the port's, and what is approved beyond the
 * login is compared with what the caller knows. A server that says something else gets no answer.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { Identity } from "@milagro/crypto/identity";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import type { DeviceFactor, Pin } from "@milagro/crypto/mpin-token";
import { beginLogin, type LoginAttempt, parseLoginNonce } from "@milagro/crypto/mpin-two-pass";
import { MilagroError } from "@milagro/engine/error";
import { type OpenAccount, openAccount } from "./mpin-account.ts";
import { callMpin } from "./mpin-call.ts";
import {
  checkPayload,
  type LoginPurpose,
  messageOf,
  mismatch,
  payloadHashOf,
  readChallenge,
  readOutcome,
  readStarted,
  type Started,
  wirePurpose,
} from "./mpin-login-messages.ts";
import { openCurrent } from "./mpin-master.ts";
import type { NoPermit, Outdated } from "./mpin-outcomes.ts";
import { permitFor } from "./mpin-permits.ts";
import { copyPin } from "./mpin-pin.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { isOutage } from "./outage.ts";

export type { LoginPurpose } from "./mpin-login-messages.ts";

/** No verdict: who could not be reached, and why. With `sent`, an attempt may have been counted, and a login may have happened. */
export interface Offline {
  readonly outcome: "offline";
  readonly code: string;
  readonly sent: boolean;
}

/** A wrong PIN, or anything else that is wrong: the server says no more. `retryAfter` in seconds. */
export interface Refused {
  readonly outcome: "refused";
  readonly attemptsLeft: number;
  readonly retryAfter?: number;
}

/** No attempt is looked at, for so many seconds or, without a number, until an administrator acts. */
export interface Blocked {
  readonly outcome: "blocked";
  readonly retryAfter?: number;
}

export interface Accepted {
  readonly outcome: "accepted";
  readonly identity: MpinIdentity;
  readonly user: string;
  /** Where to go now. */
  readonly next?: string;
}

/** How a login ended. `revoked`: this D-TA withholds the time permit or a token update; the PIN was not used. */
export type LoginOutcome = Accepted | Refused | Blocked | Offline | NoPermit | Outdated;

/** A login that waits for the PIN. */
export interface PreparedLogin {
  /** The application that it is for: to be shown. */
  readonly client: string;
  /** What the application asks to confirm: to be shown before the PIN. */
  readonly message: string | undefined;
  /** The server's name for this login: approvals refer to it. */
  readonly session: Uint8Array;
  /** Once. The PIN is destroyed. @throws as `prepareLogin` */
  answer(pin: Pin, deviceFactor?: DeviceFactor): Promise<LoginOutcome>;
  /** Forgets it. May be called at any time, and after `answer`. */
  destroy(): void;
}

export interface LoginOptions {
  readonly identity: Identity;
  /** Default: a session at this server. */
  readonly purpose?: LoginPurpose;
}

/** So much before its end, a login is begun anew rather than answered. */
const SPARE_MS = 3000;

/** Logs in. The PIN is destroyed whatever happens. @throws as `prepareLogin` */
export async function login(
  client: MpinClient,
  options: LoginOptions & { readonly pin: Pin; readonly deviceFactor?: DeviceFactor },
): Promise<LoginOutcome> {
  try {
    const prepared = await prepareLogin(client, options);
    if ("outcome" in prepared) return prepared;
    try {
      return await prepared.answer(options.pin, options.deviceFactor);
    } finally {
      prepared.destroy();
    }
  } finally {
    options.pin.destroy();
  }
}

/**
 * Everything of a login that needs no PIN; call it as soon as the account is chosen.
 * A token of an earlier `mpin` master is updated first.
 * @returns an outcome when there is nothing to answer: a permit withheld, nobody reached, a device that was away for too long
 * @throws `ERR_ACCOUNT_UNKNOWN`, `ERR_KEYSTORE_CORRUPT`; `ERR_LOGIN_MISMATCH` when the server says another origin than the one here, or
 * asks to approve something else; `ERR_SHARE_INVALID` naming a D-TA that lied about a permit
 */
export async function prepareLogin(
  client: MpinClient,
  { identity, purpose = { type: "session" } }: LoginOptions,
): Promise<PreparedLogin | Offline | NoPermit | Outdated> {
  const current = await openUpdated(client, identity, purpose);
  return "outcome" in current ? current : new Prepared(client, purpose, current);
}

/** A login as far as the server has opened it. */
interface Opened {
  readonly account: OpenAccount;
  readonly started: Started;
  readonly attempt: LoginAttempt;
  readonly nonce: Uint8Array;
}

/** Opens a login; with a token of another `mpin` master than the server's, once more after that was updated. */
async function openUpdated(
  client: MpinClient,
  identity: Identity,
  purpose: LoginPurpose,
): Promise<Opened | Offline | NoPermit | Outdated> {
  let account = await openAccount(client, identity);
  for (let again = false; ; again = true) {
    const opened = await open(client, account, purpose);
    if (!("outcome" in opened)) return opened;
    account.destroy();
    if (opened.outcome !== "master") return opened;
    if (again) return { outcome: "offline", code: "ERR_MASTER_CHANGED", sent: false };
    const current = await openCurrent(client, identity, opened.master);
    if ("outcome" in current) return current;
    account = current;
  }
}

async function open(
  client: MpinClient,
  opened: OpenAccount,
  purpose: LoginPurpose,
): Promise<Opened | Offline | NoPermit | { readonly outcome: "master"; readonly master: number }> {
  const { account, input, token } = opened;
  let attempt: LoginAttempt | undefined;
  try {
    const body = { v: 1, purpose: wirePurpose(purpose) };
    const started = await callMpin(client, { method: "POST", url: "/v1/logins", body }, readStarted);
    if (started.origin !== client.origin) mismatch("the server says that it is somewhere else");
    checkPayload(purpose, started.payload);
    const { master = 0 } = started;
    if (master !== account.master) return { outcome: "master", master };
    const { permitEpoch, session } = started;
    const permit = permitEpoch === undefined ? undefined : await permitFor(client, account, input, permitEpoch);
    if (permit && "outcome" in permit) return permit;
    const payloadHash = payloadHashOf(started.payload);
    const context = { session, origin: client.origin, client: started.client, payloadHash };
    attempt = beginLogin(client.engine, client.random, token, permit, context);
    const { nonce } = await callMpin(
      client,
      {
        method: "POST",
        url: `/v1/logins/${encodeBase64url(session)}/commitments`,
        body: { v: 1, identity: account.identity, u: encodeBase64url(attempt.u) },
      },
      readChallenge,
    );
    return { account: opened, started, attempt, nonce };
  } catch (error) {
    attempt?.destroy();
    if (isOutage(error)) return { outcome: "offline", code: error.code, sent: false };
    opened.destroy();
    throw error;
  }
}

class Prepared implements PreparedLogin {
  readonly client: string;
  readonly message: string | undefined;
  readonly #client: MpinClient;
  readonly #purpose: LoginPurpose;
  #opened: Opened;
  #over = false;

  constructor(client: MpinClient, purpose: LoginPurpose, opened: Opened) {
    this.#client = client;
    this.#purpose = purpose;
    this.#opened = opened;
    this.client = opened.started.client;
    this.message = messageOf(opened.started);
  }

  get session(): Uint8Array {
    return this.#opened.started.session;
  }

  async answer(pin: Pin, deviceFactor?: DeviceFactor): Promise<LoginOutcome> {
    try {
      if (this.#over) throw new TypeError("this login has been answered, or was dropped");
      this.#over = true;
      if (this.#opened.account.account.deviceFactor && !deviceFactor)
        throw new TypeError("this account has a device factor, and a PIN without it would be a wrong one");
      const about = this.#opened.started.expires * 1000 - this.#client.clock() <= SPARE_MS;
      return (about ? await this.#renew() : undefined) ?? (await this.#proveOrRenew(pin, deviceFactor));
    } finally {
      pin.destroy();
      this.#release();
    }
  }

  destroy(): void {
    if (this.#over) return;
    this.#over = true;
    this.#release();
  }

  #release(): void {
    this.#opened.attempt.destroy();
    this.#opened.account.destroy();
  }

  /** Begins anew, for the same application and message or not at all. */
  async #renew(): Promise<Offline | NoPermit | Outdated | undefined> {
    this.#release();
    const opened = await openUpdated(this.#client, this.#opened.account.account.identity, this.#purpose);
    if ("outcome" in opened) return opened;
    this.#opened = opened;
    if (opened.started.client !== this.client || messageOf(opened.started) !== this.message)
      mismatch("the login is for something else than before");
    return undefined;
  }

  /** A login that the server has begun with another `mpin` master is begun anew, and answered with the same PIN. */
  async #proveOrRenew(pin: Pin, deviceFactor: DeviceFactor | undefined): Promise<LoginOutcome> {
    const spare = copyPin(pin);
    try {
      return await this.#prove(pin, deviceFactor);
    } catch (error) {
      if (!(error instanceof MilagroError) || error.code !== "ERR_MASTER_CHANGED") throw error;
      return (await this.#renew()) ?? (await this.#prove(spare, deviceFactor));
    } finally {
      spare.destroy();
    }
  }

  async #prove(pin: Pin, deviceFactor: DeviceFactor | undefined): Promise<LoginOutcome> {
    const { attempt, nonce, started } = this.#opened;
    const unlock = deviceFactor ? { pin, deviceFactor } : { pin };
    const response = attempt.answer(unlock, parseLoginNonce(nonce));
    try {
      const { v: _, ...outcome } = await callMpin(
        this.#client,
        {
          method: "POST",
          url: `/v1/logins/${encodeBase64url(started.session)}/proofs`,
          body: { v: 1, response: encodeBase64url(response) },
        },
        readOutcome,
      );
      if (outcome.outcome === "accepted" && outcome.identity !== this.#opened.account.account.identity)
        mismatch("the server has logged in somebody else");
      return outcome;
    } catch (error) {
      if (isOutage(error)) return { outcome: "offline", code: error.code, sent: error.code !== "ERR_RATE_LIMITED" };
      throw error;
    }
  }
}

/**
 * The second stage of an enrolment: the token is made and stored, and the login server is told. There is an account once it has
 * registered the device, not before.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { encodeRegistration, parseRegistered } from "@milagro/protocol/registration-messages";
import { type Account, listAccounts } from "./mpin-account.ts";
import { storeAccount } from "./mpin-account-write.ts";
import { callMpin } from "./mpin-call.ts";
import { dropEnrolment, type RegisteringRecord } from "./mpin-enrolment-record.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { isOutage } from "./outage.ts";

/** `offline`: `register` again, later. */
export type Registration =
  | { readonly outcome: "registered"; readonly account: Account }
  | { readonly outcome: "offline"; readonly code: string };

export class RegisteringEnrolment {
  readonly stage = "registering";
  readonly #client: MpinClient;
  readonly #record: RegisteringRecord;
  readonly #account: Uint8Array;

  /** @param account - the account's record: from here on this object's own */
  constructor(client: MpinClient, record: RegisteringRecord, account: Uint8Array) {
    this.#client = client;
    this.#record = record;
    this.#account = account;
  }

  /** As it was stored; undefined when the account is there already, because the crash came after that. */
  static async resume(
    client: MpinClient,
    record: RegisteringRecord,
    account: Uint8Array,
  ): Promise<RegisteringEnrolment | undefined> {
    const enrolment = new RegisteringEnrolment(client, record, account);
    if (!(await enrolment.#stored())) return enrolment;
    enrolment.destroy();
    await dropEnrolment(client, enrolment.identity);
    return undefined;
  }

  get identity() {
    return parseMpinIdentity(this.#record.registration.identity);
  }

  get user(): string {
    return splitMpinIdentity(this.identity).user;
  }

  get label(): string {
    return this.#record.label;
  }

  /**
   * Tells the login server; the same registration again gets the same answer. Once registered, this object is over.
   * @throws what the server says of receipts that it does not believe; `ERR_STORAGE_UNAVAILABLE`: `register` again
   */
  async register(): Promise<Registration> {
    const client = this.#client;
    const body = encodeRegistration(this.#record.registration);
    try {
      const call = { method: "POST", url: "/v1/registrations", body, idempotent: true } as const;
      const { device } = await callMpin(client, call, parseRegistered);
      if (device.identity !== this.identity)
        throw new MilagroError("ERR_LOGIN_MISMATCH", "the server has registered another device");
    } catch (error) {
      if (isOutage(error)) return { outcome: "offline", code: error.code };
      throw error;
    }
    // An account that is there is newer than this record: its PIN may have been changed since.
    if (!(await this.#stored())) await storeAccount(client, this.identity, this.#account.slice());
    await dropEnrolment(client, this.identity);
    const account = await this.#stored();
    if (!account) throw new MilagroError("ERR_STORAGE_UNAVAILABLE", "the account was stored and is not there");
    this.destroy();
    return { outcome: "registered", account };
  }

  /** Gives it up. The device stays registered if it was; it never logs in. */
  async abandon(): Promise<void> {
    await dropEnrolment(this.#client, this.identity);
    this.destroy();
  }

  /** Forgets the token here; what is stored stays. */
  destroy(): void {
    wipe(this.#account);
  }

  async #stored(): Promise<Account | undefined> {
    const { accounts } = await listAccounts(this.#client);
    return accounts.find(({ identity }) => identity === this.identity);
  }
}

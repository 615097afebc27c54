/**
 * What setting up a device does with the client, step by step; `enrol-talk.ts` says what comes when. One object for one enrolment.
 * @module
 */
import { type MpinClient, type Pin, type PinWeakness, parsePin, pinWeakness, samePin } from "@milagro/client/mpin";
import {
  type AskingEnrolment,
  activationEvidence,
  awaitApproval,
  beginEnrolment,
  beginOpenIdLogin,
  claimQuickCode,
  codeEvidence,
  type EnrolmentProgress,
  type EvidenceFor,
  fetchLoginService,
  finishOpenIdLogin,
  isOpenIdAnswerFor,
  listEnrolments,
  type OpenIdAnswer,
  type OpenIdProgress,
  type PendingEnrolment,
  type RegisteringEnrolment,
  resumeEnrolment,
} from "@milagro/client/mpin-enrol";
import type { EnrolmentWay, Language, LoginService } from "@milagro/protocol/login-messages";
import { askToPersist } from "./browser-storage.ts";
import { webClient } from "./web-client.ts";
import { wholeEngine } from "./whole-engine.ts";

/** The ways that this page can walk. */
export const WAYS = ["email", "openid", "activation", "quick-code"] as const satisfies readonly EnrolmentWay[];
export type Way = (typeof WAYS)[number];

export class EnrolFlow {
  readonly client: MpinClient;
  readonly service: LoginService;
  #asking: AskingEnrolment | undefined;
  #registering: RegisteringEnrolment | undefined;
  #pin: Pin | undefined;

  private constructor(client: MpinClient, service: LoginService) {
    this.client = client;
    this.service = service;
  }

  /**
   * @param answer - of an OpenID provider that the browser comes back from: then only what it belongs to is looked for
   * @returns the flow, and with it what was interrupted here, if anything was
   */
  static async open(
    answer?: OpenIdAnswer,
  ): Promise<{ readonly flow: EnrolFlow; readonly interrupted: PendingEnrolment | undefined }> {
    const client = await webClient();
    const flow = new EnrolFlow(client, await fetchLoginService(client));
    for (const identity of await listEnrolments(client)) {
      const interrupted = await resumeEnrolment(client, identity, wholeEngine);
      if (!interrupted) continue;
      const wanted = !answer || (interrupted.stage === "asking" && isOpenIdAnswerFor(interrupted, answer));
      if (wanted) return { flow, interrupted };
      interrupted.destroy();
    }
    return { flow, interrupted: undefined };
  }

  get ways(): readonly Way[] {
    return WAYS.filter((way) => this.service.enrolment.includes(way));
  }

  get authorities(): readonly { readonly index: number; readonly name: string }[] {
    return this.service.descriptor.descriptor.authorities;
  }

  get user(): string {
    return this.#asking?.user ?? this.#registering?.user ?? "";
  }

  async begin(user: string, label: string): Promise<void> {
    this.#asking = await beginEnrolment(this.client, { service: this.service, user, label, loadEngine: wholeEngine });
  }

  /** Goes on with what was interrupted. @returns true when only the registration is missing */
  take(pending: PendingEnrolment): boolean {
    if (pending.stage === "registering") this.#registering = pending;
    else this.#asking = pending;
    return pending.stage === "registering";
  }

  /** Asks for codes. @returns the names of those that could not be asked */
  async requestCodes(language: Language): Promise<readonly string[]> {
    const asked = await this.#current.requestCodes(language);
    return asked.filter(({ outcome }) => outcome === "offline").map(({ name }) => name);
  }

  submitCodes(typed: readonly { readonly index: number; readonly text: string }[]): Promise<EnrolmentProgress> {
    return this.#current.submit(typed.map(({ index, text }): EvidenceFor => codeEvidence(index, text)));
  }

  /** @returns undefined for a text that is no activation code; nobody is asked then */
  submitActivation(text: string): Promise<EnrolmentProgress> | undefined {
    let evidence: readonly EvidenceFor[];
    try {
      evidence = activationEvidence(text);
    } catch {
      return undefined;
    }
    return this.#current.submit(evidence);
  }

  /** Asks again with what has been brought. */
  submitAgain(): Promise<EnrolmentProgress> {
    return this.#current.submit();
  }

  /** @returns where the browser is to go */
  openIdAddress(): Promise<string> {
    return beginOpenIdLogin(this.client, this.#current);
  }

  takeOpenIdAnswer(answer: OpenIdAnswer): Promise<OpenIdProgress> {
    return finishOpenIdLogin(this.client, this.#current, answer);
  }

  claimQuickCode(text: string): Promise<void> {
    return claimQuickCode(this.client, this.#current, text);
  }

  awaitApproval() {
    return awaitApproval(this.client, this.#current);
  }

  /** The first of two entries. @returns why it is too easy, if it is */
  choose(digits: Uint8Array): PinWeakness | undefined {
    this.#pin?.destroy();
    const pin = parsePin(digits);
    const weakness = pinWeakness(pin, this.service.policy.pin);
    if (weakness) pin.destroy();
    else this.#pin = pin;
    return weakness;
  }

  /** The second. Makes the token when both are the same. @returns a copy of the PIN for the first login, or undefined */
  async repeat(digits: Uint8Array): Promise<Pin | undefined> {
    const [first, second] = [this.#pin, parsePin(digits)];
    this.#pin = undefined;
    if (!first || !samePin(first, second)) {
      first?.destroy();
      second.destroy();
      return undefined;
    }
    const finished = await this.#current.finish(first);
    if ("outcome" in finished) throw new TypeError("a PIN that was strong is weak");
    this.#asking = undefined;
    this.#registering = finished;
    return second;
  }

  async register(): Promise<{ readonly identity: string } | undefined> {
    if (!this.#registering) throw new TypeError("nothing to register");
    const result = await this.#registering.register();
    if (result.outcome !== "registered") return undefined;
    // Not waited for: Firefox asks the person, who may never answer.
    void askToPersist();
    return { identity: result.account.identity };
  }

  /** Forgets an enrolment, here and in storage. */
  async abandon(): Promise<void> {
    await (this.#asking ?? this.#registering)?.abandon();
    this.close();
  }

  /** Forgets secrets in memory; what is stored stays for the next visit. */
  close(): void {
    this.#pin?.destroy();
    this.#asking?.destroy();
    this.#registering?.destroy();
    this.#pin = undefined;
    this.#asking = undefined;
    this.#registering = undefined;
  }

  get #current(): AskingEnrolment {
    if (!this.#asking) throw new TypeError("no enrolment is under way");
    return this.#asking;
  }
}

/**
 * `<milagro-login>`: choose the account, enter the PIN, see what came of it. A device that is not set up is set up here, and a screen
 * that is not one's own shows a QR code instead. Both are fetched when somebody wants them.
 *
 * Attributes: `interaction` (uid of an application's login), `setup` (begins with setting up this device). Property: `purpose`.
 * Events: `milagro-login`, with user, identity and where to go next, and the page goes there; `milagro-failed`, with the code.
 *
 * Long because it is one conversation: its views, and what each outcome leads to, are read together.
 * @module
 */
import { type Account, listAccounts } from "@milagro/client/mpin-account";
import type { LoginOutcome, LoginPurpose } from "@milagro/client/mpin-login";
import type { MpinClient } from "@milagro/client/mpin-ports";
import { type Pin, parsePin } from "@milagro/crypto/mpin-token";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { arrow, phone, plus } from "./icons.ts";
import type { LoggedIn } from "./logged-in.ts";
import { LoginAttempt } from "./login-attempt.ts";
import { loginStyle } from "./login-style.ts";
import type { PinEvent } from "./pin-event.ts";
import "./pin-pad.ts";
import { blockedUntil, codeOf, Screen } from "./screen.ts";
import { updatesBy, webClient } from "./web-client.ts";

type View =
  | { readonly name: "loading" | "accounts" | "enrol" | "phone" | "locked" | "checking" }
  | { readonly name: "pin"; readonly wrong?: { readonly attemptsLeft: number } }
  | { readonly name: "accepted"; readonly user: string }
  | { readonly name: "blocked"; readonly until: number | undefined }
  | { readonly name: "revoked"; readonly authority: string }
  | { readonly name: "outdated" }
  | { readonly name: "offline" }
  | { readonly name: "failed"; readonly code: string };

export class MilagroLogin extends Screen {
  static override properties = {
    interaction: {},
    setup: { type: Boolean },
    answer: { attribute: false },
    step: { reflect: true },
    purpose: { attribute: false },
    screen: { state: true },
    seconds: { state: true },
  };
  static override styles = [...Screen.styles, loginStyle];

  declare interaction: string;
  /** Begins with setting up this device. */
  declare setup: boolean;
  /** The query with which an OpenID provider has sent the browser back; for setting up. */
  declare answer: string | undefined;
  /** What the login is for; a session, or the interaction, when not set. */
  declare purpose: LoginPurpose | undefined;
  /** Which view is shown, for the page's style. */
  declare step: string;
  declare private screen: View;
  declare private seconds: number;

  #client: MpinClient | undefined;
  #accounts: readonly Account[] = [];
  #account: Account | undefined;
  readonly #attempt = new LoginAttempt();
  #clientName = "";
  #message: string | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.interaction = "";
    this.setup = false;
    this.answer = undefined;
    this.step = "";
    this.purpose = undefined;
    this.screen = { name: "loading" };
    this.seconds = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#load();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#attempt.drop();
    clearInterval(this.#timer);
  }

  protected override willUpdate(changed: PropertyValues): void {
    this.step = this.view;
    if (changed.has("purpose") && changed.get("purpose") !== undefined) this.#prepare();
  }

  protected override get view(): string {
    return this.screen.name === "checking" ? "pin" : this.screen.name;
  }

  protected override content(): TemplateResult {
    const { screen, texts } = this;
    switch (screen.name) {
      case "loading":
        return html`<p class="row middle" role="status"><span class="wheel"></span>${texts.loading}</p>`;
      case "accounts":
        return this.#accountsView();
      case "pin":
      case "checking":
        return this.#pinView();
      case "enrol":
        return html`<milagro-enrol
          .finished=${this.#enrolled}
          .answer=${this.answer}
          @milagro-cancel=${this.#start}
        ></milagro-enrol>`;
      case "phone":
        return html`<milagro-handover-screen
            .interaction=${this.interaction}
            @milagro-login=${this.#byPhone}
          ></milagro-handover-screen>
          <button class="link" type="button" @click=${this.#start}>${texts.back}</button>`;
      case "accepted":
        return html`${heading(texts.loggedIn)}
          <p class="lead" role="status">${texts.loggedInAs(screen.user)}</p>`;
      case "locked":
        return html`<milagro-unlock @milagro-unlocked=${this.#start}></milagro-unlock>
          ${this.#mayHandOver ? html`<ul class="stack tight">${this.#phoneChoice()}</ul>` : nothing}`;
      case "blocked":
        return this.#dead(texts.blocked, this.blockedSaid(screen.until));
      case "revoked":
        return this.#dead(texts.revoked, texts.revokedHelp(screen.authority));
      case "outdated":
        return this.#dead(texts.revoked, texts.outdatedHelp, texts.setUpDevice, this.#enrol);
      case "offline":
        return this.#dead(texts.offline, texts.offlineHelp);
      case "failed":
        return this.#dead(texts.failed, texts.failedHelp(screen.code));
    }
  }

  #accountsView(): TemplateResult {
    const { texts } = this;
    const some = this.#accounts.length > 0;
    return html`<div class="tight">
        ${heading(some ? texts.chooseAccount : texts.logIn)}
        ${some ? nothing : html`<p class="lead">${texts.noAccount}</p>`}
      </div>
      <ul class="stack tight">
        ${this.#accounts.map(
          (account) => html`<li>
            <button class="choice" type="button" @click=${() => this.#choose(account)}>
              <span class="face" aria-hidden="true">${[...account.user][0]}</span>
              <span><span class="main">${account.user}</span><span class="side">${account.label}</span></span>
              ${arrow}
            </button>
          </li>`,
        )}
        <li>
          <button class="choice" type="button" data-enrol @click=${this.#enrol}>
            <span class="face">${plus}</span>
            <span><span class="main">${some ? texts.otherAccount : texts.setUpDevice}</span></span>
            ${arrow}
          </button>
        </li>
        ${this.#mayHandOver ? this.#phoneChoice() : nothing}
      </ul>`;
  }

  #phoneChoice(): TemplateResult {
    const { texts } = this;
    return html`<li>
      <button class="choice" type="button" data-phone @click=${this.#byQrCode}>
        <span class="face">${phone}</span>
        <span><span class="main">${texts.withPhone}</span><span class="side">${texts.withPhoneHelp}</span></span>
        ${arrow}
      </button>
    </li>`;
  }

  #pinView(): TemplateResult {
    const { texts, screen, seconds } = this;
    const account = this.#account as Account;
    const checking = screen.name === "checking";
    const wrong = screen.name === "pin" ? screen.wrong : undefined;
    const waiting = seconds > 0;
    return html`<div class="tight">
        ${heading(texts.enterPin)}
        <p class="lead">${account.user}${this.#clientName ? html` · ${texts.logInTo(this.#clientName)}` : nothing}</p>
      </div>
      ${
        this.#message === undefined
          ? nothing
          : html`<div class="tight"><p>${texts.confirmFirst(this.#clientName)}</p><blockquote>${this.#message}</blockquote></div>`
      }
      <div>
        <p class="said ${wrong ? "bad" : ""}" role="alert">
          ${wrong ? html`${texts.wrongPin} ${texts.attemptsLeft(wrong.attemptsLeft)} ` : nothing}${waiting ? texts.waitSeconds(seconds) : nothing}
        </p>
        <p class="said" role="status" ?hidden=${!checking}>${checking ? texts.checking : nothing}</p>
        <milagro-pin-pad
          data-focus
          label=${texts.enterPin}
          min=${account.pinPolicy.min}
          max=${account.pinPolicy.max}
          ?disabled=${checking || waiting}
          ?invalid=${wrong !== undefined}
          @milagro-pin=${this.#onPin}
        ></milagro-pin-pad>
      </div>
      <div class="row middle">
        ${this.#otherAccount(checking)}
      </div>`;
  }

  #otherAccount(disabled = false): TemplateResult {
    return html`<button class="link" type="button" ?disabled=${disabled} @click=${this.#showAccounts}>${this.texts.otherAccount}</button>`;
  }

  #dead(title: string, help: string, button = this.texts.tryAgain, act: () => unknown = this.#start): TemplateResult {
    return html`<div class="tight" role="alert">
        ${heading(title)}
        <p class="lead">${help}</p>
      </div>
      <div class="row">
        <button class="action main" type="button" @click=${act}>${button}</button>
        ${this.#account ? this.#otherAccount() : nothing}
      </div>`;
  }

  get #mayHandOver(): boolean {
    return this.purpose === undefined;
  }

  /** What a login here is for. */
  get #for(): LoginPurpose {
    if (this.purpose) return this.purpose;
    return this.interaction === "" ? { type: "session" } : { type: "interaction", uid: this.interaction };
  }

  async #load(): Promise<void> {
    try {
      this.#client = await webClient();
      this.#accounts = (await listAccounts(this.#client)).accounts;
      const [only, ...more] = this.#accounts;
      if (this.setup) {
        this.setup = false;
        await this.#enrol();
      } else if (only && more.length === 0) this.#choose(only);
      else this.screen = { name: "accounts" };
    } catch (error) {
      this.#fail(error);
    }
  }

  #start = (): void => {
    this.answer = undefined;
    this.screen = { name: "loading" };
    void this.#load();
  };

  #showAccounts = (): void => {
    this.#attempt.drop();
    this.screen = { name: "accounts" };
  };

  #enrol = async (): Promise<void> => {
    this.screen = { name: "loading" };
    await this.#fetched(() => import("./enrol-or-update.ts"), { name: "enrol" });
  };

  #byQrCode = async (): Promise<void> => {
    this.screen = { name: "loading" };
    await this.#fetched(() => import("./handover-screen.ts"), { name: "phone" });
  };

  async #fetched(load: () => Promise<unknown>, next: View): Promise<void> {
    try {
      await load();
      this.screen = next;
    } catch {
      this.screen = { name: "offline" };
    }
  }

  #choose(account: Account): void {
    this.#account = account;
    this.#clientName = account.service;
    this.screen = { name: "pin" };
    this.#prepare();
  }

  #prepare(): void {
    this.#attempt.drop();
    const [client, account] = [this.#client, this.#account];
    if (!client || !account) return;
    this.#attempt.prepare(
      client,
      { identity: account.identity, purpose: this.#for },
      (login) => {
        if ("outcome" in login) return this.#show(login);
        this.#clientName = login.client;
        this.#message = login.message;
        this.requestUpdate();
      },
      (error) => this.#fail(error),
    );
  }

  #onPin = (event: Event): void => {
    void this.#answer(parsePin((event as PinEvent).take()));
  };

  async #answer(pin: Pin): Promise<void> {
    const answered = this.#attempt.answer(pin);
    this.screen = { name: "checking" };
    try {
      const outcome = await answered;
      if (this.isConnected) this.#show(outcome);
    } catch (error) {
      this.#fail(error);
    } finally {
      pin.destroy();
    }
  }

  #show(outcome: LoginOutcome): void {
    if (outcome.outcome === "accepted") {
      this.#accepted(outcome);
    } else if (outcome.outcome === "refused" && outcome.attemptsLeft > 0) {
      this.screen = { name: "pin", wrong: { attemptsLeft: outcome.attemptsLeft } };
      this.#wait(outcome.retryAfter ?? 0);
      this.#prepare();
    } else if (outcome.outcome === "refused" || outcome.outcome === "blocked") {
      this.screen = { name: "blocked", until: blockedUntil(outcome.retryAfter) };
    } else if (outcome.outcome === "revoked") {
      this.screen = { name: "revoked", authority: outcome.authority.name };
    } else if (outcome.outcome === "outdated") {
      this.screen = { name: "outdated" };
    } else {
      this.screen = { name: "offline" };
    }
  }

  #fail(error: unknown): void {
    const code = codeOf(error);
    if (code === "ERR_PASSKEY_LOCKED") {
      this.#attempt.drop();
      void this.#fetched(() => import("./unlock.ts"), { name: "locked" });
      return;
    }
    this.screen = { name: "failed", code };
    this.dispatchEvent(new CustomEvent("milagro-failed", { detail: { code } }));
  }

  /** Counts down until the server looks at another attempt. */
  #wait(seconds: number): void {
    clearInterval(this.#timer);
    this.seconds = seconds;
    if (seconds === 0) return;
    const end = Date.now() + seconds * 1000;
    this.#timer = setInterval(() => {
      this.seconds = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      if (this.seconds > 0) return;
      clearInterval(this.#timer);
      void this.updateComplete.then(() => this.focusView());
    }, 250);
  }

  #accepted({ user, identity, next }: LoggedIn): void {
    this.screen = { name: "accepted", user };
    const detail: LoggedIn = next === undefined ? { user, identity } : { user, identity, next };
    this.dispatchEvent(new CustomEvent<LoggedIn>("milagro-login", { detail, bubbles: true, composed: true }));
  }

  #byPhone = (event: CustomEvent<LoggedIn>): void => {
    event.stopPropagation();
    this.#accepted(event.detail);
  };

  /** Set up, and mostly with its PIN at hand: then the first login follows at once. */
  #enrolled = async (identity: string, pin: Pin | undefined): Promise<void> => {
    try {
      this.#accounts = (await listAccounts(this.#client as MpinClient)).accounts;
      const account = this.#accounts.find((each) => each.identity === identity);
      if (!account) throw new TypeError("the account is not there");
      this.#choose(account);
      if (pin) await this.#answer(pin);
    } catch (error) {
      this.#fail(error);
    } finally {
      pin?.destroy();
    }
  };
}

function heading(text: string): TemplateResult {
  return html`<h1 tabindex="-1">${text}</h1>`;
}

updatesBy(async () => (await import("./enrol-or-update.ts")).updateAccount);
customElements.define("milagro-login", MilagroLogin);

declare global {
  interface HTMLElementTagNameMap {
    "milagro-login": MilagroLogin;
  }
}

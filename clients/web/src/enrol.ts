/**
 * `<milagro-enrol>`: setting up this device. Who, and how to show it → codes, an activation code or another device → what each
 * authority answered → a PIN, twice → registered. Reloading the page loses nothing but the PIN.
 *
 * Property `finished`: called once with the identity and the PIN, which is then the callee's to use up. Property `answer`: the
 * query with which an OpenID provider has sent the browser back. Event `milagro-cancel`.
 *
 * Long because it is one conversation: its views, and what each answer leads to, are read together.
 * @module
 */
import type { Pin } from "@milagro/client/mpin";
import type { OpenIdAnswer, OpenIdProgress, PendingEnrolment } from "@milagro/client/mpin-enrol";
import type { MpinClient } from "@milagro/client/mpin-ports";
import { parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { html, nothing, type TemplateResult } from "lit";
import { deviceLabel } from "./device-label.ts";
import type { CodesFilled } from "./enrol-codes.ts";
import "./enrol-codes.ts";
import { EnrolFlow, type Way } from "./enrol-flow.ts";
import { enrolStyle } from "./enrol-style.ts";
import { arrow, phone } from "./icons.ts";
import { check, cross, key, mail, person } from "./icons-setup.ts";
import { chooseLanguage } from "./language.ts";
import { inGroups } from "./match-number.ts";
import { leaveForLogin, parseAnswer } from "./openid-return.ts";
import { takePasskeyWish, wishForPasskey } from "./passkey-wish.ts";
import { passkeysOffered } from "./passkeys-offered.ts";
import type { PinEvent } from "./pin-event.ts";
import "./pin-pad.ts";
import { codeOf } from "./screen.ts";
import { SetupScreen } from "./setup-screen.ts";
import type { WeakPin } from "./setup-texts/texts.ts";
import { gate, webClient } from "./web-client.ts";

/** How an authority stands. */
type Step = "asked" | "checked" | "failed";

type View =
  | {
      readonly name: "loading" | "who" | "activation" | "quick-code" | "progress" | "choose" | "repeat" | "registering";
    }
  | { readonly name: "passkey"; readonly identity: string; readonly said: string }
  | { readonly name: "restore"; readonly client: MpinClient }
  | { readonly name: "codes"; readonly refused: readonly number[] }
  | { readonly name: "number"; readonly number: string | undefined }
  | { readonly name: "interrupted"; readonly pending: PendingEnrolment }
  | { readonly name: "failed"; readonly code: string }
  | { readonly name: "offline"; readonly again: () => void };

export class MilagroEnrol extends SetupScreen {
  static override properties = {
    finished: { attribute: false },
    answer: { attribute: false },
    screen: { state: true },
    advice: { state: true },
    steps: { state: true },
  };
  static override styles = [...SetupScreen.styles, enrolStyle];

  declare finished: ((identity: string, pin: Pin | undefined) => void) | undefined;
  declare answer: string | undefined;
  declare private screen: View;
  /** What was wrong with the last entry. */
  declare private advice: string;
  declare private steps: ReadonlyMap<number, Step>;

  #flow: EnrolFlow | undefined;
  #pin: Pin | undefined;
  #way: Way = "email";

  constructor() {
    super();
    this.finished = undefined;
    this.answer = undefined;
    this.screen = { name: "loading" };
    this.advice = "";
    this.steps = new Map();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#flow?.close();
    this.#pin?.destroy();
  }

  protected override get view(): string {
    return this.screen.name;
  }

  protected override content(): TemplateResult {
    const { screen, texts, setup } = this;
    switch (screen.name) {
      case "loading":
        return this.#busy(texts.loading);
      case "interrupted":
        return this.#interruptedView(screen.pending);
      case "who":
        return this.#whoView();
      case "codes":
        return html`<milagro-enrol-codes
          .authorities=${this.#flow?.authorities ?? []}
          .refused=${screen.refused}
          .user=${this.#flow?.user ?? ""}
          .demo=${this.#flow?.service.mail === true}
          @milagro-codes=${this.#submitCodes}
          @milagro-mail-again=${this.#mailAgain}
        ></milagro-enrol-codes>${this.#cancelRow()}`;
      case "activation":
        return this.#oneField("activation", setup.activationCode, setup.activationHelp, this.#submitActivation);
      case "quick-code":
        return this.#oneField("quick-code", setup.quickCode, setup.quickCodeHelp, this.#claim);
      case "number":
        return html`${
          screen.number === undefined
            ? this.#head(setup.quickCode, setup.numberComes)
            : html`${this.#head(setup.pickNumber, setup.pickNumberHelp)}
                <p class="figure middle" dir="ltr" data-number=${screen.number}>${inGroups(screen.number)}</p>`
        }
          <p class="row lead" role="status"><span class="wheel"></span>${setup.waitingForDevice}</p>
          ${this.#cancelRow()}`;
      case "progress":
        return this.#progressView();
      case "choose":
      case "repeat":
        return this.#pinView(screen.name);
      case "registering":
        return html`${this.#head(setup.registering, "")}${this.#stepsList()}`;
      case "passkey":
        return html`${this.#head(setup.makePasskey, setup.makePasskeyHelp)}
          <p class="said" role="alert">${screen.said}</p>
          <div class="row">
            <button class="action main" type="button" data-focus data-make @click=${() => this.#seal(screen.identity)}>${setup.makeIt}</button>
            <button class="action" type="button" data-not-now @click=${() => this.#finish(screen.identity)}>${setup.notNow}</button>
          </div>`;
      case "restore":
        return html`<milagro-backup
            restore
            .client=${screen.client}
            @milagro-changed=${this.#cancel}
          ></milagro-backup>
          <div class="row middle">
            <button class="link" type="button" @click=${this.#startOver}>${texts.back}</button>
          </div>`;
      case "offline":
        return html`<div role="alert">${this.#head(texts.offline, this.advice || texts.offlineHelp)}</div>
          <div class="row">
            <button class="action main" type="button" @click=${screen.again}>${texts.tryAgain}</button>
            <button class="link" type="button" @click=${this.#startOver}>${texts.startOver}</button>
          </div>`;
      case "failed":
        return html`<div role="alert">${this.#head(texts.failed, texts.failedHelp(screen.code))}</div>
          <div class="row">
            <button class="action main" type="button" @click=${this.#startOver}>${texts.startOver}</button>
            <button class="link" type="button" @click=${this.#cancel}>${texts.cancel}</button>
          </div>`;
    }
  }

  #head(title: string, lead: string): TemplateResult {
    return html`<div class="tight">
      <h1 tabindex="-1">${title}</h1>
      ${lead === "" ? nothing : html`<p class="lead">${lead}</p>`}
    </div>`;
  }

  #busy(text: string): TemplateResult {
    return html`<p class="row middle" role="status"><span class="wheel"></span>${text}</p>`;
  }

  #cancelRow(): TemplateResult {
    return html`<div class="row middle">
      <button class="link" type="button" @click=${this.#startOver}>${this.texts.startOver}</button>
    </div>`;
  }

  #interruptedView(pending: PendingEnrolment): TemplateResult {
    const { texts, setup } = this;
    return html`${this.#head(setup.interrupted, setup.interruptedHelp(pending.user))}
      <div class="row">
        <button class="action main" type="button" data-focus @click=${() => this.#goOn(pending)}>${setup.goOn}</button>
        <button class="action" type="button" @click=${() => this.#giveUp(pending)}>${texts.startOver}</button>
      </div>`;
  }

  #whoView(): TemplateResult {
    const { texts, setup } = this;
    const ways = this.#flow?.ways ?? [];
    const count = this.#flow?.authorities.length ?? 0;
    const provider = this.#flow?.service.openId?.name ?? "";
    const wayTexts: Record<Way, readonly [TemplateResult, string, string]> = {
      email: [mail, setup.byEmail, setup.byEmailHelp(count)],
      openid: [person, setup.byOpenId(provider), setup.byOpenIdHelp(provider)],
      activation: [key, setup.byActivation, setup.byActivationHelp],
      "quick-code": [phone, setup.byQuickCode, setup.byQuickCodeHelp],
    };
    return html`${this.#head(texts.setUpDevice, "")}
      <form class="stack" novalidate @submit=${(event: Event) => event.preventDefault()}>
        <div class="field">
          <label for="user">${setup.emailAddress}</label>
          <input
            id="user"
            type="email"
            name="email"
            autocomplete="email"
            autocapitalize="none"
            spellcheck="false"
            dir="ltr"
            data-focus
            required
            aria-invalid=${this.advice === "" ? "false" : "true"}
            aria-describedby="user-wrong"
          />
          <p class="wrong" id="user-wrong" role="alert">${this.advice}</p>
        </div>
        <div class="field">
          <label for="label">${setup.deviceName}</label>
          <input id="label" type="text" maxlength="64" autocomplete="off" .value=${deviceLabel(setup)} aria-describedby="label-help" />
          <p class="help" id="label-help">${setup.deviceNameHelp}</p>
        </div>
        ${
          passkeysOffered()
            ? html`<label class="option">
                <input id="passkey" type="checkbox" aria-describedby="passkey-help" />
                <span><span class="main">${setup.alsoPasskey}</span><span class="side" id="passkey-help">${setup.alsoPasskeyHelp}</span></span>
              </label>`
            : nothing
        }
        <fieldset class="tight">
          <legend><h2>${setup.howToConfirm}</h2></legend>
          ${ways.map((way) => {
            const [icon, name, help] = wayTexts[way];
            return html`<button class="choice" type="button" data-way=${way} @click=${() => this.#begin(way)}>
              <span class="face">${icon}</span>
              <span><span class="main">${name}</span><span class="side">${help}</span></span>
              ${arrow}
            </button>`;
          })}
        </fieldset>
      </form>
      <div class="row middle">
        <button class="link" type="button" data-restore @click=${this.#restore}>${setup.restoreInstead}</button>
        <button class="link" type="button" @click=${this.#cancel}>${texts.cancel}</button>
      </div>`;
  }

  #oneField(name: string, label: string, help: string, submit: (text: string) => void): TemplateResult {
    const onSubmit = (event: Event) => {
      event.preventDefault();
      const input = this.renderRoot.querySelector<HTMLInputElement>(`#${name}`);
      if (input?.value.trim()) submit(input.value);
    };
    return html`${this.#head(label, help)}
      <form class="stack" novalidate @submit=${onSubmit}>
        <div class="field">
          <label for=${name} class="quiet">${label}</label>
          <input
            id=${name}
            class="code ${name}"
            data-focus
            autocomplete="one-time-code"
            autocapitalize=${name === "activation" ? "none" : "characters"}
            spellcheck="false"
            aria-invalid=${this.advice === "" ? "false" : "true"}
            aria-describedby="${name}-wrong"
          />
          <p class="wrong" id="${name}-wrong" role="alert">${this.advice}</p>
        </div>
        <button class="action main wide" type="submit">${this.texts.next}</button>
      </form>
      ${this.#cancelRow()}`;
  }

  #progressView(): TemplateResult {
    const { setup } = this;
    return html`${this.#head(setup.makingKey(this.#flow?.authorities.length ?? 0), setup.makingKeyHelp)}${this.#stepsList()}`;
  }

  #stepsList(): TemplateResult {
    const { setup } = this;
    const said: Record<Step, string> = {
      asked: setup.stepAsked,
      checked: setup.stepChecked,
      failed: setup.stepFailed,
    };
    const sign: Record<Step, TemplateResult> = {
      asked: html`<span class="wheel"></span>`,
      checked: check,
      failed: cross,
    };
    return html`<ol class="steps" role="status">
      ${(this.#flow?.authorities ?? []).map(({ index, name }) => {
        const step = this.steps.get(index) ?? "asked";
        return html`<li class=${step}>
          <span class="sign">${sign[step]}</span>
          <span><span class="main">${name}</span> <span class="side">${said[step]}</span></span>
        </li>`;
      })}
    </ol>`;
  }

  #pinView(name: "choose" | "repeat"): TemplateResult {
    const { setup } = this;
    const { min, max } = this.#flow?.service.policy.pin ?? { min: 4, max: 8 };
    const first = name === "choose";
    return html`${first ? this.#head(setup.choosePin, setup.choosePinHelp(min, max)) : this.#head(setup.repeatPin, setup.repeatPinHelp)}
      <p class="said" role="alert">${this.advice}</p>
      <milagro-pin-pad
        data-focus
        label=${first ? setup.choosePin : setup.repeatPin}
        min=${min}
        max=${max}
        ?invalid=${this.advice !== ""}
        @milagro-pin=${first ? this.#choosePin : this.#repeatPin}
      ></milagro-pin-pad>`;
  }

  async #open(): Promise<void> {
    await this.#guard(
      async () => {
        const answer = this.answer === undefined ? undefined : parseAnswer(this.answer);
        this.answer = undefined;
        const { flow, interrupted } = await EnrolFlow.open(answer);
        this.#flow = flow;
        if (answer) return this.#cameBack(answer, interrupted);
        this.screen = interrupted ? { name: "interrupted", pending: interrupted } : { name: "who" };
      },
      () => this.#open(),
    );
  }

  #begin = async (way: Way): Promise<void> => {
    const value = (id: string) => this.renderRoot.querySelector<HTMLInputElement>(id)?.value.trim() ?? "";
    const user = value("#user").toLowerCase();
    const label = value("#label").replace(/\s+/g, " ") || deviceLabel(this.setup);
    if (!/^[^\s@/]+@[^\s@/]+\.[^\s@/]+$/.test(user)) {
      this.advice = this.setup.emailInvalid;
      this.renderRoot.querySelector<HTMLInputElement>("#user")?.focus();
      return;
    }
    this.advice = "";
    wishForPasskey(this.renderRoot.querySelector<HTMLInputElement>("#passkey")?.checked === true);
    this.#way = way;
    this.screen = { name: "loading" };
    await this.#guard(
      async () => {
        await this.#flow?.begin(user, label);
        await this.#evidenceView();
      },
      () => this.#open(),
    );
  };

  /** From an OpenID provider. */
  async #cameBack(answer: OpenIdAnswer, pending: PendingEnrolment | undefined): Promise<void> {
    this.#way = "openid";
    if (!pending) {
      this.advice = this.setup.openIdRefused;
      this.screen = { name: "who" };
      return;
    }
    const flow = this.#flow as EnrolFlow;
    flow.take(pending);
    this.steps = new Map();
    this.screen = { name: "progress" };
    await this.#guard(
      async () => {
        try {
          await this.#answered(await flow.takeOpenIdAnswer(answer));
        } catch (error) {
          if (codeOf(error) !== "ERR_EVIDENCE_INVALID") throw error;
          await this.#answered({ outcome: "declined" });
        }
      },
      // The answer is used up, so the next try is another login there.
      () => this.#evidenceView(),
    );
  }

  /** The view of the way that was chosen. */
  async #evidenceView(refused: readonly number[] = []): Promise<void> {
    if (this.#way === "email") {
      if (refused.length === 0) await this.#flow?.requestCodes(chooseLanguage([this.language]));
      this.screen = { name: "codes", refused };
    } else if (this.#way === "openid") {
      const address = await (this.#flow as EnrolFlow).openIdAddress();
      leaveForLogin();
      location.assign(address);
    } else {
      this.screen = { name: this.#way };
    }
  }

  #goOn = async (pending: PendingEnrolment): Promise<void> => {
    const flow = this.#flow as EnrolFlow;
    if (flow.take(pending)) return this.#register();
    this.screen = { name: "loading" };
    await this.#guard(
      async () => {
        const brought = pending.stage === "asking" && pending.authorities.every((each) => each.brought);
        if (pending.stage === "asking" && pending.quickCode) {
          this.#way = "quick-code";
          this.screen = { name: "number", number: pending.quickCode.number };
          await this.#waitForApproval();
        } else if (brought) {
          await this.#progress(() => flow.submitAgain());
        } else {
          if (pending.stage === "asking" && pending.openId) this.#way = "openid";
          await this.#evidenceView();
        }
      },
      () => this.#open(),
    );
  };

  #giveUp = async (pending: PendingEnrolment): Promise<void> => {
    await pending.abandon();
    this.screen = { name: "who" };
  };

  #mailAgain = async (): Promise<void> => {
    await this.#flow?.requestCodes(chooseLanguage([this.language])).catch(() => {});
  };

  #submitCodes = (event: CustomEvent<CodesFilled>): void => {
    void this.#progress(() => (this.#flow as EnrolFlow).submitCodes(event.detail.codes));
  };

  #submitActivation = (text: string): void => {
    void this.#progress(() => (this.#flow as EnrolFlow).submitActivation(text));
  };

  #claim = (text: string): void => {
    this.screen = { name: "loading" };
    void this.#guard(
      async () => {
        try {
          await (this.#flow as EnrolFlow).claimQuickCode(text);
          this.screen = { name: "number", number: undefined };
        } catch (error) {
          if (!/^ERR_(ENCODING_INVALID|QUICK_CODE)/.test(codeOf(error))) throw error;
          this.advice = this.setup.quickCodeRefused;
          this.screen = { name: "quick-code" };
          return;
        }
        await this.#waitForApproval();
      },
      () => this.#open(),
    );
  };

  async #waitForApproval(): Promise<void> {
    while (this.isConnected && this.screen.name === "number") {
      const progress = await (this.#flow as EnrolFlow).awaitApproval();
      if (progress.outcome === "unapproved") continue;
      if (progress.outcome === "number") {
        this.screen = { name: "number", number: progress.number };
        continue;
      }
      if (progress.outcome === "rejected") {
        this.advice = this.setup.deviceRefused;
        this.screen = { name: "quick-code" };
        return;
      }
      return this.#progress(() => Promise.resolve(progress));
    }
  }

  /** Shows the authorities while they are asked, and goes on with what they said. */
  async #progress(ask: () => Promise<OpenIdProgress>): Promise<void> {
    this.advice = "";
    this.steps = new Map();
    this.screen = { name: "progress" };
    await this.#guard(
      async () => this.#answered(await ask()),
      () => this.#progress(() => (this.#flow as EnrolFlow).submitAgain()),
    );
  }

  async #answered(progress: OpenIdProgress): Promise<void> {
    const flow = this.#flow as EnrolFlow;
    const failed =
      progress.outcome === "refused" ? progress.refusals : progress.outcome === "waiting" ? progress.missing : [];
    this.steps = new Map(
      flow.authorities.map(({ index }) => [index, failed.some((one) => one.index === index) ? "failed" : "checked"]),
    );
    if (progress.outcome === "issued") {
      await this.updateComplete;
      // Long enough to be seen; the parts arrive within a blink.
      await new Promise((resolve) => setTimeout(resolve, 900));
      this.screen = { name: "choose" };
    } else if (progress.outcome === "declined" || (progress.outcome === "refused" && this.#way === "openid")) {
      await flow.abandon();
      this.advice = this.setup.openIdRefused;
      this.screen = { name: "who" };
    } else if (progress.outcome === "refused") {
      if (this.#way !== "email")
        this.advice = this.#way === "activation" ? this.setup.activationRefused : this.setup.quickCodeRefused;
      await this.#evidenceView(progress.refusals.map(({ index }) => index));
    } else {
      this.advice = this.setup.waitingFor(progress.missing.map(({ name }) => name).join(", "));
      this.screen = { name: "offline", again: () => void this.#progress(() => flow.submitAgain()) };
    }
  }

  #choosePin = (event: Event): void => {
    const weakness = this.#flow?.choose((event as PinEvent).take());
    this.advice = weakness ? this.setup.weakPin[weakness as WeakPin] : "";
    if (!weakness) this.screen = { name: "repeat" };
  };

  #repeatPin = async (event: Event): Promise<void> => {
    const digits = (event as PinEvent).take();
    this.advice = "";
    await this.#guard(
      async () => {
        this.#pin = await this.#flow?.repeat(digits);
        if (!this.#pin) {
          this.advice = this.setup.pinsDiffer;
          this.screen = { name: "choose" };
          return;
        }
        await this.#register();
      },
      () => this.#register(),
    );
  };

  async #register(): Promise<void> {
    this.screen = { name: "registering" };
    await this.#guard(
      async () => {
        const registered = await this.#flow?.register();
        if (!registered) {
          this.screen = { name: "offline", again: () => void this.#register() };
          return;
        }
        if (takePasskeyWish()) this.screen = { name: "passkey", identity: registered.identity, said: "" };
        else this.#finish(registered.identity);
      },
      () => this.#register(),
    );
  }

  #finish(identity: string): void {
    const pin = this.#pin;
    this.#pin = undefined;
    this.finished?.(identity, pin);
  }

  async #seal(identity: string): Promise<void> {
    try {
      await (await gate()).seal(splitMpinIdentity(parseMpinIdentity(identity)).user);
      this.#finish(identity);
    } catch (error) {
      const said =
        codeOf(error) === "ERR_PASSKEY_UNAVAILABLE" ? this.setup.passkeyFailed : this.texts.failedHelp(codeOf(error));
      this.screen = { name: "passkey", identity, said };
    }
  }

  #restore = async (): Promise<void> => {
    await this.#guard(
      async () => {
        await import("./account-backup.ts");
        this.screen = { name: "restore", client: await webClient() };
      },
      () => this.#open(),
    );
  };

  /** What is thrown is shown; what was only unreachable can be tried again. */
  async #guard(work: () => Promise<void>, again: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const code = codeOf(error);
      const outage = ["ERR_UNREACHABLE", "ERR_TIMEOUT", "ERR_OVERLOADED", "ERR_SEALED"].includes(code);
      this.screen = outage ? { name: "offline", again: () => void again() } : { name: "failed", code };
    }
  }

  #startOver = async (): Promise<void> => {
    this.advice = "";
    await this.#flow?.abandon().catch(() => {});
    this.screen = { name: "loading" };
    await this.#open();
  };

  #cancel = (): void => {
    this.dispatchEvent(new CustomEvent("milagro-cancel"));
  };
}

customElements.define("milagro-enrol", MilagroEnrol);

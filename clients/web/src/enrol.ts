/**
 * `<milagro-enrol>`: setting up this device. Who, and how to show it → codes, an activation code or another device → what each
 * authority answered → a PIN, twice → registered. Here are its screens; `enrol-talk.ts` says which comes when.
 *
 * Property `finished`: called once with the identity and the PIN, which is then the callee's to use up. Property `answer`: the
 * query with which an OpenID provider has sent the browser back. Event `milagro-cancel`.
 * @module
 */
import type { Pin } from "@milagro/client/mpin";
import { html, type TemplateResult } from "lit";
import type { CodesFilled } from "./enrol-codes.ts";
import "./enrol-codes.ts";
import type { Way } from "./enrol-flow.ts";
import { busy, codeForm, head, link, mainButton, stepsList } from "./enrol-parts.ts";
import { enrolStyle } from "./enrol-style.ts";
import { type EnrolScreen, EnrolTalk, type Who } from "./enrol-talk.ts";
import { whoScreen } from "./enrol-who.ts";
import { chooseLanguage } from "./language.ts";
import { inGroups } from "./match-number.ts";
import type { PinEvent } from "./pin-event.ts";
import "./pin-pad.ts";
import { SetupScreen } from "./setup-screen.ts";

export class MilagroEnrol extends SetupScreen {
  static override properties = { finished: { attribute: false }, answer: { attribute: false } };
  static override styles = [...SetupScreen.styles, enrolStyle];

  declare finished: ((identity: string, pin: Pin | undefined) => void) | undefined;
  declare answer: string | undefined;

  readonly #talk = new EnrolTalk({
    speaks: () => chooseLanguage([this.language]),
    requestUpdate: () => this.requestUpdate(),
    finished: (identity, pin) => this.finished?.(identity, pin),
  });

  constructor() {
    super();
    this.finished = undefined;
    this.answer = undefined;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#talk.start(this.answer);
    this.answer = undefined;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#talk.close();
  }

  protected override get view(): string {
    return this.#talk.screen.name;
  }

  protected override content(): TemplateResult {
    const { texts, setup } = this;
    const talk = this.#talk;
    const { screen, steps } = talk;
    const { authorities = [], service, user = "" } = talk.flow ?? {};
    const said = talk.said?.(setup, texts) ?? "";
    const startOver = html`<div class="row middle">${link(texts.startOver, talk.startOver)}</div>`;
    switch (screen.name) {
      case "loading":
        return busy(texts.loading);
      case "interrupted":
        return html`${head(setup.interrupted, setup.interruptedHelp(screen.pending.user))}
          <div class="row">
            <button class="action main" type="button" data-focus @click=${() => talk.goOn(screen.pending)}>${setup.goOn}</button>
            <button class="action" type="button" @click=${() => talk.giveUp(screen.pending)}>${texts.startOver}</button>
          </div>`;
      case "who":
        return html`${head(texts.setUpDevice)} ${whoScreen(setup, talk, said, this.#begin)}
          <div class="row middle">
            <button class="link" type="button" data-restore @click=${talk.restore}>${setup.restoreInstead}</button>
            ${link(texts.cancel, this.#cancel)}
          </div>`;
      case "codes":
        return html`<milagro-enrol-codes
          .authorities=${authorities}
          .refused=${screen.refused}
          .user=${user}
          .demo=${service?.mail === true}
          @milagro-codes=${({ detail }: CustomEvent<CodesFilled>) => talk.submitCodes(detail.codes)}
          @milagro-mail-again=${talk.mailAgain}
        ></milagro-enrol-codes>${startOver}`;
      case "activation": {
        const field = { name: screen.name, label: setup.activationCode, help: setup.activationHelp, said };
        return html`${codeForm(texts, field, talk.submitActivation)}${startOver}`;
      }
      case "quick-code": {
        const field = { name: screen.name, label: setup.quickCode, help: setup.quickCodeHelp, said };
        return html`${codeForm(texts, field, talk.claim)}${startOver}`;
      }
      case "number":
        return html`${this.#number(screen.number)}
          <p class="row lead" role="status"><span class="wheel"></span>${setup.waitingForDevice}</p>
          ${startOver}`;
      case "progress":
        return html`${head(setup.makingKey(authorities.length), setup.makingKeyHelp)}${stepsList(setup, authorities, steps)}`;
      case "choose":
      case "repeat":
        return this.#pin(screen.name, said);
      case "registering":
        return html`${head(setup.registering)}${stepsList(setup, authorities, steps)}`;
      case "passkey":
        return html`${head(setup.makePasskey, setup.makePasskeyHelp)}
          <p class="said" role="alert">${said}</p>
          <div class="row">
            <button class="action main" type="button" data-focus data-make @click=${() => talk.seal(screen.identity)}>${setup.makeIt}</button>
            <button class="action" type="button" data-not-now @click=${() => talk.finish(screen.identity)}>${setup.notNow}</button>
          </div>`;
      case "restore":
        return html`<milagro-backup restore .client=${screen.client} @milagro-changed=${this.#cancel}></milagro-backup>
          <div class="row middle">${link(texts.back, talk.startOver)}</div>`;
      case "offline":
        return html`<div role="alert">${head(texts.offline, said || texts.offlineHelp)}</div>
          <div class="row">${mainButton(texts.tryAgain, screen.again)} ${link(texts.startOver, talk.startOver)}</div>`;
      case "failed":
        return html`<div role="alert">${head(texts.failed, texts.failedHelp(screen.code))}</div>
          <div class="row">${mainButton(texts.startOver, talk.startOver)} ${link(texts.cancel, this.#cancel)}</div>`;
    }
  }

  #number(number: string | undefined): TemplateResult {
    const { setup } = this;
    if (number === undefined) return head(setup.quickCode, setup.numberComes);
    return html`${head(setup.pickNumber, setup.pickNumberHelp)}
      <p class="figure middle" dir="ltr" data-number=${number}>${inGroups(number)}</p>`;
  }

  #pin(name: Extract<EnrolScreen["name"], "choose" | "repeat">, said: string): TemplateResult {
    const { setup } = this;
    const talk = this.#talk;
    const { min, max } = talk.flow?.service.policy.pin ?? { min: 4, max: 8 };
    const [title, help, take] =
      name === "choose"
        ? [setup.choosePin, setup.choosePinHelp(min, max), talk.choosePin]
        : [setup.repeatPin, setup.repeatPinHelp, talk.repeatPin];
    return html`${head(title, help)}
      <p class="said" role="alert">${said}</p>
      <milagro-pin-pad
        data-focus
        label=${title}
        min=${min}
        max=${max}
        ?invalid=${said !== ""}
        @milagro-pin=${(event: Event) => take((event as PinEvent).take())}
      ></milagro-pin-pad>`;
  }

  #begin = (way: Way, who: Who): void => {
    void this.#talk.begin(way, who);
    // Still there: the address was none.
    if (this.#talk.screen.name === "who") this.renderRoot.querySelector<HTMLInputElement>("#user")?.focus();
  };

  #cancel = (): void => {
    this.dispatchEvent(new CustomEvent("milagro-cancel"));
  };
}

customElements.define("milagro-enrol", MilagroEnrol);

/** `<milagro-passkey>`: sealing this browser's accounts by a passkey as well, and no longer. Event `milagro-changed` after either. @module */
import { html, nothing, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { codeOf } from "./screen.ts";
import { gate } from "./web-client.ts";

export class MilagroPasskey extends AccountPanel {
  static override properties = {
    ...AccountPanel.properties,
    state: { state: true },
    said: { state: true },
    busy: { state: true },
  };

  declare private state: "open" | "locked" | "unlocked" | undefined;
  declare private said: { readonly text: string; readonly good: boolean } | undefined;
  declare private busy: boolean;

  constructor() {
    super();
    this.state = undefined;
    this.said = undefined;
    this.busy = false;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#look();
  }

  protected override content(): TemplateResult {
    const { own, state, said, busy } = this;
    const action = {
      open: html`<button class="action" type="button" data-seal ?disabled=${busy || !this.account} @click=${this.#seal}>${own.passkeyUse}</button>`,
      locked: html`<button class="action main" type="button" data-unlock ?disabled=${busy} @click=${this.#unlock}>${this.setup.unlock}</button>`,
      unlocked: html`<button class="action" type="button" data-unseal ?disabled=${busy} @click=${this.#unseal}>${own.passkeyDrop}</button>`,
    };
    return html`<div class="tight">
        <h2>${own.passkey}</h2>
        <p class="lead">${state === "locked" ? this.setup.lockedHelp : state === "unlocked" ? own.passkeyOn : own.passkeyHelp}</p>
      </div>
      <div class="row">${state ? action[state] : nothing}</div>
      ${said ? html`<div class="notice ${said.good ? "" : "bad"}" role="status"><p>${said.text}</p></div>` : nothing}`;
  }

  async #look(): Promise<void> {
    this.state = await (await gate()).state();
  }

  #seal = () => this.#work(async () => (await gate()).seal(this.me.user), this.own.passkeyDone);
  #unlock = () => this.#work(async () => (await gate()).unlock(), "");
  #unseal = () => this.#work(async () => (await gate()).unseal(), this.own.passkeyDropped);

  async #work(act: () => Promise<void>, done: string): Promise<void> {
    this.busy = true;
    try {
      await act();
      this.said = done === "" ? undefined : { text: done, good: true };
      this.dispatchEvent(new CustomEvent("milagro-changed", { bubbles: true, composed: true }));
    } catch (error) {
      const code = codeOf(error);
      const text = code === "ERR_PASSKEY_UNAVAILABLE" ? this.setup.passkeyFailed : this.texts.failedHelp(code);
      this.said = { text, good: false };
    } finally {
      this.busy = false;
      await this.#look();
    }
  }
}

customElements.define("milagro-passkey", MilagroPasskey);

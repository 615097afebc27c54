/** `<milagro-change-pin>`: the old PIN, then the new one twice. @module */
import { changePin, type Pin, pinWeakness, samePin } from "@milagro/client/mpin";
import { html, nothing, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { codeOf } from "./screen.ts";
import type { WeakPin } from "./setup-texts/texts.ts";

export class MilagroChangePin extends AccountPanel {
  static override properties = { ...AccountPanel.properties, said: { state: true } };

  declare private said: { readonly text: string; readonly good: boolean } | undefined;

  constructor() {
    super();
    this.said = undefined;
  }

  protected override content(): TemplateResult {
    const { own, said } = this;
    return html`<div class="tight">
        <h2>${own.changePin}</h2>
        <p class="lead">${own.changePinHelp}</p>
      </div>
      <div class="row">
        <button class="action" type="button" ?disabled=${!this.account} @click=${this.#change}>${own.changePin}</button>
      </div>
      ${said ? html`<div class="notice ${said.good ? "" : "bad"}" role="status"><p>${said.text}</p></div>` : nothing}`;
  }

  #change = async (): Promise<void> => {
    const { account, own } = this;
    if (!account) return;
    try {
      const from = await this.withPin(own.pinNow, async (pin) => pin);
      if (!from) return;
      const to = await this.#chosen();
      if (!to) {
        from.destroy();
        return;
      }
      const outcome = await changePin(this.client, { identity: account.identity, from, to });
      if (outcome.outcome === "changed") {
        this.said = { text: own.pinChanged, good: true };
      } else if (outcome.outcome === "weak") {
        this.said = { text: this.setup.weakPin[outcome.weakness as WeakPin], good: false };
      } else {
        const refusal = this.refusalSaid(outcome);
        this.said = { text: "again" in refusal ? refusal.again : refusal.over, good: false };
      }
    } catch (error) {
      this.said = { text: this.texts.failedHelp(codeOf(error)), good: false };
    }
  };

  /** The new PIN, entered twice. */
  async #chosen(): Promise<Pin | undefined> {
    const { account, own, setup } = this;
    if (!account) return undefined;
    let first: Pin | undefined;
    try {
      return await this.withPin<Pin>(own.pinNew, async (pin) => {
        if (!first) {
          const weakness = pinWeakness(pin, account.pinPolicy);
          if (weakness) {
            pin.destroy();
            return { again: setup.weakPin[weakness as WeakPin] };
          }
          first = pin;
          return { again: setup.repeatPin };
        }
        if (samePin(first, pin)) return pin;
        first.destroy();
        first = undefined;
        pin.destroy();
        return { again: setup.pinsDiffer };
      });
    } finally {
      (first as Pin | undefined)?.destroy();
    }
  }
}

customElements.define("milagro-change-pin", MilagroChangePin);

/**
 * `<milagro-add-device>`: a QuickCode for another device, and its approval: the number that it shows, then the PIN.
 * Event `milagro-changed` when a device was approved.
 * @module
 */

import { approveDevice, type ClaimedView, createQuickCode, viewQuickCode } from "@milagro/client/mpin-enrol";
import type { QuickCode } from "@milagro/protocol/quick-code-messages";
import { css, html, nothing, type TemplateResult } from "lit";
import { AccountPanel, refusalSaid } from "./account-panel.ts";
import { codeOf } from "./screen.ts";

type View =
  | { readonly name: "start" }
  | { readonly name: "code"; readonly code: QuickCode }
  | { readonly name: "claimed"; readonly code: QuickCode; readonly view: ClaimedView }
  | { readonly name: "over"; readonly said: string; readonly good: boolean };

export class MilagroAddDevice extends AccountPanel {
  static override properties = { ...AccountPanel.properties, screen: { state: true } };
  static override styles = [
    ...AccountPanel.styles,
    css`
      .code {
        font: 700 1.9rem var(--_mono);
        letter-spacing: 0.08em;
        direction: ltr;
        text-align: center;
        padding: 0.75rem;
        border-radius: var(--_radius);
        background: var(--_sunken);
        user-select: all;
      }
      .numbers {
        display: grid;
        grid-template-columns: repeat(3, 1fr);
        gap: 0.6rem;
      }
      .numbers .action {
        font: 700 1.5rem var(--_mono);
      }
    `,
  ];

  declare private screen: View;
  #begun = 0;

  constructor() {
    super();
    this.screen = { name: "start" };
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#begun++;
  }

  protected override get view(): string {
    return this.screen.name;
  }

  protected override content(): TemplateResult {
    const { own, screen } = this;
    const head = html`<h2 tabindex="-1">${own.addDevice}</h2>`;
    switch (screen.name) {
      case "start":
        return html`${head}${this.#button()}`;
      case "code":
        return html`${head}
          <p class="lead">${own.addDeviceHelp}</p>
          <p class="code">${screen.code.code}</p>
          <p class="row lead" role="status"><span class="wheel"></span>${own.waitingForClaim}</p>`;
      case "claimed":
        return html`<h2 tabindex="-1">${own.wantsToJoin(screen.view.label)}</h2>
          <p>${own.whichNumber}</p>
          <div class="numbers" role="group" aria-label=${own.whichNumber}>
            ${screen.view.choices.map(
              (number) =>
                html`<button class="action" type="button" @click=${() => this.#approve(screen, number)}>${number}</button>`,
            )}
          </div>
          <button class="link" type="button" @click=${() => this.#end(own.notApproved, false)}>${own.noneOfThese}</button>`;
      case "over":
        return html`${head}
          <div class="notice ${screen.good ? "" : "bad"}" role="status"><p>${screen.said}</p></div>
          ${this.#button()}`;
    }
  }

  #button(): TemplateResult | typeof nothing {
    if (!this.account) return nothing;
    return html`<div class="row">
      <button class="action" type="button" @click=${this.#start}>${this.own.makeCode}</button>
    </div>`;
  }

  #start = async (): Promise<void> => {
    const mine = ++this.#begun;
    try {
      const code = await createQuickCode(this.client);
      this.screen = { name: "code", code };
      for (;;) {
        const view = await viewQuickCode(this.client, code.id);
        if (mine !== this.#begun) return;
        if (view.state === "claimed") {
          this.screen = { name: "claimed", code, view };
          return;
        }
        if (view.state !== "open") return this.#end(this.own.notApproved, false);
        if (Date.now() > code.expires * 1000) return this.#end(this.setup.codeExpired, false);
      }
    } catch (error) {
      if (mine === this.#begun) this.#end(this.texts.failedHelp(codeOf(error)), false);
    }
  };

  async #approve({ code, view }: Extract<View, { name: "claimed" }>, number: string): Promise<void> {
    const { account } = this;
    if (!account) return;
    try {
      const said = await this.withPin(this.own.pinToApprove, async (pin) => {
        const outcome = await approveDevice(this.client, {
          identity: account.identity,
          id: code.id,
          view,
          number,
          pin,
        });
        if (outcome.outcome === "approved") return { over: "" };
        return refusalSaid(this.texts, outcome);
      });
      if (!said) return;
      this.#end(said.over || this.own.approved, said.over === "");
      if (said.over === "") this.dispatchEvent(new CustomEvent("milagro-changed", { bubbles: true, composed: true }));
    } catch (error) {
      const code = codeOf(error);
      this.#end(code === "ERR_NUMBER_MISMATCH" ? this.own.notApproved : this.texts.failedHelp(code), false);
    }
  }

  #end(said: string, good: boolean): void {
    this.#begun++;
    this.screen = { name: "over", said, good };
  }
}

customElements.define("milagro-add-device", MilagroAddDevice);

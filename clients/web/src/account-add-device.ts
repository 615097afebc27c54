/**
 * `<milagro-add-device>`: a QuickCode for another device, and its approval: the number that both devices have computed, then the PIN.
 * Event `milagro-changed` when a device was approved.
 * @module
 */

import { createQuickCode, type DeviceMeeting, type Meeting, meetDevice } from "@milagro/client/mpin-enrol";
import type { QuickCode } from "@milagro/protocol/quick-code-messages";
import { css, html, nothing, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { inGroups } from "./match-number.ts";
import { codeOf } from "./screen.ts";

type View =
  | { readonly name: "start" }
  | { readonly name: "code"; readonly code: QuickCode }
  | { readonly name: "met"; readonly meeting: DeviceMeeting; readonly met: Extract<Meeting, { readonly state: "met" }> }
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
        grid-template-columns: repeat(auto-fit, minmax(min(8.5rem, 100%), 1fr));
        gap: 0.6rem;
      }
      .numbers .action {
        font: 700 1.3rem var(--_mono);
        direction: ltr;
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
      case "met":
        return html`<h2 tabindex="-1">${own.wantsToJoin(screen.met.label)}</h2>
          <p>${own.whichNumber}</p>
          <div class="numbers" role="group" aria-label=${own.whichNumber}>
            ${screen.met.choices.map(
              (number) =>
                html`<button class="action" type="button" data-number=${number} @click=${() => this.#approve(screen, number)}>
                  ${inGroups(number)}
                </button>`,
            )}
          </div>
          <button class="link" type="button" @click=${() => this.#refuse(screen.meeting)}>${own.noneOfThese}</button>`;
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
      const meeting = meetDevice(this.client, code.id);
      for (;;) {
        const met = await meeting.look();
        if (mine !== this.#begun) return;
        if (met.state === "met") {
          this.screen = { name: "met", meeting, met };
          return;
        }
        if (met.state !== "open" && met.state !== "claimed") return this.#end(this.own.notApproved, false);
        if (Date.now() > code.expires * 1000) return this.#end(this.setup.codeExpired, false);
      }
    } catch (error) {
      if (mine === this.#begun) this.#end(this.texts.failedHelp(codeOf(error)), false);
    }
  };

  async #approve({ meeting }: Extract<View, { name: "met" }>, number: string): Promise<void> {
    const { account } = this;
    if (!account) return;
    try {
      const said = await this.withPin(this.own.pinToApprove, async (pin) => {
        const outcome = await meeting.approve({ identity: account.identity, number, pin });
        if (outcome.outcome === "approved") return { over: "" };
        return this.refusalSaid(outcome);
      });
      if (!said) return;
      this.#end(said.over || this.own.approved, said.over === "");
      if (said.over === "") this.dispatchEvent(new CustomEvent("milagro-changed", { bubbles: true, composed: true }));
    } catch (error) {
      const code = codeOf(error);
      this.#end(code === "ERR_NUMBER_MISMATCH" ? this.own.notApproved : this.texts.failedHelp(code), false);
    }
  }

  async #refuse(meeting: DeviceMeeting): Promise<void> {
    this.#end(this.own.notApproved, false);
    await meeting.refuse().catch(() => {}); // the code ends by itself, too
  }

  #end(said: string, good: boolean): void {
    this.#begun++;
    this.screen = { name: "over", said, good };
  }
}

customElements.define("milagro-add-device", MilagroAddDevice);

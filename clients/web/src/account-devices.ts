/** `<milagro-devices>`: one's devices, to rename and to revoke. Event `milagro-changed` when something did. @module */
import { type Device, forgetAccount, renameDevice, revokeDevice } from "@milagro/client/mpin";
import { css, html, nothing, type TemplateResult } from "lit";
import { AccountPanel } from "./account-panel.ts";
import { codeOf } from "./screen.ts";

export class MilagroDevices extends AccountPanel {
  static override properties = { ...AccountPanel.properties, open: { state: true }, wrong: { state: true } };
  static override styles = [
    ...AccountPanel.styles,
    css`
      li {
        display: grid;
        gap: 0.6rem;
        padding-block: 0.85rem;
        border-block-start: 1px solid var(--_line);
      }
      li:first-child {
        border-block-start: 0;
        padding-block-start: 0;
      }
      .name {
        font-weight: 600;
      }
      .badge {
        font-size: 0.8125rem;
        padding: 0.1rem 0.6rem;
        border-radius: 1rem;
        background: var(--_tint);
        color: var(--_accent);
        font-weight: 600;
      }
      .gone {
        opacity: 0.75;
      }
      form {
        display: grid;
        gap: 0.6rem;
      }
    `,
  ];

  /** The device whose name is being changed, or that is about to be revoked. */
  declare private open: { readonly identity: string; readonly what: "rename" | "revoke" } | undefined;
  declare private wrong: string;
  /** What was open last: when it closes, the focus goes back to where it was opened. */
  #last: typeof this.open;

  constructor() {
    super();
    this.open = undefined;
    this.wrong = "";
  }

  protected override get view(): string {
    return this.open ? `${this.open.what} ${this.open.identity}` : "";
  }

  protected override content(): TemplateResult {
    const { own, wrong } = this;
    return html`<h2 tabindex="-1">${own.devices}</h2>
      ${wrong === "" ? nothing : html`<div class="notice bad" role="alert"><p>${wrong}</p></div>`}
      <ul>
        ${this.me.devices.map((device) => this.#device(device))}
      </ul>`;
  }

  #device(device: Device): TemplateResult {
    const { own, open } = this;
    const { label, identity, lastLogin, state } = device;
    const said =
      state === "revoked" ? own.isRevoked : lastLogin ? own.lastLogin(this.whenSaid(lastLogin * 1000)) : own.neverUsed;
    const opened = open?.identity === identity ? open.what : undefined;
    const left = !open && this.#last?.identity === identity ? this.#last.what : undefined;
    return html`<li class=${state === "revoked" ? "gone" : ""}>
      <div class="row apart">
        <div>
          <span class="name">${label}</span>
          ${identity === this.me.identity ? html` <span class="badge">${own.thisDevice}</span>` : nothing}
          <p class="lead">${said}</p>
        </div>
        ${
          state === "revoked" || opened
            ? nothing
            : html`<div class="row">
                <button class="action small" type="button" ?data-focus=${left === "rename"} aria-label="${own.rename}: ${label}" @click=${() => this.#show(identity, "rename")}>
                  ${own.rename}
                </button>
                <button class="action small danger" type="button" ?data-focus=${left === "revoke"} aria-label="${own.revoke}: ${label}" @click=${() => this.#show(identity, "revoke")}>
                  ${own.revoke}
                </button>
              </div>`
        }
      </div>
      ${opened === "rename" ? this.#renaming(device) : opened === "revoke" ? this.#revoking(device) : nothing}
    </li>`;
  }

  #renaming(device: Device): TemplateResult {
    const { own, texts } = this;
    return html`<form @submit=${(event: Event) => this.#rename(event, device)}>
      <div class="field">
        <label for="name">${own.newName(device.label)}</label>
        <input id="name" data-focus maxlength="64" autocomplete="off" .value=${device.label} />
      </div>
      <div class="row">
        <button class="action small main" type="submit">${own.save}</button>
        <button class="action small" type="button" @click=${this.#close}>${texts.cancel}</button>
      </div>
    </form>`;
  }

  #revoking(device: Device): TemplateResult {
    const { own, texts } = this;
    return html`<div class="notice tight" role="group" aria-label=${own.revokeAsk(device.label)}>
      <p><strong>${own.revokeAsk(device.label)}</strong> ${own.revokeHelp}</p>
      <div class="row">
        <button class="action small danger" type="button" @click=${() => this.#revoke(device)}>${own.revoke}</button>
        <button class="action small" type="button" data-focus @click=${this.#close}>${texts.cancel}</button>
      </div>
    </div>`;
  }

  #show(identity: string, what: "rename" | "revoke"): void {
    this.open = this.#last = { identity, what };
  }

  #close = (): void => {
    this.open = undefined;
  };

  #rename = async (event: Event, { identity }: Device): Promise<void> => {
    event.preventDefault();
    const label = this.renderRoot.querySelector<HTMLInputElement>("#name")?.value.trim().replace(/\s+/g, " ");
    if (label) await this.#change(() => renameDevice(this.client, identity, label));
  };

  #revoke = async ({ identity }: Device): Promise<void> => {
    await this.#change(async () => {
      await revokeDevice(this.client, identity);
      // Also one of this browser's that is not logged in: it could only be refused.
      await forgetAccount(this.client, identity);
    });
  };

  async #change(act: () => Promise<void>): Promise<void> {
    try {
      await act();
      this.wrong = "";
      this.open = undefined;
      this.dispatchEvent(new CustomEvent("milagro-changed", { bubbles: true, composed: true }));
    } catch (error) {
      this.wrong = this.texts.failedHelp(codeOf(error));
    }
  }
}

customElements.define("milagro-devices", MilagroDevices);

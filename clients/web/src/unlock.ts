/**
 * `<milagro-unlock>`: the passkey that this browser's accounts are sealed by, asked before the PIN. Fetched by the login where it is
 * needed. Event `milagro-unlocked`.
 * @module
 */
import { css, html, type TemplateResult } from "lit";
import { codeOf } from "./screen.ts";
import { SetupScreen } from "./setup-screen.ts";
import { gate } from "./web-client.ts";

export class MilagroUnlock extends SetupScreen {
  static override properties = { said: { state: true } };
  static override styles = [
    ...SetupScreen.styles,
    css`
      .said {
        min-block-size: 1.5rem;
        color: var(--_danger);
        font-weight: 600;
      }
    `,
  ];

  declare private said: string;

  constructor() {
    super();
    this.said = "";
  }

  protected override get view(): string {
    return "locked";
  }

  protected override content(): TemplateResult {
    const { setup } = this;
    return html`<div class="tight">
        <h1 tabindex="-1">${setup.locked}</h1>
        <p class="lead">${setup.lockedHelp}</p>
      </div>
      <p class="said" role="alert">${this.said}</p>
      <button class="action main wide" type="button" data-focus data-unlock @click=${this.#unlock}>${setup.unlock}</button>`;
  }

  #unlock = async (): Promise<void> => {
    this.said = "";
    try {
      await (await gate()).unlock();
      this.dispatchEvent(new CustomEvent("milagro-unlocked"));
    } catch (error) {
      const code = codeOf(error);
      this.said = code === "ERR_PASSKEY_UNAVAILABLE" ? this.setup.passkeyFailed : this.texts.failedHelp(code);
    }
  };
}

customElements.define("milagro-unlock", MilagroUnlock);

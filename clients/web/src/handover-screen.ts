/**
 * `<milagro-handover-screen>`: the screen's side of a login by phone. A QR code, and a number that only who sits before this screen
 * can choose on the phone; then the session that the phone has opened for it.
 * @module
 */
import { beginHandover, type Handover, handoverState, takeHandover } from "@milagro/client/mpin-handover";
import { css, html, type TemplateResult } from "lit";
import type { LoggedIn } from "./logged-in.ts";
import { qrCode } from "./qr-code.ts";
import { codeOf } from "./screen.ts";
import { SetupScreen } from "./setup-screen.ts";
import { webClient } from "./web-client.ts";

type View =
  | { readonly name: "loading" | "refused" | "expired" }
  | { readonly name: "code"; readonly handover: Handover }
  | { readonly name: "failed"; readonly code: string };

export class MilagroHandoverScreen extends SetupScreen {
  static override properties = { interaction: {}, screen: { state: true } };
  static override styles = [
    ...SetupScreen.styles,
    css`
      .qr {
        inline-size: min(15rem, 100%);
        block-size: auto;
        border-radius: var(--_radius);
        border: 1px solid var(--_line);
        forced-color-adjust: none;
      }
      .middle {
        justify-content: center;
      }
      figure {
        display: grid;
        justify-items: center;
        gap: 1.25rem;
        text-align: center;
      }
    `,
  ];

  declare interaction: string;
  declare private screen: View;
  #begun = 0;

  constructor() {
    super();
    this.interaction = "";
    this.screen = { name: "loading" };
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#begin();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#begun++;
  }

  /** What the QR code says, while one is shown. */
  get address(): string | undefined {
    return this.screen.name === "code" ? this.screen.handover.url : undefined;
  }

  protected override get view(): string {
    return this.screen.name;
  }

  protected override content(): TemplateResult {
    const { screen, texts, setup } = this;
    const title = html`<h1 tabindex="-1">${texts.withPhone}</h1>`;
    if (screen.name === "loading") {
      return html`${title}<p class="row" role="status"><span class="wheel"></span>${texts.loading}</p>`;
    }
    if (screen.name === "code") {
      const { url, number } = screen.handover;
      return html`<div class="tight">${title}<p class="lead">${setup.scanCode}</p></div>
        <figure>
          ${qrCode(url, setup.scanCode)}
          <figcaption class="tight">
            <span class="lead">${setup.numberOnScreen}</span>
            <strong class="figure">${number}</strong>
          </figcaption>
        </figure>
        <p class="row lead middle" role="status"><span class="wheel"></span>${setup.waitingForPhone}</p>`;
    }
    const reason = {
      refused: () => setup.phoneRefused,
      expired: () => setup.codeExpired,
      failed: () => texts.failedHelp("code" in screen ? screen.code : ""),
    }[screen.name]();
    return html`${title}
      <div class="notice bad" role="alert"><p>${reason}</p></div>
      <div class="row">
        <button class="action main" type="button" @click=${() => this.#begin()}>${setup.newQrCode}</button>
      </div>`;
  }

  async #begin(): Promise<void> {
    const mine = ++this.#begun;
    this.screen = { name: "loading" };
    try {
      const client = await webClient();
      const handover = await beginHandover(client, this.interaction || undefined);
      if (mine !== this.#begun) return;
      this.screen = { name: "code", handover };
      for (;;) {
        const { state } = await handoverState(client, handover.id);
        if (mine !== this.#begun) return;
        if (state === "accepted") break;
        if (state === "refused") return this.#end("refused");
        if (Date.now() >= handover.expires * 1000) return this.#end("expired");
      }
      const { user, identity, next } = await takeHandover(client, handover.id);
      const detail: LoggedIn = next === undefined ? { user, identity } : { user, identity, next };
      this.dispatchEvent(new CustomEvent<LoggedIn>("milagro-login", { detail, bubbles: true, composed: true }));
    } catch (error) {
      if (mine === this.#begun) this.screen = { name: "failed", code: codeOf(error) };
    }
  }

  #end(name: "refused" | "expired"): void {
    this.screen = { name };
  }
}

customElements.define("milagro-handover-screen", MilagroHandoverScreen);

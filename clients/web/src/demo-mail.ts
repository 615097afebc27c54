/**
 * `<milagro-demo-mail>`: the mails of the authorities, where a demonstration has put them into a folder instead of sending them.
 * Event `milagro-code` (detail: from, code) when one is to be used.
 * @module
 */
import { callMpin } from "@milagro/client/mpin-call";
import { type DemoMail, parseDemoMail } from "@milagro/protocol/login-messages";
import { css, html, type TemplateResult } from "lit";
import { SetupScreen } from "./setup-screen.ts";
import { webClient } from "./web-client.ts";

const EVERY_MS = 1000;
const CODE = /\b[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b/;

export class MilagroDemoMail extends SetupScreen {
  static override properties = { user: { attribute: false }, mails: { state: true } };
  static override styles = [
    ...SetupScreen.styles,
    css`
      section {
        border: 1px dashed var(--_edge);
        border-radius: var(--_radius);
        padding: 1rem;
        display: grid;
        gap: 0.9rem;
        background: var(--_sunken);
      }
      h2 {
        font-size: 1rem;
      }
      li {
        background: var(--_surface);
        border-radius: calc(var(--_radius) * 0.7);
        padding: 0.75rem 0.9rem;
        display: grid;
        gap: 0.35rem;
      }
      ul {
        display: grid;
        gap: 0.6rem;
      }
      .from {
        font-weight: 600;
      }
      .lead {
        font-size: 0.9375rem;
      }
      pre {
        font: 0.875rem / 1.45 var(--_mono);
        margin: 0;
        white-space: pre-wrap;
      }
      .code {
        font: 600 1rem var(--_mono);
        letter-spacing: 0.04em;
      }
      .row {
        gap: 0.35rem;
      }
      .action.small {
        padding-inline: 0.75rem;
      }
    `,
  ];

  declare user: string;
  declare private mails: DemoMail["mails"];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor() {
    super();
    this.user = "";
    this.mails = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#look();
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  protected override get view(): string {
    return "";
  }

  protected override content(): TemplateResult {
    const { setup } = this;
    return html`<section aria-labelledby="title">
      <div class="tight">
        <h2 id="title">${setup.demoMail}</h2>
        <p class="lead">${setup.demoMailHelp}</p>
      </div>
      <ul aria-live="polite">
        ${this.mails.length === 0 ? html`<li class="lead">${setup.demoMailEmpty}</li>` : this.#newest.map((mail) => this.#mail(mail))}
      </ul>
    </section>`;
  }

  /** The last mail of each sender. */
  get #newest(): DemoMail["mails"] {
    return this.mails.filter((mail, place) => this.mails.findIndex(({ from }) => from === mail.from) === place);
  }

  #mail({ from, subject, text }: DemoMail["mails"][number]): TemplateResult {
    const code = CODE.exec(text)?.[0];
    return html`<li>
      <span class="from">${from}</span>
      <details>
        <summary>${subject}</summary>
        <pre>${text}</pre>
      </details>
      ${
        code === undefined
          ? ""
          : html`<div class="row apart">
              <span class="code">${code}</span>
              <button class="action small" type="button" @click=${() => this.#use(from, code)}>${this.setup.useCode}</button>
            </div>`
      }
    </li>`;
  }

  async #look(): Promise<void> {
    if (this.user === "") return;
    try {
      const url = `/v1/demo/mail?user=${encodeURIComponent(this.user)}`;
      this.mails = (await callMpin(await webClient(), { method: "GET", url }, parseDemoMail)).mails;
    } catch {
      // at the next look
    }
  }

  #use(from: string, code: string): void {
    this.dispatchEvent(new CustomEvent("milagro-code", { detail: { from, code } }));
  }
}

customElements.define("milagro-demo-mail", MilagroDemoMail);

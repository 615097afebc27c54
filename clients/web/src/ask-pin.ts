/**
 * `<milagro-ask-pin>`: a dialogue with a PIN pad, for what needs the PIN in the middle of a page.
 * @module
 */
import { css, html, nothing, type TemplateResult } from "lit";
import type { PinEvent } from "./pin-event.ts";
import "./pin-pad.ts";
import { Screen } from "./screen.ts";

export interface PinQuestion {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  /** What was wrong with the last answer. */
  readonly said: string;
  /** What the PIN is for, to be seen while it is entered. */
  readonly quote?: string | undefined;
}

export class MilagroAskPin extends Screen {
  static override properties = { question: { state: true } };
  static override styles = [
    ...Screen.styles,
    css`
      dialog {
        inline-size: min(24rem, calc(100vw - 1.5rem));
        max-block-size: calc(100dvh - 1.5rem);
        padding: clamp(1rem, 5vmin, 1.75rem);
        border: 1px solid var(--_line);
        border-radius: 22px;
        background: var(--_paper);
        color: var(--_ink);
      }
      dialog::backdrop {
        background: rgb(0 0 0 / 0.45);
      }
      .said {
        min-block-size: 1.5rem;
        color: var(--_danger);
        font-weight: 600;
        text-wrap: balance;
      }
      .inside {
        display: grid;
        gap: 0.75rem;
        text-align: center;
        justify-items: stretch;
      }
      h2 {
        font-size: 1.25rem;
      }
      blockquote {
        margin: 0;
        padding: 0.6rem 0.9rem;
        max-block-size: 9rem;
        overflow-y: auto;
        text-align: start;
        white-space: pre-wrap;
        border-inline-start: 4px solid var(--_accent);
        background: var(--_tint);
      }
    `,
  ];

  declare private question: PinQuestion;
  #answer: ((digits: Uint8Array | undefined) => void) | undefined;

  constructor() {
    super();
    this.question = { label: "", min: 4, max: 8, said: "" };
  }

  /** @returns the digits, the caller's to use up; undefined when the dialogue was closed */
  async ask(question: PinQuestion): Promise<Uint8Array | undefined> {
    this.question = question;
    await this.updateComplete;
    const dialog = this.renderRoot.querySelector("dialog") as HTMLDialogElement;
    if (!dialog.open) dialog.showModal();
    this.renderRoot.querySelector<HTMLElement>("milagro-pin-pad")?.focus();
    return new Promise((resolve) => {
      this.#answer = resolve;
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#finish(undefined);
  }

  protected override get view(): string {
    return "";
  }

  protected override content(): TemplateResult {
    const { label, min, max, said, quote } = this.question;
    return html`<dialog aria-labelledby="label" @close=${() => this.#finish(undefined)}>
      <div class="inside">
        <h2 id="label">${label}</h2>
        ${quote === undefined ? nothing : html`<blockquote dir="auto" tabindex="0">${quote}</blockquote>`}
        <p class="said" role="alert">${said}</p>
        <milagro-pin-pad
          label=${label}
          min=${min}
          max=${max}
          ?invalid=${said !== ""}
          @milagro-pin=${(event: Event) => this.#finish((event as PinEvent).take())}
        ></milagro-pin-pad>
        <button class="link" type="button" @click=${this.#cancel}>${this.texts.cancel}</button>
      </div>
    </dialog>`;
  }

  #cancel = (): void => {
    this.renderRoot.querySelector("dialog")?.close();
  };

  #finish(digits: Uint8Array | undefined): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.(digits);
  }
}

customElements.define("milagro-ask-pin", MilagroAskPin);

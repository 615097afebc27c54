/**
 * `<milagro-pin-pad>`: ten native buttons as on a cash machine, a key to delete and one to confirm; digits can be typed as well.
 * What was entered is shown as dots and said as a count, never as digits, and is in no attribute, property or text of the page.
 *
 * The PIN leaves by one `milagro-pin` event (`PinEvent`) that only listeners at the pad get. Clicks and keys of the pad do not
 * bubble out of it either. A capturing listener of the page still sees which key was pressed, as for any input: hence the
 * origin of its own and the strict policy that the login server sends.
 *
 * Attributes: `min`, `max` (4 to 8), `scramble`, `disabled`, `label`, `invalid` (shakes once).
 * @module
 */
import { html, LitElement, type PropertyValues, svg } from "lit";
import { TEXTS } from "./language.ts";
import { digitOf, LONGEST_PIN, PinDigits } from "./pin-digits.ts";
import { PIN_EVENT, PinEvent } from "./pin-event.ts";
import { pinPadStyle } from "./pin-pad-style.ts";
import { PLAIN_ORDER, scrambledOrder } from "./scramble.ts";
import { secureRandom } from "./secure-random.ts";
import { tokens } from "./style/tokens.ts";
import { TextsController } from "./texts-controller.ts";

const DELETE = svg`<path d="M9 5h11a1 1 0 0 1 1 1v12a1 1 0 0 1-1 1H9l-6-7z"/><path d="m12 9.5 5 5m0-5-5 5"/>`;
const ENTER = svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`;

export class MilagroPinPad extends LitElement {
  static override styles = [tokens, pinPadStyle];
  static override properties = {
    min: { type: Number },
    max: { type: Number },
    scramble: { type: Boolean, reflect: true },
    disabled: { type: Boolean, reflect: true },
    invalid: { type: Boolean, reflect: true },
    label: {},
  };

  declare min: number;
  declare max: number;
  declare scramble: boolean;
  declare disabled: boolean;
  declare invalid: boolean;
  /** The name of the group; "PIN" in the page's language when empty. */
  declare label: string;

  readonly #digits = new PinDigits();
  readonly #out = new EventTarget();
  readonly #texts = new TextsController(this, TEXTS);
  #order: readonly number[] = PLAIN_ORDER;

  constructor() {
    super();
    this.min = 4;
    this.max = LONGEST_PIN;
    this.scramble = false;
    this.disabled = false;
    this.invalid = false;
    this.label = "";
  }

  /** Listeners for the PIN are kept outside the tree: no ancestor is on the event's way. */
  override addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void {
    if (type === PIN_EVENT) this.#out.addEventListener(type, listener, options);
    else super.addEventListener(type, listener as EventListenerOrEventListenerObject, options);
  }

  override removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void {
    if (type === PIN_EVENT) this.#out.removeEventListener(type, listener, options);
    else super.removeEventListener(type, listener as EventListenerOrEventListenerObject, options);
  }

  /** Forgets what was entered, and lays the digits out anew when scrambled. */
  clear(): void {
    this.#digits.clear();
    this.#layOut();
    this.requestUpdate();
  }

  /** To the group, where digits can be typed and Enter confirms. */
  override focus(options?: FocusOptions): void {
    // Who shows a pad and wants the focus there does both at once.
    if (this.hasUpdated) this.renderRoot.querySelector<HTMLElement>(".pad")?.focus(options);
    else void this.updateComplete.then(() => this.focus(options));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#digits.clear();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("scramble")) this.#layOut();
    if (changed.has("disabled") && this.disabled) this.#digits.clear();
  }

  protected override render(): unknown {
    const texts = this.#texts.texts;
    const count = this.#digits.count;
    const said = count <= this.min ? texts.digitsOf(count, this.min) : texts.digits(count);
    const digit = (value: number) => html`<button
      type="button"
      part="key key-digit"
      ?disabled=${this.disabled}
      @click=${() => this.#add(value)}
    >${value}</button>`;
    return html`<div
      class="pad"
      part="pad"
      role="group"
      tabindex="0"
      aria-disabled=${this.disabled}
      dir=${this.#texts.direction}
      lang=${this.#texts.language}
      aria-label=${this.label || texts.pin}
      aria-describedby="count"
      @keydown=${this.#onKey}
      @keyup=${keepInside}
      @keypress=${keepInside}
      @click=${keepInside}
    >
      <div class="display" part="display" aria-hidden="true">
        ${Array.from({ length: Math.max(count, this.min) }, (_, index) => {
          const state = `${index < count ? "filled" : ""} ${index >= this.min ? "extra" : ""}`;
          return html`<span class="dot ${state}" part=${index < count ? "dot dot-filled" : "dot"}></span>`;
        })}
      </div>
      <p class="quiet" id="count" role="status">${said}</p>
      <div class="keys" part="keys">
        ${this.#order.slice(0, 9).map(digit)}
        <button
          type="button"
          class="delete"
          part="key key-delete"
          aria-label=${texts.deleteDigit}
          ?disabled=${this.disabled || count === 0}
          @click=${this.#removeLast}
        ><svg viewBox="0 0 24 24" aria-hidden="true">${DELETE}</svg></button>
        ${digit(this.#order[9] as number)}
        <button
          type="button"
          class="enter"
          part="key key-enter"
          aria-label=${texts.confirmPin}
          ?disabled=${this.disabled || count < this.min}
          @click=${this.#confirm}
        ><svg viewBox="0 0 24 24" aria-hidden="true">${ENTER}</svg></button>
      </div>
    </div>`;
  }

  #onKey(event: KeyboardEvent): void {
    keepInside(event);
    if (this.disabled || event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const digit = digitOf(event.key);
    const onKey = event.target instanceof HTMLButtonElement;
    if (digit !== undefined) this.#add(digit);
    else if (event.key === "Backspace") this.#removeLast();
    else if (event.key === "Delete" || (event.key === "Escape" && this.#digits.count > 0)) this.clear();
    else if (event.key === "Enter" && !onKey) this.#confirm();
    else return;
    event.preventDefault();
  }

  #add(digit: number): void {
    this.invalid = false;
    if (this.#digits.add(digit, this.max)) this.requestUpdate();
  }

  #removeLast(): void {
    if (!this.#digits.removeLast()) return;
    this.requestUpdate();
    this.#keepFocus();
  }

  #confirm(): void {
    if (this.disabled || this.#digits.count < this.min) return;
    const event = new PinEvent(this.#digits.take());
    this.#layOut();
    this.requestUpdate();
    this.#keepFocus();
    try {
      this.#out.dispatchEvent(event);
    } finally {
      event.discard();
    }
  }

  #layOut(): void {
    this.#order = this.scramble ? scrambledOrder(secureRandom) : PLAIN_ORDER;
  }

  /** A key that disables itself would drop the focus to the top of the page. */
  #keepFocus(): void {
    const focused = (this.renderRoot as ShadowRoot).activeElement;
    if (focused?.matches(".delete, .enter")) {
      void this.updateComplete.then(() => (focused as HTMLButtonElement).disabled && this.focus());
    }
  }
}

function keepInside(event: Event): void {
  event.stopPropagation();
}

customElements.define("milagro-pin-pad", MilagroPinPad);

declare global {
  interface HTMLElementTagNameMap {
    "milagro-pin-pad": MilagroPinPad;
  }
}

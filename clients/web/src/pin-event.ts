/**
 * How a PIN leaves the pad: as bytes, once, and to whoever listens at the pad itself.
 *
 * An event on an element passes through the document on its way down, even one that does not bubble: a capturing listener of
 * an analytics script would see it. So the pad dispatches this one at an event target of its own, outside the tree.
 * @module
 */

/** The type of the event. It does not bubble, is not composed, and travels through no ancestor. */
export const PIN_EVENT = "milagro-pin";

/** A PIN was entered. `take` hands out its digits once; what nobody took is wiped when the listeners have run. */
export class PinEvent extends Event {
  #digits: Uint8Array | undefined;

  /** @param digits - ASCII digits; owned by the event from here on */
  constructor(digits: Uint8Array) {
    super(PIN_EVENT, { bubbles: false, composed: false, cancelable: false });
    this.#digits = digits;
  }

  /**
   * The PIN as ASCII digits, now the caller's to wipe.
   * @throws TypeError when somebody has taken it already, or too late
   */
  take(): Uint8Array {
    const digits = this.#digits;
    if (!digits) throw new TypeError("this PIN has been taken, or its event is over");
    this.#digits = undefined;
    return digits;
  }

  /** Wipes what nobody took. */
  discard(): void {
    this.#digits?.fill(0);
    this.#digits = undefined;
  }
}

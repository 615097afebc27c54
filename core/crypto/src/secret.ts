/**
 * Key bytes with an owner and an end.
 *
 * Security: wiping is best effort. The JavaScript engine may have copied the buffer, and hash or cipher objects that
 * saw the bytes keep their own state until they are collected.
 * @module
 */

/** Owns key bytes: cannot be printed or serialised, wiped by `destroy`. */
export class Secret<Kind extends string> {
  readonly kind: Kind;
  #bytes: Uint8Array | undefined;

  /** @param bytes - copied, then overwritten with zeros: from here on only this object holds them */
  constructor(kind: Kind, bytes: Uint8Array) {
    this.kind = kind;
    this.#bytes = bytes.slice();
    bytes.fill(0);
  }

  /**
   * Lends the bytes to a synchronous `fn`, which must neither keep nor change them.
   * @throws TypeError after `destroy`: the caller's bug
   */
  use<T>(fn: (bytes: Uint8Array) => T): T {
    if (!this.#bytes) throw new TypeError(`${this.kind} was destroyed`);
    return fn(this.#bytes);
  }

  /** Overwrites the bytes. May be called twice. */
  destroy(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  toJSON(): string {
    return `[Secret ${this.kind}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

/**
 * Handles of the WebAssembly engine: an element's representation, copied out of linear memory, so that the garbage
 * collector owns it and nothing leaks. It sits behind a private field: printing or serialising a handle shows nothing.
 * @module
 */

export type HandleKind = "Scalar" | "G1" | "G2" | "GT" | "PreparedG2" | "MillerValue";

export class WasmHandle {
  readonly kind: HandleKind;
  #bytes: Uint8Array | undefined;

  constructor(kind: HandleKind, bytes: Uint8Array) {
    this.kind = kind;
    this.#bytes = bytes;
  }

  static bytesOf(value: WasmHandle): Uint8Array {
    const bytes = value.#bytes;
    if (bytes === undefined) throw new TypeError(`${value.kind} was zeroised`);
    return bytes;
  }

  static wipe(value: object): void {
    if (!(#bytes in value)) return;
    value.#bytes?.fill(0);
    value.#bytes = undefined;
  }
}

/** @typeParam H - the opaque handle of the interface */
export const toHandle = <H>(kind: HandleKind, bytes: Uint8Array): H => new WasmHandle(kind, bytes) as unknown as H;

export const isHandle = (value: unknown, kind: HandleKind): boolean =>
  value instanceof WasmHandle && value.kind === kind;

/**
 * What a handle holds; not to be changed.
 * @param length - what this engine's tier needs: handles of another tier look the same but for it
 * @throws TypeError for anything but a live handle of this kind
 */
export function fromHandle(value: unknown, kind: HandleKind, length: number): Uint8Array {
  if (value instanceof WasmHandle && value.kind === kind) {
    const bytes = WasmHandle.bytesOf(value);
    if (bytes.length === length) return bytes;
  }
  throw new TypeError(`expected a ${kind} handle of this engine`);
}

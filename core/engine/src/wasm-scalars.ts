/**
 * Scalars of the WebAssembly engine: 32 little-endian bytes. All arithmetic runs on fixed-width limbs in WebAssembly.
 * @module
 */
import type { RandomBytes, Scalar, ScalarField } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { fromHandle, toHandle } from "./wasm-handle.ts";
import type { Layout, Machine } from "./wasm-machine.ts";

export const SCALAR_BYTES = 32;
/** 384 bits reduced modulo a 255-bit number: a bias below 2⁻¹²⁸. */
const WIDE_BYTES = 48;
/** Bytes are reduced in blocks of 16. */
const BLOCK = 16;

export const scalarBytes = (scalar: Scalar): Uint8Array => fromHandle(scalar, "Scalar", SCALAR_BYTES);
const toScalar = (bytes: Uint8Array): Scalar => toHandle("Scalar", bytes);
const refusal = (reason: string): MilagroError => new MilagroError("ERR_SCALAR_INVALID", `scalar: ${reason}`);

export function createWasmScalars(machine: Machine, random: RandomBytes): ScalarField {
  const { exports } = machine;
  const compute = (operation: (d: number, layout: Layout) => void): Scalar =>
    machine.runSecret((layout) => {
      const d = layout.reserve(SCALAR_BYTES);
      operation(d, layout);
      return toScalar(layout.take(d, SCALAR_BYTES));
    });
  const put = (layout: Layout, scalar: Scalar): number => layout.put(scalarBytes(scalar));
  const reduce = (bytes: Uint8Array): Scalar =>
    compute((d, layout) => {
      const padding = (BLOCK - (bytes.length % BLOCK)) % BLOCK;
      const from = layout.reserve(padding + bytes.length);
      layout.memory().fill(0, from, from + padding);
      layout.memory().set(bytes, from + padding);
      exports.scalarReduce(d, from, padding + bytes.length);
    });
  const field: ScalarField = {
    zero: toScalar(new Uint8Array(SCALAR_BYTES)),
    one: toScalar(Uint8Array.from({ length: SCALAR_BYTES }, (_, i) => (i === 0 ? 1 : 0))),
    decode(bytes, options) {
      if (!(bytes instanceof Uint8Array) || bytes.length !== SCALAR_BYTES) throw refusal("expected 32 bytes");
      const scalar = toScalar(bytes.slice().reverse());
      if (!machine.runSecret((layout) => exports.scalarIsCanonical(put(layout, scalar)))) {
        throw refusal("not below the group order");
      }
      if (options?.zero !== "allow" && field.isZero(scalar)) throw refusal("zero is not allowed here");
      return scalar;
    },
    encode: (a) => scalarBytes(a).slice().reverse(),
    reduce(bytes) {
      if (!(bytes instanceof Uint8Array) || bytes.length < WIDE_BYTES) {
        throw refusal("reducing needs at least 48 bytes");
      }
      return reduce(bytes);
    },
    fromInteger(value) {
      if (!Number.isSafeInteger(value) || value < 0) throw new TypeError("expected a non-negative safe integer");
      // byte by byte: taking the array's buffer would move it off the heap, and its handle would be told by its speed
      const bytes = new Uint8Array(SCALAR_BYTES);
      const words = [value % 2 ** 32, Math.floor(value / 2 ** 32)];
      for (let i = 0; i < 8; i++) bytes[i] = ((words[i >> 2] as number) >>> (8 * (i & 3))) & 255;
      return toScalar(bytes);
    },
    random() {
      const bytes = random(WIDE_BYTES);
      if (!(bytes instanceof Uint8Array) || bytes.length !== WIDE_BYTES) {
        throw new TypeError("the random source returned the wrong number of bytes");
      }
      const scalar = reduce(bytes);
      bytes.fill(0);
      return field.isZero(scalar) ? field.random() : scalar;
    },
    add: (a, b) => compute((d, layout) => exports.scalarAdd(d, put(layout, a), put(layout, b))),
    subtract: (a, b) =>
      compute((d, layout) => {
        const negated = put(layout, b);
        exports.scalarNegate(negated, negated);
        exports.scalarAdd(d, put(layout, a), negated);
      }),
    negate: (a) => compute((d, layout) => exports.scalarNegate(d, put(layout, a))),
    multiply: (a, b) => compute((d, layout) => exports.scalarMultiply(d, put(layout, a), put(layout, b))),
    invert(a) {
      if (field.isZero(a)) throw new TypeError("zero has no inverse");
      return compute((d, layout) => exports.scalarInvert(d, put(layout, a)));
    },
    equals(a, b) {
      const [x, y] = [scalarBytes(a), scalarBytes(b)];
      let difference = 0;
      for (let i = 0; i < SCALAR_BYTES; i++) difference |= (x[i] as number) ^ (y[i] as number);
      return difference === 0;
    },
    isZero: (a) => scalarBytes(a).reduce((any, byte) => any | byte, 0) === 0,
  };
  return field;
}

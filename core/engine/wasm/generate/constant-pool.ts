/**
 * 128-bit constants, kept in linear memory. As immediates, wasm-opt would repeat each of them in front of every use
 * and the engine would build them anew each time: Fp² multiplication took twice as long that way.
 * @module
 */

export class ConstantPool {
  readonly #name: string;
  readonly #lanes: bigint[] = [];
  readonly #offsets = new Map<string, number>();

  constructor(name: string) {
    this.#name = name;
  }

  /** An expression that loads two 64-bit lanes, `high` the same as `low` if left out. */
  i64x2(low: bigint, high: bigint = low): string {
    const lanes = [BigInt.asUintN(64, low), BigInt.asUintN(64, high)];
    const key = lanes.join();
    let offset = this.#offsets.get(key);
    if (offset === undefined) {
      offset = this.#lanes.length * 8;
      this.#lanes.push(...lanes);
      this.#offsets.set(key, offset);
    }
    return `v128.load(${this.#name}, ${offset})`;
  }

  f64x2(value: number): string {
    return this.i64x2(doubleBits(value));
  }

  i32x4(value: bigint): string {
    const lane = BigInt.asUintN(32, value);
    return this.i64x2(lane | (lane << 32n));
  }

  /** The declaration of the data, to be put before its uses. */
  declaration(): string {
    const values = this.#lanes.map((lane) => `0x${lane.toString(16)}`).join(", ");
    return `const ${this.#name}: usize = memory.data<u64>([${values}], 16);\n`;
  }
}

/** The bit pattern of a double. */
export function doubleBits(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

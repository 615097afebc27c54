/**
 * One instance of a tier's WebAssembly module and its linear memory. An operation lays its operands out in the arena,
 * makes one call, and copies the result; the arena is used anew by the next operation, so memory does not grow with
 * their number.
 * @module
 */

/** How field elements are computed, best first. */
export const WASM_TIERS = ["fma", "simd", "scalar"] as const;
export type WasmTier = (typeof WASM_TIERS)[number];

/** Addresses and sizes are bytes; every function writes its result to its first argument unless it returns it. */
export interface WasmExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  initialise(): void;
  wipe(): void;
  arena(): number;
  pairBytes(): number;
  scalarAdd(d: number, a: number, b: number): void;
  scalarNegate(d: number, a: number): void;
  scalarMultiply(d: number, a: number, b: number): void;
  scalarInvert(d: number, a: number): void;
  scalarReduce(d: number, bytes: number, length: number): void;
  scalarIsCanonical(a: number): number;
  addPoints(group: number, d: number, a: number, b: number): void;
  negatePoint(d: number, a: number): void;
  setIdentity(group: number, d: number): void;
  isIdentity(a: number): number;
  equalPoints(group: number, a: number, b: number): number;
  decodePoint(group: number, d: number, bytes: number, length: number): number;
  encodePoint(group: number, bytes: number, a: number, compressed: number): void;
  multiplyPoint(group: number, d: number, a: number, k: number): void;
  multiplySmall(group: number, d: number, a: number, k: number): void;
  hashG1(d: number, uniform: number): void;
}

/** What a build with G2 has beyond that. */
export interface FullWasmExports extends WasmExports {
  fixedTableBytes(group: number): number;
  buildFixedTable(group: number, d: number, a: number): void;
  multiplyFixed(group: number, d: number, table: number, k: number): void;
  decodeAll(d: number, bytes: number, count: number): number;
  multiplyAll(d: number, points: number, count: number, k: number): void;
  multiScalarWork(group: number, count: number): number;
  multiScalar(group: number, d: number, points: number, scalars: number, count: number, work: number): void;
  hashG2(d: number, uniform: number): void;
  normalisePoints(group: number, points: number, count: number, work: number): void;
  prepareLines(lines: number, q: number): void;
  millerLoop(f: number, points: number, prepared: number, lines: number, walking: number, q: number, r: number): void;
  finalExponentiation(d: number, f: number): void;
  setOneFp12(d: number): void;
  isOneFp12(a: number): number;
  equalFp12(a: number, b: number): number;
  mulFp12(d: number, a: number, b: number): void;
  conjugateFp12(d: number, a: number): void;
  powerGt(d: number, a: number, k: number): void;
  readGt(d: number, bytes: number): number;
  writeFp12(bytes: number, a: number): void;
}

const PAGE = 65_536;

/** Where an operation's parts lie. */
export interface Layout {
  /** Reserves a part and fills it. @returns its address */
  put(bytes: Uint8Array): number;
  /** Reserves a part without filling it. */
  reserve(length: number): number;
  /** Reserves a part for `size` bytes each and fills it. */
  putAll(items: readonly Uint8Array[], size: number): number;
  /** A copy of a part. */
  take(address: number, length: number): Uint8Array;
  /** All of linear memory, until the next reservation. */
  memory(): Uint8Array;
}

export interface Machine<E extends WasmExports = WasmExports> {
  readonly exports: E;
  /** Runs one operation in the arena. */
  run<T>(operation: (layout: Layout) => T): T;
  /** As `run`, and overwrites every trace in linear memory afterwards, also when the operation throws. */
  runSecret<T>(operation: (layout: Layout) => T): T;
}

/** Bytes of a point in memory. */
export const pointBytes = (machine: Machine): number => 3 * machine.exports.pairBytes();

/** @param exports - of a fresh instance */
export function createMachine<E extends WasmExports>(exports: E): Machine<E> {
  exports.initialise();
  const start = exports.arena();
  let top = start;
  let view = new Uint8Array(exports.memory.buffer);

  function reserve(length: number): number {
    const address = top;
    top += (length + 15) & ~15;
    if (top > view.length) exports.memory.grow(Math.ceil((top - view.length) / PAGE));
    if (view.length !== exports.memory.buffer.byteLength) view = new Uint8Array(exports.memory.buffer);
    return address;
  }
  const layout: Layout = {
    reserve,
    put(bytes) {
      const address = reserve(bytes.length);
      view.set(bytes, address);
      return address;
    },
    putAll(items, size) {
      const address = reserve(items.length * size);
      for (const [i, bytes] of items.entries()) view.set(bytes, address + i * size);
      return address;
    },
    take: (address, length) => view.slice(address, address + length),
    memory: () => view,
  };
  return {
    exports,
    run(operation) {
      top = start;
      return operation(layout);
    },
    runSecret(operation) {
      top = start;
      try {
        return operation(layout);
      } finally {
        exports.wipe();
        view.fill(0, start, top);
      }
    },
  };
}

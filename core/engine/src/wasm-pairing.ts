/**
 * GT and the pairing of the WebAssembly engine.
 * @module
 */
import type { Engine, G1, G2, Gt, MillerValue, PairingInput, PreparedG2, TargetGroup } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { fromHandle, isHandle, toHandle } from "./wasm-handle.ts";
import { type FullWasmExports, type Layout, type Machine, pointBytes } from "./wasm-machine.ts";
import { scalarBytes } from "./wasm-scalars.ts";

const GT_BYTES = 576;
/** Pairs of prepared lines: two for each of 63 doublings, three for each of 5 additions. */
const LINE_PAIRS = 63 * 2 + 5 * 3;

export function createWasmTargetGroup(machine: Machine<FullWasmExports>): TargetGroup {
  const { exports, runSecret: run } = machine;
  const size = 6 * exports.pairBytes();
  const read = (value: Gt): Uint8Array => fromHandle(value, "GT", size);
  const compute = (operation: (d: number, layout: Layout) => void): Gt =>
    run((layout) => {
      const d = layout.reserve(size);
      operation(d, layout);
      return toHandle("GT", layout.take(d, size));
    });
  const power: TargetGroup["powerSecret"] = (a, k) => {
    const bytes = read(a);
    return compute((d, layout) => exports.powerGt(d, layout.put(bytes), layout.put(scalarBytes(k))));
  };
  return {
    encodedLength: GT_BYTES,
    one: compute((d) => exports.setOneFp12(d)),
    decode(bytes) {
      if (!(bytes instanceof Uint8Array) || bytes.length !== GT_BYTES) throw refusal("expected 576 bytes");
      return compute((d, layout) => {
        if (!exports.readGt(d, layout.put(bytes))) throw refusal("not the encoding of an element of the group");
        if (exports.isOneFp12(d)) throw refusal("the neutral element is not allowed");
      });
    },
    encode(a) {
      const bytes = read(a);
      return run((layout) => {
        const d = layout.reserve(GT_BYTES);
        exports.writeFp12(d, layout.put(bytes));
        return layout.take(d, GT_BYTES);
      });
    },
    multiply(a, b) {
      const [x, y] = [read(a), read(b)];
      return compute((d, layout) => exports.mulFp12(d, layout.put(x), layout.put(y)));
    },
    invert(a) {
      const bytes = read(a);
      return compute((d, layout) => exports.conjugateFp12(d, layout.put(bytes)));
    },
    powerSecret: power,
    powerPublic: power,
    equals(a, b) {
      const [x, y] = [read(a), read(b)];
      return run((layout) => exports.equalFp12(layout.put(x), layout.put(y)) === 1);
    },
    isOne(a) {
      const bytes = read(a);
      return run((layout) => exports.isOneFp12(layout.put(bytes)) === 1);
    },
  };
}

/** The pairing part of `Engine`. */
export type WasmPairing = Pick<Engine, "prepare" | "pair" | "millerProduct" | "finalExponentiation" | "pairingCheck">;

export function createWasmPairing(machine: Machine<FullWasmExports>): WasmPairing {
  const { exports, runSecret: run } = machine;
  const pair = exports.pairBytes();
  const point = pointBytes(machine);
  const size = 6 * pair;
  const prepared = LINE_PAIRS * pair;
  const isIdentity = (bytes: Uint8Array): boolean => run((layout) => exports.isIdentity(layout.put(bytes)) === 1);

  /** Lays the factors out, those with prepared lines first, and runs the loop. @returns the address of the product */
  function product(layout: Layout, factors: readonly PairingInput[]): number {
    const f = layout.reserve(size);
    const known: [Uint8Array, Uint8Array][] = [];
    const walking: [Uint8Array, Uint8Array][] = [];
    for (const [p, q] of factors) {
      const left = fromHandle(p, "G1", point);
      if (isHandle(q, "PreparedG2")) {
        const right = preparedLines(q as PreparedG2);
        if (right) known.push([left, right]);
      } else walking.push([left, fromHandle(q, "G2", point)]);
    }
    const all = [...known, ...walking];
    const addresses = known.map(([, right]) => layout.put(right));
    const points = layout.putAll(
      all.map(([left]) => left),
      point,
    );
    const q = layout.putAll(
      walking.map(([, right]) => right),
      point,
    );
    const r = layout.reserve(walking.length * point);
    const lines = layout.reserve(4 * known.length);
    const work = layout.reserve(all.length * pair);
    const memory = layout.memory();
    new Uint32Array(memory.buffer, lines, known.length).set(addresses);
    exports.normalisePoints(1, points, all.length, work);
    exports.normalisePoints(2, q, walking.length, work);
    memory.copyWithin(r, q, q + walking.length * point);
    exports.millerLoop(f, points, known.length, lines, walking.length, q, r);
    return f;
  }

  /** Undefined for the identity element. */
  function preparedLines(q: PreparedG2): Uint8Array | undefined {
    if (isHandle(q, "PreparedG2") && fromIdentity.has(q)) return undefined;
    return fromHandle(q, "PreparedG2", prepared);
  }
  const fromIdentity = new WeakSet<PreparedG2>();

  const present = (factors: readonly PairingInput[]): PairingInput[] =>
    factors.filter(([p, q]) => {
      const absent = isIdentity(fromHandle(p, "G1", point));
      if (isHandle(q, "PreparedG2")) return !absent;
      return !isIdentity(fromHandle(q, "G2", point)) && !absent;
    });

  function exponentiated(layout: Layout, f: number): number {
    const d = layout.reserve(size);
    exports.finalExponentiation(d, f);
    return d;
  }

  function pairOf(factors: readonly PairingInput[]): Gt {
    const some = present(factors);
    return run((layout) => toHandle("GT", layout.take(exponentiated(layout, product(layout, some)), size)));
  }

  return {
    prepare(q: G2) {
      const bytes = fromHandle(q, "G2", point);
      const absent = isIdentity(bytes);
      const handle = run((layout) => {
        const d = layout.reserve(prepared);
        if (!absent) {
          const affine = layout.put(bytes);
          exports.normalisePoints(2, affine, 1, layout.reserve(pair));
          exports.prepareLines(d, affine);
        }
        return toHandle<PreparedG2>("PreparedG2", layout.take(d, prepared));
      });
      if (absent) fromIdentity.add(handle);
      return handle;
    },
    pair: (p: G1, q) => pairOf([[p, q]]),
    millerProduct(factors) {
      const some = present(factors);
      return run((layout) => toHandle<MillerValue>("MillerValue", layout.take(product(layout, some), size)));
    },
    finalExponentiation(value) {
      const bytes = fromHandle(value, "MillerValue", size);
      return run((layout) => toHandle("GT", layout.take(exponentiated(layout, layout.put(bytes)), size)));
    },
    pairingCheck(factors) {
      const some = present(factors);
      return run((layout) => exports.isOneFp12(exponentiated(layout, product(layout, some))) === 1);
    },
  };
}

function refusal(reason: string): MilagroError {
  return new MilagroError("ERR_POINT_INVALID", `GT: ${reason}`);
}

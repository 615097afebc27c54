/**
 * What is in the whole engine only: fixed bases, multi-scalar products, and many points at once.
 * @module
 */
import { type FullWasmExports, type Machine, pointBytes } from "./wasm-machine.ts";
import { SCALAR_BYTES } from "./wasm-scalars.ts";

/** Points of one call: a longer product is cut up, so that linear memory stays within a few megabytes. */
export const MULTI_SCALAR_LIMIT = 4096;

export interface WasmTables {
  /** Multiples of a point: 31 kB in G1 and 41 kB in G2 on the FMA tier. */
  fixedTable(group: 1 | 2, point: Uint8Array): Uint8Array;
  multiplyFixed(group: 1 | 2, table: Uint8Array, scalar: Uint8Array): Uint8Array;
  /** Points of G1 from 48 bytes each, at most `MULTI_SCALAR_LIMIT`; undefined if one of them is none or the identity element. */
  decodeAll(encodings: readonly Uint8Array[]): readonly Uint8Array[] | undefined;
  /** `k·P` for each of at most `MULTI_SCALAR_LIMIT` points of G1. */
  multiplyAll(points: readonly Uint8Array[], scalar: Uint8Array): readonly Uint8Array[];
  /** `Σ kᵢ·Pᵢ` for at most `MULTI_SCALAR_LIMIT` points. */
  multiScalar(group: 1 | 2, points: readonly Uint8Array[], scalars: readonly Uint8Array[]): Uint8Array;
}

export function createWasmTables(machine: Machine<FullWasmExports>): WasmTables {
  const { exports } = machine;
  const size = pointBytes(machine);
  return {
    fixedTable: (group, point) =>
      machine.runSecret((layout) => {
        const length = exports.fixedTableBytes(group);
        const d = layout.reserve(length);
        exports.buildFixedTable(group, d, layout.put(point));
        return layout.take(d, length);
      }),
    multiplyFixed: (group, table, scalar) =>
      machine.runSecret((layout) => {
        const d = layout.reserve(size);
        exports.multiplyFixed(group, d, layout.put(table), layout.put(scalar));
        return layout.take(d, size);
      }),
    decodeAll: (encodings) =>
      machine.runSecret((layout) => {
        const d = layout.reserve(encodings.length * size);
        if (exports.decodeAll(d, layout.putAll(encodings, 48), encodings.length) !== 1) return undefined;
        return encodings.map((_, i) => layout.take(d + i * size, size));
      }),
    multiplyAll: (points, scalar) =>
      machine.runSecret((layout) => {
        const d = layout.reserve(points.length * size);
        exports.multiplyAll(d, layout.putAll(points, size), points.length, layout.put(scalar));
        return points.map((_, i) => layout.take(d + i * size, size));
      }),
    multiScalar: (group, points, scalars) =>
      machine.runSecret((layout) => {
        const d = layout.reserve(size);
        const first = layout.putAll(points, size);
        const second = layout.putAll(scalars, SCALAR_BYTES);
        const work = layout.reserve(exports.multiScalarWork(group, points.length));
        exports.multiScalar(group, d, first, second, points.length, work);
        return layout.take(d, size);
      }),
  };
}

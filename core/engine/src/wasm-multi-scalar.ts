/**
 * Multi-scalar products of the WebAssembly engine: one call for thousands of points.
 * @module
 */
import { type FullWasmExports, type Machine, pointBytes } from "./wasm-machine.ts";
import { SCALAR_BYTES } from "./wasm-scalars.ts";

/** Points of one call: a longer product is cut up, so that linear memory stays within a few megabytes. */
export const MULTI_SCALAR_LIMIT = 4096;

/** `Σ kᵢ·Pᵢ` for at most `MULTI_SCALAR_LIMIT` points. */
export type MultiScalar = (group: 1 | 2, points: readonly Uint8Array[], scalars: readonly Uint8Array[]) => Uint8Array;

export function createMultiScalar(machine: Machine<FullWasmExports>): MultiScalar {
  const { exports } = machine;
  const size = pointBytes(machine);
  return (group, points, scalars) =>
    machine.run((layout) => {
      const d = layout.reserve(size);
      const first = layout.putAll(points, size);
      const second = layout.putAll(scalars, SCALAR_BYTES);
      const work = layout.reserve(exports.multiScalarWork(group, points.length));
      exports.multiScalar(group, d, first, second, points.length, work);
      return layout.take(d, size);
    });
}

/**
 * The engine on WebAssembly: BLS12-381 generated for one tier of instructions, behind the interface of `engine.ts`.
 *
 * Security: secret operations run a fixed sequence of fixed-width instructions: scalars are recoded without branches,
 * table look-ups read every entry, inversion takes a fixed number of steps, and addition is complete, so that no point
 * is special. Every operation overwrites its operands and temporaries in linear memory. What remains is below
 * WebAssembly: an engine may keep values in registers and stack slots that nothing here reaches, could compile a select
 * into a branch (the timing test looks for it), and the processor decides how long an instruction takes.
 * @module
 */
import type { Engine, G1, G2, RandomBytes } from "./engine.ts";
import { runSelfTest } from "./self-test.ts";
import { createWasmGroup, G1_PARAMETERS, G2_PARAMETERS } from "./wasm-group.ts";
import { WasmHandle } from "./wasm-handle.ts";
import { createMachine, type FullWasmExports, type WasmTier } from "./wasm-machine.ts";
import { createWasmPairing, createWasmTargetGroup } from "./wasm-pairing.ts";
import { createWasmScalars } from "./wasm-scalars.ts";
import { createWasmTables } from "./wasm-tables.ts";
import { instantiate, type WasmModule } from "./webassembly.ts";

/**
 * An engine on an already compiled module: synchronous, for workers that are handed one. The self-test is the caller's.
 * @param options.module - the tier's module, from `compileTier`; one may serve any number of engines and threads
 * @throws `ERR_ENGINE_SELF_TEST` where it cannot even read the generators
 */
export function createWasmEngine(options: {
  readonly random: RandomBytes;
  readonly module: WasmModule;
  readonly tier: WasmTier;
}): Engine {
  const machine = createMachine(instantiate<FullWasmExports>(options.module));
  const { exports } = machine;
  const tables = createWasmTables(machine);
  const engine: Engine = {
    capabilities: { name: `wasm-${options.tier}`, constantTime: true, zeroises: true },
    scalars: createWasmScalars(machine, options.random),
    g1: createWasmGroup<G1>(machine, G1_PARAMETERS, (d, uniform) => exports.hashG1(d, uniform), tables),
    g2: createWasmGroup<G2>(machine, G2_PARAMETERS, (d, uniform) => exports.hashG2(d, uniform), tables),
    gt: createWasmTargetGroup(machine),
    ...createWasmPairing(machine),
    zeroise: (...values) => values.forEach(WasmHandle.wipe),
    selfTest: () => runSelfTest(engine),
  };
  return engine;
}

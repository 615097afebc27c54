import { createWasmEngine } from "../src/wasm.ts";
import { compileTier } from "../src/wasm-load.ts";
import { WASM_TIERS } from "../src/wasm-machine.ts";
import { describeEngine } from "./engine-contract.ts";

for (const tier of WASM_TIERS) {
  describeEngine(`wasm-${tier}`, async ({ random }) => {
    return createWasmEngine({ random, tier, module: await compileTier(tier) });
  });
}

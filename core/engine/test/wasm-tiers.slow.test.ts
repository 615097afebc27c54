import { createWasmEngine } from "../src/wasm.ts";
import { compileTier } from "../src/wasm-load.ts";
import { describeEngine } from "./engine-contract.ts";

for (const tier of ["simd", "scalar"] as const) {
  describeEngine(`wasm-${tier}`, async (options) => {
    return createWasmEngine({ ...options, tier, module: await compileTier(tier) });
  });
}

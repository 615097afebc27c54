/**
 * Which implementation of G1 to fetch. Asking for one that this browser cannot compile would cost a download for nothing, so two
 * modules of a few bytes are tried first.
 * @module
 */
import type { G1Engine } from "@milagro/engine/engine";
import { createG1Engine } from "@milagro/engine/wasm-g1";
import { secureRandom } from "./secure-random.ts";

/** A module with one function of no arguments that returns a v128. Sections: type, function, code. */
const probe = (body: readonly number[]): Uint8Array<ArrayBuffer> => {
  const code = [0x00, ...body, 0x0b];
  const types = [0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b];
  const bytes = [...types, 0x03, 0x02, 0x01, 0x00, 0x0a, code.length + 2, 0x01, code.length, ...code];
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...bytes]);
};
/** `i32.const 0; i8x16.splat` */
const VECTOR = [0x41, 0x00, 0xfd, 0x0f];
/** `f64x2.relaxed_madd` of three vectors. */
const FUSED = probe([...VECTOR, ...VECTOR, ...VECTOR, 0xfd, 0x87, 0x02]);
const SIMD = probe(VECTOR);

function bestTier(): "fma" | "simd" | "scalar" {
  if (WebAssembly.validate(FUSED)) return "fma";
  return WebAssembly.validate(SIMD) ? "simd" : "scalar";
}

/** G1 in WebAssembly; where a browser has none, or forbids it, plain JavaScript, fetched only then. */
export async function smallEngine(): Promise<G1Engine> {
  const random = secureRandom;
  try {
    return await createG1Engine({ random, tier: bestTier() });
  } catch {
    // it compiles and gives other results, or did not arrive: whatever works
  }
  try {
    return await createG1Engine({ random });
  } catch {
    const { createNobleEngine } = await import("@milagro/engine/noble");
    return createNobleEngine({ random });
  }
}

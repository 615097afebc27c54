/**
 * The program of JavaScriptCore's shell, which has neither streams nor base64: modules come from files.
 *
 *     jsc -m platform-shell.js -- <folder of .wasm files> <corpus>
 * @module
 */
import { createWasmEngine, ENGINE_TIERS, type WasmModule } from "@milagro/engine";
import { createNobleEngine } from "@milagro/engine/noble";
import { random, runTiers } from "./platform-page.ts";

/** What the shell has beside the language. */
interface Shell {
  readonly arguments: readonly string[];
  readonly WebAssembly: { readonly Module: new (bytes: Uint8Array) => WasmModule };
  readFile(path: string): string;
  readFile(path: string, form: "binary"): Uint8Array;
  print(text: string): void;
}
const shell = globalThis as unknown as Shell;
const [folder, corpus] = shell.arguments;

const reports = await runTiers(
  ENGINE_TIERS,
  (tier) => {
    if (tier === "noble") return createNobleEngine({ random });
    const module = new shell.WebAssembly.Module(new Uint8Array(shell.readFile(`${folder}/${tier}.wasm`, "binary")));
    const engine = createWasmEngine({ random, tier, module });
    engine.selfTest();
    return engine;
  },
  JSON.parse(shell.readFile(corpus as string)),
);
shell.print(JSON.stringify(reports));

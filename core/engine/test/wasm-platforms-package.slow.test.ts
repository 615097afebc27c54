/**
 * The package as it would be published: packed, unpacked beside nothing but its dependencies, and loaded by name.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "milagro-package-"));
const modules = join(folder, "node_modules");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  await run("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: join(root, "core", "engine") });
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz")) as string;
  mkdirSync(join(modules, "@milagro"), { recursive: true });
  await run("tar", ["-xzf", archive], { cwd: folder });
  cpSync(join(folder, "package"), join(modules, "@milagro", "engine"), { recursive: true });
  cpSync(join(root, "node_modules", "@noble"), join(modules, "@noble"), { recursive: true, dereference: true });
}, 120_000);

/** Runs a module with no options at all and gives what it prints. */
async function evaluate(path: string, source: string): Promise<string> {
  writeFileSync(join(folder, "program.mjs"), `const random = (n) => new Uint8Array(n).fill(7);\n${source}`);
  return (await run(path, ["program.mjs"], { cwd: folder })).stdout.trim();
}

const node26 = process.env["MILAGRO_NODE_26"];
const nodes = [["Node 24", process.execPath], ...(node26 === undefined ? [] : [["Node 26", node26]])] as [
  string,
  string,
][];

test.each(nodes)("%s loads it, and only the tier that it takes", async (_, path) => {
  const loaded = await evaluate(
    path,
    `import { registerHooks } from "node:module";
     const names = [];
     registerHooks({ load(url, context, next) { names.push(url.split("/").at(-1)); return next(url, context); } });
     const { createEngine } = await import("@milagro/engine");
     const { createG1Engine } = await import("@milagro/engine/wasm-g1");
     const engine = await createEngine({ random });
     engine.selfTest();
     const g1 = await createG1Engine({ random });
     const tiers = names.filter((name) => /^(fma|simd|scalar|noble)[-.]/.test(name));
     console.log(engine.capabilities.name, g1.capabilities.name, tiers.join());`,
  );
  expect(loaded).toBe("wasm-fma wasm-fma-g1 fma.js,fma-g1.js");
});

test.each(nodes)("%s loads it without waiting", async (_, path) => {
  const source = `import { createEngineSync } from "@milagro/engine/sync";
    import { wasm } from "@milagro/engine/wasm/scalar-sync";
    console.log(createEngineSync({ random, tier: "scalar", wasm }).capabilities.name);`;
  expect(await evaluate(path, source)).toBe("wasm-scalar");
});

test.each(nodes)("a worker thread of %s loads it, and runs the module that it is handed", async (_, path) => {
  const printed = await evaluate(
    path,
    `import { once } from "node:events";
     import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
     import { chooseTier, createEngine, createWasmEngine } from "@milagro/engine";
     if (isMainThread) {
       const { tier, module } = await chooseTier(random);
       const worker = new Worker(new URL(import.meta.url), { workerData: { tier, module } });
       console.log((await once(worker, "message"))[0]);
     } else {
       const handed = createWasmEngine({ random, ...workerData });
       handed.selfTest();
       parentPort.postMessage(handed.capabilities.name + " " + (await createEngine({ random })).capabilities.name);
     }`,
  );
  expect(printed).toBe("wasm-fma wasm-fma");
});

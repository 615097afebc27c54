/**
 * The differential tests on every platform, each tier forced: Node 24 and 26, Chromium, Firefox, JavaScriptCore.
 * DIFFERENTIAL_SEED repeats a run, DIFFERENTIAL_SCALE multiplies the number of cases, MILAGRO_NODE_26 is a Node 26.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEngine } from "../src/index.ts";
import { makeCorpus } from "./corpus.ts";
import { FAMILIES } from "./differential.ts";
import { hex, random } from "./fixtures.ts";
import { type BrowserKind, browserPath, openPage } from "./open-page.ts";
import type { BrowserReport } from "./platform-browser.ts";
import type { TierReports } from "./platform-page.ts";

const run = promisify(execFile);
const CI = Boolean(process.env["CI"]);
const SEED = process.env["DIFFERENTIAL_SEED"] ?? hex(random(8));
const SCALE = Number(process.env["DIFFERENTIAL_SCALE"] ?? 1);
const NODE_26 = process.env["MILAGRO_NODE_26"];
const JSC = ["/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/jsc", "/usr/bin/jsc"].find((path) => existsSync(path));
/** For the whole of one platform; more cases get more time. */
const LIMIT = 580_000 * Math.max(1, SCALE);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
const ALL = ["fma", "simd", "scalar", "noble"];

const here = fileURLToPath(new URL(".", import.meta.url));
const wasm = fileURLToPath(new URL("../dist/wasm", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "milagro-platforms-"));
const corpus = join(folder, "corpus.json");
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

/** Bundled as an application would be: by package name, with no configuration for the engine. */
async function bundle(name: string): Promise<void> {
  await build({
    root: here,
    configFile: false,
    logLevel: "silent",
    build: {
      target: "es2022",
      modulePreload: false,
      outDir: folder,
      emptyOutDir: false,
      rolldownOptions: { input: join(here, `${name}.ts`), output: { entryFileNames: "[name].js" } },
    },
  });
}

/** Every operation of these tiers agreed with the oracle, thousands of times; the others were refused at load. */
function expectAgreement(platform: string, reports: TierReports, tiers: readonly string[]): void {
  for (const [tier, { state, operations, comparisons, fewest, seconds }] of Object.entries(reports)) {
    const counts = `${operations.length} operations, ${comparisons} comparisons, at least ${fewest} each, ${seconds} s`;
    say(`${platform}, ${tier}: ${state === "ok" ? counts : state}`);
  }
  expect(Object.keys(reports)).toEqual(ALL);
  for (const [tier, { state, operations, comparisons, failures }] of Object.entries(reports)) {
    expect(failures, `${tier}, seed ${SEED}`).toEqual([]);
    if (!tiers.includes(tier)) expect(state).toMatch(/^refused: (ERR_ENGINE_SELF_TEST$|CompileError: .*relaxed simd)/);
    else {
      expect(state, tier).toBe("ok");
      expect(operations.length).toBeGreaterThan(60);
      expect(comparisons).toBeGreaterThan((tier === "noble" ? 4000 : 75_000) * Math.min(1, SCALE));
    }
  }
}

async function runNode(path: string): Promise<TierReports> {
  const args = ["--conditions=@milagro/source", join(here, "platform-node.ts"), corpus];
  return JSON.parse((await run(path, args, { timeout: LIMIT, maxBuffer: 2 ** 26 })).stdout) as TierReports;
}

async function runShell(path: string): Promise<TierReports> {
  const args = ["-m", join(folder, "platform-shell.js"), "--", wasm, corpus];
  return JSON.parse((await run(path, args, { timeout: LIMIT, maxBuffer: 2 ** 26 })).stdout) as TierReports;
}

const runBrowser = async (kind: BrowserKind): Promise<BrowserReport> =>
  (await openPage(kind, browserPath(kind) as string, folder, "platform-browser.js", LIMIT)) as BrowserReport;

/** What runs on the platforms: two at a time, begun before the tests wait for one after the other. */
interface Jobs {
  node: Promise<TierReports>;
  node26: Promise<TierReports>;
  chromium: Promise<BrowserReport>;
  firefox: Promise<BrowserReport>;
  jsc: Promise<TierReports>;
}

function begin(): Jobs {
  const turns: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  // What is not installed fails at once, and nobody waits for it; the test that waits for a failure tells.
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = (turns.shift() as Promise<unknown>).then(work);
    turns.push(result.catch(() => {}));
    return result;
  }
  return {
    node: inTurn(() => runNode(process.execPath)),
    node26: inTurn(() => runNode(NODE_26 as string)),
    chromium: inTurn(() => runBrowser("chromium")),
    firefox: inTurn(() => runBrowser("firefox")),
    jsc: inTurn(() => runShell(JSC as string)),
  };
}

describe("platforms: the differential tests pass", () => {
  let jobs: Jobs;
  beforeAll(async () => {
    await bundle("platform-browser");
    await bundle("platform-shell");
    writeFileSync(corpus, JSON.stringify(await makeCorpus(SEED, SCALE)));
    say(`seed ${SEED}, ${FAMILIES.reduce((sum, { count }) => sum + Math.ceil(SCALE * count), 0)} inputs`);
    jobs = begin();
  }, LIMIT);

  test("in this Node, and ask for every operation of the interface", { timeout: LIMIT }, async () => {
    const reports = await jobs.node;
    expectAgreement(`Node ${process.version}`, reports, ALL);
    const asked = new Set(reports["scalar"]?.operations.flatMap((name) => name.split(", ")));
    expect(await missing([...asked])).toEqual([]);
  });

  test.skipIf(!NODE_26 && !CI)("in Node 26", { timeout: LIMIT }, async () => {
    const { stdout } = await run(NODE_26 as string, ["--version"]);
    expect(stdout).toMatch(/^v26\./);
    expectAgreement(`Node ${stdout.trim()}`, await jobs.node26, ALL);
  });

  test.skipIf(!browserPath("chromium") && !CI)("in Chromium, which runs every tier", { timeout: LIMIT }, async () => {
    const { tiers, ...rest } = await jobs.chromium;
    expectAgreement("Chromium", tiers, ALL);
    expect(rest).toEqual({
      chosen: "wasm-fma",
      g1: "wasm-fma-g1",
      sync: "wasm-scalar wasm-simd",
      workers: "wasm-fma wasm-fma true",
    });
  });

  test.skipIf(!browserPath("firefox") && !CI)(
    "in Firefox, which may lack relaxed SIMD",
    { timeout: LIMIT },
    async () => {
      const { tiers, ...rest } = await jobs.firefox;
      const best = tiers["fma"]?.state === "ok" ? "fma" : "simd";
      expectAgreement("Firefox", tiers, best === "fma" ? ALL : ["simd", "scalar", "noble"]);
      expect(rest).toEqual({
        chosen: `wasm-${best}`,
        g1: `wasm-${best}-g1`,
        sync: "wasm-scalar wasm-simd",
        workers: `wasm-${best} wasm-${best} true`,
      });
    },
  );

  test.skipIf(!JSC && !CI)("in JavaScriptCore, which may lack relaxed SIMD", { timeout: LIMIT }, async () => {
    const tiers = await jobs.jsc;
    expectAgreement("JavaScriptCore", tiers, tiers["fma"]?.state === "ok" ? ALL : ["simd", "scalar", "noble"]);
  });
});

test.skipIf(!NODE_26 && !CI)("the engine's own tests pass in Node 26", { timeout: LIMIT }, async () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(VITEST|SLOW$|TEST$)/.test(name)));
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "core/engine/test"];
  const { stdout } = await run(NODE_26 as string, args, { cwd: root, env, timeout: LIMIT, maxBuffer: 2 ** 26 });
  expect(stdout).toMatch(/^[1-9]\d+ passed, 0 failed, 0 skipped$/m);
  say(`the engine's own tests in Node 26: ${stdout.trim().split("\n").at(-1)}`);
});

/** Functions of the interface that no comparison asked for; randomness and promises about memory have tests of their own. */
async function missing(asked: readonly string[]): Promise<string[]> {
  const engine = await createEngine({ random, tier: "scalar" });
  const functions = (name: string, value: object): string[] =>
    Object.entries(value).flatMap(([key, member]) => (typeof member === "function" ? [name + key] : []));
  const all = [
    ...functions("scalars.", engine.scalars),
    ...functions("g1.", engine.g1),
    ...functions("g2.", engine.g2),
    ...functions("gt.", engine.gt),
    ...functions("", engine),
  ];
  const elsewhere = ["scalars.random", "zeroise", "selfTest"];
  return all.filter(
    (name) => !elsewhere.includes(name) && !asked.some((one) => one === name || one.startsWith(`${name}.`)),
  );
}

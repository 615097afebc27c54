/**
 * The main job on real processes, started by their launchers as `npm start` starts them.
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Engine } from "@milagro/engine/engine";
import type { Reporter } from "../harness/reporter.ts";
import { measureDelivery } from "./delivering.ts";
import { type BenchDomain, startDomain } from "./domain.ts";
import { measureEnrolment } from "./enrolling.ts";
import { issueAll, KEYS_PER_REQUEST, makeRequests, measureIssuing } from "./issuing.ts";
import { hasProc, memoryOf } from "./proc.ts";
import type { Service } from "./service.ts";

/** Shares that the memory of the D-TAs is watched over. */
const ISSUANCES = 10_000;
/** V8 gives memory back when a process has been quiet for some eight seconds. */
const REST_MS = 12_000;
const WITHOUT_WASM = fileURLToPath(new URL("./without-wasm.mjs", import.meta.url));

export async function measureProcesses(report: Reporter, engine: Engine): Promise<void> {
  const { budgetMs } = report;
  await withDomain({ engine, count: 3 }, async (bench) => {
    const kms = await bench.startKms();
    const endpoint = await bench.startEndpoint("endpoint-1");
    const services = new Map<string, Service>([
      ...bench.dtas.map((dta, i) => [`D-TA ${i + 1}`, dta] as const),
      ["D-KMS", kms] as const,
    ]);
    services.set("endpoint", endpoint.service);
    for (const [name, { startMs }] of services) {
      if (name === "D-TA 2" || name === "D-TA 3") continue;
      report.add({ name: `${name}: from start to ready`, value: startMs, unit: "ms" });
    }
    await measureEnrolment(report, bench, budgetMs * 4);
    await measureDelivery(report, bench, endpoint, budgetMs * 4);
    const requests = Math.ceil(budgetMs / 3);
    await measureIssuing(report, bench, {
      engine: engine.capabilities.name,
      bare: engine,
      requests,
      warmUp: requests * 4,
    });
    await measureMemory(report, bench, services);
  });
  // What one core does without WebAssembly, as on a JavaScript engine that has none.
  await withDomain({ engine, count: 1, env: { NODE_OPTIONS: `--import=${WITHOUT_WASM}` } }, (bench) =>
    measureIssuing(report, bench, { engine: "noble", requests: Math.ceil(budgetMs / 25), warmUp: 32 }),
  );
}

async function withDomain(
  options: Parameters<typeof startDomain>[0],
  work: (bench: BenchDomain) => Promise<void>,
): Promise<void> {
  const bench = await startDomain(options);
  try {
    await work(bench);
  } finally {
    await bench.stop();
  }
}

/** All processes at rest, after they have worked; then the first D-TA again after each of four parts of the issuances. */
async function measureMemory(
  report: Reporter,
  bench: BenchDomain,
  services: ReadonlyMap<string, Service>,
): Promise<void> {
  if (!hasProc()) return report.progress("core: no /proc here, memory is not measured");
  await rest();
  for (const [name, { pid }] of services) {
    const { rssMib, pssMib } = memoryOf(pid);
    report.add({ name: `${name}: memory at rest, RSS`, value: rssMib, unit: "MiB" });
    report.add({ name: `${name}: memory at rest, PSS`, value: pssMib, unit: "MiB" });
  }
  const [dta] = bench.dtas as [Service];
  const parts = 4;
  for (let part = 1; part <= parts; part++) {
    report.progress(`core: ${(ISSUANCES * part) / parts} of ${ISSUANCES} issuances`);
    await issueAll(dta, await makeRequests(bench, ISSUANCES / parts / KEYS_PER_REQUEST, KEYS_PER_REQUEST));
    if (part === parts) await rest();
    const issued = `D-TA 1: memory after ${(ISSUANCES * part) / parts} more issuances`;
    report.add({ name: `${issued}, RSS`, value: memoryOf(dta.pid).rssMib, unit: "MiB" });
  }
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));

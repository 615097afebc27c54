/**
 * The core of Milagro: the operations on keys beside the bare engine and `@noble/curves`; identity-based encryption beside
 * tlock-js and @mysten/seal; then the main job on real processes: issuing, enrolment, delivery, memory.
 * @module
 */
import { createEngine } from "@milagro/engine";
import { systemRandom } from "@milagro/runtime/random";
import { compareIbe } from "./core/ibe-peers.ts";
import { compareOperations } from "./core/operations.ts";
import { measureProcesses } from "./core/processes.ts";
import type { Reporter } from "./harness/reporter.ts";

export async function run(report: Reporter): Promise<void> {
  const engine = await createEngine({ random: systemRandom });
  report.progress(`core: the engine is ${engine.capabilities.name}`);
  await compareOperations(report, engine, systemRandom);
  await compareIbe(report, engine, systemRandom);
  await measureProcesses(report, engine);
}

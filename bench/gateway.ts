/**
 * The encryption gateway: its objects, and attribute-based encryption.
 * @module
 */
import { createEngine } from "@milagro/engine";
import { systemRandom } from "@milagro/runtime/random";
import { compareAbe } from "./gateway/abe.ts";
import { compareObjects } from "./gateway/objects.ts";
import type { Reporter } from "./harness/reporter.ts";

export async function run(report: Reporter): Promise<void> {
  const engine = await createEngine({ random: systemRandom });
  report.progress(`gateway: the engine is ${engine.capabilities.name}`);
  await compareObjects(report);
  await compareAbe(report, engine, await createEngine({ random: systemRandom, tier: "noble" }));
}

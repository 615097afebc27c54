/**
 * The worker thread: an engine, the domain, the tasks.
 * @module
 */
import { createEngine } from "@milagro/engine";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { verifyDescriptor } from "@milagro/protocol/trust-domain";
import { systemRandom } from "@milagro/runtime/random";
import { serveWorker, workerInput } from "@milagro/runtime/worker-side";
import { createTasks } from "./tasks.ts";

export interface WorkerInput {
  /** JSON of the signed descriptor that the main thread has verified; verified again, to get its points. */
  readonly descriptor: string;
}

const { descriptor } = workerInput() as WorkerInput;
const engine = await createEngine({ random: systemRandom });
const domain = verifyDescriptor(engine, systemRandom, parseSignedDescriptor(JSON.parse(descriptor)));
serveWorker(createTasks({ engine, random: systemRandom, domain }));

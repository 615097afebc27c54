/**
 * The worker thread: an engine, the domain, the server secret once there is one, the tasks.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { parseServerSecret } from "@milagro/crypto/mpin-server-key";
import { createEngine } from "@milagro/engine";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { verifyDescriptor } from "@milagro/protocol/trust-domain";
import { systemRandom } from "@milagro/runtime/random";
import { serveWorker, workerInput } from "@milagro/runtime/worker-side";
import { createTasks } from "./tasks.ts";

export interface WorkerInput {
  /** JSON of the signed descriptor that the main thread has verified; verified again, to get its points. */
  readonly descriptor: string;
  /** 96 bytes; this thread's own copy, which it wipes. */
  readonly serverSecret: Uint8Array | undefined;
}

const { descriptor, serverSecret: bytes } = workerInput() as WorkerInput;
const engine = await createEngine({ random: systemRandom });
const domain = verifyDescriptor(engine, systemRandom, parseSignedDescriptor(JSON.parse(descriptor)));
const serverSecret = bytes && parseServerSecret(engine, bytes);
if (bytes) wipe(bytes);
serveWorker(createTasks({ engine, random: systemRandom, domain, serverSecret }));

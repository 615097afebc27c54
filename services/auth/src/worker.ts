/**
 * The worker thread: an engine, the domain, the server secret once there is one, the tasks.
 * @module
 */
import { wipe } from "@milagro/crypto/bytes";
import { parseServerSecret } from "@milagro/crypto/mpin-server-key";
import { createEngine } from "@milagro/engine";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { verifyLaterDescriptor } from "@milagro/protocol/trust-domain";
import { systemRandom } from "@milagro/runtime/random";
import { serveWorker, workerInput } from "@milagro/runtime/worker-side";
import { createTasks } from "./tasks.ts";

export interface WorkerInput {
  /** JSON of the signed descriptors that the main thread has verified, the first and the newest; verified again, to get their points. */
  readonly genesis: string;
  readonly descriptor: string;
  /** 96 bytes; this thread's own copy, which it wipes. */
  readonly serverSecret: Uint8Array | undefined;
}

const { genesis, descriptor, serverSecret: bytes } = workerInput() as WorkerInput;
const engine = await createEngine({ random: systemRandom });
const parse = (text: string) => parseSignedDescriptor(JSON.parse(text));
const domain = verifyLaterDescriptor(engine, systemRandom, { genesis: parse(genesis), signed: parse(descriptor) });
const serverSecret = bytes && parseServerSecret(engine, bytes);
if (bytes) wipe(bytes);
serveWorker(createTasks({ engine, random: systemRandom, domain, serverSecret }));

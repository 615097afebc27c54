/**
 * The thread of `verify-pool`.
 * @module
 */
import { serveVerifyWorker } from "./verify-worker.ts";

await serveVerifyWorker();

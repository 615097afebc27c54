/**
 * The thread in which `milagro channel listen` and its like check signatures: beside the program in its bundle, where it is looked for.
 * @module
 */
import { serveVerifyWorker } from "@milagro/runtime/channel/verify-worker";

await serveVerifyWorker();

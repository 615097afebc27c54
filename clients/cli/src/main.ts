/**
 * `milagro`: the process. The first Ctrl-C asks the command to stop, a second one ends it at once.
 * @module
 */
import { COMMANDS } from "./commands.ts";
import { processIo } from "./io.ts";
import { runCli } from "./program.ts";

/** npm passes on the Ctrl-C that the terminal has sent to us already: what comes at once is the same one. */
const SAME_SIGNAL_MS = 1000;
const controller = new AbortController();
let firstMs = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (!controller.signal.aborted) firstMs = performance.now();
    else if (performance.now() - firstMs > SAME_SIGNAL_MS) process.exit(130);
    controller.abort(name);
  });
}
// A reader that went away (`milagro … | head`) is not an error of this program.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCli(COMMANDS, process.argv.slice(2), processIo(), controller.signal);

/**
 * `milagro`: the process. The first Ctrl-C asks the command to stop, a second one ends it at once.
 * @module
 */
import { processIo } from "./io.ts";
import { runCli } from "./program.ts";

const controller = new AbortController();
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(name);
  });
}
// A reader that went away (`milagro … | head`) is not an error of this program.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), processIo(), controller.signal);

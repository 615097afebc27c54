/**
 * The program `milagro-kms`. Prints one JSON line on standard output once it is ready; everything else goes to the log.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { definitionOf } from "@milagro/protocol/error-codes";
import { createLifecycle } from "@milagro/runtime/lifecycle";
import { createLogger } from "@milagro/runtime/log";
import { releaseStartupMemory } from "@milagro/runtime/thread-memory";
import { parseConfig, USAGE } from "./config.ts";
import { type Kms, startKms } from "./kms.ts";
import { VERSION } from "./version.ts";

async function serve(args: readonly string[]): Promise<void> {
  const config = parseConfig(args, process.env);
  const log = createLogger({ component: "kms", level: config.logLevel, file: config.logFile });
  const lifecycle = createLifecycle({ log });
  // From the first moment: a hang-up while it starts must not end it, and the policy is read afterwards anyway.
  let kms: Kms | undefined;
  process.on("SIGHUP", () => void kms?.reloadPolicy());
  kms = await startKms(config, { log });
  lifecycle.onClose("kms", () => kms?.close());
  releaseStartupMemory();
  process.stdout.write(`${JSON.stringify({ ready: true, url: kms.url, busUrl: kms.busUrl })}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === "serve" && !rest.includes("--help")) return serve(rest);
  if (command === "--version") process.stdout.write(`${VERSION}\n`);
  else if (command === undefined || command === "--help" || command === "serve") process.stdout.write(USAGE);
  else throw new MilagroError("ERR_USAGE", "the command is unknown: see milagro-kms --help");
}

main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof MilagroError)) throw error;
  const { exit, remedy } = definitionOf(error.code);
  process.stderr.write(`milagro-kms: ${error.message} (${error.code})\n${remedy}\n`);
  process.exit(exit);
});

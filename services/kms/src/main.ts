/**
 * The program `milagro-kms`. Prints one JSON line on standard output once it is ready; everything else goes to the log.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { createLogger } from "@milagro/runtime/log";
import { runProgram, serveUntilStopped } from "@milagro/runtime/program";
import { parseConfig, USAGE } from "./config.ts";
import { type Kms, startKms } from "./kms.ts";
import { VERSION } from "./version.ts";

async function serve(args: readonly string[]): Promise<void> {
  const config = parseConfig(args, process.env);
  const log = createLogger({ component: "kms", level: config.logLevel, file: config.logFile });
  // From the first moment: a hang-up while it starts must not end it, and the policy is read afterwards anyway.
  let kms: Kms | undefined;
  process.on("SIGHUP", () => void kms?.reloadPolicy());
  await serveUntilStopped("the D-KMS", log, async () => {
    const started = await startKms(config, { log });
    kms = started;
    return { ready: { url: started.url, busUrl: started.busUrl }, close: () => started.close() };
  });
}

async function main(args: readonly string[]): Promise<void> {
  const [command, ...rest] = args;
  if (command === "serve" && !rest.includes("--help")) return serve(rest);
  if (command === "--version") process.stdout.write(`${VERSION}\n`);
  else if (command === undefined || command === "--help" || command === "serve") process.stdout.write(USAGE);
  else throw new MilagroError("ERR_USAGE", "the command is unknown: see milagro-kms --help");
}

await runProgram("milagro-kms", main);

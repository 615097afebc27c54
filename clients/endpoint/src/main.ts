/**
 * `milagro-endpoint run --home DIR`: the daemon. Prints one JSON line on standard output when it serves; logs go to standard error.
 * @module
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { MilagroError } from "@milagro/engine/error";
import { definitionOf } from "@milagro/protocol/error-codes";
import { systemClock } from "@milagro/runtime/clock";
import { createLifecycle } from "@milagro/runtime/lifecycle";
import { createLogger } from "@milagro/runtime/log";
import { readPassphrase } from "@milagro/runtime/passphrase";
import { releaseStartupMemory } from "@milagro/runtime/thread-memory";
import { readEndpointConfig } from "./config.ts";
import { startEndpoint } from "./endpoint.ts";
import { VERSION } from "./version.ts";

const USAGE = `milagro-endpoint run --home DIR [--passphrase-file FILE] [--evidence-file FILE] [--log-level LEVEL]

Holds one identity and hands its secrets to local programs: Unix socket, files in memory, templates.

  --home DIR               folder of this endpoint: config.json, domain.json, identity.keys, endpoint.sqlite
  --passphrase-file FILE   opens the key store; a file that only you can read
  --passphrase-stdin       the same from standard input, read to its end
  --evidence-file FILE     for the first enrolment: join tokens, grant:… or oidc:…, one a line
  --log-level LEVEL        debug, info, warn, error, silent

Example
  milagro-endpoint run --home /var/lib/milagro-endpoint --passphrase-file /etc/milagro/endpoint.pass
`;

function parseFlags(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        home: text,
        "passphrase-file": text,
        "passphrase-stdin": { type: "boolean" },
        "evidence-file": text,
        "log-level": text,
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch {
    throw new MilagroError("ERR_USAGE", "an option is unknown or lacks its value: see milagro-endpoint --help");
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseFlags(args);
  if (values.version) return void process.stdout.write(`${VERSION}\n`);
  if (values.help || positionals.length === 0) return void process.stdout.write(USAGE);
  if (positionals.length !== 1 || positionals[0] !== "run")
    throw new MilagroError("ERR_USAGE", "the command is unknown: see milagro-endpoint --help");
  const home = values.home ?? process.env["MILAGRO_ENDPOINT_HOME"];
  if (home === undefined || home === "")
    throw new MilagroError("ERR_CONFIG_INVALID", "--home is needed: the folder of the endpoint");
  const here = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  const flags = {
    passphraseFile: here(values["passphrase-file"]),
    evidenceFile: here(values["evidence-file"]),
    logLevel: values["log-level"],
  };
  const config = readEndpointConfig(home, flags, process.env);
  const log = createLogger({ component: "endpoint", level: config.logLevel, file: config.logFile });
  const lifecycle = createLifecycle({ log });
  const passphrase = await readPassphrase(values["passphrase-stdin"] ? { fd: 0 } : { file: config.passphraseFile });
  const endpoint = await startEndpoint(config, { log, clock: systemClock, passphrase }).finally(() =>
    passphrase.destroy(),
  );
  lifecycle.onClose("endpoint", () => endpoint.close());
  releaseStartupMemory();
  process.stdout.write(`${JSON.stringify({ ready: true, url: endpoint.url, identity: endpoint.identity })}\n`);
}

run(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof MilagroError)) throw error;
  const { exit, remedy } = definitionOf(error.code);
  process.stderr.write(`milagro-endpoint: ${error.message} (${error.code})\n${remedy}\n`);
  process.exit(exit);
});

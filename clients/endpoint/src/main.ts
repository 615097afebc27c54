/**
 * `milagro-endpoint run --home DIR`: the daemon. Prints one JSON line on standard output when it serves; logs go to standard error.
 * @module
 */
import { resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { systemClock } from "@milagro/runtime/clock";
import { type Flags, runCommands } from "@milagro/runtime/commands";
import { createLogger } from "@milagro/runtime/log";
import { readPassphrase } from "@milagro/runtime/passphrase";
import { serveUntilStopped } from "@milagro/runtime/program";
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

const TEXT = { type: "string" } as const;
const OPTIONS = {
  home: TEXT,
  "passphrase-file": TEXT,
  "passphrase-stdin": { type: "boolean" },
  "evidence-file": TEXT,
  "log-level": TEXT,
} as const;

async function run(given: Flags<typeof OPTIONS>): Promise<void> {
  const home = given.home ?? process.env["MILAGRO_ENDPOINT_HOME"];
  if (home === undefined || home === "")
    throw new MilagroError("ERR_CONFIG_INVALID", "--home is needed: the folder of the endpoint");
  const here = (path: string | undefined) => (path === undefined ? undefined : resolve(path));
  const flags = {
    passphraseFile: here(given["passphrase-file"]),
    evidenceFile: here(given["evidence-file"]),
    logLevel: given["log-level"],
  };
  const config = readEndpointConfig(home, flags, process.env);
  const log = createLogger({ component: "endpoint", level: config.logLevel, file: config.logFile });
  await serveUntilStopped("the endpoint", log, async () => {
    const passphrase = await readPassphrase(given["passphrase-stdin"] ? { fd: 0 } : { file: config.passphraseFile });
    const endpoint = await startEndpoint(config, { log, clock: systemClock, passphrase }).finally(() =>
      passphrase.destroy(),
    );
    return { ready: { url: endpoint.url, identity: endpoint.identity }, close: () => endpoint.close() };
  });
}

await runCommands({ program: "milagro-endpoint", version: VERSION, usage: USAGE, options: OPTIONS, commands: { run } });

/**
 * `milagro-gateway serve | rotate | rotations`: an encryption gateway. Prints one JSON line on standard output when it is ready, and one for each step of a rotation; logs
 * go to standard error.
 * @module
 */
import { resolve } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { createEngine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { type ChannelSelf, identitySelf } from "@milagro/runtime/channel/self";
import { sleep, systemClock } from "@milagro/runtime/clock";
import { type Flags as FlagsOf, needFlag, runCommands } from "@milagro/runtime/commands";
import { createHttpPort } from "@milagro/runtime/http-port";
import { createLogger, errorFields, type Log } from "@milagro/runtime/log";
import { type Passphrase, readPassphrase } from "@milagro/runtime/passphrase";
import { serveUntilStopped } from "@milagro/runtime/program";
import { systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { type GatewayConfig, homeFiles, readGatewayConfig } from "./config.ts";
import { readDomainFiles } from "./domain-files.ts";
import { openGateway, startGateway } from "./gateway.ts";
import { openRingKeys, type RingKeys } from "./ring-keys.ts";
import { beginRotation, listRotations, runRotation } from "./rotation.ts";
import type { RotationLevel, RotationRow } from "./store.ts";
import { VERSION } from "./version.ts";

const USAGE = `milagro-gateway: an S3 endpoint whose store gets ciphertext only

  milagro-gateway serve     --home DIR KEYS PASSPHRASE [--backend URL] [--listen HOST:PORT] [--channel-listen HOST:PORT] [--rules FILE]
  milagro-gateway rotate    --home DIR KEYS PASSPHRASE (--level kek|dek|body --bucket NAME [--prefix P] | --resume ID)
  milagro-gateway rotations --home DIR KEYS PASSPHRASE

  KEYS                 --id IDENTITY  --keys FILE  --domain FILE  --schema FILE, the files of a profile
  PASSPHRASE           --passphrase-file FILE that only you can read (mode 0600), or --passphrase-stdin
  --backend URL        file:///path, s3:// or s3://https://host (a folder in the home)
  --listen HOST:PORT   where it listens; port 0 takes a free one (127.0.0.1:7600)
  --channel-listen HOST:PORT   where it takes Milagro channels as well (nowhere)
  --rules FILE         who may read and write what (rules.json in the home)
  --log-level LEVEL    debug, info, warn, error, silent

Everything else is in DIR/config.json; see docs/operate/gateway.md.
`;

const TEXT = { type: "string" } as const;
const OPTIONS = {
  home: TEXT,
  id: TEXT,
  keys: TEXT,
  domain: TEXT,
  schema: TEXT,
  backend: TEXT,
  listen: TEXT,
  "channel-listen": TEXT,
  region: TEXT,
  rules: TEXT,
  database: TEXT,
  level: TEXT,
  bucket: TEXT,
  prefix: TEXT,
  resume: TEXT,
  "log-level": TEXT,
  "passphrase-file": TEXT,
  "passphrase-stdin": { type: "boolean" },
} as const;

type Flags = FlagsOf<typeof OPTIONS>;
const PROGRAM = { program: "milagro-gateway", version: VERSION, usage: USAGE, options: OPTIONS } as const;
const need = (flags: Flags, name: keyof Flags & string) => needFlag(PROGRAM, flags, name);

interface Opened {
  readonly home: string;
  readonly config: GatewayConfig;
  readonly log: Log;
  readonly policyKeys: RingKeys;
  readonly passphrase: Passphrase;
  /** On channels. */
  readonly self: ChannelSelf;
  close(): Promise<void>;
}

async function open(flags: Flags): Promise<Opened> {
  const home = resolve(need(flags, "home"));
  const { backend, listen, region, database, rules } = flags;
  const given = {
    backend,
    listen,
    region,
    database,
    rules: rules && resolve(rules),
    logLevel: flags["log-level"],
    channelListen: flags["channel-listen"],
  };
  const config = readGatewayConfig(home, given, process.env);
  const log = createLogger({ component: "gateway", level: config.logLevel as "info" });
  const passphrase = await readPassphrase({
    file: flags["passphrase-file"] ?? config.passphraseFile,
    fd: flags["passphrase-stdin"] ? 0 : undefined,
  });
  const engine = await createEngine({ random: systemRandom });
  const { domain, schema } = await readDomainFiles(engine, systemRandom, {
    domain: resolve(need(flags, "domain")),
    schema: resolve(need(flags, "schema")),
  });
  const http = createHttpPort();
  const deps = {
    engine,
    random: systemRandom,
    clock: systemClock,
    sleep: (ms: number) => sleep(ms),
    http,
    domain,
    x25519: nativeX25519,
  };
  const policyKeys = await openRingKeys({
    deps,
    path: resolve(need(flags, "keys")),
    identity: parseIdentity(need(flags, "id")),
    passphrase,
    schema,
    log,
  });
  return {
    home,
    config,
    log,
    policyKeys,
    passphrase,
    self: identitySelf({ engine, random: systemRandom, clock: systemClock, domain, keys: policyKeys.signing }),
    async close() {
      await policyKeys.close();
      http.close();
      passphrase.destroy();
    },
  };
}

async function serve(flags: Flags): Promise<void> {
  const { home, config, log, policyKeys, passphrase, self, close } = await open(flags);
  await serveUntilStopped("the gateway", log, async () => {
    await policyKeys.renew().catch((error: unknown) => {
      log.warn("the D-TAs do not answer: going on with the keys that are here", errorFields(error));
    });
    const accessKeysPath = homeFiles(home).accessKeys;
    const options = { config, policyKeys, clock: systemClock, log, accessKeysPath, passphrase, self };
    const running = await startGateway(options);
    return {
      ready: { url: running.url, channelPort: running.channelPort, backend: config.backend },
      async close() {
        await running.close();
        await close();
      },
    };
  });
}

const LEVELS: readonly string[] = ["kek", "dek", "body"] satisfies RotationLevel[];

async function rotate(flags: Flags): Promise<void> {
  const { config, log, policyKeys, close } = await open(flags);
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => stop.abort(new MilagroError("ERR_CANCELLED", "stopped; `--resume` goes on from here")));
  const parts = await openGateway({ config, policyKeys, clock: systemClock, log });
  try {
    const { gateway } = parts;
    let id = flags.resume;
    if (id === undefined) {
      const level = need(flags, "level");
      if (!LEVELS.includes(level)) throw new MilagroError("ERR_USAGE", "--level is kek, dek or body");
      id = await beginRotation(gateway, level as RotationLevel, need(flags, "bucket"), flags.prefix);
    }
    const onProgress = (progress: object) => process.stdout.write(`${JSON.stringify(progress)}\n`);
    const row = await runRotation(gateway, id, { signal: stop.signal, onProgress });
    process.stdout.write(`${JSON.stringify(describe(row))}\n`);
  } finally {
    await parts.close();
    await close();
  }
}

async function rotations(flags: Flags): Promise<void> {
  const { config, log, policyKeys, close } = await open(flags);
  const parts = await openGateway({ config, policyKeys, clock: systemClock, log });
  try {
    const rows = await listRotations(parts.gateway);
    process.stdout.write(`${JSON.stringify(rows.map(describe))}\n`);
  } finally {
    await parts.close();
    await close();
  }
}

const describe = ({ after_name: _, started_ms, finished_ms, ...row }: RotationRow) => ({
  ...row,
  started: new Date(started_ms).toISOString(),
  finished: finished_ms === null ? undefined : new Date(finished_ms).toISOString(),
});

await runCommands({ ...PROGRAM, commands: { serve, rotate, rotations } });

/**
 * `milagro-dta init | serve`: one Distributed Trust Authority. Prints one JSON line on standard output when it is ready; logs go to standard error.
 * @module
 */
import { systemClock } from "@milagro/runtime/clock";
import { type Flags as FlagsOf, needFlag, runCommands } from "@milagro/runtime/commands";
import { createLogger } from "@milagro/runtime/log";
import { type Passphrase, type PassphraseSources, readPassphrase } from "@milagro/runtime/passphrase";
import { serveUntilStopped } from "@milagro/runtime/program";
import { systemRandom } from "@milagro/runtime/random";
import { homeOf, readConfig } from "./config.ts";
import { VERSION } from "./version.ts";

const USAGE = `milagro-dta: one Distributed Trust Authority

  milagro-dta init  --home DIR --name NAME --operator TEXT --jurisdiction TEXT PASSPHRASE [--listen HOST:PORT]
  milagro-dta serve --home DIR [--listen HOST:PORT|none] [--tls-in-front] [--bus-url URL|none] [PASSPHRASE] [--log-file FILE]
                    [--mail SMTP-URL|folder:DIR] [--mail-from ADDRESS]

  PASSPHRASE is one of these; without it, serve starts sealed: unseal over DIR/admin.sock
  --passphrase-file   a file that only you can read (mode 0600); read again when the masters were lost
  --passphrase-stdin  standard input, read once to its end
  --mail              where codes by e-mail go: smtps://user@host (password: setting mailPasswordFile), or folder:DIR
  --listen            public API; port 0 takes a free one; "none": reached over the bus only. Default 127.0.0.1:0
`;

const OPTIONS = {
  home: { type: "string" },
  name: { type: "string" },
  operator: { type: "string" },
  jurisdiction: { type: "string" },
  listen: { type: "string" },
  "bus-url": { type: "string" },
  "tls-in-front": { type: "boolean" },
  mail: { type: "string" },
  "mail-from": { type: "string" },
  "log-file": { type: "string" },
  "log-level": { type: "string" },
  "passphrase-file": { type: "string" },
  "passphrase-stdin": { type: "boolean" },
} as const;

type Flags = FlagsOf<typeof OPTIONS>;
const PROGRAM = { program: "milagro-dta", version: VERSION, usage: USAGE, options: OPTIONS } as const;
const need = (flags: Flags, name: "home" | "name" | "operator" | "jurisdiction") => needFlag(PROGRAM, flags, name);

/** Where the flags say that the passphrase is. */
function passphraseSources(flags: Flags): PassphraseSources {
  return { file: flags["passphrase-file"], fd: flags["passphrase-stdin"] ? 0 : undefined };
}

/** How the D-TA gets its passphrase, at start and again when its issuer was lost. Standard input is read once: afterwards it stays sealed. */
function passphraseReader(flags: Flags): (() => Promise<Passphrase | undefined>) | undefined {
  const sources = passphraseSources(flags);
  if (sources.file !== undefined) return () => readPassphrase(sources);
  if (sources.fd === undefined) return undefined;
  let once: Promise<Passphrase> | undefined = readPassphrase(sources);
  once.catch(() => {});
  return async () => {
    const first = once;
    once = undefined;
    return first;
  };
}

async function init(flags: Flags): Promise<void> {
  const home = homeOf(need(flags, "home"));
  const { initDta } = await import("./init.ts");
  const passphrase = await readPassphrase(passphraseSources(flags));
  try {
    await initDta({
      home,
      passphrase,
      random: systemRandom,
      settings: {
        name: need(flags, "name"),
        operator: need(flags, "operator"),
        jurisdiction: need(flags, "jurisdiction"),
        ...(flags.listen === undefined ? {} : { listen: flags.listen }),
      },
    });
  } finally {
    passphrase.destroy();
  }
  process.stdout.write(`${JSON.stringify({ initialised: true, home: home.folder })}\n`);
}

async function serve(flags: Flags): Promise<void> {
  const home = homeOf(need(flags, "home"));
  const config = readConfig(
    home,
    {
      listen: flags.listen,
      busUrl: flags["bus-url"],
      tlsInFront: flags["tls-in-front"] ? "true" : undefined,
      mail: flags.mail,
      mailFrom: flags["mail-from"],
      logFile: flags["log-file"],
      logLevel: flags["log-level"],
    },
    process.env,
  );
  const log = createLogger({
    component: "dta",
    level: config.logLevel,
    file: config.logFile === "stderr" ? undefined : config.logFile,
  }).with({ name: config.name });
  const { startDta } = await import("./dta.ts");
  await serveUntilStopped("the D-TA", log, async () => {
    const dta = await startDta({
      home,
      config,
      log,
      clock: systemClock,
      random: systemRandom,
      readPassphrase: passphraseReader(flags),
    });
    return { ready: { url: dta.url, admin: dta.adminSocket }, close: () => dta.close() };
  });
}

await runCommands({ ...PROGRAM, commands: { init, serve } });

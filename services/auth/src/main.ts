/**
 * `milagro-auth init | serve`: a login server. Prints one JSON line on standard output when it is ready; logs go to standard error.
 * @module
 */
import { resolve } from "node:path";
import { type Flags as FlagsOf, needFlag, runCommands } from "@milagro/runtime/commands";
import { createLogger } from "@milagro/runtime/log";
import { readPassphrase } from "@milagro/runtime/passphrase";
import { serveUntilStopped } from "@milagro/runtime/program";
import { homeOf, readConfig } from "./config.ts";
import { VERSION } from "./version.ts";

const USAGE = `milagro-auth: a login server

  milagro-auth init  --home DIR --service NAME --domain FILE PASSPHRASE [--pin ID] [--origin URL] [--join-tokens FILE]
  milagro-auth serve --home DIR PASSPHRASE [--listen HOST:PORT] [--join-tokens FILE] [--pages DIR] [--demo]

  PASSPHRASE           --passphrase-file FILE that only you can read (mode 0600), or --passphrase-stdin
  --service NAME       the service in the identities of its users, such as login
  --domain FILE        signed domain descriptor;  --pin ID refuses another domain than this
  --origin URL         how browsers reach it (https, or http on this machine)
  --listen HOST:PORT   where it listens; port 0 takes a free one (127.0.0.1:7500)
  --tls-in-front       a proxy in front does TLS: accept connections from other machines
  --database URL       sqlite:FILE or postgres://… (auth.sqlite in the home folder)
  --join-tokens FILE   one join token of each D-TA for the server secret; kept sealed from then on
  --pages DIR          the built pages;  --demo shows the demonstration
  --demo-mail DIR      mail folder of a D-TA of the demonstration; may be repeated
  --log-level LEVEL    debug, info, warn, error, silent;  --log-file FILE instead of standard error

Everything else is in DIR/config.json; see docs/operate/login-server.md.
`;

const OPTIONS = {
  home: { type: "string" },
  service: { type: "string" },
  domain: { type: "string" },
  pin: { type: "string" },
  origin: { type: "string" },
  listen: { type: "string" },
  "tls-in-front": { type: "boolean" },
  database: { type: "string" },
  "join-tokens": { type: "string" },
  pages: { type: "string" },
  demo: { type: "boolean" },
  "demo-mail": { type: "string", multiple: true },
  "log-level": { type: "string" },
  "log-file": { type: "string" },
  "passphrase-file": { type: "string" },
  "passphrase-stdin": { type: "boolean" },
} as const;

type Flags = FlagsOf<typeof OPTIONS>;
const PROGRAM = { program: "milagro-auth", version: VERSION, usage: USAGE, options: OPTIONS } as const;
const need = (flags: Flags, name: "home" | "service" | "domain") => needFlag(PROGRAM, flags, name);
const passphraseOf = (flags: Flags) =>
  readPassphrase({ file: flags["passphrase-file"], fd: flags["passphrase-stdin"] ? 0 : undefined });
const path = (text: string | undefined): string | undefined => (text === undefined ? undefined : resolve(text));

/** Settings by name, as they stand in the file. */
function settingsOf(flags: Flags): Record<string, unknown> {
  const settings = {
    origin: flags.origin,
    listen: flags.listen,
    tlsInFront: flags["tls-in-front"],
    database: flags.database,
    pages: path(flags.pages),
    demo: flags.demo,
    demoMail: flags["demo-mail"]?.map((folder) => resolve(folder)),
    logLevel: flags["log-level"],
    logFile: path(flags["log-file"]),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

async function init(flags: Flags): Promise<void> {
  const home = homeOf(resolve(need(flags, "home")));
  const [service, domainFile] = [need(flags, "service"), resolve(need(flags, "domain"))];
  const { initAuth } = await import("./init.ts");
  const passphrase = await passphraseOf(flags);
  try {
    const initialised = await initAuth({
      home,
      passphrase,
      service,
      domainFile,
      pin: flags.pin,
      joinTokensFile: path(flags["join-tokens"]),
      settings: settingsOf(flags),
    });
    process.stdout.write(`${JSON.stringify({ initialised: true, home: home.folder, ...initialised })}\n`);
  } finally {
    passphrase.destroy();
  }
}

async function serve(flags: Flags): Promise<void> {
  const home = homeOf(resolve(need(flags, "home")));
  const given = {
    ...settingsOf(flags),
    service: flags.service,
    domain: path(flags.domain),
    pin: flags.pin,
    joinTokensFile: path(flags["join-tokens"]),
  };
  const config = readConfig(home, given, process.env);
  const log = createLogger({
    component: "auth",
    level: config.logLevel as "info",
    file: config.logFile === "stderr" ? undefined : config.logFile,
  });
  const { startAuth } = await import("./auth.ts");
  await serveUntilStopped("the login server", log, async () => {
    const auth = await startAuth({ home, config, log, passphrase: await passphraseOf(flags) });
    return { ready: { url: auth.url, origin: auth.origin, admin: auth.adminSocket }, close: () => auth.close() };
  });
}

await runCommands({ ...PROGRAM, commands: { init, serve } });

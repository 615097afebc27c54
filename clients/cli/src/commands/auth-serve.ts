/**
 * `milagro auth init` and `serve`: makes and runs a login server.
 * @module
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { passphraseFor } from "../service-passphrase.ts";
import { runService } from "../service-process.ts";
import { AUTH_HOME, authHome } from "./auth-admin.ts";

const WHAT = "the login server's keys";
const COMMON: readonly OptionSpec[] = [
  { flags: "--origin <url>", text: "how browsers reach it: https, or http on this machine" },
  { flags: "--listen <host:port>", text: "where it listens; port 0 takes a free one" },
  { flags: "--database <url>", text: "sqlite:FILE or postgres://… (default: auth.sqlite in the folder)" },
  { flags: "--join-tokens <file>", text: "one join token of each D-TA, for the server secret" },
  { flags: "--pages <folder>", text: "the built pages" },
];

/** Flags that the service takes as they are, files made absolute. */
function passOn({ io }: Context, invocation: Invocation): string[] {
  const flags = [
    ["origin", "--origin", false],
    ["listen", "--listen", false],
    ["database", "--database", false],
    ["joinTokens", "--join-tokens", true],
    ["pages", "--pages", true],
  ] as const;
  return flags.flatMap(([name, flag, isFile]) => {
    const value = invocation.text(name);
    return value === undefined ? [] : [flag, isFile ? resolve(io.cwd, value) : value];
  });
}

export const authInit: CommandSpec = {
  name: "init",
  summary: "make a login server: its configuration and its sealed keys",
  details:
    "Prints the identity that the D-TAs make join tokens for, with usage mpin-server, and the key that their policies name under\nloginServers, so that users can approve further devices.",
  options: [
    AUTH_HOME,
    { flags: "--service <name>", text: "the service in its users' identities" },
    { flags: "--descriptor <file>", text: "the domain's signed descriptor" },
    { flags: "--pin <id>", text: "refuse another domain than this" },
    ...COMMON,
    PASSPHRASE_OPTION,
  ],
  examples: [
    {
      text: "A login server of the domain acme",
      line: "milagro auth init --home login --service login --descriptor acme.json --origin https://login.acme.example",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const { passphraseFile } = context.settings;
    const args = ["init", "--home", authHome(context, invocation), "--service", invocation.required("service")];
    args.push("--domain", resolve(context.io.cwd, invocation.required("descriptor")), ...passOn(context, invocation));
    const pin = invocation.text("pin");
    if (pin !== undefined) args.push("--pin", pin);
    if (passphraseFile !== undefined)
      return runService("auth", [...args, "--passphrase-file", passphraseFile], context);
    return runService("auth", args, context, await readPassphraseFor(context, WHAT, "new"));
  },
};

export const authServe: CommandSpec = {
  name: "serve",
  summary: "run the login server until Ctrl-C",
  details:
    "The first time it collects the server secret from all D-TAs, with the join tokens; it answers meanwhile, and checks no login.\nPrints one JSON line when it is ready; logs go to stderr.",
  options: [
    AUTH_HOME,
    ...COMMON,
    { flags: "--demo", text: "show the demonstration pages" },
    { flags: "--demo-mail <folder>", text: "mail folder of a D-TA of the demonstration", many: true },
    PASSPHRASE_OPTION,
  ],
  examples: [
    {
      text: "The first time, with a token of each D-TA",
      line: "milagro auth serve --home login --join-tokens tokens --pages /usr/share/milagro/pages --passphrase-file pass",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = authHome(context, invocation);
    if (!existsSync(join(home, "config.json")))
      throw new MilagroError(
        "ERR_CONFIG_MISSING",
        `there is no login server in ${home}: \`milagro auth init\` makes one`,
      );
    const args = ["serve", "--home", home, ...passOn(context, invocation)];
    if (invocation.flag("demo")) args.push("--demo");
    for (const folder of invocation.list("demoMail")) args.push("--demo-mail", resolve(context.io.cwd, folder));
    const { args: more, passphrase } = await passphraseFor(context, { what: WHAT, home, keyStore: "auth.keys" });
    return runService("auth", [...args, ...more], context, passphrase);
  },
};

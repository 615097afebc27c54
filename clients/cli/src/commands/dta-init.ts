/**
 * `milagro dta init`: draws and seals the master secrets of a new D-TA.
 * @module
 */
import type { CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { runService } from "../service-process.ts";
import { DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaInit: CommandSpec = {
  name: "init",
  summary: "make a new D-TA: draw its master secrets and seal them",
  details:
    "The folder belongs to this D-TA's operator alone. Whoever loses the passphrase loses the masters:\nit is asked for twice, or read from a file.",
  options: [
    DTA_HOME,
    { flags: "--name <name>", text: "the D-TA's name in its domain: lower case, digits, -" },
    { flags: "--operator <text>", text: "who runs it" },
    { flags: "--jurisdiction <text>", text: "under whose law" },
    PASSPHRASE_OPTION,
  ],
  examples: [
    {
      text: "Ask for the passphrase",
      line: "milagro dta init --home dta-1 --name dta-1 --operator operator-one --jurisdiction CH",
    },
    {
      text: "The first of three authorities",
      line: "milagro dta init --home dta-1 --name dta-1 --operator operator-one --jurisdiction CH --passphrase-file pass-1",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const { passphraseFile } = context.settings;
    const args = ["init", "--home", dtaHome(context, invocation)];
    for (const name of ["name", "operator", "jurisdiction"] as const) args.push(`--${name}`, invocation.required(name));
    if (passphraseFile !== undefined) return runService("dta", [...args, "--passphrase-file", passphraseFile], context);
    return runService("dta", args, context, await readPassphraseFor(context, "the D-TA's masters", "new"));
  },
};

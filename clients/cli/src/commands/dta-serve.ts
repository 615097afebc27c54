/**
 * `milagro dta serve`: runs a D-TA in the foreground.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { passphraseFor } from "../service-passphrase.ts";
import { runService } from "../service-process.ts";
import { DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaServe: CommandSpec = {
  name: "serve",
  summary: "run a D-TA until Ctrl-C",
  details:
    "Asks for the passphrase at a terminal. Without one it starts sealed: it answers, but issues nothing until its operator unseals it.\nPrints one JSON line with its address when it is ready; logs go to stderr.",
  options: [
    DTA_HOME,
    { flags: "--listen <host:port>", text: "address of the public API; port 0 takes a free one" },
    PASSPHRASE_OPTION,
  ],
  examples: [
    { text: "Start sealed, then unseal by hand", line: "milagro dta serve --home dta-1 --listen 127.0.0.1:7101" },
    { text: "Start unsealed", line: "milagro dta serve --home dta-1 --passphrase-file pass-1" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const listen = invocation.text("listen");
    const home = dtaHome(context, invocation);
    if (!existsSync(join(home, "config.json")))
      throw new MilagroError("ERR_CONFIG_MISSING", `there is no D-TA in ${home}: \`milagro dta init\` makes one`);
    const args = ["serve", "--home", home];
    if (listen !== undefined) args.push("--listen", listen);
    const { args: more, passphrase } = await passphraseFor(context, {
      what: "the D-TA's masters",
      home,
      keyStore: "masters.sealed",
      without: "start sealed",
    });
    return runService("dta", [...args, ...more], context, passphrase);
  },
};

/**
 * `milagro kms serve`: runs the D-KMS.
 * @module
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import type { CommandGroup, CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { passphraseFor } from "../service-passphrase.ts";
import { runService } from "../service-process.ts";

const kmsServe: CommandSpec = {
  name: "serve",
  summary: "run the D-KMS with its message bus until Ctrl-C",
  details:
    "Keeps and relays ciphertext. Its own identity, milagro:<domain>/service/kms, is needed for generating secrets only: it enrols\nwith join tokens like everybody else. Prints one JSON line when it is ready; logs go to stderr.",
  options: [
    { flags: "--home <folder>", text: "folder of the D-KMS" },
    { flags: "--descriptor <file>", text: "the domain's signed descriptor" },
    { flags: "--listen <host:port>", text: "address of the API" },
    { flags: "--bus-listen <host:port>", text: "address of the bus" },
    { flags: "--database <url>", text: "sqlite:FILE or postgres://… (default: kms.sqlite in the folder)" },
    { flags: "--policy <file>", text: "who may do what (default: policy.json in the folder)" },
    { flags: "--join-tokens <file>", text: "one join token of each D-TA, for its first enrolment" },
    PASSPHRASE_OPTION,
  ],
  examples: [
    {
      text: "With the embedded bus",
      line: "milagro kms serve --home kms --descriptor acme.json --listen 127.0.0.1:7400 --bus-listen 127.0.0.1:7401",
    },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = invocation.text("home") ?? (context.io.env["MILAGRO_KMS_HOME"] || undefined);
    if (home === undefined) throw new MilagroError("ERR_USAGE", "--home is needed: the folder of the D-KMS");
    const { cwd, env } = context.io;
    const named = invocation.text("descriptor") ?? (env["MILAGRO_KMS_DOMAIN"] || undefined);
    if (named === undefined && !existsSync(resolve(cwd, home, "config.json")))
      throw new MilagroError("ERR_USAGE", "--descriptor is needed: the domain's signed descriptor, from any D-TA");
    const args = ["serve", "--home", resolve(cwd, home)];
    const add = (flag: string, value: string | undefined) => {
      if (value !== undefined) args.push(flag, value);
    };
    const file = (name: string) => {
      const value = invocation.text(name);
      return value === undefined ? undefined : resolve(cwd, value);
    };
    add("--domain", file("descriptor"));
    add("--listen", invocation.text("listen"));
    add("--bus-listen", invocation.text("busListen"));
    add("--database", invocation.text("database"));
    add("--policy", file("policy"));
    add("--join-tokens", file("joinTokens"));
    const { args: more, passphrase } = await passphraseFor(context, {
      what: "the D-KMS's own identity",
      home: resolve(cwd, home),
      keyStore: "service.keys",
      variable: "MILAGRO_KMS_PASSPHRASE_FILE",
      without: "it generates no secrets",
    });
    return runService("kms", [...args, ...more], context, passphrase);
  },
};

export const kms: CommandGroup = { name: "kms", summary: "run the D-KMS", commands: [kmsServe] };

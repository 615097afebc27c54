/**
 * `milagro gateway serve`, and what the commands about a running gateway share.
 * @module
 */
import { resolve } from "node:path";
import { parseIdentity, splitIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { readPassphraseFor } from "../ports.ts";
import { domainFile, keyFile, schemaFile } from "../profile.ts";
import { runService } from "../service-process.ts";

/** `--home` of the commands about a gateway. */
export const GATEWAY_HOME: OptionSpec = {
  flags: "--home <folder>",
  text: "the gateway's folder (or MILAGRO_GATEWAY_HOME)",
};
/** What a gateway takes its keys from. */
export const GATEWAY_KEYS: readonly OptionSpec[] = [
  GATEWAY_HOME,
  { flags: "--profile <folder>", text: "the profile with the gateway's keys (default: MILAGRO_HOME, ~/.milagro)" },
  { flags: "--id <identity>", text: "whom the gateway is: an identity with keys in the profile" },
  { flags: "--backend <url>", text: "file:///path, s3:// or s3://https://host (default: a folder in the gateway's)" },
  PASSPHRASE_OPTION,
];

/** @throws `ERR_USAGE` when no folder is named: the profile's default would be the wrong one */
export function gatewayHome(context: Context, invocation: Invocation): string {
  const named = invocation.text("home") ?? (context.io.env["MILAGRO_GATEWAY_HOME"] || undefined);
  if (named === undefined) throw new MilagroError("ERR_USAGE", "--home is needed: the folder of the gateway");
  return resolve(context.io.cwd, named);
}

/** The files of a profile that stand for an identity. @throws `ERR_USAGE` */
export function profileFiles({ io }: Context, invocation: Invocation) {
  const { HOME, MILAGRO_HOME } = io.env;
  const named = invocation.text("profile") ?? (MILAGRO_HOME || undefined) ?? (HOME && `${HOME}/.milagro`);
  if (named === undefined)
    throw new MilagroError("ERR_USAGE", "--profile is needed: the folder with the gateway's keys");
  const profile = resolve(io.cwd, named);
  const identity = parseIdentity(invocation.required("id"));
  const { domain } = splitIdentity(identity);
  return {
    identity,
    keys: keyFile(profile, identity),
    domain: domainFile(profile, domain),
    schema: schemaFile(profile, domain),
  };
}

/** Runs the gateway's program with the keys of a profile. */
export async function runGateway(context: Context, invocation: Invocation, command: string, more: readonly string[]) {
  const { identity, keys, domain, schema } = profileFiles(context, invocation);
  const args = [command, "--home", gatewayHome(context, invocation), "--id", identity, "--keys", keys];
  args.push("--domain", domain, "--schema", schema, ...more);
  const backend = invocation.text("backend");
  if (backend !== undefined) args.push("--backend", backend);
  const { passphraseFile } = context.settings;
  if (passphraseFile !== undefined)
    return runService("gateway", [...args, "--passphrase-file", passphraseFile], context);
  return runService("gateway", args, context, await readPassphraseFor(context, identity));
}

export const gatewayServe: CommandSpec = {
  name: "serve",
  summary: "run a gateway until Ctrl-C",
  details:
    "Its identity needs a signing key (`milagro enrol`) and, to read, an attribute key (`milagro attributes request`); it renews both.\nPrints one JSON line when it is ready; logs go to stderr.",
  options: [
    ...GATEWAY_KEYS,
    { flags: "--listen <host:port>", text: "where it listens; port 0 takes a free one (127.0.0.1:7600)" },
    {
      flags: "--channel-listen <host:port>",
      text: "where it takes Milagro channels as well, whose identities replace access keys (default: nowhere)",
    },
    { flags: "--rules <file>", text: "who may read and write what (default: rules.json in the gateway's folder)" },
    { flags: "--region <name>", text: "the region that clients are told (us-east-1)" },
  ],
  examples: [
    {
      text: "In front of a folder",
      line: "milagro gateway serve --home gw --id milagro:acme/gateway/g1 --backend file:///srv/objects",
    },
    {
      text: "In front of a store that speaks S3",
      line: "milagro gateway serve --home gw --id milagro:acme/gateway/g1 --backend s3://https://s3.eu-central-1.amazonaws.com",
    },
  ],
  serviceHome: true,
  run(context, invocation) {
    const more: string[] = [];
    for (const name of ["listen", "channelListen", "rules", "region"]) {
      const value = invocation.text(name);
      const flag = name === "channelListen" ? "channel-listen" : name;
      if (value !== undefined) more.push(`--${flag}`, name === "rules" ? resolve(context.io.cwd, value) : value);
    }
    return runGateway(context, invocation, "serve", more);
  },
};

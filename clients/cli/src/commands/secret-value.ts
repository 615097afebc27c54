/**
 * Where the value of a secret comes from, and how what became of it is shown.
 * @module
 */
import { password } from "@inquirer/prompts";
import type { Policy } from "@milagro/crypto/policy";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { MilagroError } from "@milagro/engine/error";
import type { SecretStored } from "@milagro/protocol/kms-messages";
import type { SecretRecord } from "@milagro/protocol/secret-record";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { keptSchema } from "../attribute-schema.ts";
import type { Context } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import type { Result } from "../output.ts";
import { parsePolicyText } from "../policy-text.ts";
import { readValue } from "../value.ts";

export const TO_OPTION: OptionSpec = {
  flags: "-t, --to <identity>",
  text: "recipient: milagro:<domain>/<kind>/<name>, or <kind>/<name>; may be repeated, and need not have enrolled yet",
  many: true,
};
/** For secrets that whoever satisfies a policy can open. */
export const POLICY_OPTION: OptionSpec = {
  flags: "--policy <policy>",
  text: "encapsulate to whoever satisfies this policy; --to then says who is told of it",
};
export const LABEL_OPTION: OptionSpec = {
  flags: "--label <name=value>",
  text: "a label, not encrypted; may be repeated",
  many: true,
};
export const TYPE_OPTION: OptionSpec = {
  flags: "--content-type <type>",
  text: "media type, for whoever writes it to a file",
};

/** `-`, `@file`, text, or a prompt when nothing is given at a terminal. The caller wipes the bytes. */
export async function readSecretValue(
  context: Context,
  argument: string | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const { io } = context;
  if (argument === undefined) {
    if (!io.isTty.stdin || !io.isTty.stderr) return readValue(io, "-");
    const text = await password(
      { message: "Value:", mask: "*" },
      { input: io.stdin as NodeJS.ReadStream, output: io.stderr as NodeJS.WriteStream, signal: context.signal },
    );
    return new Uint8Array(new TextEncoder().encode(text));
  }
  if (argument !== "-" && !argument.startsWith("@")) {
    context.note(
      "Note: a value on the command line is visible to other users and in the shell's history; better: - or @file.",
    );
  }
  return readValue(io, argument);
}

/** @throws `ERR_USAGE` */
export function parseLabels(texts: readonly string[]): Readonly<Record<string, string>> | undefined {
  if (texts.length === 0) return undefined;
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf("=");
      if (at < 1) throw new MilagroError("ERR_USAGE", "a label is written name=value");
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

/** The policy of `--policy`, checked against the schema that is kept here. */
export async function policyOption(
  context: Context,
  domain: TrustDomain,
  text: string | undefined,
): Promise<Policy | undefined> {
  return text === undefined ? undefined : parsePolicyText(context, text, await keptSchema(context, domain));
}

export function describeStored(
  stored: SecretStored,
  recipients: readonly string[],
  bytes: number | undefined,
  policy?: Policy,
): Result {
  const to = policy && formatPolicy(policy);
  return {
    data: {
      path: stored.path,
      version: stored.version,
      recipients,
      ...(to === undefined ? {} : { policy: to }),
      ...(bytes === undefined ? {} : { bytes }),
    },
    view: {
      kind: "fields",
      fields: [
        ["secret", stored.path],
        ["version", String(stored.version)],
        ...(to === undefined
          ? [["encapsulated to", recipients.join(", ")] as const]
          : [["encapsulated to", to] as const, ["told", recipients.join(", ")] as const]),
      ],
    },
  };
}

/** Identities that a record is for. */
export function recipientsIn(record: SecretRecord): readonly string[] {
  return record.recipients.map(({ identity }) => identity);
}

/**
 * `milagro secret generate`: a random value, drawn here or by the D-KMS.
 * @module
 */

import { randomInt } from "node:crypto";
import { createKmsClient } from "@milagro/client/kms-client";
import { putSecret } from "@milagro/client/secrets";
import { wipe } from "@milagro/crypto/bytes";
import { epochAt } from "@milagro/crypto/epoch";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { parseRecipients } from "../recipients.ts";
import { asIdentity } from "../session.ts";
import {
  describeStored,
  LABEL_OPTION,
  POLICY_OPTION,
  parseLabels,
  policyOption,
  recipientsIn,
  TO_OPTION,
  TYPE_OPTION,
} from "./secret-value.ts";

const ALPHABETS: Readonly<Record<string, string>> = {
  alphanumeric: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
  readable: "abcdefghjkmnpqrstuvwxyz23456789",
  printable: Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)).join(""),
  hex: "0123456789abcdef",
  digits: "0123456789",
};

export const secretGenerate: CommandSpec = {
  name: "generate",
  summary: "store a fresh random value that nobody has to see",
  details: "Drawn in this process. With --remote the D-KMS draws it instead, signs it as its own, and forgets it.",
  arguments: [["<path>", "name of the secret"]],
  options: [
    ...ACTING_OPTIONS,
    TO_OPTION,
    POLICY_OPTION,
    { flags: "--length <number>", text: "characters, or bytes with --form bytes", default: "32" },
    {
      flags: "--form <form>",
      text: "what it is made of",
      choices: [...Object.keys(ALPHABETS), "bytes"],
      default: "alphanumeric",
    },
    { flags: "--remote", text: "let the D-KMS draw it" },
    LABEL_OPTION,
    TYPE_OPTION,
  ],
  examples: [
    { text: "A password", line: "milagro secret generate app/db/password --to endpoint/web-1" },
    {
      text: "A 256-bit key, drawn by the D-KMS",
      line: "milagro secret generate app/key --form bytes --remote --to endpoint/web-1",
    },
  ],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    const length = invocation.integer("length", { min: 12, max: 4096 }) ?? 32;
    const form = invocation.required("form");
    const alphabet = ALPHABETS[form];
    if (alphabet === undefined && length < 16)
      throw new MilagroError("ERR_USAGE", "--length is at least 16 with --form bytes");
    const labels = parseLabels(invocation.list("label"));
    const contentType = invocation.text("contentType");
    return asIdentity(context, async (deps, { ring }) => {
      const policy = await policyOption(context, deps.domain, invocation.text("policy"));
      const texts = invocation.list("to");
      const recipients = policy && texts.length === 0 ? [ring.identity] : parseRecipients(texts, deps.domain.name);
      if (invocation.flag("remote")) {
        const epoch = epochAt(deps.clock(), deps.domain.epochSeconds);
        const request = createKmsClient(deps, ring).generate(path, {
          v: 1,
          recipients: recipients.map((identity) => ({ identity, epoch })),
          ...(policy === undefined ? {} : { policy: formatPolicy(policy, { compact: true }) }),
          form: alphabet === undefined ? { type: "bytes", length } : { type: "text", length, alphabet },
          ...(contentType === undefined ? {} : { contentType }),
          ...(labels === undefined ? {} : { labels }),
        });
        return describeStored(await context.progress("generating", request), recipients, undefined, policy);
      }
      const plaintext = alphabet === undefined ? systemRandom(length) : randomText(length, alphabet);
      try {
        const { record, stored } = await context.progress(
          "storing",
          putSecret(deps, ring, { path, recipients, policy, plaintext, contentType, labels }),
        );
        return describeStored(stored, recipientsIn(record), plaintext.length, policy);
      } finally {
        wipe(plaintext);
      }
    });
  },
};

/** Every character equally likely. */
function randomText(length: number, alphabet: string): Uint8Array {
  return Uint8Array.from({ length }, () => alphabet.charCodeAt(randomInt(alphabet.length)));
}

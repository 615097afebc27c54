/**
 * `milagro secret rotate`: a new version for those who have the newest one.
 * @module
 */
import { rotateSecret } from "@milagro/client/secrets";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { wipe } from "@milagro/crypto/bytes";
import { policyEnvelopeOf } from "@milagro/protocol/secret";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";
import { describeStored, readSecretValue, recipientsIn } from "./secret-value.ts";

export const secretRotate: CommandSpec = {
  name: "rotate",
  summary: "store a new version for the same recipients",
  details: "Without a value, 32 random bytes are drawn here and written as base64url text.",
  arguments: [
    ["<path>", "name of the secret"],
    ["[value]", "@file, - for stdin, or text"],
  ],
  options: ACTING_OPTIONS,
  examples: [
    { text: "A fresh random value", line: "milagro secret rotate app/api-key" },
    { text: "A value from elsewhere", line: "milagro secret rotate app/db/password @new-password.txt" },
  ],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    return asIdentity(context, async (deps, { ring }) => {
      const given = invocation.optionalArgument(1);
      const plaintext =
        given === undefined
          ? new TextEncoder().encode(encodeBase64url(systemRandom(32)))
          : await readSecretValue(context, given);
      try {
        const { record, stored } = await context.progress("storing", rotateSecret(deps, ring, path, plaintext));
        return describeStored(stored, recipientsIn(record), plaintext.length, policyEnvelopeOf(record)?.abe.policy);
      } finally {
        wipe(plaintext);
      }
    });
  },
};

/**
 * `milagro secret put`: encapsulates a value here and stores the ciphertext.
 * @module
 */
import { putSecret } from "@milagro/client/secrets";
import { wipe } from "@milagro/crypto/bytes";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";
import { parseReaders, READER_OPTIONS } from "./secret-readers.ts";
import {
  describeStored,
  LABEL_OPTION,
  parseLabels,
  readSecretValue,
  recipientsIn,
  TYPE_OPTION,
} from "./secret-value.ts";

export const secretPut: CommandSpec = {
  name: "put",
  summary: "encapsulate a value to identities and store it",
  details: "The value is encrypted in this process; the D-KMS gets ciphertext and your signature.",
  arguments: [
    ["<path>", "name of the secret: app/db/password"],
    ["[value]", "@file, - for stdin, or text; asked for at a terminal when left out"],
  ],
  options: [
    ...ACTING_OPTIONS,
    ...READER_OPTIONS,
    LABEL_OPTION,
    TYPE_OPTION,
    {
      flags: "--next-version <number>",
      text: "the version this must become: refused when another writer was faster",
    },
  ],
  examples: [
    {
      text: "From a file, to an endpoint that may not have enrolled yet",
      line: "milagro secret put app/db/password @password.txt --to endpoint/web-1",
    },
    {
      text: "To every endpoint of a region, told to two of them",
      line: "milagro secret put app/db/password @password.txt --policy 'region = DE and group = db' -t endpoint/db-1 -t endpoint/db-2",
    },
    {
      text: "From another program, to two endpoints",
      line: "pwgen 32 1 | milagro secret put app/api-key - -t endpoint/web-1 -t endpoint/web-2",
    },
  ],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    const labels = parseLabels(invocation.list("label"));
    const version = invocation.integer("nextVersion", { min: 1, max: Number.MAX_SAFE_INTEGER });
    return asIdentity(context, async (deps, { ring }) => {
      const readers = await parseReaders(context, invocation, deps.domain);
      const plaintext = await readSecretValue(context, invocation.optionalArgument(1));
      try {
        const put = putSecret(deps, ring, {
          path,
          ...readers,
          plaintext,
          labels,
          contentType: invocation.text("contentType"),
          version,
        });
        const { record, stored } = await context.progress("storing", put);
        return describeStored(stored, recipientsIn(record), plaintext.length, readers.policy);
      } finally {
        wipe(plaintext);
      }
    });
  },
};

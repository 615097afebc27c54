/**
 * `milagro secret get`: fetches, verifies the author, opens.
 * @module
 */

import { resolve } from "node:path";
import { getSecret } from "@milagro/client/secrets";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";

export const secretGet: CommandSpec = {
  name: "get",
  summary: "fetch and open a secret that is encapsulated to you",
  details: "Prints the value as it is, without a line break. The author's signature is checked first.",
  arguments: [["<path>", "name of the secret"]],
  options: [
    ...ACTING_OPTIONS,
    { flags: "--version-number <number>", text: "another version than the newest" },
    {
      flags: "--author <identity>",
      text: "refuse other authors than this identity or pattern; may be repeated",
      many: true,
    },
    { flags: "-o, --out <file>", text: "write the value to a file with mode 0600" },
  ],
  examples: [
    { text: "Into a variable", line: "password=$(milagro secret get app/db/password)" },
    {
      text: "Only if somebody of operations wrote it",
      line: "milagro secret get app/db/password --author 'milagro:acme/person/ops/*' -o password.txt",
    },
  ],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    const version = invocation.integer("versionNumber", { min: 1, max: Number.MAX_SAFE_INTEGER });
    const patterns = invocation.list("author").map(parseIdentityPattern);
    return asIdentity(context, async (deps, store) => {
      const before = store.ring.slots().length;
      const rules = patterns.length === 0 ? {} : { authors: patterns };
      const { record, plaintext } = await context.progress(
        "opening",
        getSecret(deps, store.ring, path, version, rules, store.attributes),
      );
      if (store.ring.slots().length > before) await store.save();
      try {
        const out = invocation.text("out");
        if (out !== undefined) {
          const file = resolve(context.io.cwd, out);
          await writeFileAtomic(
            file,
            plaintext.use((bytes) => bytes.slice()),
            { mode: 0o600 },
          );
          return { data: { path, version: record.version, author: record.author.identity, file } };
        }
        if (context.settings.format === "json") {
          const value = plaintext.use((bytes) => textOrBase64(bytes));
          return {
            data: { path, version: record.version, author: record.author.identity, created: record.created, ...value },
          };
        }
        plaintext.use((bytes) => context.io.stdout.write(bytes.slice()));
        if (context.io.isTty.stdout) context.io.stderr.write("\n");
        return undefined;
      } finally {
        plaintext.destroy();
      }
    });
  },
};

function textOrBase64(bytes: Uint8Array): { readonly value: string } | { readonly base64: string } {
  try {
    return { value: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

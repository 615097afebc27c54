/**
 * `milagro secret list`: which secrets there are.
 * @module
 */
import { createKmsClient } from "@milagro/client/kms-client";
import type { SecretSummary } from "@milagro/protocol/kms-messages";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import type { Result } from "../output.ts";
import { asIdentity } from "../session.ts";

export const secretList: CommandSpec = {
  name: "list",
  summary: "list the secrets you may see",
  arguments: [["[prefix]", "only paths that begin so"]],
  options: [...ACTING_OPTIONS, { flags: "--limit <number>", text: "at most so many", default: "1000" }],
  examples: [
    { text: "All of an application's", line: "milagro secret list app/" },
    { text: "For a program", line: "milagro secret list --format json" },
  ],
  async run(context, invocation) {
    const limit = invocation.integer("limit", { min: 1, max: 100_000 }) ?? 1000;
    const prefix = invocation.optionalArgument(0);
    return asIdentity(context, async (deps, { ring }) => {
      const kms = createKmsClient(deps, ring);
      const all: SecretSummary[] = [];
      const work = async () => {
        let cursor: string | undefined;
        do {
          const page = await kms.list({ prefix, cursor, limit: Math.min(limit - all.length, 1000) });
          all.push(...page.secrets);
          cursor = page.cursor;
        } while (cursor !== undefined && all.length < limit);
      };
      await context.progress("listing", work());
      return describeSummaries(all, "no secrets");
    });
  },
};

export function describeSummaries(secrets: readonly SecretSummary[], empty: string): Result {
  return {
    data: secrets.map(({ path, version, author, recipients, created, contentType, labels }) => ({
      path,
      version,
      author: author.identity,
      recipients,
      created,
      contentType,
      labels,
    })),
    view: {
      kind: "rows",
      columns: ["secret", "version", "created", "author", "for"],
      rows: secrets.map(({ path, version, author, recipients, created }) => [
        path,
        String(version),
        new Date(created * 1000).toISOString().replace(".000Z", "Z"),
        author.identity,
        recipients.join("\n"),
      ]),
      empty,
    },
  };
}

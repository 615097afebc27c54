/**
 * `milagro secret versions`: the history of one secret.
 * @module
 */
import { createKmsClient } from "@milagro/client/kms-client";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import type { CommandSpec } from "../command.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";
import { describeSummaries } from "./secret-list.ts";

export const secretVersions: CommandSpec = {
  name: "versions",
  summary: "list the versions of a secret, newest first",
  arguments: [["<path>", "name of the secret"]],
  options: ACTING_OPTIONS,
  examples: [{ text: "Who changed it, and when", line: "milagro secret versions app/db/password" }],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    return asIdentity(context, async (deps, { ring }) => {
      const { versions, newest, deleted } = await context.progress(
        "listing",
        createKmsClient(deps, ring).versions(path),
      );
      const why = deleted ? `${path} was deleted` : `you may write ${path}, but not list it`;
      return describeSummaries(versions, `${why}; the next version will be ${newest + 1}`);
    });
  },
};

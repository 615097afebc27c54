/**
 * `milagro secret rm`: deletes a secret with all its versions.
 * @module
 */
import { createKmsClient } from "@milagro/client/kms-client";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import type { CommandSpec } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { ACTING_OPTIONS } from "../options.ts";
import { asIdentity } from "../session.ts";

export const secretRemove: CommandSpec = {
  name: "rm",
  summary: "delete a secret and all its versions",
  details: "Endpoints that have it are told, and remove what they wrote. What a program has read, it has.",
  arguments: [["<path>", "name of the secret"]],
  options: [...ACTING_OPTIONS, { flags: "-y, --yes", text: "do not ask" }],
  examples: [{ text: "Without being asked", line: "milagro secret rm app/old-key --yes" }],
  async run(context, invocation) {
    const path = parseSecretPath(invocation.argument(0));
    const { io } = context;
    if (!invocation.flag("yes")) {
      if (!io.isTty.stdin) throw new MilagroError("ERR_USAGE", "deleting needs --yes when nobody can be asked");
      await confirmed(context, `Delete ${path} and all its versions?`, "nothing was deleted");
    }
    return asIdentity(context, async (deps, { ring }) => {
      const deleted = await context.progress("deleting", createKmsClient(deps, ring).remove(path));
      return {
        data: { path: deleted.path, versions: deleted.versions },
        view: {
          kind: "text",
          text: `deleted ${deleted.path}, ${deleted.versions} ${deleted.versions === 1 ? "version" : "versions"}`,
        },
      };
    });
  },
};

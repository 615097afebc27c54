/**
 * `milagro identity show`: whose keys are here.
 * @module
 */
import { epochAt, epochStartMs } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import type { CommandGroup, CommandSpec } from "../command.ts";
import { PASSPHRASE_OPTION } from "../options.ts";
import { keyFile, listIdentities } from "../profile.ts";
import { openStore, withClient } from "../session.ts";

const identityShow: CommandSpec = {
  name: "show",
  summary: "show an identity's keys, or list the identities with keys here",
  arguments: [["[identity]", "which one; without it, a list, for which no passphrase is needed"]],
  options: [PASSPHRASE_OPTION],
  examples: [
    { text: "Whose keys are here", line: "milagro identity show" },
    { text: "Which keys one has", line: "milagro identity show milagro:acme/person/alice" },
  ],
  async run(context, invocation) {
    const named = invocation.optionalArgument(0) ?? context.settings.identity;
    if (named === undefined) {
      const rows = (await listIdentities(context.settings.home)).map((identity) => ({
        identity,
        file: keyFile(context.settings.home, identity),
      }));
      return {
        data: rows,
        view: {
          kind: "rows",
          columns: ["identity", "key file"],
          rows: rows.map(({ identity, file }) => [identity, file]),
          empty: "no identity has keys here",
        },
      };
    }
    const identity = parseIdentity(named);
    return withClient(
      context,
      identity,
      async (deps) => {
        const store = await openStore(context, deps, identity);
        try {
          const { epochSeconds } = deps.domain;
          const now = epochAt(deps.clock(), epochSeconds);
          const keys = store.ring.slots().map(({ usage, epoch }) => ({
            usage,
            epoch,
            state: epoch === now ? "current" : epoch > now ? "next" : "past",
            from: new Date(epochStartMs(epoch, epochSeconds)).toISOString(),
          }));
          return {
            data: { identity, domain: deps.domain.name, epoch: now, keys },
            view: {
              kind: "rows",
              columns: ["usage", "epoch", "state", "from"],
              rows: keys.map(({ usage, epoch, state, from }) => [usage, String(epoch), state, from]),
              empty: `${identity} has no keys yet`,
            },
          };
        } finally {
          await store.close();
        }
      },
      "offline",
    );
  },
};

export const identity: CommandGroup = {
  name: "identity",
  summary: "identities and their keys",
  commands: [identityShow],
};

/**
 * `milagro domain show`: a pinned domain, or a list of them.
 * @module
 */

import { openKnownDomain } from "@milagro/client/known-domain";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { listDomains, readKnownDomain } from "../profile.ts";
import { engineOf } from "../session.ts";
import { describeDomain } from "./domain-view.ts";

export const domainShow: CommandSpec = {
  name: "show",
  summary: "show a pinned domain, or list them",
  arguments: [["[name]", "which one; without it, a list"]],
  examples: [
    { text: "Which domains are pinned", line: "milagro domain show" },
    { text: "One of them", line: "milagro domain show acme" },
  ],
  async run({ settings }, invocation) {
    const name = invocation.optionalArgument(0);
    if (name !== undefined)
      return describeDomain(
        openKnownDomain(await engineOf(), systemRandom, await readKnownDomain(settings.home, name)),
      );
    const known = await Promise.all(
      (await listDomains(settings.home)).map((each) => readKnownDomain(settings.home, each)),
    );
    const rows = known.map(({ pin, newest }) => ({
      name: newest.descriptor.name,
      domainId: formatDomainId(pin),
      authorities: newest.descriptor.authorities.length,
      sequence: newest.descriptor.sequence,
    }));
    return {
      data: rows,
      view: {
        kind: "rows",
        columns: ["domain", "D-TAs", "descriptor", "domain id"],
        rows: rows.map((row) => [row.name, String(row.authorities), String(row.sequence), row.domainId]),
        empty: `no domain is pinned in ${settings.home}`,
      },
    };
  },
};

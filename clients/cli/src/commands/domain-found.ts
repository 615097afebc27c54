/**
 * `milagro domain found`: carries the messages of the founding ceremony and pins the result.
 * @module
 */
import { foundDomain } from "@milagro/client/founding";
import { firstSight } from "@milagro/client/known-domain";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { MilagroError } from "@milagro/engine/error";
import { parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { readJsonFile, writeTextFile } from "../files.ts";
import { withHttp } from "../ports.ts";
import { findKnownDomain, writeKnownDomain } from "../profile.ts";
import { engineOf } from "../session.ts";

export const domainFound: CommandSpec = {
  name: "found",
  summary: "run the founding ceremony of an approved proposal and pin the domain",
  details:
    "Every member must run unsealed, and its operator must have approved the same file (milagro dta approve).\nAll commit to their keys before any shows them, prove possession, and sign the descriptor. The coordinator is\ntrusted with nothing and may be interrupted: run the command again.",
  arguments: [["<proposal>", "file of the proposal, or - for stdin"]],
  options: [{ flags: "-o, --out <file>", text: "also write the signed descriptor to this file" }],
  examples: [
    { text: "Found it and keep the descriptor for others", line: "milagro domain found proposal.json --out acme.json" },
  ],
  async run({ io, settings, progress, note }, invocation) {
    const proposal = await readJsonFile(io, invocation.argument(0), parseCeremonyProposal);
    const engine = await engineOf();
    const steps: { step: string; index: number; name: string; commitment?: string }[] = [];
    const { signed, domain } = await progress(
      `founding ${proposal.name}`,
      withHttp((http) =>
        foundDomain({ engine, random: systemRandom, http, onStep: (step) => steps.push({ ...step }) }, proposal),
      ),
    );
    const known = await findKnownDomain(settings.home, domain.name);
    if (known && formatDomainId(known.pin) !== formatDomainId(domain.domainId)) {
      throw new MilagroError(
        "ERR_DESCRIPTOR_PIN",
        `another domain named ${domain.name} is pinned in ${settings.home}; remove it there first if it is given up`,
      );
    }
    const file = await writeKnownDomain(settings.home, firstSight(engine, systemRandom, signed).known);
    const out = invocation.text("out");
    if (out !== undefined)
      await writeTextFile(io, out, `${JSON.stringify(encodeSignedDescriptor(signed), null, 2)}\n`, 0o644);
    note("Compare the domain id with the other operators before you rely on it.");
    return {
      data: {
        name: domain.name,
        domainId: formatDomainId(domain.domainId),
        pinned: file,
        ...(out === undefined ? {} : { descriptor: out }),
        steps,
      },
      view: {
        kind: "fields",
        fields: [
          ["domain", domain.name],
          ["domain id", formatDomainId(domain.domainId)],
          ["signed by", `${signed.signatures.length} of ${domain.authorities.length}`],
          ["pinned in", file],
          ...(out === undefined ? [] : [["descriptor", out] as const]),
        ],
      },
    };
  },
};

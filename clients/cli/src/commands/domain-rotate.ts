/**
 * `milagro domain rotate`: carries the messages by which the D-TAs replace the `mpin` master.
 * @module
 */
import { type RotationStep, rotateMaster } from "@milagro/client/rotation";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { parseRotationProposal } from "@milagro/protocol/rotation-messages";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { readJsonFile, writeTextFile } from "../files.ts";
import { withHttp } from "../ports.ts";
import { engineOf, openDomain } from "../session.ts";

export const domainRotate: CommandSpec = {
  name: "rotate",
  summary: "replace the mpin master of the domain, by an approved proposal",
  details:
    "Every D-TA must run unsealed, and its operator must have approved the same file (milagro dta approve).\nThe coordinator is trusted with nothing and may be interrupted: run the command again until all have adopted the new master.\nLogin servers notice by themselves, collect their secret anew and switch; devices update their tokens when they log in.",
  arguments: [["<proposal>", "file of the proposal, or - for stdin"]],
  options: [{ flags: "-o, --out <file>", text: "also write the signed descriptor to this file" }],
  examples: [{ text: "Rotate, once all have approved", line: "milagro domain rotate rotation.json" }],
  async run(context, invocation) {
    const { io, progress } = context;
    const proposal = await readJsonFile(io, invocation.argument(0), parseRotationProposal);
    const domain = await openDomain(context);
    const engine = await engineOf();
    const steps: { step: string; index: number; name: string; commitment?: string }[] = [];
    const onStep = (step: RotationStep): void => void steps.push({ ...step });
    const { signed, domain: later } = await progress(
      `rotating the mpin master of ${proposal.name}`,
      withHttp((http) => {
        http.through({ engine, random: systemRandom, clock: systemClock, domain });
        return rotateMaster({ engine, random: systemRandom, http, domain, onStep }, proposal);
      }),
    );
    const out = invocation.text("out");
    if (out !== undefined)
      await writeTextFile(io, out, `${JSON.stringify(encodeSignedDescriptor(signed), null, 2)}\n`, 0o644);
    const { sequence } = later.descriptor;
    return {
      data: {
        name: later.name,
        sequence,
        epoch: proposal.epoch,
        until: proposal.until,
        descriptorHash: encodeBase64url(later.hash),
        ...(out === undefined ? {} : { descriptor: out }),
        steps,
      },
      view: {
        kind: "fields",
        fields: [
          ["domain", later.name],
          ["mpin master", `epoch ${proposal.epoch}`],
          ["descriptor", `number ${sequence}, signed by all ${signed.signatures.length}`],
          ["until", new Date(proposal.until * 1000).toISOString()],
          ...(out === undefined ? [] : [["written to", out] as const]),
        ],
      },
    };
  },
};

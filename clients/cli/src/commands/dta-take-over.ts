/**
 * `milagro dta take-over`: a D-TA that has missed the end of a rotation goes on from the descriptor that the others serve.
 * @module
 */
import { encodeSignedDescriptor, masterEpochOf, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { parseDescriptorTaken } from "@milagro/protocol/dta-messages";
import type { CommandSpec } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { readJsonFile } from "../files.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaTakeOver: CommandSpec = {
  name: "take-over",
  summary: "go on from a descriptor that others have adopted, after a restore",
  details:
    "For a D-TA that was restored from a backup of before a rotation and cannot finish it. The descriptor is what another D-TA\nserves (GET /v1/descriptor); this one checks that all have signed it, itself among them. If its share is lost, it says so:\nthen the domain has to rotate again. On a terminal you are asked.",
  arguments: [["<descriptor>", "file of the signed descriptor, or - for stdin"]],
  options: [DTA_HOME, { flags: "-y, --yes", text: "do not ask" }],
  examples: [{ text: "From what D-TA 1 serves", line: "milagro dta take-over --home dta-2 acme-1.json" }],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const signed = await readJsonFile(context.io, invocation.argument(0), parseSignedDescriptor);
    const { name, sequence } = signed.descriptor;
    if (!invocation.flag("yes") && context.io.isTty.stdin) {
      context.io.stderr.write(
        `Domain ${name}: this D-TA goes on from descriptor ${sequence}, mpin master of epoch ${masterEpochOf(signed.descriptor)}. There is no way back.\n`,
      );
      await confirmed(context, "Take it over?", "not taken over");
    }
    const body = encodeSignedDescriptor(signed);
    const taken = await callAdmin(home, { method: "PUT", path: "/v1/descriptor", body }, parseDescriptorTaken);
    return {
      data: { name, sequence: taken.sequence, epoch: taken.epoch, share: taken.share },
      view: {
        kind: "fields",
        fields: [
          ["domain", name],
          ["descriptor", `number ${taken.sequence}`],
          ["mpin master", `epoch ${taken.epoch}`],
          ["share of it", taken.share ? "here" : "lost: propose another rotation (milagro domain propose-rotation)"],
        ],
      },
    };
  },
};

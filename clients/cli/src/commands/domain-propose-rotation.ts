/**
 * `milagro domain propose-rotation`: writes the proposal of another `mpin` master, which every operator approves.
 * @module
 */
import { proposeRotation } from "@milagro/client/rotation";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { encodeRotationProposal, rotationIdOf } from "@milagro/protocol/rotation-messages";
import { systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import type { CommandSpec } from "../command.ts";
import { writeTextFile } from "../files.ts";
import { withHttp } from "../ports.ts";
import { engineOf, openDomain } from "../session.ts";

const DAY_SECONDS = 86_400;

export const domainProposeRotation: CommandSpec = {
  name: "propose-rotation",
  summary: "write the proposal of another mpin master",
  details:
    "After a login server's secret was stolen, or now and then. Users keep their PINs; a device that does not log in before the\ntime to change over ends has to be set up anew. Treat the file as confidential until the rotation is done.",
  options: [
    { flags: "--days <days>", text: "how long devices can change over", default: "90" },
    { flags: "--seconds <seconds>", text: "the same in seconds, for trying it out" },
    { flags: "-o, --out <file>", text: "file to write", default: "rotation.json" },
  ],
  examples: [
    { text: "Devices have ninety days to change over", line: "milagro domain propose-rotation --out rotation.json" },
  ],
  async run(context, invocation) {
    const { io, progress } = context;
    const days = invocation.integer("days", { min: 1, max: 400 }) ?? 90;
    const seconds = invocation.integer("seconds", { min: 60, max: 400 * DAY_SECONDS }) ?? days * DAY_SECONDS;
    const domain = await openDomain(context);
    const engine = await engineOf();
    const until = Math.floor(systemClock() / 1000) + seconds;
    const proposal = await progress(
      "asking the D-TAs for their descriptor",
      withHttp((http) => {
        http.through({ engine, random: systemRandom, clock: systemClock, domain });
        return proposeRotation({ engine, random: systemRandom, http, domain }, until);
      }),
    );
    const text = `${JSON.stringify(encodeRotationProposal(proposal), null, 2)}\n`;
    const file = await writeTextFile(io, invocation.required("out"), text, 0o600);
    const ceremonyId = encodeBase64url(rotationIdOf(proposal));
    const untilText = new Date(until * 1000).toISOString();
    return {
      data: { file, ceremonyId, epoch: proposal.epoch, until },
      view: {
        kind: "fields",
        fields: [
          ["proposal", file],
          ["ceremony", ceremonyId],
          ["mpin master", `epoch ${proposal.epoch}`],
          ["until", untilText],
        ],
      },
    };
  },
};

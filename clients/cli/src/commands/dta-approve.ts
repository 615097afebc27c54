/**
 * `milagro dta approve`: the operator agrees to found a domain with these members, or to rotate the `mpin` master of this D-TA's domain.
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import {
  type CeremonyProposal,
  ceremonyIdOf,
  encodeCeremonyProposal,
  parseCeremonyProposal,
  parseCeremonyStatus,
} from "@milagro/protocol/ceremony-messages";
import { parseDtaStatus } from "@milagro/protocol/dta-messages";
import {
  encodeRotationProposal,
  parseRotationProposal,
  parseRotationStatus,
  type RotationProposal,
  rotationIdOf,
} from "@milagro/protocol/rotation-messages";
import type { CommandSpec, Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { readJsonFile } from "../files.ts";
import { type Result, renderView } from "../output.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";

export const dtaApprove: CommandSpec = {
  name: "approve",
  summary: "approve a proposal: of a domain that this D-TA is to be a member of, or of a rotation in its domain",
  details: "Every operator approves the same file. What is approved is shown first; on a terminal you are asked.",
  arguments: [["<proposal>", "file of the proposal, or - for stdin"]],
  options: [DTA_HOME, { flags: "-y, --yes", text: "do not ask" }],
  examples: [{ text: "Approve after reading it", line: "milagro dta approve --home dta-1 proposal.json" }],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const proposal = await readJsonFile(context.io, invocation.argument(0), parseProposal);
    if ("type" in proposal) return approveRotation(context, home, proposal, invocation.flag("yes"));
    const { name } = await callAdmin(home, { path: "/v1/status" }, parseDtaStatus);
    const member = proposal.members.find((candidate) => candidate.name === name);
    if (!member) throw new MilagroError("ERR_CEREMONY_STATE", `the proposal has no member named ${name}`);
    if (!invocation.flag("yes") && context.io.isTty.stdin) await agree(context, proposal, name);
    const body = { v: 1, index: member.index, proposal: encodeCeremonyProposal(proposal) };
    const status = await callAdmin(home, { method: "POST", path: "/v1/ceremonies", body }, parseCeremonyStatus);
    const ceremony = encodeBase64url(ceremonyIdOf(proposal));
    return {
      data: { ceremonyId: ceremony, index: member.index, phase: status.phase },
      view: {
        kind: "fields",
        fields: [
          ["approved", `${proposal.name}, as member ${member.index} of ${proposal.members.length}`],
          ["ceremony", ceremony],
          ["phase", status.phase],
        ],
      },
    };
  },
};

/** Which of the two it is, the proposal itself says. */
export function parseProposal(value: unknown): CeremonyProposal | RotationProposal {
  const isRotation = typeof value === "object" && value !== null && "type" in value;
  return isRotation ? parseRotationProposal(value) : parseCeremonyProposal(value);
}

async function approveRotation(
  context: Context,
  home: string,
  proposal: RotationProposal,
  agreed: boolean,
): Promise<Result> {
  const { io } = context;
  const until = new Date(proposal.until * 1000).toISOString();
  if (!agreed && io.isTty.stdin) {
    io.stderr.write(
      `Domain ${proposal.name}: another mpin master, epoch ${proposal.epoch}.\nLogin servers collect their secret anew. Devices that do not log in before ${until} have to be set up anew.\n`,
    );
    await confirmed(context, "Approve?", "not approved");
  }
  const body = encodeRotationProposal(proposal);
  const status = await callAdmin(home, { method: "POST", path: "/v1/rotations", body }, parseRotationStatus);
  const ceremony = encodeBase64url(rotationIdOf(proposal));
  return {
    data: {
      ceremonyId: ceremony,
      index: status.index,
      phase: status.phase,
      epoch: proposal.epoch,
      until: proposal.until,
    },
    view: {
      kind: "fields",
      fields: [
        ["approved", `rotation of the mpin master of ${proposal.name} to epoch ${proposal.epoch}`],
        ["until", until],
        ["ceremony", ceremony],
        ["phase", status.phase],
      ],
    },
  };
}

async function agree(context: Context, proposal: CeremonyProposal, own: string): Promise<void> {
  const { io } = context;
  const view = renderView(io, {
    kind: "rows",
    columns: ["", "name", "operator", "jurisdiction", "url"],
    rows: proposal.members.map((member) => [
      member.name === own ? "you" : String(member.index),
      member.name,
      member.operator,
      member.jurisdiction,
      member.url,
    ]),
    empty: "",
  });
  io.stderr.write(
    `Domain ${proposal.name}, epochs of ${proposal.epochSeconds} s, all ${proposal.members.length} needed:\n${view}\n`,
  );
  await confirmed(context, "Approve?", "not approved");
}

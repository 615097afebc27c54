/**
 * `milagro dta give-up`: the operator takes a yes back, to a rotation that this D-TA has not adopted or a founding in which it has shown no key; and sees what there is
 * to give up.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { type CeremonyStatus, ceremonyIdOf, parseCeremonyList } from "@milagro/protocol/ceremony-messages";
import { parseDone } from "@milagro/protocol/dta-messages";
import { parseRotationList, type RotationStatus, rotationIdOf } from "@milagro/protocol/rotation-messages";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { readJsonFile } from "../files.ts";
import type { Result } from "../output.ts";
import { callAdmin, DTA_HOME, dtaHome } from "./dta-admin.ts";
import { parseProposal } from "./dta-approve.ts";

type Status = RotationStatus | CeremonyStatus;
const isRotation = (status: Status): status is RotationStatus => "type" in status.proposal;

export const dtaGiveUp: CommandSpec = {
  name: "give-up",
  summary: "give up a rotation or a founding that was approved",
  details:
    "Each operator gives up at its own D-TA; the old master goes on. Without a proposal, lists what this D-TA takes part in or has given up.\nIf another D-TA has adopted a rotation already, finish it instead. On a terminal you are asked.",
  arguments: [["[proposal]", "file of the proposal, or - for stdin"]],
  options: [
    DTA_HOME,
    {
      flags: "--ceremony <id>",
      text: "by its id, where the file is lost; write --ceremony=<id>, since an id may begin with a dash",
    },
    { flags: "-y, --yes", text: "do not ask" },
  ],
  examples: [
    { text: "What is under way", line: "milagro dta give-up --home dta-1" },
    { text: "Take the approval back", line: "milagro dta give-up --home dta-1 rotation.json" },
  ],
  serviceHome: true,
  async run(context, invocation) {
    const home = dtaHome(context, invocation);
    const { rotations } = await callAdmin(home, { path: "/v1/rotations" }, parseRotationList);
    const { ceremonies } = await callAdmin(home, { path: "/v1/ceremonies" }, parseCeremonyList);
    const all: readonly Status[] = [...ceremonies, ...rotations];
    const id = await idOf(context, invocation);
    if (id === undefined) return listOf(all);
    const status = all.find(({ ceremonyId }) => equalBytes(ceremonyId, id));
    if (!status) throw new MilagroError("ERR_CEREMONY_UNKNOWN", "this D-TA's operator has not approved that");
    if (!invocation.flag("yes") && context.io.isTty.stdin) {
      context.io.stderr.write(`${consequenceOf(status)}\n`);
      await confirmed(context, "Give it up?", "not given up");
    }
    const ceremony = encodeBase64url(id);
    const path = `/v1/${isRotation(status) ? "rotations" : "ceremonies"}/${ceremony}`;
    await callAdmin(home, { method: "DELETE", path }, parseDone);
    return {
      data: { ceremonyId: ceremony, phase: status.phase, givenUp: true },
      view: {
        kind: "fields",
        fields: [
          ["given up", subjectOf(status)],
          ["ceremony", ceremony],
          ["phase", status.phase],
        ],
      },
    };
  },
};

/** The id is an option, to be written with "=": a base64url text may begin with "-". */
async function idOf({ io }: Context, invocation: Invocation): Promise<Uint8Array | undefined> {
  const id = invocation.text("ceremony");
  const file = invocation.optionalArgument(0);
  if (id !== undefined && file !== undefined)
    throw new MilagroError("ERR_USAGE", "name the file of the proposal or the ceremony, not both");
  if (id !== undefined) return parseBase64url(id);
  if (file === undefined) return undefined;
  const proposal = await readJsonFile(io, file, parseProposal);
  return "type" in proposal ? rotationIdOf(proposal) : ceremonyIdOf(proposal);
}

const subjectOf = (status: Status): string =>
  isRotation(status)
    ? `rotation of the mpin master of ${status.proposal.name} to epoch ${status.proposal.epoch}`
    : `founding of ${status.proposal.name}`;

function consequenceOf(status: Status): string {
  const { name } = status.proposal;
  if (!isRotation(status)) return `Domain ${name}: nobody founds it by this proposal without this D-TA.`;
  const others =
    status.phase === "signed"
      ? "This D-TA has signed it: whoever has all signatures may adopt it all the same. Ask the others first; once one has, finish it instead.\nIts number is used up. Approving the same file again goes on with it."
      : "No D-TA can adopt it without this one.";
  return `Domain ${name}: the ${subjectOf(status)} ends here, and the old master goes on.\n${others}`;
}

const isGivenUp = (status: Status): boolean => "givenUp" in status && status.givenUp === true;

function listOf(all: readonly Status[]): Result {
  return {
    data: all.map((status) => ({
      ceremonyId: encodeBase64url(status.ceremonyId),
      kind: isRotation(status) ? "rotation" : "founding",
      domain: status.proposal.name,
      ...(isRotation(status) ? { sequence: status.proposal.sequence, epoch: status.proposal.epoch } : {}),
      phase: status.phase,
      givenUp: isGivenUp(status),
    })),
    view: {
      kind: "rows",
      columns: ["ceremony", "what", "state"],
      rows: all.map((status) => [
        encodeBase64url(status.ceremonyId),
        subjectOf(status),
        isGivenUp(status) ? "given up" : status.phase,
      ]),
      empty: "nothing was approved here",
    },
  };
}

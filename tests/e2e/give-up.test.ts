/** `milagro dta give-up` at a D-TA that runs: what was approved is taken back, by the one whose yes it was. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { ceremonyIdOf, encodeCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeRotationProposal, type RotationProposal, rotationIdOf } from "@milagro/protocol/rotation-messages";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../clients/cli/test/run-cli.ts";
import { approve, pathOf, proposalOn } from "../../services/dta/test/rotation-support.ts";
import {
  cleanUp,
  foundDomain,
  HeldClock,
  initHome,
  newFolder,
  post,
  proposalFor,
  startHome,
  type TestDomain,
  type TestDta,
} from "../../services/dta/test/support.ts";

let world: TestDomain;
let dta: TestDta;
let folder: string;
beforeAll(async () => {
  world = await foundDomain(1);
  [dta] = world.dtas as [TestDta];
  folder = newFolder();
});
afterAll(cleanUp);

const giveUp = async (args: readonly string[], of = dta) => {
  const { status, stdout, stderr } = await run(
    ["dta", "give-up", "--home", of.home.folder, ...args, "--format", "json"],
    {
      cwd: folder,
    },
  );
  return status === 0 ? JSON.parse(stdout) : JSON.parse(stderr).error.code;
};
const idOf = (proposal: RotationProposal) => encodeBase64url(rotationIdOf(proposal));
const step = (proposal: RotationProposal, name: string, body?: unknown) =>
  post(dta.http, `${pathOf(proposal)}/${name}`, body);
/** As the operator has it. */
async function file(proposal: RotationProposal): Promise<string> {
  await writeFile(join(folder, "rotation.json"), JSON.stringify(encodeRotationProposal(proposal)));
  return "rotation.json";
}

test("a rotation is given up by its file or its id; the list says what there is; one that this D-TA has signed stays, and can be gone on with", async () => {
  expect(await giveUp([])).toMatchObject([
    { kind: "founding", domain: "example.org", phase: "founded", givenUp: false },
  ]);
  const first = proposalOn(world.domain, world.clock.nowMs);
  await approve(dta, first);
  const listed = {
    ceremonyId: idOf(first),
    kind: "rotation",
    sequence: 1,
    epoch: 1,
    phase: "proposed",
    givenUp: false,
  };
  expect((await giveUp([]))[1]).toMatchObject(listed);
  expect(await giveUp([await file(first)])).toEqual({ ceremonyId: idOf(first), phase: "proposed", givenUp: true });
  expect(await giveUp([])).toHaveLength(1);
  expect(await giveUp([`--ceremony=${idOf(first)}`])).toBe("ERR_CEREMONY_UNKNOWN");

  // Ids may begin as options do.
  let second = proposalOn(world.domain, world.clock.nowMs);
  while (!idOf(second).startsWith("-")) second = proposalOn(world.domain, world.clock.nowMs);
  await approve(dta, second);
  const commitments = [await step(second, "commit")];
  const reveals = [await step(second, "commitments", { v: 1, commitments })];
  const signatures = [await step(second, "reveals", { v: 1, reveals })];
  expect(await giveUp([`--ceremony=${idOf(second)}`])).toMatchObject({ phase: "signed" });
  expect((await giveUp([]))[1]).toMatchObject({ phase: "signed", givenUp: true });
  await approve(dta, second);
  await step(second, "signatures", { v: 1, signatures });
  expect(await giveUp([`--ceremony=${idOf(second)}`])).toBe("ERR_CEREMONY_STATE");
});

test("a D-TA takes over nothing that is no newer than what it serves", async () => {
  const { body } = await dta.http.request({ path: "/v1/descriptor" });
  await writeFile(join(folder, "served.json"), JSON.stringify(body));
  const { status, stderr } = await run(
    ["dta", "take-over", "--home", dta.home.folder, "served.json", "--format", "json"],
    { cwd: folder },
  );
  expect([status === 0, JSON.parse(stderr).error.code]).toEqual([false, "ERR_CEREMONY_STATE"]);
});

test("a founding is given up until this D-TA has shown its keys; another's word or file is refused", async () => {
  const alone = await startHome(await initHome(1), new HeldClock());
  const proposal = proposalFor(2);
  await post(alone.admin, "/v1/ceremonies", { v: 1, index: 1, proposal: encodeCeremonyProposal(proposal) });
  const id = encodeBase64url(ceremonyIdOf(proposal));
  expect(await giveUp([`--ceremony=${encodeBase64url(ceremonyIdOf(proposalFor(2)))}`], alone)).toBe(
    "ERR_CEREMONY_UNKNOWN",
  );
  await writeFile(join(folder, "other.json"), "{}");
  expect(await giveUp(["other.json"], alone)).toBe("ERR_MESSAGE_INVALID");
  expect(await giveUp([`--ceremony=${id}`], alone)).toEqual({ ceremonyId: id, phase: "proposed", givenUp: true });
  expect(await giveUp([], alone)).toEqual([]);
});

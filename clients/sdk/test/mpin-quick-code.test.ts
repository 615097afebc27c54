import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { beforeAll, describe, expect, test } from "vitest";
import { type Founded, foundDomain } from "../../../core/protocol/test/fixture.ts";
import { resumeEnrolment } from "../src/mpin-enrolment.ts";
import type { AskingEnrolment } from "../src/mpin-enrolment-asking.ts";
import { login } from "../src/mpin-login.ts";
import {
  approveDevice,
  awaitApproval,
  type ClaimedView,
  claimQuickCode,
  createQuickCode,
  viewQuickCode,
} from "../src/mpin-quick-code.ts";
import { loadEngine, MemoryStorage, pinOf, World } from "./mpin-world.ts";

let founded: Founded;
/** What another user's new device has claimed. */
let foreign: ClaimedView;
beforeAll(async () => {
  founded = await foundDomain(2);
  ({ view: foreign } = await claimed("bob"));
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

/** One device that is enrolled, and a second one that has claimed its code. */
async function claimed(user = "alice@example.org") {
  const world = new World(founded);
  const old = await world.enrolled("8068");
  const { id } = await createQuickCode(old.client);
  const storage = new MemoryStorage();
  const client = world.device(storage);
  const enrolment = await world.begin(client, user);
  const quickCode = await claimQuickCode(client, enrolment, " abcd 1234 ");
  const view = await viewQuickCode(old.client, id);
  if (view.state !== "claimed") throw new Error(view.state);
  const approve = (change: { view?: ClaimedView; number?: string; digits?: string } = {}) =>
    approveDevice(old.client, {
      identity: old.identity,
      id,
      view: change.view ?? view,
      number: change.number ?? quickCode.number,
      pin: pinOf(change.digits ?? "8068"),
    });
  return { world, old, client, storage, enrolment, view, approve };
}

async function finishWith(enrolment: AskingEnrolment, digits: string): Promise<void> {
  const chosen = await enrolment.finish(pinOf(digits));
  if ("register" in chosen) await chosen.register();
}

describe("a second device by QuickCode", () => {
  test("is issued its own keys on the old one's approval, without any mail", async () => {
    const { world, client, enrolment, approve } = await claimed();
    const mails = world.dtas.map((dta) => dta.mails.length);
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "unapproved" });
    expect(await approve()).toEqual({ outcome: "approved" });
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "issued" });
    await finishWith(enrolment, "7392");
    const { identity } = enrolment;
    expect(await login(client, { identity, pin: pinOf("7392") })).toMatchObject({ outcome: "accepted" });
    expect(world.server.devices.size).toBe(2);
    expect(world.dtas.map((dta) => dta.mails.length)).toEqual(mails);
  });

  test("goes on after a crash of the new device: number and claim are remembered", async () => {
    const { world, storage, enrolment, approve } = await claimed();
    await approve();
    const client = world.device(storage);
    const resumed = await resumeEnrolment(client, enrolment.identity, loadEngine);
    if (resumed?.stage !== "asking") throw new Error("another stage");
    expect(resumed.quickCode?.number).toBe(world.server.number);
    expect(await awaitApproval(client, resumed)).toEqual({ outcome: "issued" });
  });

  test("a wrong PIN approves nothing, and counts", async () => {
    const { world, approve } = await claimed();
    expect(await approve({ digits: "8069" })).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(world.server.approval).toBeUndefined();
  });
});

describe("a server that wants another request signed", () => {
  test.each<[string, (view: ClaimedView, other: ClaimedView) => ClaimedView]>([
    ["of another user", (_, other) => other],
    ["of the approving device itself", (view) => ({ ...view, claim: { ...view.claim, identity: self } })],
    [
      "for one key more",
      (view) => ({
        ...view,
        claim: { ...view.claim, keys: [...view.claim.keys, { usage: "enc", epoch: 5 }] as never },
      }),
    ],
    [
      "for keys of another epoch",
      (view) => ({
        ...view,
        claim: { ...view.claim, keys: [view.claim.keys[0], { usage: "sig", epoch: 5 }] as never },
      }),
    ],
    ["of another domain", (view) => ({ ...view, claim: { ...view.claim, domainId: new Uint8Array(32) as never } })],
    [
      "of no device",
      (view) => ({ ...view, claim: { ...view.claim, identity: "milagro:example.org/person/alice" as never } }),
    ],
  ])("%s gets neither login nor signature", async (_, change) => {
    const { world, old, view, approve } = await claimed();
    self = old.identity;
    world.calls.length = 0;
    expect(await codeOf(approve({ view: change(view, foreign) }))).toBe("ERR_LOGIN_MISMATCH");
    expect(world.calls).toEqual([]);
  });

  test("that swaps the claim after the user saw it gets no login", async () => {
    const { world, approve } = await claimed();
    const { view: other } = await claimed();
    world.server.claim = { ...(world.server.claim as never as object), claim: other.claim } as never;
    expect(await codeOf(approve())).toBe("ERR_LOGIN_MISMATCH");
    expect(world.server.approval).toBeUndefined();
  });
});

test("what is no code is not sent, and approval is not awaited before a code was claimed", async () => {
  const world = new World(founded);
  const client = world.device();
  const enrolment = await world.begin(client);
  world.calls.length = 0;
  expect(await codeOf(claimQuickCode(client, enrolment, "ABC"))).toBe("ERR_ENCODING_INVALID");
  expect(await codeOf(awaitApproval(client, enrolment))).toBe("ERR_ENROLMENT_STAGE");
  expect(world.calls).toEqual([]);
});

test("a login server alone gets nothing from the D-TAs: its word without a device's signature is no evidence", async () => {
  const { client, enrolment, world } = await claimed();
  const { identity } = [...world.server.devices.keys()].map((name) => ({ identity: name }))[0] as { identity: never };
  const forged = {
    type: "device",
    device: identity,
    signature: new Uint8Array(96).fill(1),
    approval: "a.b.c",
  } as const;
  expect(await enrolment.submitToAll([forged])).toMatchObject({ outcome: "refused", refusals: [{}, {}] });
  expect(await codeOf(enrolment.finish(pinOf("8068")))).toBe("ERR_ENROLMENT_STAGE");
  expect(client.origin).toBe("https://login.example.org");
});

let self = "" as MpinIdentity;

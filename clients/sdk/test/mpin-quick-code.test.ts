import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { type IssuanceClaim, requestHashOf } from "@milagro/protocol/issuance-messages";
import { commitQuickCode } from "@milagro/protocol/quick-code-number";
import { beforeAll, describe, expect, test } from "vitest";
import { type Founded, foundDomain } from "../../../core/protocol/test/fixture.ts";
import { resumeEnrolment } from "../src/mpin-enrolment.ts";
import type { AskingEnrolment } from "../src/mpin-enrolment-asking.ts";
import { login } from "../src/mpin-login.ts";
import { awaitApproval, claimQuickCode, createQuickCode, meetDevice } from "../src/mpin-quick-code.ts";
import { loadEngine, MemoryStorage, pinOf, World } from "./mpin-world.ts";

let founded: Founded;
/** What another user's new device has claimed. */
let foreign: IssuanceClaim;
beforeAll(async () => {
  founded = await foundDomain(2);
  foreign = (await claimed("bob")).enrolment.claim;
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
  await claimQuickCode(client, enrolment, " abcd 1234 ");
  const meeting = meetDevice(old.client, id);
  const approve = (number: string, digits = "8068") =>
    meeting.approve({ identity: old.identity, number, pin: pinOf(digits) });
  return { world, old, client, storage, enrolment, meeting, approve };
}

/** Until both devices show their numbers. `between`: what a server that stands between them does after the old device's first look. */
async function met(between: (world: World) => void = () => {}) {
  const all = await claimed();
  const { meeting, client, enrolment, world } = all;
  expect(await meeting.look()).toEqual({ state: "claimed" });
  between(world);
  const shown = await awaitApproval(client, enrolment);
  if (shown.outcome !== "number") throw new Error(shown.outcome);
  const view = await meeting.look();
  if (view.state !== "met") throw new Error(view.state);
  return { ...all, number: shown.number, view };
}

async function finishWith(enrolment: AskingEnrolment, digits: string): Promise<void> {
  const chosen = await enrolment.finish(pinOf(digits));
  if ("register" in chosen) await chosen.register();
}

describe("a second device by QuickCode", () => {
  test("is issued its own keys on the old one's approval, without any mail; both show the same seven digits", async () => {
    const { world, client, enrolment, approve, number, view } = await met();
    expect(number).toMatch(/^[0-9]{7}$/);
    expect(view).toMatchObject({ number, label: "Laptop" });
    expect(new Set(view.choices).size).toBe(3);
    expect(view.choices).toContain(number);
    const mails = world.dtas.map((dta) => dta.mails.length);
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "unapproved" });
    expect(await approve(number)).toEqual({ outcome: "approved" });
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "issued" });
    await finishWith(enrolment, "7392");
    const { identity } = enrolment;
    expect(await login(client, { identity, pin: pinOf("7392") })).toMatchObject({ outcome: "accepted" });
    expect(world.server.devices.size).toBe(2);
    expect(world.dtas.map((dta) => dta.mails.length)).toEqual(mails);
  });

  test("goes on after a crash of the new device: number and claim are remembered", async () => {
    const { world, storage, enrolment, approve, number } = await met();
    await approve(number);
    const client = world.device(storage);
    const resumed = await resumeEnrolment(client, enrolment.identity, loadEngine);
    if (resumed?.stage !== "asking") throw new Error("another stage");
    expect(resumed.quickCode?.number).toBe(number);
    expect(await awaitApproval(client, resumed)).toEqual({ outcome: "issued" });
  });

  test("a wrong PIN approves nothing, and counts", async () => {
    const { world, approve, number } = await met();
    expect(await approve(number, "8069")).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(world.server.approval).toBeUndefined();
  });

  test("another number ends it for both, without a login", async () => {
    const { world, client, enrolment, approve, number, view, meeting } = await met();
    world.calls.length = 0;
    const other = view.choices.find((choice) => choice !== number) ?? "";
    expect(await codeOf(approve(other))).toBe("ERR_NUMBER_MISMATCH");
    expect(world.calls.filter((call) => call.includes("/v1/logins"))).toEqual([]);
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "rejected" });
    expect(await meeting.look()).toEqual({ state: "refused" });
  });

  test("nothing is approved before the devices have met", async () => {
    const { world, approve, meeting } = await claimed();
    expect(await codeOf(approve("1234567"))).toBe("ERR_ENROLMENT_STAGE");
    await meeting.look();
    expect(await codeOf(approve("1234567"))).toBe("ERR_ENROLMENT_STAGE");
    expect(world.server.approval).toBeUndefined();
  });
});

describe("a login server between the two devices", () => {
  /** Puts a request of its own in the place of the new device's, and plays that device towards the old one. */
  async function swapped(change: { readonly label?: string } = {}) {
    const all = await claimed();
    const { world, meeting, client, enrolment } = all;
    const honest = world.server.claim;
    if (!honest) throw new Error("not claimed");
    const mine = (await world.begin(world.device(), "alice@example.org")).claim;
    const nonce = new Uint8Array(32).fill(7);
    const label = change.label ?? honest.label;
    const claim = change.label === undefined ? mine : honest.claim;
    const commitment = commitQuickCode({ requestHash: requestHashOf(claim), label }, nonce);
    world.server.claim = { ...honest, claim, label, commitment };
    expect(await meeting.look()).toEqual({ state: "claimed" });
    const shown = await awaitApproval(client, enrolment);
    world.server.opening = nonce;
    const view = await meeting.look();
    if (view.state !== "met" || shown.outcome !== "number") throw new Error("not met");
    return { ...all, shown, view };
  }

  test("that swaps the request makes the screens show different numbers, and what the new one shows is refused", async () => {
    const { world, approve, shown, view } = await swapped();
    expect(view.number).not.toBe(shown.number);
    expect(view.choices).not.toContain(shown.number);
    expect(await codeOf(approve(shown.number))).toBe("ERR_NUMBER_MISMATCH");
    expect(world.server.approval).toBeUndefined();
  });

  test("that swaps only the name of the device, too", async () => {
    const { shown, view } = await swapped({ label: "A nicer name" });
    expect(view.choices).not.toContain(shown.number);
  });

  test("cannot choose after it has seen: another nonce than it committed to ends the meeting", async () => {
    const { meeting, client, enrolment, world } = await claimed();
    await meeting.look();
    await awaitApproval(client, enrolment);
    world.server.opening = new Uint8Array(32).fill(7);
    expect(await codeOf(meeting.look())).toBe("ERR_LOGIN_MISMATCH");
  });

  test("cannot try nonces on the new device: the first one stays, and over a restart", async () => {
    const { world, storage, client, enrolment, number } = await met();
    world.server.challenge = new Uint8Array(32).fill(9);
    world.server.opening = undefined;
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "number", number });
    const resumed = await resumeEnrolment(world.device(storage), enrolment.identity, loadEngine);
    if (resumed?.stage !== "asking") throw new Error("another stage");
    world.server.opening = undefined;
    expect(await awaitApproval(client, resumed)).toEqual({ outcome: "number", number });
  });

  test("learns the new device's nonce only after that has the old one's", async () => {
    const { world, client, enrolment } = await claimed();
    expect(await awaitApproval(client, enrolment)).toEqual({ outcome: "unapproved" });
    expect(world.server.opening).toBeUndefined();
    expect(JSON.stringify(world.server.claim)).not.toContain(JSON.stringify(enrolment.quickCode?.nonce));
  });

  test("that changes the claim, the name or the commitment after the first look is left", async () => {
    for (const part of ["claim", "label", "commitment"] as const) {
      const { meeting, world } = await claimed();
      await meeting.look();
      const other = { claim: foreign, label: "Another", commitment: new Uint8Array(32) }[part];
      world.server.claim = { ...(world.server.claim as object), [part]: other } as never;
      expect(await codeOf(meeting.look()), part).toBe("ERR_LOGIN_MISMATCH");
    }
  });

  test.each<[string, (claim: IssuanceClaim) => IssuanceClaim]>([
    ["of another user", () => foreign],
    ["of the approving device itself", (claim) => ({ ...claim, identity: self })],
    ["for one key more", (claim) => ({ ...claim, keys: [...claim.keys, { usage: "enc", epoch: 5 }] as never })],
    [
      "for keys of another epoch",
      (claim) => ({ ...claim, keys: [claim.keys[0], { usage: "sig", epoch: 5 }] as never }),
    ],
    ["of another domain", (claim) => ({ ...claim, domainId: new Uint8Array(32) as never })],
    ["of no device", (claim) => ({ ...claim, identity: "milagro:example.org/person/alice" as never })],
  ])("that asks, with a number of its own, for keys %s gets neither login nor signature", async (_, change) => {
    const { world, old, meeting, approve } = await claimed();
    self = old.identity;
    const nonce = new Uint8Array(32).fill(7);
    const honest = world.server.claim;
    if (!honest) throw new Error("not claimed");
    const claim = change(honest.claim);
    const commitment = commitQuickCode({ requestHash: requestHashOf(claim), label: honest.label }, nonce);
    world.server.claim = { ...honest, claim, commitment };
    await meeting.look();
    world.server.opening = nonce;
    const view = await meeting.look();
    if (view.state !== "met") throw new Error(view.state);
    world.calls.length = 0;
    expect(await codeOf(approve(view.number))).toBe("ERR_LOGIN_MISMATCH");
    expect(world.calls).toEqual([]);
  });

  test("that swaps the claim when the login begins gets no answer", async () => {
    const { world, approve, number } = await met();
    world.server.claim = { ...(world.server.claim as object), claim: foreign } as never;
    expect(await codeOf(approve(number))).toBe("ERR_LOGIN_MISMATCH");
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

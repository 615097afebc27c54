/** The login server with real D-TAs, driven by the client library. */

import { DatabaseSync } from "node:sqlite";
import { login, type MpinClient, signText, whoAmI } from "@milagro/client/mpin";
import {
  type AskingEnrolment,
  activationEvidence,
  awaitApproval,
  beginEnrolment,
  claimQuickCode,
  createQuickCode,
  fetchLoginService,
  meetDevice,
  resumeEnrolment,
} from "@milagro/client/mpin-enrol";
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { signDeviceApproval } from "@milagro/protocol/device-approval";
import { requestHashOf } from "@milagro/protocol/issuance-messages";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signApproval } from "../../services/auth/src/approval.ts";
import { enrolDevice, foundDomain, signingKeyOf } from "../../services/auth/test/domain.ts";
import { Browser, logged } from "../../services/auth/test/support.ts";
import { engine, foundWorld, pinOf, random, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await foundWorld();
});
afterAll(() => world.close());

const begin = async (phone: MpinClient, user: string): Promise<AskingEnrolment> =>
  beginEnrolment(phone, {
    service: await fetchLoginService(phone),
    user,
    label: "My phone",
    loadEngine: async () => engine,
  });

async function finish(enrolment: AskingEnrolment, pin: string): Promise<MpinIdentity> {
  const chosen = await enrolment.finish(pinOf(pin));
  if ("outcome" in chosen) throw new Error(chosen.outcome);
  expect(await chosen.register()).toMatchObject({ outcome: "registered" });
  return chosen.identity;
}

async function enrol(phone: MpinClient, user: string, pin: string): Promise<MpinIdentity> {
  const enrolment = await begin(phone, user);
  expect(await enrolment.submit(activationEvidence(await world.activation(user)))).toEqual({ outcome: "issued" });
  return finish(enrolment, pin);
}

test("the server secret comes from all D-TAs: with one down there is none, and it comes when that one is back", async () => {
  await world.stopDta(2);
  const before = logged.length; // by servers of other tests
  const auth = await world.serve();
  while (!logged.slice(before).some((line) => line.includes("server secret not collected yet")))
    await new Promise((resolve) => setTimeout(resolve, 20));
  expect(auth.context.workers.ready).toBe(false);
  expect(auth.context.keys.store.names()).toContain("enrolment");
  // Stopped in the middle: the requests are kept, since the tokens are spent on them.
  await world.stopAuth();
  await world.serve();
  await world.startDta(2);
  await world.untilReady();
  expect((await new Browser(world.auth).call("GET", "/ready")).status).toBe(200);
  const names = world.auth.context.keys.store.names();
  expect(names).toContain("server-secret");
  expect(names).not.toContain("join-tokens");
  expect(names).not.toContain("enrolment");
  // It rests in the key store: no D-TA is asked again.
  for (const index of [1, 2, 3]) await world.stopDta(index);
  await world.stopAuth();
  await world.serve();
  await world.untilReady();
  for (const index of [1, 2, 3]) await world.startDta(index);
});

test("a phone enrols at three D-TAs, registers, logs in, signs; a wrong PIN does neither", async () => {
  const phone = world.phone();
  const identity = await enrol(phone, "alice", "7305");
  expect(await login(phone, { identity, pin: pinOf("7306") })).toMatchObject({ outcome: "refused", attemptsLeft: 4 });
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject({ outcome: "accepted", user: "alice" });
  expect((await whoAmI(phone)).devices).toMatchObject([{ identity, state: "active" }]);
  expect(await signText(phone, { identity, text: "Pay 1 EUR", pin: pinOf("7305") })).toMatchObject({
    outcome: "accepted",
  });
  expect(await signText(phone, { identity, text: "Pay 1 EUR", pin: pinOf("7306") })).toMatchObject({
    outcome: "refused",
  });
});

test("the login server's database is down in the middle of an enrolment: nothing half is there, and the same registration goes on", async () => {
  const phone = world.phone();
  const enrolment = await begin(phone, "dora");
  expect(await enrolment.submit(activationEvidence(await world.activation("dora")))).toEqual({ outcome: "issued" });
  const chosen = await enrolment.finish(pinOf("7305"));
  if ("outcome" in chosen) throw new Error(chosen.outcome);
  const { identity } = chosen;
  // Another program holds the file: nobody can write.
  const other = new DatabaseSync(world.auth.context.config.database.replace("sqlite:", ""));
  other.exec("begin immediate");
  try {
    expect(await chosen.register()).toMatchObject({ outcome: "offline", code: "ERR_DATABASE_BUSY" });
    const seen = other.prepare("select count(*) as n from auth_devices where identity = ?").get(identity);
    expect(seen?.["n"]).toBe(0);
    const kept = other.prepare("select count(*) as n from auth_users where user = 'dora'").get();
    expect(kept?.["n"]).toBe(0);
  } finally {
    other.exec("rollback");
    other.close();
  }
  // As after a restart of the phone: what was stored goes on, and no D-TA is asked again.
  const resumed = await resumeEnrolment(phone, identity, async () => engine);
  if (resumed?.stage !== "registering") throw new Error(String(resumed?.stage));
  expect(await resumed.register()).toMatchObject({ outcome: "registered" });
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject({ outcome: "accepted", user: "dora" });
});

test("a D-TA's database is down in the middle of an enrolment: no share leaves it, and the same request is answered later", async () => {
  const phone = world.phone();
  const enrolment = await begin(phone, "erna");
  const codes = activationEvidence(await world.activation("erna"));
  const [, second] = world.dtas;
  if (!second) throw new Error("no D-TA 2");
  const other = new DatabaseSync(second.home.database);
  other.exec("begin immediate");
  try {
    const progress = await enrolment.submit(codes);
    expect(progress).toMatchObject({ outcome: "waiting", missing: [{ index: 2 }] });
  } finally {
    other.exec("rollback");
    other.close();
  }
  expect(await enrolment.submit()).toEqual({ outcome: "issued" });
  const identity = await finish(enrolment, "7305");
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject({ outcome: "accepted" });
});

test("any one D-TA that withholds the permit keeps the device out", async () => {
  const phone = world.phone();
  const identity = await enrol(phone, "vera", "7305");
  const body = { v: 1, pattern: identity };
  await world.dtas[1]?.admin.request({ method: "POST", path: "/v1/deny", body });
  const outcome = await login(phone, { identity, pin: pinOf("7305") });
  expect(["accepted", "refused"]).not.toContain(outcome.outcome);
});

test("a second device by QuickCode: signature of the first and approval of the server convince all three D-TAs", async () => {
  const [phone, tablet] = [world.phone(), world.phone()];
  const identity = await enrol(phone, "bob", "7305");
  await login(phone, { identity, pin: pinOf("7305") });
  const { id, code } = await createQuickCode(phone);
  const enrolment = await begin(tablet, "bob");
  await claimQuickCode(tablet, enrolment, code.toLowerCase());
  const meeting = meetDevice(phone, id);
  expect(await meeting.look(5)).toEqual({ state: "claimed" });
  const shown = await awaitApproval(tablet, enrolment, 5);
  const met = await meeting.look(5);
  if (met.state !== "met" || shown.outcome !== "number") throw new Error(met.state);
  expect(met.number).toBe(shown.number);
  expect(await meeting.approve({ identity, number: met.number, pin: pinOf("7305") })).toEqual({ outcome: "approved" });
  expect(await awaitApproval(tablet, enrolment, 5)).toEqual({ outcome: "issued" });
  const second = await finish(enrolment, "9182");
  expect(await login(tablet, { identity: second, pin: pinOf("9182") })).toMatchObject({
    outcome: "accepted",
    user: "bob",
  });
  expect((await whoAmI(tablet)).devices).toHaveLength(2);
});

test("a rogue login server mints nothing: its good approval with a signature it made up is refused by each D-TA", async () => {
  const phone = world.phone();
  const victim = await enrol(phone, "carol", "7305");
  const rogue = world.phone();
  const enrolment = await begin(rogue, "carol");
  const requestHash = requestHashOf(enrolment.claim);
  const { keys, domain } = world.auth.context;
  // It has its own key, so the approval is a good one.
  const approval = await signApproval(keys.approvalKey, {
    issuer: "login",
    domainId: domain.domainId,
    identity: enrolment.identity,
    device: victim,
    requestHash,
    jti: encodeBase64url(random(16)),
    nowMs: Date.now(),
  });
  // It has no key of the victim's, so it signs with one of a domain of its own making.
  const forged = enrolDevice(await foundDomain(), { user: "carol", device: victim.split("/").at(-1) ?? "" });
  const signature = signDeviceApproval({
    engine,
    random,
    domainId: domain.domainId,
    publicKey: domain.publicKey,
    device: victim,
    key: signingKeyOf(forged),
    requestHash,
  });
  const progress = await enrolment.submitToAll([{ type: "device", device: victim, signature, approval }]);
  expect(progress.outcome).toBe("refused");
  if (progress.outcome !== "refused") return;
  expect(progress.refusals.map(({ index }) => index)).toEqual([1, 2, 3]);
});

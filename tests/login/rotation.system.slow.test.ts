/** Another `mpin` master under a running login: three D-TAs, a login server and phones. */

import type { HttpPort } from "@milagro/client/http-port";
import { changePin, listAccounts, login, type MpinClient, prepareLogin, signText } from "@milagro/client/mpin";
import { activationEvidence, beginEnrolment, fetchLoginService } from "@milagro/client/mpin-enrol";
import { utf8 } from "@milagro/crypto/bytes";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { faultReportOf } from "@milagro/protocol/fault";
import { afterAll, beforeAll, expect, test } from "vitest";
import { foundDomain } from "../../services/auth/test/domain.ts";
import { post } from "../../services/dta/test/support.ts";
import { engine, foundWorld, pinOf, type Records, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await foundWorld();
  await world.serve();
  await world.untilReady();
});
afterAll(() => world.close());

async function enrol(phone: MpinClient, user: string, pin = "7305"): Promise<MpinIdentity> {
  const service = await fetchLoginService(phone);
  const enrolment = await beginEnrolment(phone, { service, user, label: "Phone", loadEngine: async () => engine });
  expect(await enrolment.submit(activationEvidence(await world.activation(user)))).toEqual({ outcome: "issued" });
  const chosen = await enrolment.finish(pinOf(pin));
  if ("outcome" in chosen) throw new Error(chosen.outcome);
  expect(await chosen.register()).toMatchObject({ outcome: "registered" });
  return chosen.identity;
}

const accepted = { outcome: "accepted" };
const refused = { outcome: "refused" };

test("a phone logs in before, in the middle of and after a rotation, always with the same PIN; a wrong one never does", async () => {
  const phone = world.phone();
  const identity = await enrol(phone, "alice");
  const idle = world.phone();
  const idler = await enrol(idle, "ida");
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject(accepted);
  // Begun with the old master, answered once the server has the new one.
  const caught = world.phone();
  const begun = await prepareLogin(caught, { identity: await enrol(caught, "carl") });
  if ("outcome" in begun) throw new Error(begun.outcome);

  await world.rotate();
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject(accepted);
  await world.untilMaster(1);
  expect(await begun.answer(pinOf("7305"))).toMatchObject(accepted);
  expect(await login(phone, { identity, pin: pinOf("7306") })).toMatchObject({ ...refused, attemptsLeft: 4 });
  expect(await login(phone, { identity, pin: pinOf("7305") })).toMatchObject(accepted);
  expect(await signText(idle, { identity: idler, text: "Pay 1 EUR", pin: pinOf("7305") })).toMatchObject(accepted);

  // Two rotations later the other phone comes back, changes its PIN, and is there.
  const late = world.phone();
  const latecomer = await enrol(late, "leo");
  await world.rotate();
  await world.untilMaster(2);
  await world.rotate();
  await world.untilMaster(3);
  const [from, to] = [pinOf("7305"), pinOf("8068")];
  expect(await changePin(late, { identity: latecomer, from, to })).toEqual({ outcome: "changed" });
  expect(await login(late, { identity: latecomer, pin: pinOf("7305") })).toMatchObject(refused);
  expect(await login(late, { identity: latecomer, pin: pinOf("8068") })).toMatchObject(accepted);
  const fresh = world.phone();
  expect(await login(fresh, { identity: await enrol(fresh, "nina"), pin: pinOf("7305") })).toMatchObject(accepted);
}, 120_000);

// biome-ignore lint/suspicious/noExplicitAny: an answer as it is, to be bent
type Answer = any;

/** A phone that is one master behind, whose answers from `path` are changed. */
async function behind(user: string, path: string, change: (body: Answer, url: string) => object | undefined) {
  const records: Records = new Map();
  const state = { on: true };
  const through =
    (http: HttpPort): HttpPort =>
    async (request) => {
      const response = await http(request);
      if (!state.on || !request.url.endsWith(path)) return response;
      const changed = change(JSON.parse(new TextDecoder().decode(response.body)), request.url);
      return changed ? { ...response, body: utf8(JSON.stringify(changed)) } : response;
    };
  const identity = await enrol(world.phone({ records }), user);
  const phone = world.phone({ records, through });
  return { identity, phone, records, honest: () => (state.on = false) };
}
const masterOf = async (phone: MpinClient) => (await listAccounts(phone)).accounts[0]?.master;
const enter = (phone: MpinClient, identity: MpinIdentity) => login(phone, { identity, pin: pinOf("7305") });
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "ok",
    (error: { code: string }) => error.code,
  );

test("a phone believes no descriptor that is forged, of another domain, or older than the one it knows; its token stays as it was", async () => {
  const other = await foundDomain();
  const cases: [string, (service: Answer) => object, string][] = [
    [
      "one bit of a signature",
      (s) => ({ ...s, descriptor: { ...s.descriptor, signatures: s.descriptor.signatures.toReversed() } }),
      "ERR_DESCRIPTOR_FORGED",
    ],
    ["no first descriptor beside it", ({ genesis: _, ...s }) => s, "ERR_DESCRIPTOR_FORGED"],
    [
      "another domain",
      (s) => ({
        ...s,
        genesis: encodeSignedDescriptor(other.signed),
        descriptor: encodeSignedDescriptor(other.signed),
      }),
      "ERR_DESCRIPTOR_PIN",
    ],
    ["rolled back", ({ genesis, ...s }) => ({ ...s, genesis, descriptor: genesis }), "ERR_DESCRIPTOR_STALE"],
  ];
  const phones = [];
  for (const [i, [, change]] of cases.entries()) phones.push(await behind(`carol${i}`, "/v1/service", change));
  const master = world.auth.context.workers.masterEpoch;
  await world.rotate();
  await world.untilMaster(master + 1);
  for (const [i, { phone, identity, records, honest }] of phones.entries()) {
    const token = records.get(`account:${identity}`)?.slice(0, 81);
    expect(await codeOf(enter(phone, identity))).toBe(cases[i]?.[2]);
    expect(records.get(`account:${identity}`)?.slice(0, 81)).toEqual(token);
    honest();
    expect(await enter(phone, identity)).toMatchObject(accepted);
  }
}, 120_000);

test("a D-TA that lies about an update is named, one that is down or refuses as well, and the old token stays until all is well", async () => {
  const [, second] = world.dtas;
  const url = second?.running.url as string;
  const liar = await behind("dave", "/v1/mpin/updates", (answer, at) =>
    at.startsWith(url) ? { ...answer, ciphertext: `${answer.ciphertext.slice(0, -2)}AA` } : undefined,
  );
  const waiting = await behind("erna", "/nothing", () => undefined);
  const denied = await behind("fred", "/nothing", () => undefined);
  const twice = await behind("gina", "/nothing", () => undefined);
  const cut = await behind("hans", "/nothing", () => undefined);
  const master = world.auth.context.workers.masterEpoch;
  await world.rotate();
  await world.untilMaster(master + 1);

  const named = await enter(liar.phone, liar.identity).catch((error: unknown) => error);
  expect(named).toMatchObject({ code: "ERR_SHARE_INVALID" });
  expect(faultReportOf(named).faults).toMatchObject([{ index: 2, name: "dta-2" }]);
  expect(await masterOf(liar.phone)).toBe(master);
  liar.honest();
  expect(await enter(liar.phone, liar.identity)).toMatchObject(accepted);

  await world.stopDta(3);
  expect(await enter(waiting.phone, waiting.identity)).toMatchObject({ outcome: "offline", authority: { index: 3 } });
  expect(await masterOf(waiting.phone)).toBe(master);
  await world.startDta(3);
  expect(await enter(waiting.phone, waiting.identity)).toMatchObject(accepted);

  const [first] = world.dtas;
  await post(first?.admin as never, "/v1/deny", { v: 1, pattern: denied.identity, reason: "lost" });
  expect(await enter(denied.phone, denied.identity)).toMatchObject({
    outcome: "revoked",
    code: "ERR_IDENTITY_REVOKED",
    authority: { index: 1 },
  });

  // Two windows at once, on one storage.
  const windows = [world.phone({ records: twice.records }), world.phone({ records: twice.records })];
  expect(await Promise.all(windows.map((phone) => enter(phone, twice.identity)))).toMatchObject([accepted, accepted]);
  expect(await masterOf(twice.phone)).toBe(master + 1);

  // The one write fails: the old token is there, and the next login updates it.
  const full = { ...world.phone({ records: cut.records }) } as MpinClient;
  const broken = {
    ...full,
    storage: { ...full.storage, put: () => Promise.reject(new Error("disk full")) },
  } as MpinClient;
  expect(await codeOf(enter(broken, cut.identity))).toBe("ERR_STORAGE_UNAVAILABLE");
  expect(await masterOf(cut.phone)).toBe(master);
  expect(await enter(cut.phone, cut.identity)).toMatchObject(accepted);
}, 120_000);

test("a phone that comes after the time to change over is told to be set up anew; one that changed over goes on", async () => {
  const late = await behind("iris", "/nothing", () => undefined);
  const timely = await behind("jon", "/nothing", () => undefined);
  const master = world.auth.context.workers.masterEpoch;
  await world.rotate(3600);
  await world.untilMaster(master + 1);
  expect(await enter(timely.phone, timely.identity)).toMatchObject(accepted);
  world.clock.aheadMs = 3_600_000;
  try {
    expect(await enter(late.phone, late.identity)).toMatchObject({ outcome: "outdated", code: "ERR_MASTER_OVER" });
    const text = "Pay 1 EUR";
    expect(await signText(late.phone, { identity: late.identity, text, pin: pinOf("7305") })).toMatchObject({
      outcome: "outdated",
    });
    expect(await enter(timely.phone, timely.identity)).toMatchObject(accepted);
  } finally {
    world.clock.aheadMs = 0;
  }
}, 60_000);

test("what the server says of the domain and what it checks by change together: nobody meets one without the other", async () => {
  const master = world.auth.context.workers.masterEpoch;
  const { context } = world.auth;
  let apart = 0;
  let turns = 0;
  let over = false;
  const look = () => {
    turns++;
    if (context.workers.masterEpoch !== context.domain.masterEpoch) apart++;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  await world.rotate();
  await world.untilMaster(master + 1);
  await new Promise((resolve) => setTimeout(resolve, 300));
  over = true;
  expect(turns).toBeGreaterThan(10);
  expect(apart).toBe(0);
}, 60_000);

test("a server that ends in the middle of changing over starts with the secret and the descriptor that belong together", async () => {
  const master = world.auth.context.workers.masterEpoch;
  // In the middle, and held there: it knows the new descriptor and has asked for its secret, but one D-TA is away.
  await world.stopAuth();
  await world.rotate();
  await world.stopDta(2);
  await world.serve();
  await world.untilReady();
  const begun = () => world.auth.context.keys.store.names().includes("enrolment");
  while (!begun()) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(world.auth.context.workers.masterEpoch).toBe(master);
  await world.stopAuth();

  await world.serve();
  await world.untilReady();
  expect(world.auth.context.workers.masterEpoch).toBe(master);
  expect(world.auth.context.domain.masterEpoch).toBe(master);
  expect(begun()).toBe(true);
  await world.startDta(2);
  await world.untilMaster(master + 1);
  await world.stopAuth();

  await world.serve();
  await world.untilReady();
  expect(world.auth.context.workers.masterEpoch).toBe(master + 1);
  expect(world.auth.context.domain.masterEpoch).toBe(master + 1);
  expect(begun()).toBe(false);
}, 60_000);

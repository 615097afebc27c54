/** Another `mpin` master under a running login: three D-TAs, a login server and phones. */
import { changePin, login, type MpinClient, prepareLogin, signText } from "@milagro/client/mpin";
import { activationEvidence, beginEnrolment, fetchLoginService } from "@milagro/client/mpin-enrol";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engine, foundWorld, pinOf, type World } from "./world.ts";

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

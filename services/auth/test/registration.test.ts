import { mpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { encodeRegistration, type Registration } from "@milagro/protocol/registration-messages";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { drawDevice, enrolDevice, type Founded, foundDomain, random, receiptsFor } from "./domain.ts";
import { Browser, cleanUp, start } from "./support.ts";

let founded: Founded;
let other: Founded;
let auth: Auth;
beforeAll(async () => {
  founded = await foundDomain();
  other = await foundDomain("example.org");
  auth = await start(founded, { limits: { registrationsPerMinute: 1000, devicesPerUser: 3 } });
});
afterAll(cleanUp);

const post = async (registration: Registration) => {
  const { status, json } = await new Browser(auth).call("POST", "/v1/registrations", encodeRegistration(registration));
  return status === 200 ? "ok" : json.code;
};
const signedAgain = (registration: Registration, change: Parameters<typeof receiptsFor>[4], nowMs = Date.now()) => ({
  ...registration,
  receipts: receiptsFor(founded, parseMpinIdentity(registration.identity), registration.dvs, nowMs, change),
});

test("a device is pending until it logs in; the same registration again gets the same answer", async () => {
  const device = enrolDevice(founded, { user: "carol", label: "Phone of Carol" });
  const browser = new Browser(auth);
  const first = await browser.register(device);
  expect(first.json.device).toMatchObject({ identity: device.identity, label: "Phone of Carol", state: "pending" });
  expect((await browser.register(device)).json).toEqual(first.json);
  await browser.login(device, "2580");
  expect((await browser.register(device)).json.device.state).toBe("active");
});

describe("refuses receipts", () => {
  test.each<[string, (registration: Registration) => Registration]>([
    ["of too few D-TAs", (r) => ({ ...r, receipts: r.receipts.slice(1) })],
    ["of one D-TA twice", (r) => ({ ...r, receipts: [r.receipts[0], r.receipts[1], r.receipts[1]] as never })],
    ["with one more, repeated", (r) => ({ ...r, receipts: [...r.receipts, r.receipts[0]] as never })],
    ["of a D-TA that there is not", (r) => signedAgain(r, (x, i) => (i === 2 ? { ...x, index: 9 } : x))],
    ["of another domain", (r) => signedAgain(r, (x) => ({ ...x, domainId: other.domain.domainId }))],
    [
      "with one for another identity",
      (r) => signedAgain(r, (x, i) => (i === 1 ? { ...x, identity: enrolDevice(founded).identity } : x)),
    ],
    [
      "for another key of the user's",
      (r) =>
        signedAgain(r, (x) => ({
          ...x,
          keys: [{ ...x.keys[0], dvs: enrolDevice(founded).registration.dvs }] as never,
        })),
    ],
    [
      "for no key of the user's",
      (r) => signedAgain(r, (x) => ({ ...x, keys: [{ usage: "mpin", epoch: 0 }] as never })),
    ],
    ["for a signing key only", (r) => signedAgain(r, (x) => ({ ...x, keys: [{ usage: "sig", epoch: 0 }] as never }))],
    ["that are older than allowed", (r) => signedAgain(r, (x) => ({ ...x, time: x.time - 8 * 86_400 }))],
    ["from the future", (r) => signedAgain(r, (x) => ({ ...x, time: x.time + 3600 }))],
    [
      "with one changed after it was signed",
      (r) => ({
        ...r,
        receipts: r.receipts.map((x, i) => (i === 0 ? { ...x, policyVersion: 2 } : x)),
      }),
    ],
    [
      "with signatures exchanged",
      (r) => ({
        ...r,
        receipts: r.receipts.map((x, i) => ({ ...x, signature: r.receipts[(i + 1) % 3]?.signature as Uint8Array })),
      }),
    ],
  ])("%s", async (_, change) => {
    expect(await post(change(enrolDevice(founded).registration))).toBe("ERR_RECEIPT_INVALID");
  });

  test("signed by the D-TAs of another domain of the same name", async () => {
    const { registration, identity } = enrolDevice(founded);
    const receipts = receiptsFor(other, identity, registration.dvs, Date.now(), (x) => ({
      ...x,
      domainId: founded.domain.domainId,
    }));
    expect(await post({ ...registration, receipts })).toBe("ERR_RECEIPT_INVALID");
  });
});

describe("refuses keys", () => {
  test.each<[string, (dvs: Registration["dvs"]) => Registration["dvs"]]>([
    ["without a proof that holds", (dvs) => ({ ...dvs, proof: random(128) })],
    ["with the proof of another identity", (dvs) => ({ ...dvs, proof: enrolDevice(founded).registration.dvs.proof })],
    ["that are no point", (dvs) => ({ ...dvs, key: random(96) })],
    ["at infinity", (dvs) => ({ ...dvs, key: Uint8Array.from([0xc0, ...new Uint8Array(95)]) })],
  ])("%s", async (_, change) => {
    const { registration } = enrolDevice(founded);
    expect(await post({ ...registration, dvs: change(registration.dvs) })).toBe("ERR_PUBLIC_KEY_INVALID");
  });
});

test("an identity has one key for ever, also after it was removed", async () => {
  const [user, device] = ["dave", drawDevice()];
  const first = enrolDevice(founded, { user, device });
  const second = enrolDevice(founded, { user, device });
  expect(await post(first.registration)).toBe("ok");
  expect(await post(second.registration)).toBe("ERR_IDENTITY_KNOWN");
  const browser = new Browser(auth);
  await browser.login(first, "2580");
  await browser.call("DELETE", `/v1/devices/${device}`);
  expect(await post(first.registration)).toBe("ERR_IDENTITY_KNOWN");
  expect((await new Browser(auth).login(first, "2580")).json.outcome).toBe("refused");
});

test("a user has a limited number of devices; removed ones do not count", async () => {
  const devices = Array.from({ length: 4 }, () => enrolDevice(founded, { user: "erin" }));
  const [a, b, c, d] = devices as [(typeof devices)[0], (typeof devices)[0], (typeof devices)[0], (typeof devices)[0]];
  expect([await post(a.registration), await post(b.registration), await post(c.registration)]).toEqual([
    "ok",
    "ok",
    "ok",
  ]);
  expect(await post(d.registration)).toBe("ERR_DEVICE_LIMIT");
  const browser = new Browser(auth);
  await browser.login(a, "2580");
  await browser.call("DELETE", `/v1/devices/${b.identity.split("/").at(-1)}`);
  expect(await post(d.registration)).toBe("ok");
});

test.each([
  ["a user in capitals", { user: "Alice@example.org", device: "abcdefghij" }, "ERR_IDENTITY_INVALID"],
  ["a device of another form", { user: "alice@example.org", device: "phone" }, "ERR_IDENTITY_INVALID"],
  ["another service", { user: "alice@example.org", device: "abcdefghij", service: "shop" }, "ERR_IDENTITY_INVALID"],
])("%s is no identity here", async (_, name, code) => {
  const { registration } = enrolDevice(founded, name);
  expect(await post(registration)).toBe(code);
});

test("an identity of another kind or domain is refused", async () => {
  const { registration } = enrolDevice(founded);
  expect(
    await post({
      ...registration,
      identity: mpinIdentity({ domain: "example.com", service: "login", user: "a", device: "abcdefghij" }),
    }),
  ).toBe("ERR_DOMAIN_MISMATCH");
  expect(await post({ ...registration, identity: "milagro:example.org/service/kms" as never })).toBe(
    "ERR_IDENTITY_INVALID",
  );
});

import { MilagroError } from "@milagro/engine/error";
import { faultReportOf } from "@milagro/protocol/fault";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Founded, foundDomain, NOW_MS, random } from "../../../core/protocol/test/fixture.ts";
import { listAccounts } from "../src/mpin-account.ts";
import { forgetAccount } from "../src/mpin-account-write.ts";
import { changePin } from "../src/mpin-change-pin.ts";
import { login, prepareLogin } from "../src/mpin-login.ts";
import type { MpinClient } from "../src/mpin-ports.ts";
import { isSignable, signText } from "../src/mpin-sign.ts";
import { refreshPermits } from "../src/mpin-terms.ts";
import { MemoryStorage, pinOf, World } from "./mpin-world.ts";

let founded: Founded;
let world: World;
let client: MpinClient;
let storage: MemoryStorage;
let identity: Awaited<ReturnType<World["enrolled"]>>["identity"];
/** One device, enrolled once; every test has a world of its own in which it is. */
let first: World;
let disk: MemoryStorage;
beforeAll(async () => {
  founded = await foundDomain(2);
  first = new World(founded);
  ({ storage: disk, identity } = await first.enrolled("8068"));
});
beforeEach(() => {
  world = new World(founded);
  for (const [name, device] of first.server.devices) world.server.devices.set(name, { ...device });
  storage = new MemoryStorage();
  for (const [key, value] of disk.values) storage.values.set(key, value.slice());
  client = world.device(storage);
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
const enter = (digits = "8068") => login(client, { identity, pin: pinOf(digits) });

describe("logging in", () => {
  test("wrong PINs count down and block; the right one starts anew", async () => {
    expect(await enter("8069")).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    expect(await enter("8069")).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(await enter("8070")).toEqual({ outcome: "refused", attemptsLeft: 1 });
    expect(await enter("8071")).toEqual({ outcome: "blocked" });
    expect(await enter()).toEqual({ outcome: "blocked", retryAfter: 3600 });
  });

  test("takes three calls, two of them before the PIN", async () => {
    const prepared = await prepareLogin(client, { identity });
    expect(world.calls).toEqual(["POST /v1/logins", "POST /v1/logins/:id/commitments"]);
    if ("outcome" in prepared) throw new Error(prepared.outcome);
    await prepared.answer(pinOf("8068"));
    expect(world.calls).toHaveLength(3);
  });

  test("a prepared login answers once, and drops the second PIN unused", async () => {
    const prepared = await prepareLogin(client, { identity });
    if ("outcome" in prepared) throw new Error(prepared.outcome);
    await prepared.answer(pinOf("8068"));
    const pin = pinOf("8068");
    await expect(prepared.answer(pin)).rejects.toThrow(TypeError);
    expect(() => pin.use(() => 0)).toThrow("destroyed");
    expect(world.calls).toHaveLength(3);
  });

  test("one that has expired while the user was thinking is begun anew", async () => {
    const prepared = await prepareLogin(client, { identity });
    if ("outcome" in prepared) throw new Error(prepared.outcome);
    world.nowMs = NOW_MS + 299_000;
    expect(await prepared.answer(pinOf("8068"))).toMatchObject({ outcome: "accepted" });
    expect(world.calls).toHaveLength(5);
  });

  test("the PIN is destroyed whatever happens", async () => {
    for (const down of [false, true]) {
      world.serverDown = down;
      const pin = pinOf("8068");
      await login(client, { identity, pin });
      expect(() => pin.use(() => 0)).toThrow("destroyed");
    }
    const pin = pinOf("8068");
    await codeOf(login(client, { identity: `${identity}x` as never, pin }));
    expect(() => pin.use(() => 0)).toThrow("destroyed");
  });

  test("an application's login shows its name and what it asks to confirm, and is bound to both", async () => {
    const prepared = await prepareLogin(client, { identity, purpose: { type: "interaction", uid: "abc" } });
    if ("outcome" in prepared) throw new Error(prepared.outcome);
    expect([prepared.client, prepared.message]).toEqual(["shop", "Pay 10 to Bob"]);
    expect(await prepared.answer(pinOf("8068"))).toMatchObject({ outcome: "accepted" });
  });

  test("a handover is approved for the number and the application that the user saw", async () => {
    const purpose = { type: "handover", id: random(32), number: "42", client: "shop" } as const;
    expect(await login(client, { identity, pin: pinOf("8068"), purpose })).toMatchObject({ outcome: "accepted" });
    const other = { ...purpose, client: "bank" };
    expect(await codeOf(login(client, { identity, pin: pinOf("8068"), purpose: other }))).toBe("ERR_LOGIN_MISMATCH");
  });
});

describe("a server that is not what it should be", () => {
  test("says another origin: no U, no answer", async () => {
    world.server.behaviour.origin = "https://phish.example.org";
    expect(await codeOf(enter())).toBe("ERR_LOGIN_MISMATCH");
    expect(world.calls).toEqual(["POST /v1/logins"]);
  });

  test("sits at another origin and relays: what it gets is refused by the real one", async () => {
    const relayed = world.device(storage);
    Object.assign(relayed, { origin: "https://phish.example.org" });
    expect(await codeOf(login(relayed, { identity, pin: pinOf("8068") }))).toBe("ERR_ACCOUNT_UNKNOWN");
    // Even with an account there: the answer is bound to the origin where it was typed.
    const copy = new MemoryStorage();
    for (const [key, value] of storage.values) copy.values.set(key, swapOrigin(value));
    const phished = world.device(copy);
    Object.assign(phished, {
      origin: "https://phish.example.org",
      http: relay(world, copy),
    });
    world.server.behaviour.origin = "https://phish.example.org";
    expect(await login(phished, { identity, pin: pinOf("8068") })).toEqual({ outcome: "refused", attemptsLeft: 2 });
  });

  test.each([
    [
      "a message at a plain login",
      { type: "message", text: "Pay 1000 to Mallory" } as const,
      { type: "session" } as const,
    ],
    [
      "a handover at an application's login",
      { type: "handover", id: new Uint8Array(32), client: "x", number: "11" } as const,
      { type: "interaction", uid: "a" } as const,
    ],
    [
      "another number than the user picked",
      { type: "handover", id: new Uint8Array(32), client: "shop", number: "11" } as const,
      { type: "handover", id: new Uint8Array(32), client: "shop", number: "12" } as const,
    ],
    [
      "another device than the user was shown",
      { type: "quick-code", requestHash: new Uint8Array(32).fill(1), label: "Phone" } as const,
      {
        type: "quick-code",
        id: new Uint8Array(32),
        requestHash: new Uint8Array(32).fill(2),
        label: "Phone",
        number: "11",
      } as const,
    ],
  ])("asks to approve %s", async (_, payload, purpose) => {
    world.server.behaviour.payload = payload;
    expect(await codeOf(login(client, { identity, pin: pinOf("8068"), purpose }))).toBe("ERR_LOGIN_MISMATCH");
    expect(world.calls).toEqual(["POST /v1/logins"]);
  });

  test("is not there: offline, and whether the PIN was sent", async () => {
    const prepared = await prepareLogin(client, { identity });
    world.serverDown = true;
    expect(await enter()).toEqual({ outcome: "offline", code: "ERR_UNREACHABLE", sent: false });
    if ("outcome" in prepared) throw new Error(prepared.outcome);
    expect(await prepared.answer(pinOf("8068"))).toEqual({ outcome: "offline", code: "ERR_UNREACHABLE", sent: true });
  });

  test("answers something else", async () => {
    const odd = world.device(storage);
    Object.assign(odd, { http: async () => ({ status: 200, headers: {}, body: new TextEncoder().encode("<html>") }) });
    expect(await login(odd, { identity, pin: pinOf("8068") })).toMatchObject({
      outcome: "offline",
      code: "ERR_PEER_INVALID",
    });
  });
});

describe("time permits", () => {
  beforeEach(() => {
    world.server.behaviour.permits = true;
  });

  test("are fetched from every D-TA once and serve until the epoch ends", async () => {
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    expect(world.dtas.map(({ permitCalls }) => permitCalls)).toEqual([1, 1]);
  });

  test("one D-TA alone vetoes: it is named, and the PIN is not used", async () => {
    const [, second] = world.dtas;
    if (second) second.veto = "ERR_IDENTITY_REVOKED";
    expect(await enter()).toEqual({
      outcome: "revoked",
      code: "ERR_IDENTITY_REVOKED",
      authority: { index: 2, name: "dta-2" },
    });
    expect(world.calls).not.toContain("POST /v1/logins/:id/commitments");
  });

  test("one D-TA that is down is named as such", async () => {
    const [first] = world.dtas;
    if (first) first.down = true;
    expect(await enter()).toMatchObject({ outcome: "offline", authority: { name: "dta-1" } });
  });

  test("one D-TA that lies is named, and nothing it said is kept", async () => {
    const [, second] = world.dtas;
    if (second) second.lieAboutPermits = true;
    const error = await enter().catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "ERR_SHARE_INVALID" });
    expect(faultReportOf(error).faults).toMatchObject([{ index: 2, name: "dta-2" }]);
    expect([...storage.values.keys()]).toEqual([`account:${identity}`]);
  });

  test("are fetched at leisure, for the epoch to come as well, and then no D-TA is needed", async () => {
    expect(await refreshPermits(client, identity)).toBeUndefined();
    for (const dta of world.dtas) dta.down = true;
    expect(await refreshPermits(client, identity)).toBeUndefined();
    expect(await enter()).toMatchObject({ outcome: "accepted" });
    world.server.behaviour.permits = false;
    storage.values.delete(`permit:${identity}`);
    expect(await refreshPermits(client, identity)).toBeUndefined();
    world.server.behaviour.permits = true;
    expect(await refreshPermits(client, identity)).toMatchObject({ outcome: "offline", authority: { name: "dta-1" } });
  });

  test("a damaged one is fetched again", async () => {
    await enter();
    storage.values.set(`permit:${identity}`, new TextEncoder().encode("{"));
    expect(await enter()).toMatchObject({ outcome: "accepted" });
  });
});

describe("another PIN", () => {
  const change = (from: string, to: string) => changePin(client, { identity, from: pinOf(from), to: pinOf(to) });

  test("counts from then on, and the old one does not", async () => {
    expect(await change("8068", "7392")).toEqual({ outcome: "changed" });
    expect(await enter("7392")).toMatchObject({ outcome: "accepted" });
    expect(await enter("8068")).toMatchObject({ outcome: "refused" });
  });

  test("with a wrong old one nothing changes", async () => {
    expect(await change("8069", "7392")).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(await enter("8068")).toMatchObject({ outcome: "accepted" });
  });

  test("that is weak is refused before the old one is tried", async () => {
    expect(await change("8068", "1111")).toEqual({ outcome: "weak", weakness: "repeated" });
    expect(world.calls).toEqual([]);
  });

  test("that cannot be stored leaves the old one, and both are destroyed", async () => {
    const full = world.device(storage);
    Object.assign(full, { storage: { ...full.storage, put: () => Promise.reject(new Error("quota")) } });
    const [from, to] = [pinOf("8068"), pinOf("7392")];
    expect(await codeOf(changePin(full, { identity, from, to }))).toBe("ERR_STORAGE_UNAVAILABLE");
    for (const pin of [from, to]) expect(() => pin.use(() => 0)).toThrow("destroyed");
    expect(await enter("8068")).toMatchObject({ outcome: "accepted" });
  });

  test("in two windows at once: one of them changes it, the other's old PIN is the wrong one by then", async () => {
    const wanted = ["7392", "9142"] as const;
    const outcomes = await Promise.all(
      wanted.map((to) => changePin(world.device(storage), { identity, from: pinOf("8068"), to: pinOf(to) })),
    );
    expect(outcomes.map(({ outcome }) => outcome).toSorted()).toEqual(["changed", "refused"]);
    const [now] = wanted.filter((_, i) => outcomes[i]?.outcome === "changed");
    expect(await enter(now)).toMatchObject({ outcome: "accepted" });
  });

  test("that another window has changed while the old one was tried is not changed again: no PIN would open it", async () => {
    const slow = world.device(storage);
    let once: (() => Promise<unknown>) | undefined = () => change("8068", "7392");
    // The other window is done when the answer to this one's login arrives.
    const http: MpinClient["http"] = async (request) => {
      const response = await slow.http(request);
      if (world.calls.length === 3) {
        const other = once;
        once = undefined;
        await other?.();
      }
      return response;
    };
    const outcome = await changePin({ ...slow, http }, { identity, from: pinOf("8068"), to: pinOf("9142") });
    expect(once).toBeUndefined();
    expect(outcome).toMatchObject({ outcome: "refused" });
    expect(await enter("7392")).toMatchObject({ outcome: "accepted" });
  });

  test("is changed on the device alone: the server keeps the same input", async () => {
    const before = [...world.server.devices.values()].map(({ input }) => input);
    await change("8068", "7392");
    expect([...world.server.devices.values()].map(({ input }) => input)).toEqual(before);
  });
});

describe("signing", () => {
  const sign = (text: string, digits = "8068") => signText(client, { identity, text, pin: pinOf(digits) });

  test("the server gets the text that was shown, with or without permits", async () => {
    expect(await sign("Pay 10 to Bob\nfrom my account")).toMatchObject({ outcome: "accepted" });
    world.server.behaviour.permits = true;
    expect(await sign("Pay 20 to Bob")).toMatchObject({ outcome: "accepted" });
    expect(world.server.signed).toEqual(["Pay 10 to Bob\nfrom my account", "Pay 20 to Bob"]);
  });

  test("a wrong PIN counts like that of a login", async () => {
    expect(await sign("Pay", "8069")).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(await enter("8069")).toEqual({ outcome: "refused", attemptsLeft: 1 });
  });

  test("another text than was signed is refused", async () => {
    const ports = world.ports(storage);
    const changed = world.device(storage);
    Object.assign(changed, {
      http: (request: { url: string; body?: Uint8Array }) => {
        const body = request.body && new TextDecoder().decode(request.body).replace("Bob", "Eve");
        return ports.http({ ...request, ...(body ? { body: new TextEncoder().encode(body) } : {}) } as never);
      },
    });
    const outcome = await signText(changed, { identity, text: "Pay Bob", pin: pinOf("8068") });
    expect(outcome).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(world.server.signed).toEqual([]);
  });

  test.each(["", "a\u202Eb", "a\u0000", "a\u2028b", "x".repeat(4097)])("%j is not signable", async (text) => {
    expect(isSignable(text)).toBe(false);
    expect(await codeOf(sign(text))).toBe("ERR_MESSAGE_INVALID");
  });
});

describe("what is kept", () => {
  test.each([
    ["cut short", (value: Uint8Array) => value.slice(0, 100), "ERR_KEYSTORE_CORRUPT"],
    ["of a token outside the group", (value: Uint8Array) => value.fill(0xff, 1, 49), "ERR_KEYSTORE_CORRUPT"],
    ["of a version to come", (value: Uint8Array) => value.fill(9, 0, 1), "ERR_VERSION_UNSUPPORTED"],
  ])("a record %s is refused", async (_, spoil, code) => {
    const key = `account:${identity}`;
    storage.values.set(key, spoil(storage.values.get(key)?.slice() ?? new Uint8Array()));
    expect(await codeOf(enter())).toBe(code);
    expect(world.calls).toEqual([]);
  });

  test("a record under another identity's key is refused", async () => {
    const other = (await world.enrolled("8068", "bob")).identity;
    storage.values.set(`account:${other}`, storage.values.get(`account:${identity}`)?.slice() ?? new Uint8Array());
    expect(await codeOf(login(client, { identity: other, pin: pinOf("8068") }))).toBe("ERR_KEYSTORE_CORRUPT");
    expect((await listAccounts(client)).damaged).toEqual([other]);
  });

  test("a forgotten account is gone", async () => {
    await forgetAccount(client, identity);
    expect(await codeOf(enter())).toBe("ERR_ACCOUNT_UNKNOWN");
    expect([...storage.values.keys()]).toEqual([]);
  });

  test("storage that fails is said as such", async () => {
    const broken = world.device(storage);
    Object.assign(broken, { storage: { ...broken.storage, get: () => Promise.reject(new Error("disk")) } });
    expect(await codeOf(login(broken, { identity, pin: pinOf("8068") }))).toBe("ERR_STORAGE_UNAVAILABLE");
    expect(await codeOf(listAccounts(broken))).toBe("ERR_STORAGE_UNAVAILABLE");
  });
});

const decode = (value: Uint8Array) => Buffer.from(value).toString("latin1");
function swapOrigin(value: Uint8Array): Uint8Array {
  return Uint8Array.from(decode(value).replace("https://login.", "https://phish."), (c) => c.charCodeAt(0));
}
function relay(from: World, disk: MemoryStorage) {
  const ports = from.ports(disk);
  return (request: { url: string }) =>
    ports.http({ ...request, url: request.url.replace("https://phish.", "https://login.") } as never);
}

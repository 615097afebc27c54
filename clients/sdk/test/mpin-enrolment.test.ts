import { encodeBase64url } from "@milagro/crypto/base64url";
import { deviceFactor } from "@milagro/crypto/mpin-token";
import { MilagroError } from "@milagro/engine/error";
import { faultReportOf } from "@milagro/protocol/fault";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Founded, foundDomain, random } from "../../../core/protocol/test/fixture.ts";
import { listAccounts } from "../src/mpin-account.ts";
import { changePin } from "../src/mpin-change-pin.ts";
import { beginEnrolment, listEnrolments, resumeEnrolment } from "../src/mpin-enrolment.ts";
import { activationEvidence, codeEvidence } from "../src/mpin-evidence.ts";
import { login } from "../src/mpin-login.ts";
import { fetchLoginService, loginDomainOf } from "../src/mpin-service.ts";
import { loadEngine, MemoryStorage, pinOf, World } from "./mpin-world.ts";

let founded: Founded;
let world: World;
beforeAll(async () => {
  founded = await foundDomain(3);
});
beforeEach(() => {
  world = new World(founded);
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

describe("enrolling with codes by e-mail", () => {
  test("three D-TAs issue, the server registers, and the PIN logs in on an engine of G1 alone", async () => {
    const { client, identity } = await world.enrolled("8068");
    const accepted = { outcome: "accepted", identity, user: "alice@example.org", next: "/" };
    expect(await login(client, { identity, pin: pinOf("8068") })).toEqual(accepted);
    expect(await login(client, { identity, pin: pinOf("8069") })).toEqual({ outcome: "refused", attemptsLeft: 2 });
  });

  test("what is kept afterwards is one account, public but for the token", async () => {
    const { client, storage, identity } = await world.enrolled();
    const { accounts, damaged } = await listAccounts(client);
    expect(accounts).toMatchObject([{ identity, user: "alice@example.org", label: "Laptop", deviceFactor: false }]);
    expect(accounts[0]?.authorities.map(({ name }) => name)).toEqual(["dta-1", "dta-2", "dta-3"]);
    expect([damaged, [...storage.values.keys()]]).toEqual([[], [`account:${identity}`]]);
  });

  test("a wrong code is named; only that D-TA is asked anew, and the others' codes are not spent again", async () => {
    const enrolment = await world.begin(world.device());
    await enrolment.requestCodes();
    const wrong = [codeEvidence(1, world.code(1)), codeEvidence(2, "0000-0000"), codeEvidence(3, world.code(3))];
    expect(await enrolment.submit(wrong)).toEqual({
      outcome: "refused",
      refusals: [{ index: 2, name: "dta-2", code: "ERR_EVIDENCE_INVALID" }],
    });
    expect(enrolment.authorities.map(({ brought }) => brought)).toEqual([true, false, true]);
    expect(await enrolment.submit([codeEvidence(2, world.code(2))])).toEqual({ outcome: "issued" });
    expect(world.dtas.map(({ issued }) => issued.size)).toEqual([1, 1, 1]);
  });

  test("a missing code is said as missing, before anything of it is sent", async () => {
    const enrolment = await world.begin(world.device());
    await enrolment.requestCodes();
    const progress = await enrolment.submit([codeEvidence(1, world.code(1))]);
    expect(progress).toMatchObject({
      outcome: "waiting",
      missing: [{ index: 2 }, { index: 3, code: "ERR_EVIDENCE_MISSING" }],
    });
  });

  test("a D-TA that is down is named, and asked again with the very same request", async () => {
    const enrolment = await world.begin(world.device());
    await enrolment.requestCodes();
    const [first] = world.dtas;
    if (first) first.down = true;
    expect(await enrolment.submit(world.codes())).toEqual({
      outcome: "waiting",
      missing: [{ index: 1, name: "dta-1", code: "ERR_UNREACHABLE" }],
    });
    if (first) first.down = false;
    expect(await enrolment.submit()).toEqual({ outcome: "issued" });
    expect(world.dtas.map(({ issued }) => [...issued])).toEqual(Array(3).fill([...(first?.issued ?? [])]));
  });

  test("codes can be asked for again, of one D-TA alone, and the newest counts", async () => {
    const enrolment = await world.begin(world.device());
    await enrolment.requestCodes();
    await enrolment.requestCodes("de", [2]);
    expect(world.dtas.map(({ mails }) => mails.length)).toEqual([1, 2, 1]);
    expect(world.dtas[1]?.mails.at(-1)?.request.language).toBe("de");
    expect(await enrolment.submit(world.codes())).toEqual({ outcome: "issued" });
  });

  test("codes of one enrolment are worth nothing in another of the same user", async () => {
    const [mine, other] = [await world.begin(world.device()), await world.begin(world.device())];
    await mine.requestCodes();
    expect(await other.submit(world.codes())).toMatchObject({ outcome: "refused", refusals: [{}, {}, {}] });
  });
});

describe("D-TAs that lie", () => {
  test.each([
    ["a share of another master", () => ({ masters: founded.members[0]?.masters }), "ERR_SHARE_INVALID"],
    [
      "a proof for something else",
      () => ({
        shares: (shares: never[]) =>
          shares.map((share: object) => ("proof" in share ? { ...share, proof: random(64) } : share)),
      }),
      "ERR_SHARE_INVALID",
    ],
    [
      "a receipt for another identity",
      () => ({ receipt: (r: object) => ({ ...r, logIndex: 1, identity: "milagro:example.org/mpin/a/b/c" }) }),
      "ERR_RECEIPT_INVALID",
    ],
  ])("%s: named, and nothing is kept of it", async (_, lie, code) => {
    const client = world.device();
    const enrolment = await world.begin(client);
    await enrolment.requestCodes();
    const [, second] = world.dtas;
    if (second) second.lie = lie() as never;
    const error = await enrolment.submit(world.codes()).catch((e: unknown) => e);
    expect(error).toMatchObject({ code });
    expect(faultReportOf(error).faults).toMatchObject([{ index: 2, name: "dta-2" }]);
    expect(await codeOf(enrolment.finish(pinOf("8068")))).toBe("ERR_ENROLMENT_STAGE");
    expect((await listAccounts(client)).accounts).toEqual([]);
  });
});

describe("the domain", () => {
  const begin = async (pin?: { descriptorHash?: Uint8Array }) => {
    const client = world.device();
    const service = await fetchLoginService(client);
    return beginEnrolment(client, { service, user: "alice", label: "x", loadEngine, ...(pin ? { pin } : {}) });
  };

  test("a pinned descriptor is taken, another one refused", async () => {
    expect(await codeOf(begin({ descriptorHash: founded.domain.hash }))).toBe("ok");
    expect(await codeOf(begin({ descriptorHash: random(32) }))).toBe("ERR_DESCRIPTOR_PIN");
  });

  test("without a pin a forged descriptor is refused", async () => {
    const engine = await loadEngine();
    const { signed } = founded;
    const forged = { ...signed, signatures: [...signed.signatures].reverse() };
    expect(() => loginDomainOf(engine, random, forged)).toThrow(
      expect.objectContaining({ code: "ERR_DESCRIPTOR_FORGED" }),
    );
  });

  test("an account holds its server to the domain it was enrolled in", async () => {
    const { storage } = await world.enrolled();
    const other = new World(await foundDomain(3));
    expect(await codeOf(other.begin(other.device(storage), "bob"))).toBe("ERR_DESCRIPTOR_PIN");
  });

  test("a server that says it is somewhere else is not believed", async () => {
    world.server.behaviour.origin = "https://elsewhere.example.org";
    expect(await codeOf(fetchLoginService(world.device()))).toBe("ERR_LOGIN_MISMATCH");
  });
});

describe("the PIN", () => {
  test("one that is too easy is refused by a code, destroyed, and another can be chosen", async () => {
    const enrolment = await world.begin(world.device());
    await enrolment.requestCodes();
    await enrolment.submit(world.codes());
    const weak = pinOf("1234");
    expect(await enrolment.finish(weak)).toEqual({ outcome: "weak", weakness: "run" });
    expect(() => weak.use(() => 0)).toThrow("destroyed");
    expect(await enrolment.finish(pinOf("8068"))).toMatchObject({ stage: "registering" });
  });

  test("is destroyed also when it comes too early", async () => {
    const enrolment = await world.begin(world.device());
    const pin = pinOf("8068");
    expect(await codeOf(enrolment.finish(pin))).toBe("ERR_ENROLMENT_STAGE");
    expect(() => pin.use(() => 0)).toThrow("destroyed");
  });

  test("nothing that is stored or sent holds it", async () => {
    const seen: string[] = [];
    const storage = new MemoryStorage();
    const ports = world.ports(storage);
    const client = world.device(storage);
    Object.assign(client, {
      http: (request: { body?: Uint8Array }) => {
        seen.push(new TextDecoder().decode(request.body));
        return ports.http(request as never);
      },
    });
    const enrolment = await world.begin(client);
    await enrolment.requestCodes();
    await enrolment.submit(world.codes());
    const chosen = await enrolment.finish(pinOf("80689753"));
    for (const value of storage.values.values()) seen.push(new TextDecoder("latin1").decode(value));
    if ("register" in chosen) await chosen.register();
    await login(client, { identity: enrolment.identity, pin: pinOf("80689753") });
    for (const value of storage.values.values()) seen.push(new TextDecoder("latin1").decode(value));
    expect(seen.length).toBeGreaterThan(10);
    expect(seen.join("\n")).not.toContain("80689753");
  });
});

describe("a device factor", () => {
  test("is needed with the PIN from then on, and a PIN without it is not even tried", async () => {
    const client = world.device();
    const enrolment = await world.begin(client);
    await enrolment.requestCodes();
    await enrolment.submit(world.codes());
    const factor = (fill: number) => deviceFactor(new Uint8Array(32).fill(fill));
    const chosen = await enrolment.finish(pinOf("8068"), factor(1));
    if ("register" in chosen) await chosen.register();
    const { identity } = enrolment;
    expect((await listAccounts(client)).accounts).toMatchObject([{ identity, deviceFactor: true }]);
    const enter = (more: object) => login(client, { identity, pin: pinOf("8068"), ...more });
    await expect(enter({})).rejects.toThrow(TypeError);
    expect(await enter({ deviceFactor: factor(2) })).toEqual({ outcome: "refused", attemptsLeft: 2 });
    expect(await enter({ deviceFactor: factor(1) })).toMatchObject({ outcome: "accepted" });
    const change = { identity, from: pinOf("8068"), to: pinOf("7392"), deviceFactor: factor(1) };
    expect(await changePin(client, change)).toEqual({ outcome: "changed" });
    expect(await enter({ pin: pinOf("7392"), deviceFactor: factor(1) })).toMatchObject({ outcome: "accepted" });
  });
});

describe("registration", () => {
  const chosen = async (storage: MemoryStorage) => {
    const enrolment = await world.begin(world.device(storage));
    await enrolment.requestCodes();
    await enrolment.submit(world.codes());
    return enrolment.finish(pinOf("8068"));
  };

  test("there is no account before the server has registered it", async () => {
    const storage = new MemoryStorage();
    const registering = await chosen(storage);
    world.serverDown = true;
    if (!("register" in registering)) throw new Error("a weak PIN");
    expect(await registering.register()).toEqual({ outcome: "offline", code: "ERR_UNREACHABLE" });
    expect((await listAccounts(world.device(storage))).accounts).toEqual([]);
    world.serverDown = false;
    expect(await registering.register()).toMatchObject({ outcome: "registered" });
    expect((await listAccounts(world.device(storage))).accounts).toHaveLength(1);
  });

  test("is not believed by a server when a D-TA's receipt is missing or another's", async () => {
    const storage = new MemoryStorage();
    const registering = await chosen(storage);
    if (!("register" in registering)) throw new Error("a weak PIN");
    const ports = world.ports(storage);
    const client = world.device(storage);
    Object.assign(client, {
      http: (request: { url: string; body?: Uint8Array }) => {
        if (!request.url.endsWith("/registrations")) return ports.http(request as never);
        const body = JSON.parse(new TextDecoder().decode(request.body));
        const changed = { ...body, receipts: [body.receipts[0], body.receipts[0], body.receipts[2]] };
        return ports.http({ ...request, body: new TextEncoder().encode(JSON.stringify(changed)) } as never);
      },
    });
    const resumed = await resumeEnrolment(client, registering.identity, loadEngine);
    if (!resumed || !("register" in resumed)) throw new Error("another stage");
    expect(await codeOf(resumed.register())).toBe("ERR_RECEIPT_INVALID");
    expect((await listAccounts(client)).accounts).toEqual([]);
  });
});

describe("what people type", () => {
  test.each(["", "0000", "0000-000U", "0000-00000"])("%j is no code", (typed) => {
    expect(() => codeEvidence(1, typed)).toThrow(expect.objectContaining({ code: "ERR_ENCODING_INVALID" }));
  });
  test("a code may be typed in small letters, with spaces", () => {
    expect(codeEvidence(2, " abcd 1o2i").evidence).toEqual([{ type: "email-code", code: "ABCD-1021" }]);
  });
  test("activation codes go to the D-TAs they name", () => {
    const token = (index: number) => `mjt1_${index}_abcdefgh_${"A".repeat(43)}`;
    expect(activationEvidence(`${token(2)}\n ${token(1)}`).map(({ index }) => index)).toEqual([2, 1]);
    for (const text of ["", "hello", `${token(1)} ${token(1)}`, `${token(1)} x`]) {
      expect(() => activationEvidence(text)).toThrow(expect.objectContaining({ code: "ERR_EVIDENCE_INVALID" }));
    }
  });
});

test("a record that cannot be read is left out of the list, and said when it is asked for", async () => {
  const storage = new MemoryStorage();
  const { identity } = await world.begin(world.device(storage));
  const key = `enrolment:${identity}`;
  storage.values.set(key, (storage.values.get(key) ?? new Uint8Array()).slice(0, 50));
  storage.values.set("enrolment:nobody", new Uint8Array(4));
  expect(await listEnrolments(world.device(storage))).toEqual([]);
  expect(await codeOf(resumeEnrolment(world.device(storage), identity, loadEngine))).toBe("ERR_KEYSTORE_CORRUPT");
});

test("enrolments of another server are not this one's", async () => {
  const storage = new MemoryStorage();
  const { identity } = await world.begin(world.device(storage));
  expect(await listEnrolments(world.device(storage))).toEqual([identity]);
  const elsewhere = world.device(storage);
  Object.assign(elsewhere, { origin: "https://other.example.org" });
  expect(await listEnrolments(elsewhere)).toEqual([]);
  expect(await resumeEnrolment(elsewhere, identity, loadEngine)).toBeUndefined();
});

test("the nonce of an OpenID token is the thumbprint of the request key", async () => {
  const enrolment = await world.begin(world.device());
  expect(enrolment.openIdNonce).toHaveLength(43);
  expect(enrolment.openIdNonce).not.toBe(encodeBase64url(enrolment.claim.requestKey));
});

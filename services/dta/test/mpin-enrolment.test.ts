/** M-Pin with three real D-TAs: a device and a login server enrol, the PIN opens the login, permits are needed, one D-TA revokes. */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { loginSubject } from "@milagro/crypto/mpin-login";
import type { MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import { type MpinToken, parsePin } from "@milagro/crypto/mpin-token";
import { createToken } from "@milagro/crypto/mpin-token-making";
import { beginLogin, drawLoginNonce, verifyLogin } from "@milagro/crypto/mpin-two-pass";
import type { TimePermit } from "@milagro/crypto/time-permit";
import { finishMpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { finishServerEnrolment } from "@milagro/protocol/mpin-server-issuance";
import { encodePermitRequest, type PermitAnswer, parsePermitAnswer } from "@milagro/protocol/permit-messages";
import { combinePermits } from "@milagro/protocol/permits";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPermits } from "../src/permits.ts";
import {
  askFor,
  askForCode,
  beginDevice,
  codeIn,
  device,
  enrolDevice,
  LAPTOP,
  LOGIN_POLICY,
  MAILS,
  mailsOf,
  outcomeOf,
  SERVER,
  SERVER_KEYS,
} from "./mpin-support.ts";
import {
  ALICE,
  ask,
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  outcome,
  post,
  random,
  request,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "./support.ts";

let world: TestDomain;
let token: MpinToken;
let serverSecret: MpinServerSecret;

beforeAll(async () => {
  world = await foundDomain(3, { config: MAILS });
  for (const dta of world.dtas) await setPolicy(dta, LOGIN_POLICY);
});
afterAll(cleanUp);

const pin = (digits: string) => ({ pin: parsePin(utf8(digits)) });
const first = () => world.dtas[0] as TestDta;

function login(digits: string, permit?: TimePermit, demanded = permit?.input && world.clock.epoch): boolean {
  const context = {
    session: random(32),
    origin: "https://login.example.org",
    client: "shop",
    payloadHash: new Uint8Array(),
  };
  const attempt = beginLogin(engine, random, token, permit, context);
  const nonce = drawLoginNonce(random);
  const v = attempt.answer(pin(digits), nonce);
  return verifyLogin(engine, serverSecret, {
    subject: loginSubject(token.input, demanded),
    context,
    nonce,
    u: attempt.u,
    v,
  });
}
const permitsFrom = async (
  dta: TestDta,
  epochs: readonly number[],
  identity: string = LAPTOP,
): Promise<PermitAnswer> => {
  const request = {
    v: 1,
    domainId: world.domain.domainId,
    identity: identity as typeof LAPTOP,
    epochs: epochs.map(parseEpoch),
  } as const;
  return parsePermitAnswer(await post(dta.http, "/v1/permits", encodePermitRequest(request)));
};
const permitCode = (dta: TestDta, epochs: readonly number[], identity?: string): Promise<string> =>
  permitsFrom(dta, epochs, identity).then(
    () => "issued",
    (error: { code: string }) => error.code,
  );

test("a device gets its secret by three mails, one code for each D-TA, and no code serves another D-TA", async () => {
  const { domain, dtas } = world;
  const enrolment = await beginDevice(world, LAPTOP);
  for (const [i] of dtas.entries()) await askForCode(world, enrolment, i + 1);
  const codes = dtas.map((dta) => codeIn(mailsOf(dta)[0]));
  expect(new Set(codes).size).toBe(3);
  expect(mailsOf(dtas[1] as TestDta)[0]?.subject).toBe("login.example.org: code 2 of 3");
  expect(await outcomeOf(world, enrolment, [{ type: "email-code", code: codes[0] as string }], 2)).toBe(
    "ERR_EMAIL_CODE_INVALID",
  );
  const answers = await Promise.all(
    codes.map((code, i) => askFor(world, enrolment, [{ type: "email-code", code }], i + 1)),
  );
  const { secret } = await finishMpinEnrolment({ engine, random, domain, enrolment, answers });
  token = createToken(engine, secret, pin("2468"));
});

test("a login server collects its secret with three tokens, and the right PIN alone opens the login", async () => {
  const { domain, dtas } = world;
  const tokens = await Promise.all(dtas.map((dta) => joinToken(dta, { identities: SERVER, usages: ["mpin-server"] })));
  const evidence = tokens.map((token) => [{ type: "join-token", token } as const]);
  const enrolment = await request(world, { identity: SERVER, keys: SERVER_KEYS, evidence });
  const answers = await Promise.all(dtas.map((dta, i) => ask(dta, enrolment.requests[i])));
  ({ secret: serverSecret } = await finishServerEnrolment({ engine, random, domain, enrolment, answers }));
  expect([login("2468"), login("2469")]).toEqual([true, false]);
});

describe("time permits", () => {
  test("of all D-TAs open the login that demands one; the same again is no new record", async () => {
    const { epoch } = world.clock;
    const epochs = [epoch, epoch + 1].map(parseEpoch);
    const answers = await Promise.all(world.dtas.map((dta) => permitsFrom(dta, epochs)));
    const [now] = combinePermits(engine, world.domain, { identity: LAPTOP, epochs }, answers);
    expect([login("2468", now?.permit), login("2468", undefined, epoch), login("1111", now?.permit)]).toEqual([
      true,
      false,
      false,
    ]);
    const head = async () => (await first().running.context.audit.head(first().running.context.store.db)).index;
    const before = await head();
    expect(await permitsFrom(first(), epochs)).toEqual(answers[0]);
    expect(await head()).toBe(before);
    const { audit, store } = first().running.context;
    expect((await audit.read(store.db, before - 1, 1))[0]).toMatchObject({
      action: "permit",
      outcome: "ok",
      subject: LAPTOP,
      details: { keys: `permit@${epoch} permit@${epoch + 1}` },
    });
    await permitsFrom(first(), [epoch + 2, epoch + 1, epoch + 2]);
    expect(await head()).toBe(before + 1);
  });

  test("are for epochs around the present one", async () => {
    const { epoch } = world.clock;
    expect(await permitCode(first(), [epoch - 1, epoch + 2])).toBe("issued");
    for (const wrong of [[epoch - 2], [epoch + 3], [epoch, epoch + 3], [0]])
      expect(await permitCode(first(), wrong)).toBe("ERR_EPOCH_OUT_OF_WINDOW");
    for (const epochs of [[], [1, 2, 3, 4, 5], ["1"], [-1]]) {
      const wanted = { v: 1, domainId: encodeBase64url(world.domain.domainId), identity: LAPTOP, epochs };
      await expect(post(first().http, "/v1/permits", wanted)).rejects.toMatchObject({ code: "ERR_MESSAGE_INVALID" });
    }
    const foreign = { v: 1, domainId: encodeBase64url(new Uint8Array(32)), identity: LAPTOP, epochs: [epoch] };
    await expect(post(first().http, "/v1/permits", foreign)).rejects.toMatchObject({ code: "ERR_DOMAIN_MISMATCH" });
  });

  test("are for devices whose keys were issued here, and that the policy allows; others look alike", async () => {
    const { epoch } = world.clock;
    for (const stranger of [
      device("neverseen1"),
      ALICE,
      SERVER,
      device("k7w2m9x4ab", "alice@example.org", "shop.example.org"),
    ])
      expect(await permitCode(first(), [epoch], stranger)).toBe("ERR_POLICY_REFUSED");
    const rules = LOGIN_POLICY.rules.map((rule) => ({
      ...rule,
      usages: rule.usages.filter((usage) => usage !== "permit"),
    }));
    await setPolicy(first(), { ...LOGIN_POLICY, version: 2, rules } as typeof LOGIN_POLICY);
    expect(await permitCode(first(), [epoch])).toBe("ERR_POLICY_REFUSED");
    await setPolicy(first(), { ...LOGIN_POLICY, version: 3 });
    expect(await permitCode(first(), [epoch])).toBe("issued");
  });

  test("leave only with a record in the log", async () => {
    const { context } = first().running;
    const calls: string[] = [];
    const broken = {
      ...context,
      audit: { ...context.audit, append: () => Promise.reject(new Error("disk full")) },
      issuer: { ...context.issuer, sealed: false, pending: 0, call: async (name: string) => calls.push(name) },
    } as unknown as typeof context;
    const permit = createPermits(broken, () => {});
    await context.store.db.deleteFrom("permit").execute();
    const wanted = { v: 1, domainId: world.domain.domainId, identity: LAPTOP, epochs: [world.clock.epoch] } as const;
    await expect(permit(wanted)).rejects.toThrow("disk full");
    expect(calls).toEqual([]);
  });

  test("stop when one D-TA denies the device, also those it has issued before", async () => {
    const { epoch } = world.clock;
    const pattern = parseIdentityPattern(LAPTOP);
    await post(first().admin, "/v1/deny", { v: 1, pattern, reason: "stolen" });
    expect(await permitCode(first(), [epoch])).toBe("ERR_IDENTITY_REVOKED");
    await first().admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern } });
  });
});

describe("secrets of the login go to whom they are for, once", () => {
  const forToken = async (
    identity: typeof LAPTOP | typeof ALICE,
    keys: Parameters<typeof request>[1],
    usages = ["mpin", "sig", "mpin-server"] as const,
  ) => {
    const given = await joinToken(first(), { identities: identity, usages });
    const { requests } = await request(world, {
      identity,
      ...keys,
      evidence: [[{ type: "join-token", token: given }], [], []],
    });
    return outcome(first(), requests[0]);
  };
  const key = (usage: "mpin" | "mpin-server" | "sig" | "enc", epoch = 0) => ({
    keys: [{ usage, epoch: parseEpoch(epoch) }],
  });

  test("a service is issued no key of the login, a device no server secret, a server no client secret", async () => {
    const open = [
      {
        identities: ["milagro:example.org/*/**", "milagro:example.org/mpin/**"].map(parseIdentityPattern),
        usages: ["mpin", "mpin-server", "sig", "enc"],
        evidence: ["join-token"],
        maxEpochsAhead: 1,
        maxEpochsBack: 1,
      },
    ];
    await setPolicy(first(), { ...LOGIN_POLICY, version: 4, rules: open } as unknown as typeof LOGIN_POLICY);
    expect(await forToken(ALICE, key("mpin"))).toBe("ERR_POLICY_REFUSED");
    expect(await forToken(ALICE, key("mpin-server"))).toBe("ERR_POLICY_REFUSED");
    expect(await forToken(ALICE, key("sig"))).toBe("ERR_EPOCH_OUT_OF_WINDOW");
    expect(await forToken(device("laptop1234"), key("mpin-server"))).toBe("ERR_POLICY_REFUSED");
    expect(await forToken(device("laptop1234"), key("mpin", world.clock.epoch))).toBe("ERR_EPOCH_OUT_OF_WINDOW");
    expect(await forToken(device("laptop1234"), key("enc"))).toBe("ERR_EPOCH_OUT_OF_WINDOW");
    expect(await forToken(SERVER, key("mpin"))).toBe("ERR_POLICY_REFUSED");
    expect(await forToken("milagro:example.org/mpin-server/a/b" as typeof SERVER, key("mpin-server"))).toBe(
      "ERR_POLICY_REFUSED",
    );
    expect(await forToken("milagro:example.org/mpin/login.example.org/alice" as typeof SERVER, key("mpin"))).toBe(
      "ERR_POLICY_REFUSED",
    );
    expect(await forToken(SERVER, key("mpin-server"))).toBe("issued");
    await setPolicy(first(), { ...LOGIN_POLICY, version: 5 });
  });

  test("a device that is enrolled is not issued for again: nobody clones it with fresh evidence", async () => {
    expect(await forToken(LAPTOP, key("mpin"))).toBe("ERR_IDENTITY_ISSUED");
    expect(await forToken(LAPTOP, key("sig"))).toBe("ERR_IDENTITY_ISSUED");
    // A server collects its secret as often as its operator gives it tokens.
    expect(await forToken(SERVER, key("mpin-server"))).toBe("issued");
    await expect(enrolDevice(world, device("second1234"))).resolves.toBeDefined();
  });

  test("nor when two requests with good evidence come at once", async () => {
    const identity = device("atonce1234");
    const tokens = await Promise.all(
      [1, 2].map(() => joinToken(first(), { identities: identity, usages: ["mpin", "sig"] })),
    );
    const outcomes = await Promise.all(
      tokens.map(async (token) =>
        outcomeOf(world, await beginDevice(world, identity), [{ type: "join-token", token }]),
      ),
    );
    expect(outcomes.sort()).toEqual(["ERR_IDENTITY_ISSUED", "issued"]);
  });

  test("a user's own key that is not proved is refused before anything is recorded", async () => {
    const given = await joinToken(first(), { identities: device("dvs1234567"), usages: ["mpin", "sig"] });
    const { audit, store } = first().running.context;
    const before = (await audit.head(store.db)).index;
    const pa = engine.g2.encode(engine.g2.multiplyPublic(engine.g2.generator, engine.scalars.random()));
    const keys = [{ usage: "mpin", epoch: parseEpoch(0), dvs: { key: pa, proof: new Uint8Array(128) } }] as const;
    const { requests } = await request(world, {
      identity: device("dvs1234567"),
      keys,
      evidence: [[{ type: "join-token", token: given }], [], []],
    });
    await expect(ask(first(), requests[0])).rejects.toMatchObject({ code: "ERR_PUBLIC_KEY_INVALID" });
    expect((await audit.head(store.db)).index).toBe(before);
  });
});

describe("a page of another origin", () => {
  const fetchFrom = (path: string, method = "GET") =>
    fetch(`${first().running.url}${path}`, { method, headers: { origin: "https://login.example.org" } });

  test("may call what people need, with every answer, and no credentials", async () => {
    for (const path of ["/v1/dta", "/v1/descriptor", "/v1/log?limit=1", "/v1/log/head"]) {
      const answer = await fetchFrom(path);
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
      expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    }
    const failed = await fetchFrom("/v1/issue", "POST");
    expect([failed.status >= 400, failed.headers.get("access-control-allow-origin")]).toEqual([true, "*"]);
    const preflight = await fetchFrom("/v1/permits", "OPTIONS");
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([204, "content-type"]);
    expect(Number(preflight.headers.get("access-control-max-age"))).toBeGreaterThan(0);
  });

  test("may not read anything else", async () => {
    for (const path of ["/metrics", "/health", "/openapi.json", "/v1/ceremonies/x", "/v1/logs"])
      expect((await fetchFrom(path)).headers.get("access-control-allow-origin")).toBeNull();
    expect((await fetchFrom("/v1/ceremonies/x/commit", "OPTIONS")).status).toBeGreaterThanOrEqual(400);
  });
});

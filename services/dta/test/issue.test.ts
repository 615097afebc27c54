/** Issuing at one real D-TA: what is refused and how, replays, limits. */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import { refusalStatement, sealIssuanceRequest } from "@milagro/protocol/issuance";
import { encodeIssuanceAnswer, encodeSealedRequest, type SealedRequest } from "@milagro/protocol/issuance-messages";
import { generateJoinToken } from "@milagro/protocol/join-token";
import { authorityAt } from "@milagro/protocol/trust-domain";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  ask,
  BOB,
  cleanUp,
  client,
  engine,
  foundDomain,
  joinToken,
  NOW_MS,
  OPEN_POLICY,
  outcome,
  post,
  random,
  request,
  requestWithToken,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "./support.ts";

let world: TestDomain;
let dta: TestDta;
let version = 1;

beforeAll(async () => {
  world = await foundDomain(1);
  dta = world.dtas[0] as TestDta;
  await setPolicy(dta, OPEN_POLICY);
});
beforeEach(() => {
  world.clock.nowMs = NOW_MS;
});
afterAll(cleanUp);

const headIndex = async () => (await dta.running.context.audit.head(dta.running.context.store.db)).index;
const lastEntry = async () => {
  const { audit, store } = dta.running.context;
  return (await audit.read(store.db, (await headIndex()) - 1, 1))[0];
};

describe("tokens", () => {
  test("the same request gets the same answer, byte by byte, and one audit entry", async () => {
    const sealed = await requestWithToken(world, await joinToken(dta));
    const before = await headIndex();
    const first = encodeIssuanceAnswer(await ask(dta, sealed));
    const again = encodeIssuanceAnswer(await ask(dta, sealed));
    expect(again).toEqual(first);
    expect(await headIndex()).toBe(before + 1);
    expect(await lastEntry()).toMatchObject({
      action: "issue",
      outcome: "ok",
      subject: ALICE,
      details: { evidence: "join-token" },
    });
  });

  test("another request with a spent token is refused, also when both come at once", async () => {
    const token = await joinToken(dta);
    const requests = await Promise.all(Array.from({ length: 4 }, () => requestWithToken(world, token)));
    const outcomes = await Promise.all(requests.map((sealed) => outcome(dta, sealed)));
    expect(outcomes.sort()).toEqual(["ERR_JOIN_TOKEN_SPENT", "ERR_JOIN_TOKEN_SPENT", "ERR_JOIN_TOKEN_SPENT", "issued"]);
  });

  test("a refused request does not spend its token", async () => {
    const token = await joinToken(dta);
    const tooFar = await requestWithToken(world, token, {
      keys: [{ usage: "enc", epoch: (world.clock.epoch + 9) as Epoch }],
    });
    expect(await outcome(dta, tooFar)).toBe("ERR_EPOCH_OUT_OF_WINDOW");
    expect(await outcome(dta, await requestWithToken(world, token))).toBe("issued");
  });

  const refused = async (code: ErrorCode, sealed: Promise<SealedRequest | undefined>) => {
    const before = await headIndex();
    expect(await outcome(dta, await sealed)).toBe(code);
    expect(await headIndex()).toBe(before + 1);
    expect(await lastEntry()).toMatchObject({ action: "issue", outcome: code });
  };

  test("expired, foreign, unknown, withdrawn, for others: refused, and on record", async () => {
    const short = await joinToken(dta, { ttlSeconds: 1 });
    world.clock.nowMs += 1000;
    await refused("ERR_JOIN_TOKEN_INVALID", requestWithToken(world, short));
    await refused("ERR_JOIN_TOKEN_INVALID", requestWithToken(world, generateJoinToken(random, 2).token));
    await refused("ERR_JOIN_TOKEN_INVALID", requestWithToken(world, generateJoinToken(random, 1).token));
    const forBob = await joinToken(dta, { identities: BOB });
    await refused("ERR_JOIN_TOKEN_INVALID", requestWithToken(world, forBob));
    const withdrawn = await joinToken(dta);
    await dta.admin.request({ method: "DELETE", path: `/v1/join-tokens/${withdrawn.split("_")[2]}` });
    await refused("ERR_JOIN_TOKEN_INVALID", requestWithToken(world, withdrawn));
  });

  test("a usage that the token does not speak for, or the policy does not allow, is refused", async () => {
    const encOnly = await joinToken(dta, { usages: ["enc"] });
    await refused(
      "ERR_EVIDENCE_INVALID",
      requestWithToken(world, encOnly, { keys: [{ usage: "sig", epoch: world.clock.epoch }] }),
    );
    await refused(
      "ERR_EPOCH_OUT_OF_WINDOW",
      requestWithToken(world, encOnly, { keys: [{ usage: "enc", epoch: parseEpoch(0) }] }),
    );
    await refused(
      "ERR_EVIDENCE_MISSING",
      request(world).then(({ requests }) => requests[0]),
    );
  });

  test("a clock that is wrong by more than five minutes is told so", async () => {
    const token = await joinToken(dta);
    await refused("ERR_REQUEST_EXPIRED", requestWithToken(world, token, { nowMs: NOW_MS + 301_000 }));
    for (const skewMs of [-301_000, 301_000]) {
      const { requests } = await request(world, { nowMs: NOW_MS + skewMs });
      await refused("ERR_REQUEST_EXPIRED", Promise.resolve(requests[0]));
    }
    expect(await outcome(dta, await requestWithToken(world, token, { nowMs: NOW_MS - 299_000 }))).toBe("issued");
  });

  test("the list shows what became of a token and never the token", async () => {
    const token = await joinToken(dta);
    await ask(dta, await requestWithToken(world, token));
    const { body } = await dta.admin.request({ path: "/v1/join-tokens" });
    const listed = (body as { tokens: { id: string; used?: { identity: string } }[] }).tokens.find(
      ({ id }) => id === token.split("_")[2],
    );
    expect(listed?.used?.identity).toBe(ALICE);
    expect(JSON.stringify(body)).not.toContain(token.slice(-43));
  });
});

describe("denying", () => {
  test("beats good evidence and a request that was answered before, until it is lifted", async () => {
    const sealed = await requestWithToken(world, await joinToken(dta));
    const pattern = parseIdentityPattern("milagro:example.org/service/al*");
    expect(await outcome(dta, sealed)).toBe("issued");
    await post(dta.admin, "/v1/deny", { v: 1, pattern, reason: "laptop lost" });
    expect(await outcome(dta, sealed)).toBe("ERR_IDENTITY_REVOKED");
    expect(await outcome(dta, await requestWithToken(world, await joinToken(dta)))).toBe("ERR_IDENTITY_REVOKED");
    await dta.admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern } });
    expect(await outcome(dta, sealed)).toBe("issued");
  });

  test("a refusal is signed by the D-TA, over this request", async () => {
    const { requests, requestHash } = await request(world);
    const answer = await ask(dta, requests[0]);
    if (!("refusal" in answer)) throw new Error("not refused");
    const { publicShares } = authorityAt(world.domain, 1);
    expect(answer.requestHash).toEqual(requestHash);
    expect(verifyStatement(engine, publicShares.statement, refusalStatement(answer), answer.signature)).toBe(true);
    const changed = { ...answer, refusal: { ...answer.refusal, code: "ERR_IDENTITY_REVOKED" } };
    expect(verifyStatement(engine, publicShares.statement, refusalStatement(changed), answer.signature)).toBe(false);
  });
});

describe("policy", () => {
  test("a new one must have a higher version; it counts at once", async () => {
    const token = await joinToken(dta);
    await expect(setPolicy(dta, { ...OPEN_POLICY, version })).rejects.toMatchObject({ code: "ERR_VERSION_CONFLICT" });
    await setPolicy(dta, { ...OPEN_POLICY, version: ++version, rules: [] });
    expect(await outcome(dta, await requestWithToken(world, token))).toBe("ERR_POLICY_REFUSED");
    await setPolicy(dta, { ...OPEN_POLICY, version: ++version });
    const answer = await ask(dta, await requestWithToken(world, token));
    expect("receipt" in answer && answer.receipt.policyVersion).toBe(version);
  });

  test("one that is malformed changes nothing", async () => {
    await expect(
      dta.admin.request({ method: "PUT", path: "/v1/policy", body: { v: 1, version: 99, rules: [{}] } }),
    ).rejects.toMatchObject({
      code: "ERR_MESSAGE_INVALID",
    });
    expect(dta.running.context.policy.current.version).toBe(version);
  });
});

describe("garbage", () => {
  const good = async () => encodeSealedRequest((await requestWithToken(world, await joinToken(dta))) as SealedRequest);
  const codeOf = (body: unknown) =>
    post(dta.http, "/v1/issue", body).then(
      () => "ok",
      (error: { code: string }) => error.code,
    );

  test("each kind of broken request has its code and leaves no audit entry", async () => {
    const before = await headIndex();
    const sealed = await good();
    const flipped = Buffer.from(sealed.ciphertext, "base64url");
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    expect(await codeOf({})).toBe("ERR_MESSAGE_INVALID");
    expect(await codeOf([])).toBe("ERR_MESSAGE_INVALID");
    expect(await codeOf({ ...sealed, v: 2 })).toMatch(/ERR_MESSAGE_INVALID|ERR_VERSION_UNSUPPORTED/);
    expect(await codeOf({ ...sealed, extra: 1 })).toBe("ERR_MESSAGE_INVALID");
    expect(await codeOf({ ...sealed, index: 2 })).toBe("ERR_DOMAIN_MISMATCH");
    expect(await codeOf({ ...sealed, domainId: encodeBase64url(random(32)) })).toBe("ERR_DOMAIN_MISMATCH");
    expect(await codeOf({ ...sealed, ciphertext: encodeBase64url(flipped) })).toBe("ERR_HPKE_OPEN_FAILED");
    expect(await codeOf({ ...sealed, encapsulatedKey: encodeBase64url(new Uint8Array(32)) })).toBe(
      "ERR_HPKE_OPEN_FAILED",
    );
    expect(await codeOf({ ...sealed, ciphertext: "A".repeat(270_000) })).toBe("ERR_BODY_TOO_LARGE");
    expect(await headIndex()).toBe(before + 1); // the join token that `good` made
  });

  test("a flood of garbage is refused, and good requests still pass", async () => {
    const { url } = dta.running;
    const sealed = await good();
    const bodies = [
      "",
      "{",
      "null",
      "\u0000",
      JSON.stringify({ ...sealed, ciphertext: "////" }),
      '{"v":1,"v":1}',
      "[".repeat(50_000),
      '{"__proto__":{}}',
    ];
    const statuses = await Promise.all(
      Array.from({ length: 160 }, (_, i) =>
        fetch(`${url}/v1/issue`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: bodies[i % bodies.length] ?? "",
        }).then((r) => r.status),
      ),
    );
    expect(new Set(statuses)).toEqual(new Set([400]));
    expect(await codeOf(sealed)).toBe("ok");
  });

  test("inside a good seal: with a request key of small order nothing is recorded, spent or issued", async () => {
    const token = await joinToken(dta);
    const { claim } = await request(world);
    const { hpkeKey } = authorityAt(world.domain, 1);
    const hostile = { ...claim, requestKey: new Uint8Array(32), evidence: [{ type: "join-token" as const, token }] };
    const before = await headIndex();
    const sealed = await sealIssuanceRequest({ random, hpkeKey, index: 1, request: hostile });
    expect(await codeOf(encodeSealedRequest(sealed))).toBe("ERR_HPKE_KEY_INVALID");
    expect(await headIndex()).toBe(before);
    expect(await outcome(dta, await requestWithToken(world, token))).toBe("issued");
  });

  test("unknown routes and methods are problems, too", async () => {
    await expect(client(dta.running.url as string).request({ path: "/v1/masters" })).rejects.toMatchObject({
      code: "ERR_ROUTE_UNKNOWN",
    });
    await expect(post(dta.http, "/v1/unseal", { v: 1, passphrase: "x" })).rejects.toMatchObject({
      code: "ERR_ROUTE_UNKNOWN",
    });
  });
});

import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { verifyIdentityKeys } from "@milagro/crypto/identity-key";
import { MilagroError } from "@milagro/engine/error";
import { faultReportOf } from "@milagro/protocol/fault";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  EPOCH,
  EPOCH_SECONDS,
  engine,
  type Founded,
  foundDomain,
  NOW_MS,
  random,
} from "../../../core/protocol/test/fixture.ts";
import { enrol, enrolRing, resumeEnrol } from "../src/enrol.ts";
import type { KeyRing } from "../src/key-ring.ts";
import { renewKeys } from "../src/renew.ts";
import { createNetwork, json, type Network, problem } from "./network.ts";

let founded: Founded;
let network: Network;
const TOKEN = `mjt1_1_abcdefgh_${"A".repeat(43)}`;
const EVIDENCE = [[{ type: "join-token", token: TOKEN }], []] as const;
const KEYS = [{ usage: "sig", epoch: EPOCH }] as const;
const OPTIONS = { identity: ALICE, keys: KEYS, evidence: EVIDENCE, route: "direct" } as const;

beforeAll(async () => {
  founded = await foundDomain(2);
});
beforeEach(() => {
  network = createNetwork(founded);
});
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

describe("direct enrolment", () => {
  test("adds the shares of all D-TAs to a key that verifies", async () => {
    const { keys, receipts } = await enrol(network.deps, OPTIONS);
    expect(receipts.map(({ index }) => index)).toEqual([1, 2]);
    expect(verifyIdentityKeys(engine, random, founded.domain.publicKey, keys)).toBe(true);
  });

  test("each D-TA sees its own evidence only", async () => {
    await enrol(network.deps, OPTIONS);
    expect(network.dtas.map(({ seen }) => seen[0]?.evidence.length)).toEqual([1, 0]);
    expect(network.dtas[0]?.bodies.join()).not.toContain(TOKEN);
  });

  test("a D-TA that is down for a moment is asked again with the very same request", async () => {
    const [first] = network.dtas;
    if (first) first.sealed = true;
    const { sleep } = network.deps;
    let rounds = 0;
    const deps = {
      ...network.deps,
      sleep: async (ms: number) => {
        if (++rounds === 3 && first) first.sealed = false;
        await sleep(ms);
      },
    };
    await enrol(deps, OPTIONS);
    expect(rounds).toBe(3);
    expect(new Set(network.dtas[1]?.bodies).size).toBe(1);
  });

  test("a D-TA that stays down is named, with why, when the time is up", async () => {
    if (network.dtas[1]) network.dtas[1].down = true;
    const error = await enrol(network.deps, { ...OPTIONS, timeoutMs: 3000 }).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "ERR_ENROLMENT_INCOMPLETE",
      message: expect.stringContaining("dta-2 (ERR_UNREACHABLE)"),
    });
    expect(network.nowMs).toBeGreaterThanOrEqual(NOW_MS + 3000);
    expect(network.nowMs).toBeLessThan(NOW_MS + 10_000);
  });

  test("one refusal ends it at once: there will be no whole key", async () => {
    if (network.dtas[0]) network.dtas[0].refuse = "ERR_IDENTITY_REVOKED";
    if (network.dtas[1]) network.dtas[1].down = true;
    const error = await enrol(network.deps, OPTIONS).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "ERR_ENROLMENT_REFUSED",
      message: expect.stringContaining("ERR_IDENTITY_REVOKED"),
    });
    expect(network.nowMs).toBe(NOW_MS);
  });

  test("a D-TA that issues a wrong share is named, with its receipt", async () => {
    const wrong = engine.g1.encode(engine.g1.generator);
    if (network.dtas[1]) network.dtas[1].lie = (shares) => shares.map((share) => ({ ...share, g1: wrong.slice() }));
    const error = await enrol(network.deps, OPTIONS).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "ERR_SHARE_INVALID" });
    expect(faultReportOf(error).faults).toMatchObject([{ index: 2, name: "dta-2", receipt: { logIndex: 7 } }]);
  });

  test("a D-TA that cannot, for a reason that does not pass by itself, is named at once", async () => {
    if (network.dtas[1]) network.dtas[1].problem = "ERR_STORAGE_FULL";
    const error = await enrol(network.deps, OPTIONS).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "ERR_STORAGE_FULL", message: expect.stringContaining("D-TA 2 (dta-2): ") });
    expect(network.nowMs).toBe(NOW_MS);
  });

  test("an answer that is not of the protocol is an outage, not a crash", async () => {
    const deps = { ...network.deps, http: async () => json(200, { hello: "proxy" }) };
    expect(await codeOf(enrol(deps, { ...OPTIONS, timeoutMs: 500 }))).toBe("ERR_ENROLMENT_INCOMPLETE");
  });
});

describe("after a crash", () => {
  test("what was exported before the first request finishes the same enrolment, and spends no evidence twice", async () => {
    let exported = new Uint8Array();
    if (network.dtas[1]) network.dtas[1].down = true;
    const onBegun = async (secret: { use<T>(fn: (bytes: Uint8Array) => T): T }) => {
      expect(network.dtas[0]?.bodies.length).toBe(0);
      exported = secret.use((bytes) => bytes.slice());
    };
    expect(await codeOf(enrol(network.deps, { ...OPTIONS, timeoutMs: 1000, onBegun }))).toBe(
      "ERR_ENROLMENT_INCOMPLETE",
    );
    if (network.dtas[1]) network.dtas[1].down = false;
    const resumed = await resumeEnrol(network.deps, exported, { route: "direct" });
    expect(resumed.identity).toBe(ALICE);
    const [first, again] = [network.dtas[0]?.seen.at(0), network.dtas[0]?.seen.at(-1)];
    expect(network.dtas[0]?.seen.length).toBeGreaterThan(1);
    expect(again).toEqual(first);
  });

  test("nothing is sent when it cannot be kept", async () => {
    const onBegun = () => Promise.reject(new Error("disk full"));
    await expect(enrol(network.deps, { ...OPTIONS, onBegun })).rejects.toThrow("disk full");
    expect(network.dtas.flatMap(({ bodies }) => bodies)).toEqual([]);
  });
});

describe("through the D-KMS", () => {
  test("without a D-KMS in the domain, relaying says so", async () => {
    expect(await codeOf(enrol(network.deps, { ...OPTIONS, route: "relay" }))).toBe("ERR_KMS_UNKNOWN");
  });

  test("a D-KMS that is down does not stop it: the D-TAs are asked directly", async () => {
    const deps = { ...network.deps, kmsUrl: "http://kms.example.org" };
    expect(await codeOf(enrol(deps, { ...OPTIONS, route: "auto" }))).toBe("ok");
  });

  test("a D-KMS that refuses is obeyed", async () => {
    network.other = async () => problem("ERR_BODY_TOO_LARGE");
    const deps = { ...network.deps, kmsUrl: "http://kms.example.org" };
    expect(await codeOf(enrol(deps, { ...OPTIONS, route: "auto" }))).toBe("ERR_BODY_TOO_LARGE");
  });
});

test("the relay is asked to wait no longer than the person is", async () => {
  const waits: (string | null)[] = [];
  network.other = async ({ url }) => {
    if (!url.includes("/v1/enrolments/")) return json(202, { v: 1, id: "e1" });
    waits.push(new URL(url).searchParams.get("wait"));
    network.nowMs += 1500;
    return json(200, { v: 1, id: "e1", answers: [], problems: [], pending: [1, 2] });
  };
  const deps = { ...network.deps, kmsUrl: "http://kms.example.org" };
  await expect(enrol(deps, { ...OPTIONS, route: "relay", timeoutMs: 2000 })).rejects.toMatchObject({
    code: "ERR_ENROLMENT_INCOMPLETE",
  });
  expect(waits).toEqual(["2", "1"]);
});

describe("renewal", () => {
  let ring: KeyRing;
  const next = (EPOCH + 1) as Epoch;
  beforeAll(async () => {
    ({ ring } = await enrolRing(createNetwork(founded).deps, OPTIONS));
  });

  test("the identity's own key is the evidence, for every D-TA", async () => {
    await renewKeys(network.deps, ring, [{ usage: "sig", epoch: next }], { route: "direct" });
    expect(network.dtas.map(({ seen }) => seen[0]?.evidence[0]?.type)).toEqual(["renewal", "renewal"]);
    expect(ring.find("sig", next)).toBeDefined();
  });

  test("what is here is not asked for", async () => {
    expect(await renewKeys(network.deps, ring, KEYS, { route: "direct" })).toBeUndefined();
    expect(network.dtas.flatMap(({ bodies }) => bodies)).toEqual([]);
  });

  test("the newest key that has begun vouches, not one of the future", async () => {
    await renewKeys(network.deps, ring, [{ usage: "enc", epoch: EPOCH }], { route: "direct" });
    expect(network.dtas[0]?.seen[0]?.evidence).toMatchObject([
      { type: "renewal", epoch: epochAt(NOW_MS, EPOCH_SECONDS) },
    ]);
  });
});

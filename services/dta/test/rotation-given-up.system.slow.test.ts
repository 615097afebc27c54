/** Rotations that are given up in the middle, at real D-TAs that end and start again, with coordinators who keep what they got. */
import { cp, rm } from "node:fs/promises";
import { DatabaseSync } from "node:sqlite";
import type { HttpPort } from "@milagro/client/http-port";
import { proposeRotation } from "@milagro/client/rotation";
import { utf8 } from "@milagro/crypto/bytes";
import { parseCeremonyCommit, parseCeremonySignature } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { parseDtaStatus } from "@milagro/protocol/dta-messages";
import { advanceRotation, rotatedDescriptor, startRotation } from "@milagro/protocol/rotation";
import { parseRotationReveal, type RotationProposal } from "@milagro/protocol/rotation-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { openKeyStore } from "@milagro/runtime/key-store";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { FoundedDomain } from "../src/context.ts";
import { approve, codeOf, pathOf, proposalOn } from "./rotation-support.ts";
import {
  cleanUp,
  engine,
  foundDomain,
  type HeldClock,
  PASSPHRASE,
  post,
  random,
  startHome,
  stop,
  type TestDta,
} from "./support.ts";

afterAll(cleanUp);

let clock: HeldClock;
let domain: TrustDomain;
let dtas: [TestDta, TestDta];
beforeEach(async () => {
  const founded = await foundDomain(2);
  ({ clock, domain } = founded);
  dtas = [...founded.dtas] as [TestDta, TestDta];
});

const propose = (ahead = 1, on = domain) => proposalOn(on, clock.nowMs, 86_400, ahead);
const step = (dta: TestDta, proposal: RotationProposal, name: string, body?: unknown) =>
  post(dta.http, `${pathOf(proposal)}/${name}`, body);
const giveUp = (dta: TestDta, proposal: RotationProposal) =>
  dta.admin.request({ method: "DELETE", path: pathOf(proposal) });
const sequenceOf = ({ running }: TestDta) => running.context.now.domain?.signed.descriptor.sequence;
const believe = (signed: SignedDescriptor, newest: TrustDomain) => verifyDescriptor(engine, random, signed, { newest });

/** Each D-TA ends and starts again. */
async function restart(): Promise<void> {
  for (const [i, dta] of dtas.entries()) {
    await stop(dta);
    dtas[i] = await startHome(dta.home, clock);
  }
}

/** All steps but the last: the coordinator has what it takes, and nobody else knows. */
async function withhold(proposal: RotationProposal, on = domain) {
  for (const dta of dtas) await approve(dta, proposal);
  const all = (name: string, body?: unknown) => Promise.all(dtas.map((dta) => step(dta, proposal, name, body)));
  const commitments = await all("commit");
  const reveals = await all("commitments", { v: 1, commitments });
  const signatures = await all("reveals", { v: 1, reveals });
  let state = startRotation(on, proposal, 1, 0);
  const [own] = reveals.map(parseRotationReveal);
  if (!own) throw new TypeError("no reveal");
  state = advanceRotation(engine, random, state, { type: "commit", own });
  state = advanceRotation(engine, random, state, {
    type: "commitments",
    commitments: commitments.map(parseCeremonyCommit),
  });
  state = advanceRotation(engine, random, state, { type: "reveals", reveals: reveals.map(parseRotationReveal) });
  const signed: SignedDescriptor = {
    v: 1,
    descriptor: rotatedDescriptor(state),
    signatures: signatures.map((one) => parseCeremonySignature(one).signature),
  };
  return { signed, signatures: { v: 1, signatures } };
}

/** All steps. */
async function rotate(proposal: RotationProposal, on = domain): Promise<SignedDescriptor> {
  const { signatures } = await withhold(proposal, on);
  const [first, second] = await Promise.all(dtas.map((dta) => step(dta, proposal, "signatures", signatures)));
  expect(first).toEqual(second);
  return parseSignedDescriptor(first);
}

async function sharesOf({ home }: TestDta): Promise<number> {
  const passphrase = passphraseFromText(PASSPHRASE);
  const store = await openKeyStore(home.masters, { kind: "dta-masters", passphrase, random });
  const { length } = store.names().filter((name) => name.startsWith("mpin/"));
  await store.close();
  return length;
}

describe("a rotation that all D-TAs have signed and given up, while the coordinator keeps the signatures", () => {
  test("across restarts its number is used up at every D-TA; the next one overtakes it at whoever was shown it, and it is forgotten", async () => {
    const given = propose();
    const { signed: withheld, signatures } = await withhold(given);
    await restart();
    for (const dta of dtas) await giveUp(dta, given);
    await restart();
    for (const dta of dtas) {
      expect(await codeOf(approve(dta, propose()))).toBe("ERR_CEREMONY_STATE");
      expect(await codeOf(step(dta, given, "signatures", signatures))).toBe("ERR_CEREMONY_UNKNOWN");
      expect((await dta.admin.request({ path: "/v1/rotations" })).body).toMatchObject({
        rotations: [{ phase: "signed", givenUp: true }],
      });
      const { domains } = parseDtaStatus((await dta.http.request({ path: "/v1/dta" })).body);
      expect(domains[0]?.signed).toBe(1);
    }
    const later = await rotate(propose(2));
    expect(dtas.map(sequenceOf)).toEqual([2, 2]);

    const shown = believe(withheld, domain);
    const newest = believe(later, shown);
    expect([newest.descriptor.sequence, newest.masterEpoch]).toEqual([2, 2]);
    expect(() => believe(withheld, newest)).toThrow("a newer descriptor");
    expect(believe(later, domain).hash).toEqual(newest.hash);

    for (const dta of dtas) {
      expect(await codeOf(approve(dta, given))).toBe("ERR_CEREMONY_STATE");
      expect(await sharesOf(dta)).toBe(2);
      expect(dta.running.context.now.domain?.masters.map(({ epoch }) => epoch)).toEqual([0, 2]);
    }
    await restart();
    for (const dta of dtas) {
      expect(await sharesOf(dta)).toBe(1);
      expect(await codeOf(approve(dta, given))).toBe("ERR_CEREMONY_STATE");
    }
    expect(dtas.map(sequenceOf)).toEqual([2, 2]);
    expect((await rotate(propose(1, newest), newest)).descriptor.mpin?.epoch).toBe(3);
  });

  test("is finished by approving it again, if somebody has adopted it after all, however late", async () => {
    const [first, second] = dtas;
    const given = propose();
    const { signatures } = await withhold(given);
    await giveUp(first, given);
    await step(second, given, "signatures", signatures);
    expect(dtas.map(sequenceOf)).toEqual([0, 1]);
    // The first has meanwhile tried another, for which the second is not there any more.
    const other = propose(2);
    await approve(first, other);
    await step(first, other, "commit");
    expect(await codeOf(approve(second, other))).toBe("ERR_CEREMONY_STATE");
    expect(await codeOf(approve(first, given))).toBe("ERR_CEREMONY_STATE");
    await giveUp(first, other);
    clock.nowMs = (given.until + 1) * 1000;
    await approve(first, given);
    await step(first, given, "signatures", signatures);
    expect(dtas.map(sequenceOf)).toEqual([1, 1]);
    const { signed } = first.running.context.now.domain as FoundedDomain;
    const newest = believe(signed, domain);
    expect((await rotate(propose(1, newest), newest)).descriptor.sequence).toBe(2);
  });

  test("and a second one like it: D-TAs that have finished different ones come together at the higher", async () => {
    const [first, second] = dtas;
    const low = propose();
    const lower = await withhold(low);
    for (const dta of dtas) await giveUp(dta, low);
    const high = propose(2);
    const higher = await withhold(high);
    for (const dta of dtas) await giveUp(dta, high);
    await approve(first, low);
    await step(first, low, "signatures", lower.signatures);
    await approve(second, high);
    await step(second, high, "signatures", higher.signatures);
    expect(dtas.map(sequenceOf)).toEqual([1, 2]);
    await restart();
    expect(await codeOf(approve(dtas[1], low))).toBe("ERR_CEREMONY_STATE");
    await approve(dtas[0], high);
    await step(dtas[0], high, "signatures", higher.signatures);
    expect(dtas.map(sequenceOf)).toEqual([2, 2]);
    for (const dta of dtas)
      expect((await dta.http.request({ path: "/v1/descriptor" })).body).toEqual(encodeSignedDescriptor(higher.signed));
    expect(dtas[0].running.context.now.domain?.masters.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
  });
});

test("a database that cannot be written when a rotation is given up leaves it as it was, with its share; a sealed D-TA gives it up as well", async () => {
  const [first] = dtas;
  const proposal = propose();
  for (const dta of dtas) await approve(dta, proposal);
  await step(first, proposal, "commit");
  const other = new DatabaseSync(first.home.database);
  other.exec("begin immediate");
  try {
    expect(await codeOf(giveUp(first, proposal))).toBe("ERR_DATABASE_BUSY");
  } finally {
    other.exec("rollback");
    other.close();
  }
  expect(await sharesOf(first)).toBe(1);
  expect((await first.http.request({ path: pathOf(proposal) })).body).toMatchObject({ phase: "committed" });
  await post(first.admin, "/v1/seal");
  await giveUp(first, proposal);
  expect(await codeOf(step(first, proposal, "commit"))).toBe("ERR_CEREMONY_UNKNOWN");
  await restart();
  expect(await sharesOf(dtas[0])).toBe(0);
  await giveUp(dtas[1], proposal);
  expect((await rotate(propose())).descriptor.sequence).toBe(1);
});

test("one D-TA dies after it has signed, and comes back from an older backup: the others give up, and all rotate by the next number", async () => {
  const [first, second] = dtas;
  const { folder } = second.home;
  await stop(second);
  await cp(folder, `${folder}.backup`, { recursive: true });
  dtas[1] = await startHome(second.home, clock);
  const given = propose();
  const { signed: withheld } = await withhold(given);
  await stop(dtas[1]);
  await rm(folder, { recursive: true });
  await cp(`${folder}.backup`, folder, { recursive: true });
  dtas[1] = await startHome(second.home, clock);
  expect(await codeOf(step(dtas[1], given, "commit"))).toBe("ERR_CEREMONY_UNKNOWN");
  await giveUp(first, given);
  // The one that has forgotten would sign another of that number; the one that has not does not.
  const again = propose();
  await approve(dtas[1], again);
  expect(await codeOf(approve(first, again))).toBe("ERR_CEREMONY_STATE");
  await giveUp(dtas[1], again);
  const later = await rotate(propose(2));
  expect(believe(later, believe(withheld, domain)).descriptor.sequence).toBe(2);
});

test("D-TAs that are shown different proposals of one number show no key", async () => {
  const [first, second] = dtas;
  const [one, other] = [propose(), propose()];
  await approve(first, one);
  await approve(second, other);
  const commitments = [await step(first, one, "commit"), await step(second, other, "commit")];
  for (const [dta, proposal] of [
    [first, one],
    [second, other],
  ] as const)
    expect(await codeOf(step(dta, proposal, "commitments", { v: 1, commitments }))).toBe("ERR_CEREMONY_FAULT");
  expect((await first.http.request({ path: pathOf(one) })).body).toMatchObject({ phase: "committed" });
});

describe("a proposal", () => {
  /** To where the D-TAs listen in this test; their descriptor says otherwise. @param change - what the second answers to `GET /v1/dta` */
  const httpTo =
    (change: object = {}): HttpPort =>
    async ({ url }) => {
      const { port, pathname } = new URL(url);
      const dta = dtas[Number(port) - 9001] as TestDta;
      const { status, body } = await dta.http.request({ path: pathname });
      const { domains = [] } = body as { domains?: object[] };
      if (dta === dtas[1]) for (const one of domains) Object.assign(one, change);
      return { status, headers: {}, body: utf8(JSON.stringify(body)) };
    };
  const made = (http: HttpPort, on = domain) =>
    proposeRotation({ engine, random, domain: on, http }, Math.floor(clock.nowMs / 1000) + 86_400);

  test("has the number after the highest that any D-TA has signed; a D-TA that claims to have signed nonsense is named", async () => {
    const first = await made(httpTo());
    expect([first.sequence, first.epoch]).toEqual([1, 1]);
    await withhold(first);
    for (const dta of dtas) await giveUp(dta, first);
    const next = await made(httpTo());
    expect([next.sequence, next.epoch, next.previous]).toEqual([2, 2, domain.hash]);
    const newest = believe(await rotate(next), domain);
    expect((await made(httpTo(), newest)).sequence).toBe(3);
    await expect(made(httpTo({ signed: 1002 }))).rejects.toMatchObject({
      code: "ERR_CEREMONY_FAULT",
      message: expect.stringMatching(/^D-TA 2 \(dta-2\)/),
    });
  });
});

/** D-TAs that come back from backups of before a rotation which the others have adopted: what happens, and how they go on. */
import { cp, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { mpinInput } from "@milagro/crypto/mpin-identity";
import { encodeSignedDescriptor, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { encodePermitRequest } from "@milagro/protocol/permit-messages";
import type { RotationProposal } from "@milagro/protocol/rotation-messages";
import { beginTokenUpdate, combineTokenUpdates, openTokenUpdate } from "@milagro/protocol/token-update";
import { encodeTokenUpdateRequest, parseTokenUpdateAnswer } from "@milagro/protocol/token-update-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { openKeyStore } from "@milagro/runtime/key-store";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { forgetPastMasters } from "../src/rotation.ts";
import { enrolDevice, LAPTOP, LOGIN_POLICY } from "./mpin-support.ts";
import { approve, codeOf, pathOf, proposalOn } from "./rotation-support.ts";
import {
  cleanUp,
  engine,
  foundDomain,
  type HeldClock,
  PASSPHRASE,
  post,
  random,
  setPolicy,
  startHome,
  stop,
  type TestDta,
} from "./support.ts";

afterAll(cleanUp);

const DAY = 86_400;
let clock: HeldClock;
let domain: TrustDomain;
let dtas: [TestDta, TestDta];
let signing: Awaited<ReturnType<typeof enrolDevice>>["signing"];
beforeEach(async () => {
  const founded = await foundDomain(2);
  ({ clock, domain } = founded);
  dtas = [...founded.dtas] as [TestDta, TestDta];
  for (const dta of dtas) await setPolicy(dta, LOGIN_POLICY);
  ({ signing } = await enrolDevice(founded, LAPTOP));
});

const step = (dta: TestDta, proposal: RotationProposal, name: string, body?: unknown) =>
  post(dta.http, `${pathOf(proposal)}/${name}`, body);
/** All steps, and what all have signed. @param adopting - who is given the signatures */
async function rotate(proposal: RotationProposal, newest = domain, adopting: readonly TestDta[] = dtas) {
  for (const dta of dtas) await approve(dta, proposal);
  const all = (of: readonly TestDta[], name: string, body?: unknown) =>
    Promise.all(of.map((dta) => step(dta, proposal, name, body)));
  const commitments = await all(dtas, "commit");
  const reveals = await all(dtas, "commitments", { v: 1, commitments });
  const signatures = await all(dtas, "reveals", { v: 1, reveals });
  const [body] = await all(adopting, "signatures", { v: 1, signatures });
  const signed = parseSignedDescriptor(body);
  return { signed, domain: verifyDescriptor(engine, random, signed, { newest }) };
}
const takeOver = async (dta: TestDta, signed: SignedDescriptor) =>
  (await dta.admin.request({ method: "PUT", path: "/v1/descriptor", body: encodeSignedDescriptor(signed) })).body;
const servedBy = ({ running }: TestDta) => running.context.now.domain;
const sequences = () => dtas.map((dta) => servedBy(dta)?.signed.descriptor.sequence);
const permit = (dta: TestDta, master?: number) =>
  codeOf(
    post(
      dta.http,
      "/v1/permits",
      encodePermitRequest({
        ...{ v: 1, domainId: domain.domainId, identity: LAPTOP, epochs: [clock.epoch] },
        ...(master ? { master } : {}),
      }),
    ),
  );

/** What the second D-TA has on disk, and putting it back. @param file - all of it, or one */
async function backUp(): Promise<(file?: "database" | "masters") => Promise<void>> {
  const [, second] = dtas;
  const { home } = second;
  const folder = dirname(home.database);
  await stop(second);
  await cp(folder, `${folder}.backup`, { recursive: true });
  dtas[1] = await startHome(home, clock);
  return async (file) => {
    await stop(dtas[1]);
    if (file === undefined) {
      await rm(folder, { recursive: true });
      await cp(`${folder}.backup`, folder, { recursive: true });
    } else if (file === "masters") await cp(home.masters.replace(folder, `${folder}.backup`), home.masters);
    else {
      for (const end of ["", "-wal", "-shm"]) {
        await rm(`${home.database}${end}`, { force: true });
        await cp(`${home.database.replace(folder, `${folder}.backup`)}${end}`, `${home.database}${end}`).catch(
          () => {},
        );
      }
    }
    dtas[1] = await startHome(home, clock);
  };
}

async function shareNames({ home }: TestDta): Promise<number> {
  const passphrase = passphraseFromText(PASSPHRASE);
  const store = await openKeyStore(home.masters, { kind: "dta-masters", passphrase, random });
  const names = store.names().filter((name) => name.startsWith("mpin/"));
  await store.close();
  return names.length;
}

describe("a D-TA that has lost its fresh share, of a rotation that the others have adopted", () => {
  let proposal: RotationProposal;
  let adopted: Awaited<ReturnType<typeof rotate>>;
  beforeEach(async () => {
    proposal = proposalOn(domain, clock.nowMs, DAY);
    const restore = await backUp();
    adopted = await rotate(proposal);
    await restore();
  });

  test("cannot finish it: it draws another share, and the others name it for that and change nothing; nor do they begin another without it", async () => {
    expect(sequences()).toEqual([1, 0]);
    expect([await permit(dtas[1]), await permit(dtas[1], 1)]).toEqual(["ok", "ERR_MASTER_AHEAD"]);
    await approve(dtas[1], proposal);
    const commitments = [await step(dtas[0], proposal, "commit"), await step(dtas[1], proposal, "commit")];
    await expect(step(dtas[0], proposal, "commitments", { v: 1, commitments })).rejects.toMatchObject({
      code: "ERR_CEREMONY_FAULT",
      message: expect.stringContaining("dta-2"),
    });
    expect(sequences()).toEqual([1, 0]);
    expect(await codeOf(approve(dtas[0], proposalOn(domain, clock.nowMs, DAY, 2)))).toBe("ERR_CEREMONY_STATE");
    expect(await codeOf(approve(dtas[1], proposalOn(adopted.domain, clock.nowMs, DAY)))).toBe("ERR_CEREMONY_STATE");
  });

  for (const tried of [false, true])
    test(`takes over what all have signed (after it has tried to finish it: ${tried}); then all rotate by the next number, and devices change over from the master before to that`, async () => {
      if (tried) {
        await approve(dtas[1], proposal);
        await step(dtas[1], proposal, "commit");
      }
      expect(await takeOver(dtas[1], adopted.signed)).toEqual({ v: 1, sequence: 1, epoch: 1, share: false });
      expect(sequences()).toEqual([1, 1]);
      expect(await shareNames(dtas[1])).toBe(0);
      // It says what it lacks, and goes on with what it has.
      expect([await permit(dtas[1]), await permit(dtas[1], 1)]).toEqual(["ok", "ERR_KEYSTORE_CORRUPT"]);
      await stop(dtas[1]);
      dtas[1] = await startHome(dtas[1].home, clock);
      expect(await codeOf(approve(dtas[1], proposal))).toBe("ERR_CEREMONY_STATE");

      const next = await rotate(proposalOn(adopted.domain, clock.nowMs, 2 * DAY), adopted.domain);
      expect(sequences()).toEqual([2, 2]);
      for (const dta of dtas) expect([await permit(dta), await permit(dta, 2)]).toEqual(["ok", "ok"]);
      const pending = await beginTokenUpdate({
        ...{ engine, random, domainId: domain.domainId, identity: LAPTOP, from: 0, to: 2 },
        ...{ key: signing.key, publicKey: domain.publicKey },
      });
      const updates = await Promise.all(
        dtas.map(async ({ http }, i) => {
          const answer = await post(http, "/v1/mpin/updates", encodeTokenUpdateRequest(pending.request));
          const mpinKey = {
            before: domain.authorities[i]?.publicShares.mpin.g1 as never,
            after: next.domain.authorities[i]?.publicShares.mpin.g1 as never,
          };
          const authority = { index: i + 1, name: "", mpinKey };
          const input = mpinInput(domain.domainId, LAPTOP, 0 as never);
          return openTokenUpdate({ engine, input, pending, authority, answer: parseTokenUpdateAnswer(answer) });
        }),
      );
      expect(() => combineTokenUpdates(engine, updates)).not.toThrow();

      // The first step's time is over: the founding share goes, though the one after it is not here.
      clock.nowMs = (proposal.until + 1) * 1000;
      for (const dta of dtas) await forgetPastMasters(dta.running.context);
      for (const dta of dtas) expect(servedBy(dta)?.masters.map(({ epoch }) => epoch)).toEqual([1, 2]);
      for (const dta of dtas) expect([await permit(dta), await permit(dta, 2)]).toEqual(["ERR_MASTER_OVER", "ok"]);
      await stop(dtas[1]);
      dtas[1] = await startHome(dtas[1].home, clock);
      expect(await permit(dtas[1], 2)).toBe("ok");
    });

  test("forgets the share before when its time is over, also when it has no later one yet", async () => {
    await takeOver(dtas[1], adopted.signed);
    clock.nowMs = (proposal.until + 1) * 1000;
    await forgetPastMasters(dtas[1].running.context);
    expect([await permit(dtas[1]), await permit(dtas[1], 1)]).toEqual(["ERR_MASTER_OVER", "ERR_KEYSTORE_CORRUPT"]);
    await stop(dtas[1]);
    dtas[1] = await startHome(dtas[1].home, clock);
    await rotate(proposalOn(adopted.domain, clock.nowMs, DAY), adopted.domain);
    expect(await permit(dtas[1], 2)).toBe("ok");
  });

  test("takes over nothing that is forged, of another domain, or no newer; nothing while it is sealed or another rotation is under way", async () => {
    const [first, second] = dtas;
    const { signed } = adopted;
    const [one = new Uint8Array(48), two = one] = signed.signatures;
    const other = await foundDomain(1);
    const bent = { ...signed.descriptor, mpin: { ...(signed.descriptor.mpin as object), until: 1 } } as never;
    const codes = await Promise.all(
      [
        { ...signed, signatures: [one, one] },
        { ...signed, signatures: [two, one] },
        { ...signed, signatures: [one] },
        { ...signed, descriptor: bent },
        { ...signed, descriptor: { ...signed.descriptor, sequence: 2 } },
      ].map((bad) => codeOf(takeOver(second, bad))),
    );
    expect(codes).toEqual(Array(5).fill("ERR_DESCRIPTOR_FORGED"));
    expect(await codeOf(takeOver(second, domain.signed))).toBe("ERR_CEREMONY_STATE");
    expect(await codeOf(takeOver(first, signed))).toBe("ERR_CEREMONY_STATE");
    expect(await codeOf(takeOver(other.dtas[0] as TestDta, signed))).toBe("ERR_DESCRIPTOR_PIN");
    await post(second.admin, "/v1/seal");
    expect(await codeOf(takeOver(second, signed))).toBe("ERR_SEALED");
    await post(second.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE });
    const another = proposalOn(domain, clock.nowMs, DAY, 2);
    await approve(second, another);
    expect(await codeOf(takeOver(second, signed))).toBe("ERR_CEREMONY_STATE");
    await second.admin.request({ method: "DELETE", path: pathOf(another) });
    expect(sequences()).toEqual([1, 0]);
    expect(await takeOver(second, signed)).toMatchObject({ sequence: 1 });
  });
});

test("a D-TA whose database alone is older has its share still, and is whole again when it takes over the descriptor", async () => {
  const restore = await backUp();
  const { signed } = await rotate(proposalOn(domain, clock.nowMs, DAY));
  await restore("database");
  expect(sequences()).toEqual([1, 0]);
  expect(await takeOver(dtas[1], signed)).toEqual({ v: 1, sequence: 1, epoch: 1, share: true });
  for (const dta of dtas) expect([await permit(dta), await permit(dta, 1)]).toEqual(["ok", "ok"]);
});

test("a D-TA that has signed and not adopted, and whose operator takes over the descriptor in the place of finishing: its share stays", async () => {
  const [first, second] = dtas;
  const { signed } = await rotate(proposalOn(domain, clock.nowMs, DAY), domain, [first]);
  expect(sequences()).toEqual([1, 0]);
  expect(await takeOver(second, signed)).toMatchObject({ share: true });
  await stop(second);
  dtas[1] = await startHome(second.home, clock);
  expect(await permit(dtas[1], 1)).toBe("ok");
  expect(await shareNames(dtas[1])).toBe(1);
});

test("a D-TA whose masters alone are older has adopted already: it needs another rotation, no descriptor", async () => {
  const restore = await backUp();
  const adopted = await rotate(proposalOn(domain, clock.nowMs, DAY));
  await restore("masters");
  expect(sequences()).toEqual([1, 1]);
  expect([await permit(dtas[1]), await permit(dtas[1], 1)]).toEqual(["ok", "ERR_KEYSTORE_CORRUPT"]);
  await rotate(proposalOn(adopted.domain, clock.nowMs, DAY), adopted.domain);
  expect(await permit(dtas[1], 2)).toBe("ok");
});

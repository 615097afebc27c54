/** Founding with one real D-TA among members that the test plays itself, honest ones and others. */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { generateHpkeKeyPair } from "@milagro/crypto/hpke";
import { derivePublicShare } from "@milagro/crypto/master-public";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { makeAuthority } from "@milagro/protocol/authority";
import { advance, commitmentTo, ownCommitment, ownSignature, startCeremony } from "@milagro/protocol/ceremony";
import {
  type CeremonyCommit,
  type CeremonyProposal,
  type CeremonyReveal,
  ceremonyIdOf,
  encodeCeremonyCommit,
  encodeCeremonyProposal,
  encodeCeremonyReveal,
  encodeCeremonySignature,
  parseCeremonyCommit,
  parseCeremonyReveal,
  parseCeremonySignature,
} from "@milagro/protocol/ceremony-messages";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { verifyDescriptor } from "@milagro/protocol/trust-domain";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  cleanUp,
  engine,
  HeldClock,
  initHome,
  memberOf,
  post,
  proposalFor,
  random,
  startHome,
  stop,
  type TestDta,
} from "./support.ts";

const clock = new HeldClock();
let dta: TestDta;

beforeAll(async () => {
  dta = await startHome(await initHome(1), clock);
});
beforeEach(async () => {
  await dta.running.context.store.db.deleteFrom("ceremony").execute();
});
afterAll(cleanUp);

const pathOf = (proposal: CeremonyProposal) => `/v1/ceremonies/${encodeBase64url(ceremonyIdOf(proposal))}`;
const approve = (proposal: CeremonyProposal, index = 1) =>
  post(dta.admin, "/v1/ceremonies", { v: 1, index, proposal: encodeCeremonyProposal(proposal) });
const step = (proposal: CeremonyProposal, name: string, body?: unknown) =>
  post(dta.http, `${pathOf(proposal)}/${name}`, body);
const commitmentsBody = (commitments: readonly CeremonyCommit[]) => ({
  v: 1,
  commitments: commitments.map(encodeCeremonyCommit),
});
const revealsBody = (reveals: readonly CeremonyReveal[]) => ({ v: 1, reveals: reveals.map(encodeCeremonyReveal) });

/** A second member, made here; its secrets never leave this file, and its messages are right unless a test bends them. */
async function peerFor(proposal: CeremonyProposal) {
  const masters = {
    id: generateMasterSecretShare(engine, "id"),
    mpin: generateMasterSecretShare(engine, "mpin"),
    cp: generateMasterSecretShare(engine, "cp"),
    kp: generateMasterSecretShare(engine, "kp"),
    statement: generateMasterSecretShare(engine, "statement"),
  };
  const { publicKey } = await generateHpkeKeyPair(random);
  const ceremonyId = ceremonyIdOf(proposal);
  const authority = makeAuthority(engine, masters, publicKey, proposal, ceremonyId, 2);
  const reveal: CeremonyReveal = { v: 1, ceremonyId, index: 2, authority };
  return {
    masters,
    reveal,
    commit: { v: 1, ceremonyId, index: 2, commitment: commitmentTo(reveal) } as CeremonyCommit,
  };
}

/** Up to the point where the real D-TA has shown its keys. */
async function untilRevealed(
  proposal: CeremonyProposal,
  commit: CeremonyCommit,
): Promise<{ own: CeremonyReveal; commits: CeremonyCommit[] }> {
  await approve(proposal);
  const commits = [parseCeremonyCommit(await step(proposal, "commit")), commit];
  return { own: parseCeremonyReveal(await step(proposal, "commitments", commitmentsBody(commits))), commits };
}

const lastOutcome = async () => {
  const { audit, store } = dta.running.context;
  const { index } = await audit.head(store.db);
  return (await audit.read(store.db, index - 1, 1))[0];
};

describe("approval", () => {
  test("without it there is no ceremony; an id is no secret to guess at", async () => {
    const proposal = proposalFor(2);
    for (const name of ["commit", "commitments", "reveals", "signatures"]) {
      const body = { commit: undefined, commitments: commitmentsBody([(await peerFor(proposal)).commit]) }[name];
      await expect(step(proposal, name, body ?? (name === "commit" ? undefined : {}))).rejects.toMatchObject({
        code: /^ERR_(CEREMONY_UNKNOWN|MESSAGE_INVALID)$/,
      });
    }
    await expect(post(dta.http, `/v1/ceremonies/${"A".repeat(42)}B/commit`)).rejects.toMatchObject({
      code: "ERR_CEREMONY_UNKNOWN",
    });
  });

  test("the proposal must describe this D-TA as it was initialised", async () => {
    const proposal = proposalFor(2);
    const [first, ...others] = proposal.members;
    const impostor = {
      ...proposal,
      members: [{ ...memberOf(1), ...first, operator: "Somebody else" }, ...others],
    } as CeremonyProposal;
    await expect(approve(impostor)).rejects.toMatchObject({ code: "ERR_CEREMONY_STATE" });
    await expect(approve(proposal, 2)).rejects.toMatchObject({ code: "ERR_CEREMONY_STATE" });
    await expect(approve(proposal, 3)).rejects.toMatchObject({ code: "ERR_CEREMONY_STATE" });
  });

  test("two ceremonies at once: the second is refused until the first is given up, which ends when keys were shown", async () => {
    const first = proposalFor(2);
    const second = proposalFor(2);
    await approve(first);
    await approve(first);
    await expect(approve(second)).rejects.toMatchObject({ code: "ERR_CEREMONY_STATE" });
    await dta.admin.request({ method: "DELETE", path: pathOf(first) });
    await untilRevealed(second, (await peerFor(second)).commit);
    await expect(dta.admin.request({ method: "DELETE", path: pathOf(second) })).rejects.toMatchObject({
      code: "ERR_CEREMONY_STATE",
    });
  });
});

describe("hostile members are named", () => {
  test("a rogue key, chosen so that the sum is the attacker's: it can be committed to, not proved", async () => {
    const proposal = proposalFor(2);
    const honest = await peerFor(proposal);
    await approve(proposal);
    const ownCommit = parseCeremonyCommit(await step(proposal, "commit"));
    // The strongest form: even one who knew the other's key before committing cannot prove possession of X − P1.
    const wanted = generateMasterSecretShare(engine, "id");
    const x = derivePublicShare(engine, wanted);
    const state = startCeremony(proposal, 1);
    const { state: own } = await dta.running.context.issuer.call("ceremony", { state, step: { type: "commit" } });
    const known = own.own?.authority.keys.id as { g1: Uint8Array; g2: Uint8Array };
    const rogueId = {
      g1: engine.g1.encode(engine.g1.subtract(x.g1, engine.g1.decode(known.g1))),
      g2: engine.g2.encode(engine.g2.subtract(x.g2, engine.g2.decode(known.g2))),
    };
    const { authority } = honest.reveal;
    const rogue: CeremonyReveal = {
      ...honest.reveal,
      authority: { ...authority, keys: { ...authority.keys, id: rogueId } },
    };
    const commits = [ownCommit, { ...honest.commit, commitment: commitmentTo(rogue) }];
    const ownReveal = parseCeremonyReveal(await step(proposal, "commitments", commitmentsBody(commits)));
    await expect(step(proposal, "reveals", revealsBody([ownReveal, rogue]))).rejects.toMatchObject({
      code: "ERR_CEREMONY_FAULT",
      message: expect.stringMatching(/member 2 \(dta-2\).*possession/),
    });
    expect(await lastOutcome()).toMatchObject({ action: "ceremony", outcome: "ERR_CEREMONY_FAULT" });
  });

  test("other keys than were committed to, a copied key, a broken point, a changed message", async () => {
    const proposal = proposalFor(2);
    const peer = await peerFor(proposal);
    const other = await peerFor(proposal);
    const { own, commits } = await untilRevealed(proposal, peer.commit);
    const fault = (what: RegExp) => ({ code: "ERR_CEREMONY_FAULT", message: expect.stringMatching(what) });
    await expect(step(proposal, "reveals", revealsBody([own, other.reveal]))).rejects.toMatchObject(
      fault(/member 2 .*committed/),
    );
    await expect(
      step(proposal, "commitments", commitmentsBody([commits[0] as CeremonyCommit, other.commit])),
    ).rejects.toMatchObject(fault(/member 2 .*changed/));
    const stolen = { ...own, index: 2 };
    await expect(step(proposal, "reveals", revealsBody([own, stolen]))).rejects.toMatchObject(fault(/member 2/));
    // The ceremony itself is unharmed: the right reveal still goes through.
    const signature = parseCeremonySignature(await step(proposal, "reveals", revealsBody([own, peer.reveal])));
    expect(signature.index).toBe(1);
  });

  test("this D-TA shows no key before all have committed, and not for a set in which its own commitment was exchanged", async () => {
    const proposal = proposalFor(2);
    const peer = await peerFor(proposal);
    await approve(proposal);
    await expect(step(proposal, "commitments", commitmentsBody([peer.commit]))).rejects.toMatchObject({
      code: "ERR_CEREMONY_STATE",
    });
    const own = parseCeremonyCommit(await step(proposal, "commit"));
    const forged = { ...own, commitment: random(32) };
    await expect(step(proposal, "commitments", commitmentsBody([peer.commit]))).rejects.toMatchObject({
      code: "ERR_CEREMONY_STATE",
    });
    await expect(step(proposal, "commitments", commitmentsBody([forged, peer.commit]))).rejects.toMatchObject({
      code: "ERR_CEREMONY_FAULT",
    });
    await expect(step(proposal, "reveals", revealsBody([peer.reveal]))).rejects.toMatchObject({
      code: "ERR_CEREMONY_STATE",
    });
  });
});

test("each step asked for twice, the last one across a restart: the same messages, and in the end the same domain", async () => {
  const proposal = proposalFor(2);
  const peer = await peerFor(proposal);
  const restart = async () => {
    await stop(dta);
    dta = await startHome(dta.home, clock);
  };
  const path = pathOf(proposal);
  const twice = async (name: string, body?: unknown) => {
    const first = await post(dta.http, `${path}/${name}`, body);
    if (name === "signatures" || process.env["SLOW"] === "1") await restart();
    expect(await post(dta.http, `${path}/${name}`, body)).toEqual(first);
    return first;
  };
  await post(dta.admin, "/v1/ceremonies", { v: 1, index: 1, proposal: encodeCeremonyProposal(proposal) });
  const commits = [parseCeremonyCommit(await twice("commit")), peer.commit];
  const reveals = [parseCeremonyReveal(await twice("commitments", commitmentsBody(commits))), peer.reveal];
  const own = parseCeremonySignature(await twice("reveals", revealsBody(reveals)));

  let peerState = advance(engine, random, startCeremony(proposal, 2), {
    type: "commit",
    authority: peer.reveal.authority,
  });
  expect(ownCommitment(peerState)).toEqual(peer.commit);
  peerState = advance(engine, random, peerState, { type: "commitments", commitments: commits });
  peerState = advance(engine, random, peerState, { type: "reveals", reveals });
  const signatures = [own, ownSignature(engine, peer.masters.statement, peerState)];
  const body = { v: 1, signatures: signatures.map(encodeCeremonySignature) };
  const signed = await twice("signatures", body);

  const domain = verifyDescriptor(engine, random, parseSignedDescriptor(signed));
  expect(domain.name).toBe("example.org");
  expect((await dta.http.request({ path: "/v1/descriptor" })).body).toEqual(signed);
  expect((await dta.http.request({ path: "/ready" })).status).toBe(200);
  await expect(
    post(dta.admin, "/v1/ceremonies", { v: 1, index: 1, proposal: encodeCeremonyProposal(proposalFor(2)) }),
  ).rejects.toMatchObject({
    code: "ERR_CEREMONY_STATE",
  });
}, 60_000);

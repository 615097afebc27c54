import { derivePublicShare, encodePublicShare } from "@milagro/crypto/master-public";
import { generateMasterSecretShare, type MasterSecretShare } from "@milagro/crypto/master-secret";
import { provePossession } from "@milagro/crypto/proof-of-possession";
import { beforeAll, describe, expect, test } from "vitest";
import { possessionContext } from "../src/authority.ts";
import type { CeremonyCommit, CeremonySignature } from "../src/ceremony-messages.ts";
import { type DomainDescriptor, hashDescriptor, type SignedDescriptor } from "../src/descriptor.ts";
import { faultReportOf } from "../src/fault.ts";
import {
  adoptedDescriptor,
  advanceRotation,
  encodeRotationState,
  makeRotationReveal,
  ownRotationCommitment,
  ownRotationReveal,
  ownRotationSignature,
  parseRotationState,
  type RotationEvent,
  type RotationState,
  rotatedDescriptor,
  rotationCommitmentTo,
  startRotation,
} from "../src/rotation.ts";
import type { RotationProposal, RotationReveal } from "../src/rotation-messages.ts";
import { type TrustDomain, verifyDescriptor, verifyLaterDescriptor } from "../src/trust-domain.ts";
import { codeOf, engine, type Founded, flip, foundDomain, NOW_MS, outcome, random, signDescriptor } from "./fixture.ts";

type Share = MasterSecretShare<"mpin">;
let founded: Founded;
let proposal: RotationProposal;
let shares: readonly Share[];
/** Member 1's states, by phase. */
let states: Record<RotationState["phase"], RotationState>;
let commitments: readonly CeremonyCommit[];
let reveals: readonly RotationReveal[];
let signatures: readonly CeremonySignature[];
let later: SignedDescriptor;

const step = (state: RotationState, event: RotationEvent) => advanceRotation(engine, random, state, event);
const proposalFor = ({ domainId, descriptor, hash, name }: TrustDomain): RotationProposal => ({
  v: 1,
  type: "mpin-rotation",
  name,
  domainId,
  previous: hash,
  sequence: descriptor.sequence + 1,
  epoch: (descriptor.mpin?.epoch ?? 0) + 1,
  until: NOW_MS / 1000 + 86_400,
  nonce: random(16),
});

/** All members' way through a rotation. */
function rotate(domain: TrustDomain, wanted: RotationProposal, fresh: readonly Share[]) {
  const proposed = fresh.map((_, i) => startRotation(domain, wanted, i + 1, 0));
  const committed = proposed.map((state, i) =>
    step(state, { type: "commit", own: makeRotationReveal(engine, fresh[i] as Share, state) }),
  );
  const commits = committed.map(ownRotationCommitment);
  const revealed = committed.map((state) => step(state, { type: "commitments", commitments: commits }));
  const shown = revealed.map(ownRotationReveal);
  const signed = revealed.map((state) => step(state, { type: "reveals", reveals: shown }));
  const signs = signed.map((state, i) =>
    ownRotationSignature(engine, founded.members[i]?.masters.statement as never, state),
  );
  const adopted = signed.map((state) => step(state, { type: "signatures", signatures: signs }));
  const [own] = [proposed, committed, revealed, signed, adopted].map(([state]) => state) as [RotationState];
  return { own, proposed, committed, revealed, signed, adopted, commits, shown, signs };
}

beforeAll(async () => {
  founded = await foundDomain();
  proposal = proposalFor(founded.domain);
  shares = founded.members.map(() => generateMasterSecretShare(engine, "mpin"));
  const all = rotate(founded.domain, proposal, shares);
  const first = (list: readonly RotationState[]) => list[0] as RotationState;
  states = {
    proposed: first(all.proposed),
    committed: first(all.committed),
    revealed: first(all.revealed),
    signed: first(all.signed),
    adopted: first(all.adopted),
  };
  ({ commits: commitments, shown: reveals, signs: signatures } = all);
  later = adoptedDescriptor(states.adopted);
});

/** Who is blamed: code and index. */
function blamed(run: () => unknown): [string, number | undefined] {
  let index: number | undefined;
  const { code } = outcome(() => {
    try {
      run();
    } catch (error) {
      index = faultReportOf(error).faults[0]?.index;
      throw error;
    }
  });
  return [code, index];
}
const swap = <T extends { readonly index: number }>(list: readonly T[], index: number, change: (item: T) => T) =>
  list.map((item) => (item.index === index ? change(item) : item));

describe("a rotation", () => {
  test("ends with a descriptor that differs in the mpin keys, their proofs and the epoch, and that is believed beside the first", () => {
    const domain = verifyLaterDescriptor(engine, random, { genesis: founded.signed, signed: later });
    expect(domain.masterEpoch).toBe(1);
    expect(domain.domainId).toEqual(founded.domain.domainId);
    const { mpin, sequence, previous, domainId, authorities, ...rest } = domain.descriptor;
    const { sequence: _, authorities: before, ...known } = founded.domain.descriptor;
    expect(rest).toEqual(known);
    expect(mpin).toEqual({ epoch: 1, ceremonyId: states.adopted.ceremonyId, until: proposal.until });
    for (const [i, { keys, proofs, ...entry }] of authorities.entries()) {
      const { keys: old, proofs: oldProofs, ...same } = before[i] as (typeof before)[number];
      expect(entry).toEqual(same);
      expect({ ...keys, mpin: old.mpin }).toEqual(old);
      expect({ ...proofs, mpin: oldProofs.mpin }).toEqual(oldProofs);
      expect(keys.mpin.g1).toEqual(encodePublicShare(engine, derivePublicShare(engine, shares[i] as Share)));
    }
  });

  test("goes on from JSON after each step, and every step may be repeated", () => {
    const events: Record<string, RotationEvent> = {
      committed: { type: "commit", own: reveals[0] as RotationReveal },
      revealed: { type: "commitments", commitments },
      signed: { type: "reveals", reveals },
      adopted: { type: "signatures", signatures },
    };
    let state = states.proposed;
    for (const [phase, event] of Object.entries(events)) {
      const again = parseRotationState(JSON.parse(JSON.stringify(encodeRotationState(state))));
      state = step(again, event);
      expect(state.phase).toBe(phase);
      expect(step(state, event)).toEqual(state);
    }
    expect(adoptedDescriptor(state)).toEqual(later);
    for (const event of Object.values(events)) expect(step(states.adopted, event)).toEqual(states.adopted);
  });

  test("of one member alone, and a second one after the first", async () => {
    const next = verifyLaterDescriptor(engine, random, { genesis: founded.signed, signed: later });
    const fresh = founded.members.map(() => generateMasterSecretShare(engine, "mpin"));
    const { adopted } = rotate(next, proposalFor(next), fresh);
    const third = adoptedDescriptor(adopted[0] as RotationState);
    expect(verifyDescriptor(engine, random, third, { newest: next }).masterEpoch).toBe(2);
    // Who has missed the second descriptor believes the third all the same: all D-TAs have signed it.
    expect(verifyLaterDescriptor(engine, random, { genesis: founded.signed, signed: third }).masterEpoch).toBe(2);
    expect(codeOf(() => verifyDescriptor(engine, random, later, { newest: next }))).toBe("ok");
    const newest = verifyDescriptor(engine, random, third, { newest: next });
    expect(codeOf(() => verifyDescriptor(engine, random, later, { newest }))).toBe("ERR_DESCRIPTOR_STALE");
  });

  test.each<[string, (p: RotationProposal) => Partial<RotationProposal>]>([
    ["another domain", () => ({ domainId: random(32) as RotationProposal["domainId"] })],
    ["another name", () => ({ name: "example.com" })],
    ["another descriptor", ({ previous }) => ({ previous: flip(previous) })],
    ["a sequence too high for its epoch", () => ({ sequence: 2 })],
    ["an epoch too high for its sequence", () => ({ epoch: 2 })],
    ["the number that it starts from", () => ({ sequence: 0, epoch: 0 })],
    ["a number far ahead", () => ({ sequence: 1001, epoch: 1001 })],
  ])("does not start for %s", (_, change) => {
    const wrong = { ...proposal, ...change(proposal) };
    expect(codeOf(() => startRotation(founded.domain, wrong, 1, 0))).toBe("ERR_CEREMONY_STATE");
  });

  test("takes a number above all that this member has signed, and not one more than a thousand ahead", () => {
    const numbered = (sequence: number) => ({ ...proposal, sequence, epoch: sequence });
    const start = (sequence: number, signed: number) =>
      codeOf(() => startRotation(founded.domain, numbered(sequence), 1, signed));
    expect([start(1, 0), start(2, 0), start(2, 1), start(1000, 999)]).toEqual(["ok", "ok", "ok", "ok"]);
    for (const [sequence, signed] of [
      [1, 1],
      [1, 2],
      [2, 2],
      [1001, 0],
    ] as const)
      expect(start(sequence, signed)).toBe("ERR_CEREMONY_STATE");
  });

  test("does not start for a place that the domain does not have, nor go on out of turn", () => {
    expect(codeOf(() => startRotation(founded.domain, proposal, 4, 0))).toBe("ERR_CEREMONY_STATE");
    const { proposed, committed, revealed, signed } = states;
    for (const early of [
      () => ownRotationCommitment(proposed),
      () => ownRotationReveal(committed),
      () => rotatedDescriptor(revealed),
      () => adoptedDescriptor(signed),
      () => step(proposed, { type: "commitments", commitments }),
      () => step(committed, { type: "reveals", reveals }),
      () => step(revealed, { type: "signatures", signatures }),
    ])
      expect(codeOf(early)).toBe("ERR_CEREMONY_STATE");
  });
});

describe("a member that breaks it is named", () => {
  const offer = (list: readonly RotationReveal[], state = states.revealed) =>
    blamed(() => step(state, { type: "reveals", reveals: list }));
  /** A reveal of member 2 which it has committed to. */
  const promised = (reveal: RotationReveal): [string, number | undefined] => {
    const commits = swap(commitments, 2, (commit) => ({ ...commit, commitment: rotationCommitmentTo(reveal) }));
    return offer(
      swap(reveals, 2, () => reveal),
      step(states.committed, { type: "commitments", commitments: commits }),
    );
  };
  const own = () => reveals[1] as RotationReveal;
  const provedFor = (share: Share, ceremonyId = states.proposed.ceremonyId, index = 2): RotationReveal => ({
    ...own(),
    key: encodePublicShare(engine, derivePublicShare(engine, share)),
    proof: provePossession(engine, share, possessionContext("example.org", index, 3, ceremonyId)),
  });

  test("that reveals another key than it committed to, or changes its word", () => {
    const other = provedFor(generateMasterSecretShare(engine, "mpin"));
    expect(offer(swap(reveals, 2, () => other))).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(
      offer(
        swap(reveals, 2, () => other),
        states.signed,
      ),
    ).toEqual(["ERR_CEREMONY_FAULT", 2]);
    const commits = swap(commitments, 3, (commit) => ({ ...commit, commitment: random(32) }));
    expect(blamed(() => step(states.revealed, { type: "commitments", commitments: commits }))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
  });

  test("that copies a commitment, or shows this member's exchanged", () => {
    const [first] = commitments as [CeremonyCommit];
    const copied = swap(commitments, 3, (commit) => ({ ...commit, commitment: first.commitment }));
    expect(blamed(() => step(states.committed, { type: "commitments", commitments: copied }))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
    const exchanged = swap(commitments, 1, (commit) => ({ ...commit, commitment: random(32) }));
    expect(blamed(() => step(states.committed, { type: "commitments", commitments: exchanged }))).toEqual([
      "ERR_CEREMONY_FAULT",
      1,
    ]);
  });

  test("that keeps its old share, though it proves it anew", () => {
    const [, second] = founded.members;
    const mpin = second?.masters.mpin as Share;
    expect(promised(provedFor(mpin))).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });

  test("that takes the difference to somebody's key, which it cannot prove; another's proof; one of another rotation or place", () => {
    const wanted = derivePublicShare(engine, generateMasterSecretShare(engine, "mpin"));
    const known = engine.g1.decode((reveals[0] as RotationReveal).key);
    const rogue = { ...own(), key: engine.g1.encode(engine.g1.subtract(wanted.g1, known)) };
    expect(promised(rogue)).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(promised({ ...own(), proof: (reveals[0] as RotationReveal).proof })).toEqual(["ERR_CEREMONY_FAULT", 2]);
    const share = generateMasterSecretShare(engine, "mpin");
    expect(promised(provedFor(share, random(32)))).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(promised(provedFor(share, undefined, 3))).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(promised(provedFor(share))).toEqual(["ok", undefined]); // control
  });

  test("that reveals no point, or somebody else's old key", () => {
    expect(promised({ ...own(), key: new Uint8Array(48) })).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(promised(provedFor(shares[0] as Share))).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });

  test("that signs another descriptor, or wrongly", () => {
    const offerSignatures = (list: readonly CeremonySignature[]) =>
      blamed(() => step(states.signed, { type: "signatures", signatures: list }));
    expect(offerSignatures(swap(signatures, 3, (s) => ({ ...s, descriptorHash: random(32) })))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
    const [first] = signatures as [CeremonySignature];
    expect(offerSignatures(swap(signatures, 3, (s) => ({ ...s, signature: first.signature })))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
  });
});

describe("a later descriptor is not believed", () => {
  const believe = (change: (descriptor: DomainDescriptor) => DomainDescriptor, newest: TrustDomain = founded.domain) =>
    codeOf(() =>
      verifyDescriptor(engine, random, signDescriptor(founded.members, change(later.descriptor)), { newest }),
    );
  const withMpin = (mpin: DomainDescriptor["mpin"]) => (d: DomainDescriptor) => {
    const { mpin: _, ...rest } = d;
    return mpin ? { ...rest, mpin } : rest;
  };
  const state = () => later.descriptor.mpin as NonNullable<DomainDescriptor["mpin"]>;

  test("with other keys and the old epoch, with an epoch that skips one, or with the old keys and a new epoch", () => {
    expect(believe((d) => d)).toBe("ok"); // control
    expect(believe(withMpin(undefined))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(believe(withMpin({ ...state(), epoch: 2 }))).toBe("ERR_DESCRIPTOR_FORGED");
    const { authorities } = founded.domain.descriptor;
    expect(believe((d) => ({ ...d, authorities }))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("in which one D-TA has kept its share, or with proofs that are bound to another ceremony", () => {
    const kept = (d: DomainDescriptor): DomainDescriptor => ({
      ...d,
      authorities: d.authorities.map((entry, i) =>
        i === 1
          ? { ...entry, keys: { ...entry.keys, mpin: founded.domain.descriptor.authorities[1]?.keys.mpin as never } }
          : entry,
      ),
    });
    expect(believe(kept)).toBe("ERR_DESCRIPTOR_FORGED");
    expect(believe(withMpin({ ...state(), ceremonyId: random(32) }))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("whose other keys, name or epochs changed under the cover of a rotation", () => {
    const [one, two, three] = later.descriptor.authorities;
    const swapped = [
      { ...one, keys: { ...one?.keys, cp: two?.keys.cp } },
      two,
      three,
    ] as DomainDescriptor["authorities"];
    expect(believe((d) => ({ ...d, authorities: swapped }))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(believe((d) => ({ ...d, epochSeconds: 60 }))).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("that goes back to the old master, under a higher number", () => {
    const newest = verifyLaterDescriptor(engine, random, { genesis: founded.signed, signed: later });
    const { authorities } = founded.domain.descriptor;
    const back = { sequence: 2, previous: newest.hash, authorities };
    expect(believe((d) => withMpin(undefined)({ ...d, ...back }), newest)).toBe("ERR_DESCRIPTOR_FORGED");
    expect(believe((d) => ({ ...d, ...back, mpin: { ...state(), epoch: 2 } }), newest)).toBe("ERR_DESCRIPTOR_FORGED");
  });

  test("without the first one, with another domain's, or with one signature missing", async () => {
    expect(codeOf(() => verifyDescriptor(engine, random, later))).toBe("ERR_DESCRIPTOR_FORGED");
    const { signed: genesis } = await foundDomain(1);
    expect(codeOf(() => verifyLaterDescriptor(engine, random, { genesis, signed: later }))).toBe("ERR_DESCRIPTOR_PIN");
    const few = { ...later, signatures: later.signatures.slice(1) };
    expect(codeOf(() => verifyDescriptor(engine, random, few, { newest: founded.domain }))).toBe(
      "ERR_DESCRIPTOR_FORGED",
    );
  });

  test("that claims a rotation at the founding", () => {
    const genesis = { ...founded.domain.descriptor, mpin: state() };
    const signed = signDescriptor(founded.members, genesis);
    expect(hashDescriptor(genesis)).not.toEqual(founded.domain.hash);
    expect(codeOf(() => verifyDescriptor(engine, random, signed))).toBe("ERR_DESCRIPTOR_FORGED");
  });
});

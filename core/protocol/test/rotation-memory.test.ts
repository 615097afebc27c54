/**
 * Two members, their operators and a coordinator who does what it likes: what may come of rotations that are given up in the middle.
 * One file, since the law and the named cases are about one world, which has to be made first.
 */
import { encodeHex } from "@milagro/crypto/bytes";
import { generateMasterSecretShare, type MasterSecretShare } from "@milagro/crypto/master-secret";
import { MilagroError } from "@milagro/engine/error";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { CeremonyCommit, CeremonySignature } from "../src/ceremony-messages.ts";
import { type DomainDescriptor, hashDescriptor, masterEpochOf, type SignedDescriptor } from "../src/descriptor.ts";
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
} from "../src/rotation.ts";
import {
  approveRotation,
  giveUpRotation,
  highestSigned,
  isForgettable,
  type RememberedRotation,
  takeOverDescriptor,
} from "../src/rotation-memory.ts";
import { type RotationProposal, type RotationReveal, rotationIdOf } from "../src/rotation-messages.ts";
import { type TrustDomain, verifyDescriptor } from "../src/trust-domain.ts";
import { codeOf, engine, type Founded, foundDomain, NOW_MS, random } from "./fixture.ts";

const MEMBERS = 2;
/** Each is dozens of steps with pairings: a thousand take five minutes. */
const RUNS = { numRuns: process.env["SLOW"] === "1" ? 100 : 10 };
let founded: Founded;
beforeAll(async () => {
  founded = await foundDomain(MEMBERS);
});

interface Member {
  readonly index: number;
  served: Pick<TrustDomain, "domainId" | "descriptor" | "hash">;
  memory: RememberedRotation[];
  readonly shares: Map<string, MasterSecretShare<"mpin">>;
}

/** What the coordinator of one proposal has got out of the members last, by their places. */
interface Haul {
  readonly proposal: RotationProposal;
  readonly commitments: (CeremonyCommit | undefined)[];
  readonly reveals: (RotationReveal | undefined)[];
}

/** A descriptor that members have signed, wherever the signatures are. */
interface Signed {
  readonly haul: Haul;
  readonly descriptor: DomainDescriptor;
  readonly signatures: (CeremonySignature | undefined)[];
}

function makeWorld() {
  const members = Array.from(
    { length: MEMBERS },
    (_, i): Member => ({ index: i + 1, served: founded.domain, memory: [], shares: new Map() }),
  );
  const hauls: Haul[] = [];
  const signed = new Map<string, Signed>();
  const all = <T>(list: readonly (T | undefined)[]): T[] => list.flatMap((one) => one ?? []);
  const haulOf = ({ ceremonyId }: RotationState) =>
    hauls.find(({ proposal }) => encodeHex(rotationIdOf(proposal)) === encodeHex(ceremonyId)) as Haul;
  const underWay = ({ memory }: Member) =>
    memory.find(({ state, givenUp }) => !givenUp && state.phase !== "adopted")?.state;

  function save(member: Member, state: RotationState, givenUp = false): void {
    const kept = parseRotationState(JSON.parse(JSON.stringify(encodeRotationState(state))));
    const id = encodeHex(state.ceremonyId);
    member.memory = [
      ...member.memory.filter((one) => encodeHex(one.state.ceremonyId) !== id),
      { state: kept, givenUp },
    ];
  }

  function propose(on: Member, sequence: number): Haul {
    const { domainId, descriptor, hash } = on.served;
    const haul: Haul = {
      proposal: {
        v: 1,
        type: "mpin-rotation",
        name: descriptor.name,
        domainId,
        previous: hash,
        sequence,
        epoch: masterEpochOf(descriptor) + sequence - descriptor.sequence,
        until: NOW_MS / 1000 + 86_400,
        nonce: random(16),
      },
      commitments: [],
      reveals: [],
    };
    hauls.push(haul);
    return haul;
  }

  function approve(member: Member, { proposal }: Haul): void {
    save(member, approveRotation(member.served, proposal, member.index, member.memory));
  }

  function forget(member: Member): void {
    const gone = member.memory.filter((one) => isForgettable(one, member.served.descriptor.sequence));
    for (const { state } of gone) member.shares.delete(encodeHex(state.ceremonyId));
    member.memory = member.memory.filter((one) => !gone.includes(one));
  }

  function giveUp(member: Member): void {
    const state = underWay(member);
    if (state === undefined) return;
    save(member, giveUpRotation(state).state, true);
    forget(member);
  }

  /** The next step of the rotation that is under way, with whatever the coordinator has. */
  function step(member: Member): void {
    const state = underWay(member);
    if (state === undefined) return;
    const haul = haulOf(state);
    const take = (event: RotationEvent): RotationState => {
      const next = advanceRotation(engine, random, state, event);
      save(member, next);
      return next;
    };
    const at = member.index - 1;
    switch (state.phase) {
      case "proposed": {
        const id = encodeHex(state.ceremonyId);
        const share = member.shares.get(id) ?? generateMasterSecretShare(engine, "mpin");
        member.shares.set(id, share);
        haul.commitments[at] = ownRotationCommitment(
          take({ type: "commit", own: makeRotationReveal(engine, share, state) }),
        );
        return;
      }
      case "committed":
        haul.reveals[at] = ownRotationReveal(take({ type: "commitments", commitments: all(haul.commitments) }));
        return;
      case "revealed": {
        const next = take({ type: "reveals", reveals: all(haul.reveals) });
        const statement = founded.members[at]?.masters.statement as MasterSecretShare<"statement">;
        const own = ownRotationSignature(engine, statement, next);
        const id = encodeHex(own.descriptorHash);
        const { signatures } = signed.get(id) ?? { signatures: [] };
        signatures[at] = own;
        signed.set(id, { haul, descriptor: rotatedDescriptor(next), signatures });
        return;
      }
      default: {
        const { signatures = [] } = signed.get(encodeHex(hashDescriptor(rotatedDescriptor(state)))) ?? {};
        const { descriptor } = adoptedDescriptor(take({ type: "signatures", signatures: all(signatures) }));
        expect(descriptor.sequence).toBeGreaterThan(member.served.descriptor.sequence);
        member.served = { domainId: founded.domain.domainId, descriptor, hash: hashDescriptor(descriptor) };
        forget(member);
      }
    }
  }

  /** What all have signed: the coordinator can put it together, and show it to whom it likes. The highest first. */
  const complete = (): { readonly haul: Haul; readonly signed: SignedDescriptor }[] =>
    [...signed.values()]
      .map(({ haul, descriptor, signatures }) => ({ haul, descriptor, signatures: all(signatures) }))
      .filter(({ signatures }) => signatures.length === MEMBERS)
      .map(({ haul, descriptor, signatures }) => ({
        haul,
        signed: { v: 1 as const, descriptor, signatures: signatures.map(({ signature }) => signature) },
      }))
      .sort((a, b) => b.signed.descriptor.sequence - a.signed.descriptor.sequence);

  /** Its operator gives it what all have signed. */
  function takeOver(member: Member, { descriptor }: SignedDescriptor): void {
    const over = takeOverDescriptor(member.served, descriptor, member.memory);
    member.memory = member.memory.filter((one) => !over.includes(one));
    member.served = { domainId: founded.domain.domainId, descriptor, hash: hashDescriptor(descriptor) };
    forget(member);
  }

  return { members, hauls, propose, approve, giveUp, step, complete, takeOver };
}
type World = ReturnType<typeof makeWorld>;

/** A refusal is an outcome. */
function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof MilagroError) || !error.code.startsWith("ERR_CEREMONY_")) throw error;
  }
}

const one = fc.integer({ min: 0, max: MEMBERS - 1 });
type Act =
  /** @param ahead - by how much its number is above that of the descriptor which this member serves */
  | { readonly do: "propose"; readonly member: number; readonly ahead: number }
  /** @param back - how many proposals ago */
  | { readonly do: "approve"; readonly members: readonly number[]; readonly back: number }
  | { readonly do: "giveUp" | "step"; readonly members: readonly number[]; readonly times: number }
  /** @param back - how many complete descriptors below the highest */
  | { readonly do: "takeOver"; readonly member: number; readonly back: number }
  | { readonly do: "forget"; readonly member: number };
const everybody = Array.from({ length: MEMBERS }, (_, i) => i);
const some = fc.oneof({ weight: 2, arbitrary: fc.constant(everybody) }, fc.tuple(one));
const times = fc.integer({ min: 1, max: 4 });
const acts = (forgetful: boolean): fc.Arbitrary<Act[]> =>
  fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant("propose" as const),
          member: one,
          ahead: fc.integer({ min: 1, max: 3 }),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant("approve" as const),
          members: some,
          back: fc.integer({ min: 0, max: 2 }),
        }),
      },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("giveUp" as const), members: some, times: fc.constant(1) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant("step" as const), members: some, times }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant("takeOver" as const),
          member: one,
          back: fc.integer({ min: 0, max: 1 }),
        }),
      },
      ...(forgetful ? [{ weight: 1, arbitrary: fc.constant<Act>({ do: "forget", member: MEMBERS - 1 }) }] : []),
    ),
    { minLength: 30, maxLength: 60 },
  );

function play(world: World, list: readonly Act[]): void {
  const { members, hauls } = world;
  const at = (i: number) => members[i] as Member;
  world.propose(at(0), 1);
  for (const act of list) {
    if (act.do === "propose") world.propose(at(act.member), at(act.member).served.descriptor.sequence + act.ahead);
    else if (act.do === "takeOver") {
      const given = world.complete()[act.back];
      if (given) attempt(() => world.takeOver(at(act.member), given.signed));
    } else if (act.do === "forget")
      at(act.member).memory = []; // restored from an older backup, or a liar
    else if (act.do === "approve")
      for (const i of act.members) attempt(() => world.approve(at(i), hauls.at(-1 - act.back) ?? (hauls[0] as Haul)));
    else for (let time = 0; time < act.times; time++) for (const i of act.members) attempt(() => world[act.do](at(i)));
  }
}

/** Of all descriptors that are complete, there is one of a number, and whoever believes one moves on to any higher one. */
function expectNoFork(world: World): void {
  const descriptors = world.complete().map(({ signed }) => signed);
  expect(new Set(descriptors.map(({ descriptor }) => descriptor.sequence)).size).toBe(descriptors.length);
  const believed: TrustDomain[] = [founded.domain];
  for (const signed of descriptors.toReversed())
    believed.push(...believed.map((newest) => verifyDescriptor(engine, random, signed, { newest })).slice(-1));
}

describe("however operators approve, give up and take over, and whatever a coordinator withholds", () => {
  test("there is one complete descriptor of a number at most, who believes one moves on to the higher, and the members come together again", () => {
    fc.assert(
      fc.property(acts(false), (list) => {
        const world = makeWorld();
        play(world, list);
        expectNoFork(world);
        const { members } = world;
        const complete = world.complete();
        // All finish the highest one that there is, and rotate once more.
        const [highest] = complete;
        for (const one of members) {
          world.giveUp(one);
          if (highest && one.served.descriptor.sequence < highest.signed.descriptor.sequence) {
            world.approve(one, highest.haul);
            world.step(one);
          }
          expect(one.served.hash).toEqual(highest ? hashDescriptor(highest.signed.descriptor) : founded.domain.hash);
        }
        const [first] = members as [Member];
        const number = Math.max(
          first.served.descriptor.sequence,
          ...members.map(({ memory }) => highestSigned(memory)),
        );
        const haul = world.propose(first, number + 1);
        for (const one of members) world.approve(one, haul);
        for (let round = 0; round < 4; round++) for (const one of members) world.step(one);
        expect(members.map(({ served }) => served.descriptor.sequence)).toEqual(members.map(() => number + 1));
        expectNoFork(world);
      }),
      RUNS,
    );
  });

  test("one member that keeps to it is enough for that, though all others forget what they have signed", () => {
    fc.assert(
      fc.property(acts(true), (list) => {
        const world = makeWorld();
        play(world, list);
        expectNoFork(world);
      }),
      RUNS,
    );
  });
});

describe("a rotation that is given up after both have signed, with nobody knowing who has the signatures", () => {
  /** Both have signed, neither has adopted. */
  function signed(world: World, sequence: number): Haul {
    const [first, second] = world.members as [Member, Member];
    const haul = world.propose(first, sequence);
    for (const member of [first, second]) world.approve(member, haul);
    for (let round = 0; round < 3; round++) for (const member of [first, second]) world.step(member);
    return haul;
  }
  const both = (world: World) => world.members as [Member, Member];
  const giveUp = (world: World) => {
    for (const member of world.members) world.giveUp(member);
  };
  const numbers = (world: World) => both(world).map(({ served }) => served.descriptor.sequence);

  test("leaves its number used up: neither signs another descriptor of it, or of one below; the next overtakes it at whoever was shown it", () => {
    const world = makeWorld();
    const [first, second] = both(world);
    signed(world, 2);
    giveUp(world);
    for (const sequence of [1, 2])
      for (const member of [first, second])
        expect(codeOf(() => world.approve(member, world.propose(first, sequence)))).toBe("ERR_CEREMONY_STATE");
    signed(world, 3);
    for (const member of [first, second]) world.step(member);
    expect(numbers(world)).toEqual([3, 3]);
    const [later, withheld] = world.complete();
    const shown = verifyDescriptor(engine, random, withheld?.signed as SignedDescriptor, { newest: founded.domain });
    const newest = verifyDescriptor(engine, random, later?.signed as SignedDescriptor, { newest: shown });
    expect([shown, newest].map(({ masterEpoch, descriptor }) => [masterEpoch, descriptor.sequence])).toEqual([
      [2, 2],
      [3, 3],
    ]);
    expect(newest.descriptor.previous).toEqual(founded.domain.hash);
    expect(codeOf(() => verifyDescriptor(engine, random, shown.signed, { newest }))).toBe("ERR_DESCRIPTOR_STALE");
    // Once overtaken it is forgotten, and cannot be gone back to.
    expect(first.memory.map(({ state }) => state.proposal.sequence)).toEqual([3]);
    expect(codeOf(() => world.approve(first, withheld?.haul as Haul))).toBe("ERR_CEREMONY_STATE");
  });

  test("is taken over by whoever has forgotten it, or has it under way; not by one with another under way, nor below what it serves", () => {
    const world = makeWorld();
    const [first, second] = both(world);
    signed(world, 1);
    const [given] = world.complete().map((one) => one.signed) as [SignedDescriptor];
    world.takeOver(first, given);
    second.memory = [];
    const other = world.propose(second, 2);
    world.approve(second, other);
    expect(codeOf(() => world.takeOver(second, given))).toBe("ERR_CEREMONY_STATE");
    world.giveUp(second);
    world.takeOver(second, given);
    expect(numbers(world)).toEqual([1, 1]);
    for (const member of both(world)) {
      expect(member.memory).toEqual([]);
      expect(codeOf(() => world.takeOver(member, given))).toBe("ERR_CEREMONY_STATE");
      expect(codeOf(() => world.approve(member, world.propose(member, 1)))).toBe("ERR_CEREMONY_STATE");
    }
    signed(world, 2);
    for (const member of both(world)) world.step(member);
    expect(numbers(world)).toEqual([2, 2]);
    expectNoFork(world);
  });

  test("given up before it was signed it is like a new one: not for a number that was signed since", () => {
    const world = makeWorld();
    const [first] = both(world);
    const unsigned = world.propose(first, 1);
    world.approve(first, unsigned);
    const left = { state: first.memory[0]?.state as RotationState, givenUp: true };
    first.memory = [left];
    world.approve(first, unsigned);
    expect(first.memory).toMatchObject([{ givenUp: false, state: { phase: "proposed" } }]);
    world.giveUp(first);
    signed(world, 1);
    giveUp(world);
    first.memory.push(left);
    expect(codeOf(() => world.approve(first, unsigned))).toBe("ERR_CEREMONY_STATE");
  });

  test("is finished by whoever hears that another has adopted it, also after it has signed a higher one", () => {
    const world = makeWorld();
    const [first, second] = both(world);
    const given = signed(world, 1);
    world.giveUp(first);
    world.step(second);
    expect(numbers(world)).toEqual([0, 1]);
    world.approve(first, given);
    expect(first.memory).toMatchObject([{ givenUp: false, state: { phase: "signed" } }]);
    world.step(first);
    expect(numbers(world)).toEqual([1, 1]);

    const low = signed(world, 2);
    giveUp(world);
    const high = signed(world, 3);
    giveUp(world);
    world.approve(first, low);
    world.step(first);
    world.approve(second, high);
    world.step(second);
    expect(numbers(world)).toEqual([2, 3]);
    expect(codeOf(() => world.approve(second, low))).toBe("ERR_CEREMONY_STATE");
    world.approve(first, high);
    world.step(first);
    expect(numbers(world)).toEqual([3, 3]);
    expect(first.served.hash).toEqual(second.served.hash);
  });

  test("goes on where it stood when it is approved again; one under way keeps out every other", () => {
    const world = makeWorld();
    const [first] = both(world);
    const haul = signed(world, 1);
    expect(codeOf(() => world.approve(first, world.propose(first, 2)))).toBe("ERR_CEREMONY_STATE");
    const before = first.memory;
    world.approve(first, haul);
    expect(first.memory).toEqual(before);
    world.step(first);
    expect(codeOf(() => world.giveUp({ ...first, memory: first.memory }))).toBe("ok"); // nothing is under way
    expect(codeOf(() => giveUpRotation(first.memory[0]?.state as RotationState))).toBe("ERR_CEREMONY_STATE");
  });
});

test("members that are shown different proposals of one number show each other no key", () => {
  const world = makeWorld();
  const [first, second] = world.members as [Member, Member];
  const hauls = [world.propose(first, 1), world.propose(first, 1)] as [Haul, Haul];
  world.approve(first, hauls[0]);
  world.approve(second, hauls[1]);
  for (const member of [first, second]) world.step(member);
  expect(codeOf(() => world.step(first))).toBe("ERR_CEREMONY_STATE");
  // The other's commitment, put in the place that is missing, is one to another proposal.
  hauls[0].commitments[1] = hauls[1].commitments[1];
  expect(codeOf(() => world.step(first))).toBe("ERR_CEREMONY_FAULT");
  expect(hauls.flatMap(({ reveals }) => reveals)).toEqual([]);
});

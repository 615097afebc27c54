import { verifyStatement } from "@milagro/crypto/bls";
import { beforeAll, describe, expect, test } from "vitest";
import { type MasterSecretShares, makeAuthority } from "../src/authority.ts";
import {
  advance,
  type CeremonyEvent,
  type CeremonyState,
  ceremonyDescriptor,
  commitmentTo,
  encodeCeremonyState,
  foundedDescriptor,
  ownCommitment,
  ownReveal,
  ownSignature,
  parseCeremonyState,
  startCeremony,
} from "../src/ceremony.ts";
import type { CeremonyCommit, CeremonyReveal, CeremonySignature } from "../src/ceremony-messages.ts";
import { encodeDescriptor } from "../src/descriptor.ts";
import { faultReportOf } from "../src/fault.ts";
import { statementBytes } from "../src/statement.ts";
import { verifyDescriptor } from "../src/trust-domain.ts";
import { codeOf, engine, flip, type Member, makeMember, makeProposal, outcome, random } from "./fixture.ts";

const proposal = makeProposal(3);
let members: Member[];
/** Member 1's states, by phase. */
let states: Record<"proposed" | "committed" | "revealed" | "signed" | "founded", CeremonyState>;
let commitments: CeremonyCommit[];
let reveals: CeremonyReveal[];
let signatures: CeremonySignature[];

const step = (state: CeremonyState, event: CeremonyEvent) => advance(engine, random, state, event);
const entryOf = (member: Member, state: CeremonyState) =>
  makeAuthority(engine, member.masters, member.hpke.publicKey, proposal, state.ceremonyId, member.index);

beforeAll(async () => {
  members = await Promise.all([1, 2, 3].map(makeMember));
  const committed = members.map((member) => {
    const proposed = startCeremony(proposal, member.index);
    return step(proposed, { type: "commit", authority: entryOf(member, proposed) });
  });
  commitments = committed.map(ownCommitment);
  const revealed = committed.map((state) => step(state, { type: "commitments", commitments }));
  reveals = revealed.map(ownReveal);
  const signed = step(revealed[0] as CeremonyState, { type: "reveals", reveals });
  signatures = members.map(({ masters, index }) => ownSignature(engine, masters.statement, { ...signed, index }));
  const founded = step(signed, { type: "signatures", signatures });
  states = {
    proposed: startCeremony(proposal, 1),
    committed: committed[0] as CeremonyState,
    revealed: revealed[0] as CeremonyState,
    signed,
    founded,
  };
});

/** Who is blamed: code and index. */
function blamed(run: () => unknown): [string, number | undefined] {
  try {
    run();
    return ["ok", undefined];
  } catch (error) {
    return [
      outcome(() => {
        throw error;
      }).code,
      faultReportOf(error).faults[0]?.index,
    ];
  }
}
const swap = <T extends { index: number }>(list: readonly T[], index: number, change: (item: T) => T) =>
  list.map((item) => (item.index === index ? change(item) : item));

test("commit, reveal, sign: the result is a descriptor that anybody can verify", () => {
  const domain = verifyDescriptor(engine, random, foundedDescriptor(states.founded));
  expect(domain.name).toBe("example.org");
  expect(states.founded.phase).toBe("founded");
  const message = statementBytes("descriptor", encodeDescriptor(ceremonyDescriptor(states.signed)));
  expect(
    verifyStatement(
      engine,
      domain.authorities[1]?.publicShares.statement as never,
      message,
      signatures[1]?.signature as Uint8Array,
    ),
  ).toBe(true);
});

test("a state survives a restart at every phase", () => {
  for (const state of Object.values(states))
    expect(parseCeremonyState(JSON.parse(JSON.stringify(encodeCeremonyState(state))))).toEqual(state);
});

test("repeating any step changes nothing, however far the ceremony has come", () => {
  const events: CeremonyEvent[] = [
    { type: "commit", authority: entryOf(members[0] as Member, states.proposed) },
    { type: "commitments", commitments: [...commitments].reverse() },
    { type: "reveals", reveals },
    { type: "signatures", signatures },
  ];
  const order = [states.proposed, states.committed, states.revealed, states.signed, states.founded];
  for (const [i, event] of events.entries())
    for (const state of order.slice(i + 1)) expect(step(state, event)).toEqual(state);
});

test("a step out of turn is refused", () => {
  const early: [CeremonyState, CeremonyEvent][] = [
    [states.proposed, { type: "commitments", commitments }],
    [states.proposed, { type: "reveals", reveals }],
    [states.committed, { type: "reveals", reveals }],
    [states.proposed, { type: "signatures", signatures }],
    [states.revealed, { type: "signatures", signatures }],
  ];
  for (const [state, event] of early) expect(codeOf(() => step(state, event))).toBe("ERR_CEREMONY_STATE");
});

test("no reveal leaves before all commitments are in, no signature before all reveals were verified", () => {
  expect(codeOf(() => ownReveal(states.proposed))).toBe("ERR_CEREMONY_STATE");
  expect(codeOf(() => ownReveal(states.committed))).toBe("ERR_CEREMONY_STATE");
  expect(codeOf(() => ceremonyDescriptor(states.revealed))).toBe("ERR_CEREMONY_STATE");
  expect(codeOf(() => foundedDescriptor(states.signed))).toBe("ERR_CEREMONY_STATE");
  expect(codeOf(() => ownCommitment(states.proposed))).toBe("ERR_CEREMONY_STATE");
});

describe("proposals", () => {
  test.each([
    ["members out of order", { members: [...proposal.members].reverse() }, 1],
    ["a name twice", { members: proposal.members.map((member) => ({ ...member, name: "same" })) }, 1],
    ["a place that is not there", {}, 4],
  ])("%s is refused", (_, change, index) => {
    expect(codeOf(() => startCeremony({ ...proposal, ...change }, index))).toBe("ERR_CEREMONY_STATE");
  });

  test("an entry that is not this member's is not committed to", () => {
    const other = entryOf(members[1] as Member, states.proposed);
    expect(codeOf(() => step(states.proposed, { type: "commit", authority: other }))).toBe("ERR_CEREMONY_STATE");
    expect(codeOf(() => step(states.proposed, { type: "commit", authority: { ...other, index: 1 } }))).toBe(
      "ERR_CEREMONY_STATE",
    );
  });

  test("a member that has committed cannot commit to other keys", async () => {
    const fresh = await makeMember(1);
    expect(codeOf(() => step(states.committed, { type: "commit", authority: entryOf(fresh, states.proposed) }))).toBe(
      "ERR_CEREMONY_STATE",
    );
  });
});

describe("faults at commitments", () => {
  const offer = (list: readonly CeremonyCommit[], state = states.committed) =>
    blamed(() => step(state, { type: "commitments", commitments: list }));
  test("missing and surplus members", () => {
    expect(offer(commitments.slice(0, 2))[0]).toBe("ERR_CEREMONY_STATE");
    expect(offer([...commitments, { ...(commitments[0] as CeremonyCommit), index: 4 }])[0]).toBe("ERR_CEREMONY_STATE");
  });
  test("each names its member", () => {
    const third = commitments[2] as CeremonyCommit;
    expect(offer([...commitments, third])).toEqual(["ERR_CEREMONY_FAULT", 3]);
    expect(offer(swap(commitments, 2, (c) => ({ ...c, ceremonyId: flip(c.ceremonyId) })))).toEqual([
      "ERR_CEREMONY_FAULT",
      2,
    ]);
    expect(
      offer(swap(commitments, 3, (c) => ({ ...c, commitment: commitments[1]?.commitment as Uint8Array }))),
    ).toEqual(["ERR_CEREMONY_FAULT", 3]);
    expect(offer(swap(commitments, 1, (c) => ({ ...c, commitment: flip(c.commitment) })))).toEqual([
      "ERR_CEREMONY_FAULT",
      1,
    ]);
  });
  test("a commitment cannot be changed afterwards", () => {
    const changed = swap(commitments, 2, (c) => ({ ...c, commitment: flip(c.commitment) }));
    for (const state of [states.revealed, states.signed, states.founded])
      expect(offer(changed, state)).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });
});

describe("faults at reveals", () => {
  /** The ceremony as it would be had this member committed to the changed entry. */
  function afterCommitting(index: number, change: (reveal: CeremonyReveal) => CeremonyReveal): () => unknown {
    const list = swap(reveals, index, change);
    const promised = swap(commitments, index, (c) => ({
      ...c,
      commitment: commitmentTo(list[index - 1] as CeremonyReveal),
    }));
    return () =>
      step(step(states.committed, { type: "commitments", commitments: promised }), { type: "reveals", reveals: list });
  }
  const withAuthority =
    (change: (authority: CeremonyReveal["authority"]) => CeremonyReveal["authority"]) => (reveal: CeremonyReveal) => ({
      ...reveal,
      authority: change(reveal.authority),
    });

  test("other keys than committed to", async () => {
    const fresh = await makeMember(3);
    const rogue = swap(
      reveals,
      3,
      withAuthority(() => entryOf(fresh, states.proposed)),
    );
    expect(blamed(() => step(states.revealed, { type: "reveals", reveals: rogue }))).toEqual(["ERR_CEREMONY_FAULT", 3]);
  });

  test("another description than in the proposal", () => {
    for (const key of ["name", "operator", "jurisdiction"] as const)
      expect(
        blamed(
          afterCommitting(
            2,
            withAuthority((a) => ({ ...a, [key]: "other" })),
          ),
        ),
      ).toEqual(["ERR_CEREMONY_FAULT", 2]);
    expect(
      blamed(
        afterCommitting(
          2,
          withAuthority((a) => ({ ...a, index: 3 })),
        ),
      ),
    ).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });

  test("a rogue key P₃ = X − P₁ − P₂: without its secret there is no proof", () => {
    const x = (members[2] as Member).masters.id;
    const mine = [0, 1].map((i) => engine.g2.decode(reveals[i]?.authority.keys.id.g2 as Uint8Array));
    const mine1 = [0, 1].map((i) => engine.g1.decode(reveals[i]?.authority.keys.id.g1 as Uint8Array));
    const g2 = engine.g2.encode(
      x.use((s) => engine.g2.subtract(engine.g2.multiplyPublic(engine.g2.generator, s), engine.g2.sum(mine))),
    );
    const g1 = engine.g1.encode(
      x.use((s) => engine.g1.subtract(engine.g1.multiplyPublic(engine.g1.generator, s), engine.g1.sum(mine1))),
    );
    const attack = afterCommitting(
      3,
      withAuthority((a) => ({ ...a, keys: { ...a.keys, id: { g1, g2 } } })),
    );
    expect(outcome(attack)).toMatchObject({
      code: "ERR_CEREMONY_FAULT",
      message: "member 3 (dta-3) does not prove possession of its keys",
    });
  });

  test("somebody else's key with somebody else's proof", () => {
    const first = (reveals[0] as CeremonyReveal).authority;
    const copied = withAuthority((a) => ({
      ...a,
      keys: first.keys,
      proofs: first.proofs,
      statementKey: first.statementKey,
    }));
    expect(blamed(afterCommitting(2, copied))).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });

  test("no point of the group", () => {
    expect(
      blamed(
        afterCommitting(
          2,
          withAuthority((a) => ({ ...a, keys: { ...a.keys, kp: { g2: flip(a.keys.kp.g2, -1) } } })),
        ),
      ),
    ).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });

  test("halves of one key that hold different secrets", () => {
    const other = engine.g1.encode(engine.g1.hash(new Uint8Array(1), "another point"));
    expect(
      blamed(
        afterCommitting(
          3,
          withAuthority((a) => ({ ...a, keys: { ...a.keys, id: { ...a.keys.id, g1: other } } })),
        ),
      ),
    ).toEqual(["ERR_CEREMONY_FAULT", 3]);
  });

  test("a reveal that changes later", () => {
    expect(
      blamed(() =>
        step(states.signed, {
          type: "reveals",
          reveals: swap(
            reveals,
            2,
            withAuthority((a) => ({ ...a, hpkeKey: flip(a.hpkeKey) })),
          ),
        }),
      ),
    ).toEqual(["ERR_CEREMONY_FAULT", 2]);
  });
});

describe("faults at signatures", () => {
  const offer = (list: readonly CeremonySignature[]) =>
    blamed(() => step(states.signed, { type: "signatures", signatures: list }));
  test("each names its member", () => {
    expect(offer(swap(signatures, 2, (s) => ({ ...s, descriptorHash: flip(s.descriptorHash) })))).toEqual([
      "ERR_CEREMONY_FAULT",
      2,
    ]);
    expect(offer(swap(signatures, 3, (s) => ({ ...s, signature: flip(s.signature, -1) })))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
    expect(offer(swap(signatures, 3, (s) => ({ ...s, signature: signatures[0]?.signature as Uint8Array })))).toEqual([
      "ERR_CEREMONY_FAULT",
      3,
    ]);
    expect(offer(signatures.slice(1))[0]).toBe("ERR_CEREMONY_STATE");
  });
});

test("neither state nor messages hold a secret", () => {
  const everything = JSON.stringify(
    [...Object.values(states), commitments, reveals, signatures].map((value) => value),
    (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value),
  );
  for (const { masters } of members)
    for (const scheme of [
      "id",
      "mpin",
      "cp",
      "kp",
      "statement",
    ] as const satisfies readonly (keyof MasterSecretShares)[])
      expect(everything).not.toContain(
        masters[scheme].use((scalar) => Buffer.from(engine.scalars.encode(scalar)).toString("hex")),
      );
});

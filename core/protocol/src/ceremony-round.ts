/**
 * What the rounds of a ceremony have in common, whatever it is about: one message of each member, in order, the same when it is
 * repeated; commitments that are all different, the own one among them. Whoever breaks a rule is named.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { canonicalText } from "./canonical.ts";
import { type CeremonyCommit, encodeCeremonyCommit } from "./ceremony-messages.ts";
import { faultError } from "./fault.ts";

/** Who takes part in which ceremony. */
export interface Round {
  readonly ceremonyId: Uint8Array;
  /** In order, from 1. */
  readonly members: readonly { readonly index: number; readonly name: string }[];
}

/** @throws `ERR_CEREMONY_STATE` */
export function outOfTurn(detail: string): never {
  throw new MilagroError("ERR_CEREMONY_STATE", detail);
}

/** @throws `ERR_CEREMONY_FAULT` with a report of which member */
export function memberFault({ members }: Round, index: number, what: string): never {
  const name = members[index - 1]?.name ?? "nobody";
  throw faultError("ERR_CEREMONY_FAULT", `member ${index} (${name}) ${what}`, { faults: [{ index, name }] });
}

/** One message per member in order, all of this ceremony; unchanged where one was accepted before. */
export function inOrder<T extends { readonly ceremonyId: Uint8Array; readonly index: number }>(
  round: Round,
  messages: readonly T[],
  before: readonly T[],
  spell: (message: T) => unknown,
): readonly T[] {
  const { members, ceremonyId } = round;
  const ordered = members.map(({ index }) => {
    const own = messages.filter((message) => message.index === index);
    const [first] = own;
    if (first === undefined) return outOfTurn(`member ${index} is missing`);
    if (own.length > 1) return memberFault(round, index, "is there twice");
    if (!equalBytes(first.ceremonyId, ceremonyId)) return memberFault(round, index, "speaks of another ceremony");
    const earlier = before[index - 1];
    if (earlier !== undefined && canonicalText(spell(earlier)) !== canonicalText(spell(first)))
      return memberFault(round, index, "changed what it had said before");
    return first;
  });
  if (messages.length !== members.length) outOfTurn("a message is from no member of this ceremony");
  return ordered;
}

/** Everybody's commitments, with the own one unchanged among them and none twice. */
export function commitmentsInOrder(
  round: Round,
  messages: readonly CeremonyCommit[],
  before: readonly CeremonyCommit[],
  mine: CeremonyCommit,
): readonly CeremonyCommit[] {
  const commitments = inOrder(round, messages, before, encodeCeremonyCommit);
  const shown = commitments[mine.index - 1];
  if (!shown || !equalBytes(shown.commitment, mine.commitment))
    memberFault(round, mine.index, "is shown with a commitment it did not make");
  const seen = new Set<string>();
  for (const { index, commitment } of commitments) {
    const text = commitment.join();
    if (seen.has(text)) memberFault(round, index, "repeats somebody's commitment");
    seen.add(text);
  }
  return commitments;
}

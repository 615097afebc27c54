/**
 * Coordinating the founding of a domain. The coordinator is trusted with nothing: it carries messages, and each member checks
 * them all. Every step may be repeated, so a coordinator that was interrupted starts again from the first.
 * @module
 */
import { encodeHex, equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  type CeremonyProposal,
  ceremonyIdOf,
  encodeCeremonyCommitments,
  encodeCeremonyReveals,
  encodeCeremonySignatures,
  parseCeremonyCommit,
  parseCeremonyReveal,
  parseCeremonySignature,
} from "@milagro/protocol/ceremony-messages";
import { parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { ceremonyCalls, theSame } from "./ceremony-calls.ts";
import type { HttpPort } from "./http-port.ts";

/** What has happened, for whoever watches. */
export type FoundingStep =
  | { readonly step: "commit"; readonly index: number; readonly name: string; readonly commitment: string }
  | { readonly step: "reveal"; readonly index: number; readonly name: string }
  | { readonly step: "sign"; readonly index: number; readonly name: string }
  | { readonly step: "founded"; readonly index: number; readonly name: string };

export interface FoundingDeps {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly http: HttpPort;
  readonly onStep?: (step: FoundingStep) => void;
}

type Member = CeremonyProposal["members"][number];

/**
 * @returns the descriptor that all members have signed, verified here as well
 * @throws a member's own error, naming it; `ERR_CEREMONY_FAULT` when members end with different descriptors
 */
export async function foundDomain(
  deps: FoundingDeps,
  proposal: CeremonyProposal,
): Promise<{ readonly signed: SignedDescriptor; readonly domain: TrustDomain }> {
  const ceremonyId = ceremonyIdOf(proposal);
  const { post, postOwn } = ceremonyCalls(deps.http, "ceremonies", ceremonyId);
  const each = <T>(work: (member: Member) => Promise<T>): Promise<T[]> => Promise.all(proposal.members.map(work));

  const commitments = await each(async (member) => {
    const commit = await postOwn(member, "commit", { v: 1 }, parseCeremonyCommit);
    const { index, name } = member;
    deps.onStep?.({ step: "commit", index, name, commitment: encodeHex(commit.commitment).slice(0, 16) });
    return commit;
  });
  const reveals = await each(async (member) => {
    const body = encodeCeremonyCommitments({ v: 1, commitments });
    const reveal = await postOwn(member, "commitments", body, parseCeremonyReveal);
    deps.onStep?.({ step: "reveal", index: member.index, name: member.name });
    return reveal;
  });
  const signatures = await each(async (member) => {
    const body = encodeCeremonyReveals({ v: 1, reveals });
    const signature = await postOwn(member, "reveals", body, parseCeremonySignature);
    deps.onStep?.({ step: "sign", index: member.index, name: member.name });
    return signature;
  });
  const descriptors = await each(async (member) => {
    const body = encodeCeremonySignatures({ v: 1, signatures });
    const signed = await post(member, "signatures", body, parseSignedDescriptor);
    deps.onStep?.({ step: "founded", index: member.index, name: member.name });
    return signed;
  });
  const signed = theSame(descriptors);
  if (!equalBytes(signed.descriptor.ceremonyId, ceremonyId)) {
    throw new MilagroError("ERR_CEREMONY_FAULT", "the members have signed the descriptor of another ceremony");
  }
  return { signed, domain: verifyDescriptor(deps.engine, deps.random, signed) };
}

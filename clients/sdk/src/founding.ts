/**
 * Coordinating the founding of a domain. The coordinator is trusted with nothing: it carries messages, and each member checks
 * them all. Every step may be repeated, so a coordinator that was interrupted starts again from the first.
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { encodeHex, equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { canonicalText } from "@milagro/protocol/canonical";
import {
  type CeremonyCommit,
  type CeremonyProposal,
  type CeremonyReveal,
  type CeremonySignature,
  ceremonyIdOf,
  encodeCeremonyCommitments,
  encodeCeremonyReveals,
  encodeCeremonySignatures,
  parseCeremonyCommit,
  parseCeremonyReveal,
  parseCeremonySignature,
} from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import type { HttpPort } from "./http-port.ts";
import { apiUrl, callJson, jsonBody } from "./json-call.ts";

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

/** A D-TA checks all the others' proofs before it signs, on a machine that may be slow. */
const STEP_TIMEOUT_MS = 60_000;

/**
 * @returns the descriptor that all members have signed, verified here as well
 * @throws a member's own error, naming it; `ERR_CEREMONY_FAULT` when members end with different descriptors
 */
export async function foundDomain(
  deps: FoundingDeps,
  proposal: CeremonyProposal,
): Promise<{ readonly signed: SignedDescriptor; readonly domain: TrustDomain }> {
  const ceremonyId = ceremonyIdOf(proposal);
  const base = `/v1/ceremonies/${encodeBase64url(ceremonyId)}`;
  const post = <T>(member: Member, step: string, body: object, parse: (value: unknown) => T): Promise<T> =>
    callJson(
      deps.http,
      {
        method: "POST",
        url: apiUrl(member.url, `${base}/${step}`),
        body: jsonBody(body),
        timeoutMs: STEP_TIMEOUT_MS,
        idempotent: true,
      },
      parse,
    ).catch((error: unknown) => {
      throw error instanceof MilagroError
        ? new MilagroError(error.code, `D-TA ${member.index} (${member.name}): ${error.message}`, { cause: error })
        : error;
    });

  const commitments = await each(proposal, async (member): Promise<CeremonyCommit> => {
    const commit = await post(member, "commit", { v: 1 }, parseCeremonyCommit);
    ownPlace(member, commit, ceremonyId);
    deps.onStep?.({
      step: "commit",
      index: member.index,
      name: member.name,
      commitment: encodeHex(commit.commitment).slice(0, 16),
    });
    return commit;
  });
  const reveals = await each(proposal, async (member): Promise<CeremonyReveal> => {
    const reveal = await post(
      member,
      "commitments",
      encodeCeremonyCommitments({ v: 1, commitments }),
      parseCeremonyReveal,
    );
    ownPlace(member, reveal, ceremonyId);
    deps.onStep?.({ step: "reveal", index: member.index, name: member.name });
    return reveal;
  });
  const signatures = await each(proposal, async (member): Promise<CeremonySignature> => {
    const signature = await post(member, "reveals", encodeCeremonyReveals({ v: 1, reveals }), parseCeremonySignature);
    ownPlace(member, signature, ceremonyId);
    deps.onStep?.({ step: "sign", index: member.index, name: member.name });
    return signature;
  });
  const descriptors = await each(proposal, async (member) => {
    const signed = await post(
      member,
      "signatures",
      encodeCeremonySignatures({ v: 1, signatures }),
      parseSignedDescriptor,
    );
    deps.onStep?.({ step: "founded", index: member.index, name: member.name });
    return signed;
  });
  const [signed] = descriptors;
  if (!signed) throw new TypeError("a proposal has at least one member");
  const text = canonicalText(encodeSignedDescriptor(signed));
  const odd = descriptors.findIndex((other) => canonicalText(encodeSignedDescriptor(other)) !== text);
  if (odd >= 0)
    throw new MilagroError("ERR_CEREMONY_FAULT", `D-TA ${odd + 1} ends with another descriptor than D-TA 1`);
  if (!equalBytes(signed.descriptor.ceremonyId, ceremonyId)) {
    throw new MilagroError("ERR_CEREMONY_FAULT", "the members have signed the descriptor of another ceremony");
  }
  return { signed, domain: verifyDescriptor(deps.engine, deps.random, signed) };
}

function each<T>(proposal: CeremonyProposal, work: (member: Member) => Promise<T>): Promise<T[]> {
  return Promise.all(proposal.members.map(work));
}

/** A member that answers for another one would make the others refuse later, with less to go by. */
function ownPlace(
  member: Member,
  answer: { readonly index: number; readonly ceremonyId: Uint8Array },
  ceremonyId: Uint8Array,
): void {
  if (answer.index !== member.index || !equalBytes(answer.ceremonyId, ceremonyId)) {
    throw new MilagroError(
      "ERR_CEREMONY_FAULT",
      `D-TA ${member.index} (${member.name}) answers for another place or ceremony`,
    );
  }
}

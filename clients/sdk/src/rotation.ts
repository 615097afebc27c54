/**
 * Coordinating a rotation of the `mpin` master: the proposal from what all D-TAs serve, then, as at the founding, messages that each
 * member checks itself. Every step may be repeated.
 * @module
 */
import { encodeHex, equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeCeremonyCommitments,
  encodeCeremonySignatures,
  parseCeremonyCommit,
  parseCeremonySignature,
} from "@milagro/protocol/ceremony-messages";
import { masterEpochOf, parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { parseDtaStatus } from "@milagro/protocol/dta-messages";
import { MAX_NUMBERS_AHEAD } from "@milagro/protocol/rotation";
import {
  encodeRotationReveals,
  parseRotationReveal,
  type RotationProposal,
  rotationIdOf,
} from "@milagro/protocol/rotation-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { ceremonyCalls, theSame } from "./ceremony-calls.ts";
import type { HttpPort } from "./http-port.ts";
import { apiUrl, callJson } from "./json-call.ts";

export interface RotationDeps {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly http: HttpPort;
  /** As it was pinned. */
  readonly domain: TrustDomain;
  readonly onStep?: (step: RotationStep) => void;
}

/** What has happened, for whoever watches. */
export interface RotationStep {
  readonly step: "commit" | "reveal" | "sign" | "adopted";
  readonly index: number;
  readonly name: string;
  /** With `commit`. */
  readonly commitment?: string;
}

/**
 * A proposal that follows on what the D-TAs serve now, with a number above all that any of them has signed.
 * @param until - unix seconds
 * @throws `ERR_CEREMONY_STATE` when they serve different descriptors: a rotation was not finished; `ERR_CEREMONY_FAULT` for a D-TA
 * that claims to have signed what no D-TA signs; `ERR_DESCRIPTOR_…`
 */
export async function proposeRotation(deps: RotationDeps, until: number): Promise<RotationProposal> {
  const { domain, http, engine, random } = deps;
  const served = await Promise.all(
    domain.authorities.map(({ entry: { url } }) =>
      callJson(http, { method: "GET", url: apiUrl(url, "/v1/descriptor"), idempotent: true }, parseSignedDescriptor),
    ),
  );
  const newest = served.map((signed) => verifyDescriptor(engine, random, signed, { newest: domain }));
  const [first] = newest as [TrustDomain];
  if (newest.some(({ hash }) => !equalBytes(hash, first.hash)))
    throw new MilagroError(
      "ERR_CEREMONY_STATE",
      "the D-TAs serve different descriptors: finish the last rotation first",
    );
  const ahead = (await highestSigned(deps, first.descriptor.sequence)) + 1 - first.descriptor.sequence;
  return {
    v: 1,
    type: "mpin-rotation",
    name: domain.name,
    domainId: domain.domainId,
    previous: first.hash,
    sequence: first.descriptor.sequence + ahead,
    epoch: masterEpochOf(first.descriptor) + ahead,
    until,
    nonce: random(16),
  };
}

/** Of all D-TAs. @param served - number of the descriptor that they serve */
async function highestSigned({ domain, http }: RotationDeps, served: number): Promise<number> {
  const signed = await Promise.all(
    domain.authorities.map(async ({ entry: { index, name, url } }) => {
      const { domains } = await callJson(
        http,
        { method: "GET", url: apiUrl(url, "/v1/dta"), idempotent: true },
        parseDtaStatus,
      );
      const own = domains.find(({ domainId }) => equalBytes(domainId, domain.domainId))?.signed ?? 0;
      if (own < served + MAX_NUMBERS_AHEAD) return own;
      throw new MilagroError("ERR_CEREMONY_FAULT", `D-TA ${index} (${name}) claims to have signed descriptor ${own}`);
    }),
  );
  return Math.max(served, ...signed);
}

/**
 * @returns the descriptor that all members have adopted, verified here as well
 * @throws a member's own error, naming it; `ERR_CEREMONY_FAULT` when members end with different descriptors
 */
export async function rotateMaster(
  deps: RotationDeps,
  proposal: RotationProposal,
): Promise<{ readonly signed: SignedDescriptor; readonly domain: TrustDomain }> {
  const { http, engine, random, domain, onStep } = deps;
  if (!equalBytes(proposal.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the proposal is for another domain");
  const ceremonyId = rotationIdOf(proposal);
  const { post, postOwn } = ceremonyCalls(http, "rotations", ceremonyId);
  const members = domain.authorities.map(({ entry }) => entry);
  const each = <T>(work: (member: (typeof members)[number]) => Promise<T>): Promise<T[]> =>
    Promise.all(members.map(work));

  const commitments = await each(async (member) => {
    const commit = await postOwn(member, "commit", { v: 1 }, parseCeremonyCommit);
    const { index, name } = member;
    onStep?.({ step: "commit", index, name, commitment: encodeHex(commit.commitment).slice(0, 16) });
    return commit;
  });
  const reveals = await each(async (member) => {
    const body = encodeCeremonyCommitments({ v: 1, commitments });
    const reveal = await postOwn(member, "commitments", body, parseRotationReveal);
    onStep?.({ step: "reveal", index: member.index, name: member.name });
    return reveal;
  });
  const signatures = await each(async (member) => {
    const body = encodeRotationReveals({ v: 1, reveals });
    const signature = await postOwn(member, "reveals", body, parseCeremonySignature);
    onStep?.({ step: "sign", index: member.index, name: member.name });
    return signature;
  });
  const descriptors = await each(async (member) => {
    const body = encodeCeremonySignatures({ v: 1, signatures });
    const signed = await post(member, "signatures", body, parseSignedDescriptor);
    onStep?.({ step: "adopted", index: member.index, name: member.name });
    return signed;
  });
  const signed = theSame(descriptors);
  if (!signed.descriptor.mpin || !equalBytes(signed.descriptor.mpin.ceremonyId, ceremonyId))
    throw new MilagroError("ERR_CEREMONY_FAULT", "the members have signed the descriptor of another rotation");
  return { signed, domain: verifyDescriptor(engine, random, signed, { newest: domain }) };
}

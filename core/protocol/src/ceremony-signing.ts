/**
 * The last round of a ceremony, whatever it is about: each member signs the descriptor that all reveals make up, and all signatures are
 * verified with it. Whoever signed something else is named.
 * @module
 */
import { signStatement } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { CeremonySignature } from "./ceremony-messages.ts";
import { memberFault, type Round } from "./ceremony-round.ts";
import { type DomainDescriptor, encodeDescriptor, hashDescriptor, type SignedDescriptor } from "./descriptor.ts";
import { faultReportOf } from "./fault.ts";
import { statementBytes } from "./statement.ts";
import { type DescriptorTrust, verifyDescriptor } from "./trust-domain.ts";

/** A member's signature over the descriptor. Deterministic. */
export const signCeremony = (
  engine: Engine,
  statement: MasterSecretShare<"statement">,
  { ceremonyId, index }: Pick<CeremonySignature, "ceremonyId" | "index">,
  descriptor: DomainDescriptor,
): CeremonySignature => ({
  v: 1,
  ceremonyId,
  index,
  descriptorHash: hashDescriptor(descriptor),
  signature: signStatement(engine, statement, statementBytes("descriptor", encodeDescriptor(descriptor))),
});

/** @param signatures - of all members, in order */
export const withSignatures = (
  descriptor: DomainDescriptor,
  signatures: readonly CeremonySignature[],
): SignedDescriptor => ({ v: 1, descriptor, signatures: signatures.map(({ signature }) => signature) });

/**
 * Verifies the whole descriptor with everybody's signatures, as whoever is to believe it will.
 * @param signatures - of all members, in order
 * @param trust - what it is to be believed beside
 * @throws `ERR_CEREMONY_FAULT` naming the member
 */
export function verifySignatures(
  engine: Engine,
  random: RandomBytes,
  round: Round,
  descriptor: DomainDescriptor,
  signatures: readonly CeremonySignature[],
  trust: DescriptorTrust = {},
): void {
  const hash = hashDescriptor(descriptor);
  for (const { index, descriptorHash } of signatures)
    if (!equalBytes(descriptorHash, hash)) memberFault(round, index, "signed another descriptor");
  try {
    verifyDescriptor(engine, random, withSignatures(descriptor, signatures), trust);
  } catch (error) {
    const [liar] = faultReportOf(error).faults;
    if (liar === undefined) throw error;
    memberFault(round, liar.index, "signed wrongly");
  }
}

/**
 * What a worker thread does for channels: checks signatures, several in one product of pairings.
 * @module
 */
import { verifySignatureBatch } from "@milagro/crypto/ibs-batch";
import { identityInput } from "@milagro/crypto/identity-input";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type CredentialClaim, type VerifyingKeys, verifyCredential } from "@milagro/protocol/channel-credential";

/**
 * Whether each claim holds, in their order. Those of identities are checked together; only if one is false, halves are.
 */
export function verifyClaims(
  engine: Engine,
  random: RandomBytes,
  domain: VerifyingKeys,
  claims: readonly CredentialClaim[],
): boolean[] {
  const result = claims.map((claim) => claim.credential.kind !== "identity" && verifyCredential(engine, domain, claim));
  const together = claims.flatMap(({ credential, message, signature }, i) =>
    credential.kind === "identity"
      ? [
          {
            i,
            claim: {
              input: identityInput(domain.domainId, "sig", credential.identity, credential.epoch),
              message,
              signature,
            },
          },
        ]
      : [],
  );
  if (together.length === 0) return result;
  const entries = together.map(({ i, claim }) => ({ source: String(i), claim }));
  const { outcomes } = verifySignatureBatch(engine, random, domain.publicKey, entries, 1);
  together.forEach(({ i }, j) => {
    result[i] = outcomes[j] === "accepted";
  });
  return result;
}

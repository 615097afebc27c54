/**
 * What a worker thread does for channels: checks signatures, several in one product of pairings.
 * @module
 */
import { verifySignatureBatch } from "@milagro/crypto/ibs-batch";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type CredentialClaim, type VerifyingKeys, verifyCredential } from "@milagro/protocol/channel-credential";

/** Peers that are remembered, the latest ones: an identity's point, and the table of one that comes often, hang on its input. Some 8 MB at most. */
const MAX_KNOWN = 256;
type IdentityCredential = Extract<CredentialClaim["credential"], { kind: "identity" }>;
const known = new WeakMap<VerifyingKeys, Map<string, IdentityInput>>();

/** The same object for the same identity and epoch, as long as others have not taken its place. */
function inputOf(domain: VerifyingKeys, { identity, epoch }: IdentityCredential): IdentityInput {
  const inputs = known.get(domain) ?? new Map<string, IdentityInput>();
  known.set(domain, inputs);
  const name = `${epoch} ${identity}`;
  const input = inputs.get(name) ?? identityInput(domain.domainId, "sig", identity, epoch);
  inputs.delete(name); // to the end: the first is the one not seen for longest
  inputs.set(name, input);
  if (inputs.size > MAX_KNOWN) inputs.delete(inputs.keys().next().value as string);
  return input;
}

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
            claim: { input: inputOf(domain, credential), message, signature },
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

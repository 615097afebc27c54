/**
 * What our operations, the bare engine's and noble's are given alike.
 * @module
 */
import { parseDomainId } from "@milagro/crypto/domain-id";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { type IdentityInput, identityInput } from "@milagro/crypto/identity-input";
import type { IdentityUsage } from "@milagro/crypto/usage";

/** Signatures verified together. */
export const BATCH = 32;

const DOMAIN_ID = parseDomainId(new Uint8Array(32).fill(7));
const EPOCH = parseEpoch(497_000);

let counter = 0;
/** An identity that nobody has hashed yet. */
export function freshInput(usage: IdentityUsage): IdentityInput {
  counter++;
  const identity = parseIdentity(`milagro:bench.example/endpoint/n${counter.toString().padStart(9, "0")}`);
  return identityInput(DOMAIN_ID, usage, identity, EPOCH);
}

/**
 * The input of every hash of an identity, and the points it hashes to.
 *
 *   ID* = 0x01 ‖ domainId (32) ‖ len8 usage ‖ usage ‖ len16 identity ‖ identity ‖ u64 epoch
 *   H1(ID*) = hash_to_curve_G1(ID*, tag ID)      H2(ID*) = hash_to_curve_G2(ID*, tag ID)
 *
 * Every field is fixed or length-prefixed, so the encoding is injective. Without the domain in it, a share from a lax domain
 * would be valid in a strict one; without usage and epoch, one key would serve for all uses for ever.
 * Source: RFC 9380 §8.8 (suites).
 * @module
 */
import type { Engine, G1, G1Engine, G2 } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { ByteReader, concat, lengthPrefixed, parseUtf8, u64, utf8 } from "./bytes.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { type Epoch, parseEpoch } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import { hashTag } from "./hash-tag.ts";
import { type Identity, parseIdentity } from "./identity.ts";
import { hashOnce1, hashOnce2 } from "./precomputed.ts";
import { parseUsage, type Usage } from "./usage.ts";

/** ID* of the header comment. Its points are remembered per object, so make it once, keep it, and never write to it. */
export type IdentityInput = Brand<Uint8Array, "IdentityInput">;

/** What an identity input says. */
export interface IdentityInputParts {
  readonly domainId: DomainId;
  readonly usage: Usage;
  readonly identity: Identity;
  readonly epoch: Epoch;
}

const VERSION = 0x01;

/** The bytes that stand for one identity in one domain, for one usage, in one epoch. */
export function identityInput(domainId: DomainId, usage: Usage, identity: Identity, epoch: Epoch): IdentityInput {
  return concat(
    Uint8Array.of(VERSION),
    domainId,
    lengthPrefixed(8, utf8(usage)),
    lengthPrefixed(16, utf8(identity)),
    u64(epoch),
  ) as IdentityInput;
}

/** Takes untrusted bytes apart; `identityInput` of the parts gives the same bytes. @throws `ERR_IDENTITY_INVALID` whatever is wrong */
export function parseIdentityInput(bytes: Uint8Array): IdentityInputParts {
  try {
    const reader = new ByteReader(bytes, "ERR_IDENTITY_INVALID");
    if (reader.integer(8) !== VERSION) throw new MilagroError("ERR_IDENTITY_INVALID", "unknown version");
    const domainId = parseDomainId(reader.take(32));
    const usage = parseUsage(parseUtf8(reader.prefixed(8)));
    const identity = parseIdentity(parseUtf8(reader.prefixed(16)));
    const epoch = parseEpoch(reader.u64());
    reader.end();
    return { domainId, usage, identity, epoch };
  } catch (cause) {
    throw new MilagroError("ERR_IDENTITY_INVALID", "not an identity input", { cause });
  }
}

/** H1(ID*), the identity's point in G1. Public. */
export function hashIdentity1(engine: G1Engine, input: IdentityInput): G1 {
  return hashOnce1(engine, input, hashTag("ID", "G1"));
}

/** H2(ID*), the identity's point in G2, for key agreement. Public. */
export function hashIdentity2(engine: Engine, input: IdentityInput): G2 {
  return hashOnce2(engine, input, hashTag("ID", "G2"));
}

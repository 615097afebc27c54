/**
 * The attribute keys of one identity in one domain, beside its key ring. There may be several of one scheme and epoch: with other
 * attributes, with other policies, bound to their epoch or not.
 *
 *   sealed payload = 0x01 ‖ domainId (32) ‖ len16 identity ‖ u16 count ‖ count × (len8 scheme ‖ len32 key)
 * @module
 */
import { type AbeEntitlement, encodeEntitlement } from "@milagro/crypto/abe-entitlement";
import { type AbeKey, encodeAbeKey, parseAbeKey } from "@milagro/crypto/abe-key";
import type { AbeScheme } from "@milagro/crypto/abe-points";
import {
  ByteReader,
  concat,
  encodeHex,
  equalBytes,
  lengthPrefixed,
  parseUtf8,
  u8,
  u16,
  utf8,
  wipe,
} from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import type { Epoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

const VERSION = 1;
const CORRUPT = "ERR_KEYSTORE_CORRUPT";

export class AttributeRing {
  readonly domainId: DomainId;
  readonly identity: Identity;
  readonly #keys = new Map<string, AbeKey<AbeScheme>>();

  constructor(domainId: DomainId, identity: Identity) {
    this.domainId = domainId;
    this.identity = identity;
  }

  /** Takes the keys over; one of the same entitlement is replaced and destroyed. They must have been verified. */
  add(keys: readonly AbeKey<AbeScheme>[]): void {
    for (const key of keys) {
      const name = nameOf(key.entitlement as AbeEntitlement);
      const old = this.#keys.get(name);
      if (old !== key) old?.destroy();
      this.#keys.set(name, key);
    }
  }

  /** All keys, oldest epoch first. The ring owns them: do not destroy them. */
  keys(): readonly AbeKey<AbeScheme>[] {
    return [...this.#keys.values()].sort((a, b) => a.entitlement.epoch - b.entitlement.epoch);
  }

  /** The keys of a scheme and a scope's epoch; newest first, so that of unbound keys the one with the highest `epoch` is tried first. */
  inScope<S extends AbeScheme>(scheme: S, scopeEpoch: Epoch): readonly AbeKey<S>[] {
    return this.keys()
      .filter((key): key is AbeKey<S> => key.scheme === scheme && key.entitlement.scope.epoch === scopeEpoch)
      .toReversed();
  }

  has(entitlement: AbeEntitlement): boolean {
    return this.#keys.has(nameOf(entitlement));
  }

  /** Destroys the keys of epochs before `epoch`. Returns how many. */
  forgetBefore(epoch: Epoch): number {
    const old = [...this.#keys].filter(([, key]) => key.entitlement.epoch < epoch);
    for (const [name, key] of old) {
      key.destroy();
      this.#keys.delete(name);
    }
    return old.length;
  }

  destroy(): void {
    for (const key of this.#keys.values()) key.destroy();
    this.#keys.clear();
  }

  toJSON(): string {
    return `[AttributeRing ${this.identity}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

const nameOf = (entitlement: AbeEntitlement): string => encodeHex(encodeEntitlement(entitlement));

/** For sealing and nothing else. The caller wipes the bytes. */
export function encodeAttributeRing(engine: Engine, ring: AttributeRing): Uint8Array {
  const keys = ring.keys();
  const parts = keys.map((key) => {
    const encoded = encodeAbeKey(engine, key);
    const part = concat(lengthPrefixed(8, utf8(key.scheme)), lengthPrefixed(32, encoded));
    wipe(encoded);
    return part;
  });
  const bytes = concat(u8(VERSION), ring.domainId, lengthPrefixed(16, utf8(ring.identity)), u16(keys.length), ...parts);
  wipe(...parts);
  return bytes;
}

/**
 * From unsealed bytes, which the caller wipes.
 * @throws `ERR_KEYSTORE_CORRUPT` for anything that `encodeAttributeRing` does not write, `ERR_DOMAIN_MISMATCH` for keys of another domain
 */
export function parseAttributeRing(engine: Engine, bytes: Uint8Array, domainId: DomainId): AttributeRing {
  const reader = new ByteReader(bytes, CORRUPT);
  if (reader.integer(8) !== VERSION)
    throw new MilagroError(CORRUPT, "the key store holds attribute keys in a form that this version does not know");
  if (!equalBytes(reader.take(32), domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "these keys belong to another trust domain of the same name");
  try {
    const ring = new AttributeRing(domainId, parseIdentity(parseUtf8(reader.prefixed(16))));
    for (let left = reader.integer(16); left > 0; left--) {
      const scheme = parseUtf8(reader.prefixed(8));
      if (scheme !== "cp" && scheme !== "kp") throw new Error("another scheme");
      const encoded = reader.prefixed(32);
      ring.add([parseAbeKey(engine, scheme, encoded)]);
      wipe(encoded);
    }
    reader.end();
    return ring;
  } catch (cause) {
    throw new MilagroError(CORRUPT, "the key store does not hold an identity's attribute keys", { cause });
  }
}

/**
 * The keys of one identity in one domain: per usage and epoch. The only place where whole keys live; everything that uses
 * one asks here by usage, so an `enc` key never signs.
 *
 *   sealed payload = 0x01 ‖ domainId (32) ‖ len16 identity ‖ u16 count ‖ count × (len8 usage ‖ u64 epoch ‖ len16 key)
 * @module
 */
import {
  ByteReader,
  concat,
  equalBytes,
  lengthPrefixed,
  parseUtf8,
  u8,
  u16,
  u64,
  utf8,
  wipe,
} from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { type Epoch, NO_EXPIRY, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { encodeIdentityKey, type IdentityKey, parseIdentityKey } from "@milagro/crypto/identity-key";
import { type IdentityUsage, parseIdentityUsage } from "@milagro/crypto/usage";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

/** Which key, without the key. */
export interface KeySlot {
  readonly usage: IdentityUsage;
  readonly epoch: Epoch;
}

export interface RingKey extends KeySlot {
  readonly key: IdentityKey;
}

const VERSION = 1;
const CORRUPT = "ERR_KEYSTORE_CORRUPT";

export class KeyRing {
  readonly domainId: DomainId;
  readonly identity: Identity;
  readonly #keys = new Map<string, RingKey>();

  constructor(domainId: DomainId, identity: Identity) {
    this.domainId = domainId;
    this.identity = identity;
  }

  /** The key, or undefined when this ring does not hold it. The ring owns it: do not destroy it. */
  find<U extends IdentityUsage>(usage: U, epoch: Epoch): IdentityKey<U> | undefined {
    return this.#keys.get(slotName({ usage, epoch }))?.key as IdentityKey<U> | undefined;
  }

  /** @throws `ERR_KEY_MISSING` naming identity, usage and epoch */
  need<U extends IdentityUsage>(usage: U, epoch: Epoch): IdentityKey<U> {
    const key = this.find(usage, epoch);
    if (!key) throw new MilagroError("ERR_KEY_MISSING", `${this.identity} has no ${usage} key for epoch ${epoch} here`);
    return key;
  }

  /** Takes the keys over; one that is there already is replaced and destroyed. They must have been verified. */
  add(keys: readonly RingKey[]): void {
    for (const entry of keys) {
      const name = slotName(entry);
      const old = this.#keys.get(name)?.key;
      if (old !== entry.key) old?.destroy();
      this.#keys.set(name, entry);
    }
  }

  /** What is here, oldest epoch first. */
  slots(): readonly KeySlot[] {
    return [...this.#keys.values()]
      .map(({ usage, epoch }) => ({ usage, epoch }))
      .sort((a, b) => a.epoch - b.epoch || a.usage.localeCompare(b.usage));
  }

  /** The newest epoch at or before `epoch` that has a key of this usage; `NO_EXPIRY` counts last. */
  newest(usage: IdentityUsage, epoch: Epoch): Epoch | undefined {
    return this.slots()
      .filter((slot) => slot.usage === usage && slot.epoch <= epoch)
      .at(-1)?.epoch;
  }

  /** Destroys the keys of this usage that are older than `epoch`; those without expiry stay. Returns how many. */
  forgetBefore(usage: IdentityUsage, epoch: Epoch): number {
    const old = [...this.#keys].filter(
      ([, entry]) => entry.usage === usage && entry.epoch < epoch && entry.epoch !== NO_EXPIRY,
    );
    for (const [name, { key }] of old) {
      key.destroy();
      this.#keys.delete(name);
    }
    return old.length;
  }

  destroy(): void {
    for (const { key } of this.#keys.values()) key.destroy();
    this.#keys.clear();
  }

  toJSON(): string {
    return `[KeyRing ${this.identity}]`;
  }

  toString(): string {
    return this.toJSON();
  }
}

/** For sealing and nothing else. The caller wipes the bytes. */
export function encodeKeyRing(engine: Engine, ring: KeyRing): Uint8Array {
  const slots = ring.slots();
  const parts: Uint8Array[] = [];
  for (const { usage, epoch } of slots) {
    const key = encodeIdentityKey(engine, ring.need(usage, epoch));
    parts.push(lengthPrefixed(8, utf8(usage)), u64(epoch), lengthPrefixed(16, key));
    wipe(key);
  }
  const encoded = concat(
    u8(VERSION),
    ring.domainId,
    lengthPrefixed(16, utf8(ring.identity)),
    u16(slots.length),
    ...parts,
  );
  wipe(...parts);
  return encoded;
}

/**
 * From unsealed bytes, which the caller wipes.
 * @throws `ERR_KEYSTORE_CORRUPT` for anything that `encodeKeyRing` does not write, `ERR_DOMAIN_MISMATCH` for keys of another domain
 */
export function parseKeyRing(engine: Engine, bytes: Uint8Array, domainId: DomainId): KeyRing {
  const reader = new ByteReader(bytes, CORRUPT);
  if (reader.integer(8) !== VERSION)
    throw new MilagroError(CORRUPT, "the key store holds keys in a form that this version does not know");
  if (!equalBytes(reader.take(32), domainId)) {
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "these keys belong to another trust domain of the same name");
  }
  try {
    const ring = new KeyRing(domainId, parseIdentity(parseUtf8(reader.prefixed(16))));
    for (let left = reader.integer(16); left > 0; left--) {
      const usage = parseIdentityUsage(parseUtf8(reader.prefixed(8)));
      const epoch = parseEpoch(reader.u64());
      const key = reader.prefixed(16);
      ring.add([{ usage, epoch, key: parseIdentityKey(engine, usage, key) }]);
      wipe(key);
    }
    reader.end();
    return ring;
  } catch (cause) {
    throw new MilagroError(CORRUPT, "the key store does not hold an identity's keys", { cause });
  }
}

function slotName({ usage, epoch }: KeySlot): string {
  return `${usage}/${epoch}`;
}

/**
 * One identity's keys at rest: a sealed key store with the ring as its entry, and another for attribute keys. The command line and the daemon use the same files.
 * @module
 */
import { AttributeRing, encodeAttributeRing, parseAttributeRing } from "@milagro/client/attribute-ring";
import { encodeKeyRing, KeyRing, parseKeyRing } from "@milagro/client/key-ring";
import type { Identity } from "@milagro/crypto/identity";
import type { Secret } from "@milagro/crypto/secret";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { createKeyStore, type KeyStore, openKeyStore } from "@milagro/runtime/key-store";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";

export const IDENTITY_STORE_KIND = "identity-keys";
const RING = "ring";
const ATTRIBUTES = "attributes";
const PENDING = "enrolment";
/** A request for attribute keys; it may be under way beside another. */
const PENDING_ATTRIBUTES = "attribute-enrolment";
/** Which kind of request. */
export type PendingKind = "keys" | "attributes";
const entryOf = (kind: PendingKind): string => (kind === "keys" ? PENDING : PENDING_ATTRIBUTES);

export interface IdentityStore {
  /** Loaded from the store; empty for a new one. Belongs to this object. */
  readonly ring: KeyRing;
  /** As `ring`, for attribute keys. */
  readonly attributes: AttributeRing;
  /** Writes both rings; when this resolves, it survives a power failure. */
  save(): Promise<void>;
  /** An enrolment that was begun and not finished: what `resumeEnrol` or `resumeAttributeKeys` takes. The caller destroys it. */
  pending(kind?: PendingKind): Secret<string> | undefined;
  /** Keeps or forgets such an enrolment, durably. */
  setPending(enrolment: Secret<string> | undefined, kind?: PendingKind): Promise<void>;
  /** Wipes ring and store in memory. */
  close(): Promise<void>;
}

export interface IdentityStoreOptions {
  readonly path: string;
  readonly passphrase: Passphrase;
  readonly engine: Engine;
  readonly domain: TrustDomain;
  readonly identity: Identity;
}

/**
 * @throws `ERR_FILE_MISSING`, `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT`, `ERR_DOMAIN_MISMATCH`,
 * `ERR_KEYSTORE_CORRUPT` for the keys of another identity
 */
export async function openIdentityStore(options: IdentityStoreOptions): Promise<IdentityStore> {
  const store = await openKeyStore(options.path, storeOptions(options));
  try {
    return wrap(store, loadRing(store, options), loadAttributes(store, options), options.engine);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws `ERR_FILE_EXISTS` */
export async function createIdentityStore(options: IdentityStoreOptions): Promise<IdentityStore> {
  const store = await createKeyStore(options.path, storeOptions(options));
  const { domain, identity, engine } = options;
  return wrap(store, new KeyRing(domain.domainId, identity), new AttributeRing(domain.domainId, identity), engine);
}

function storeOptions({ passphrase }: IdentityStoreOptions) {
  return { kind: IDENTITY_STORE_KIND, passphrase, random: systemRandom };
}

function loadRing(store: KeyStore, { engine, domain, identity }: IdentityStoreOptions): KeyRing {
  const entry = store.get(RING);
  if (!entry) return new KeyRing(domain.domainId, identity);
  try {
    const ring = entry.use((bytes) => parseKeyRing(engine, bytes, domain.domainId));
    if (ring.identity !== identity)
      throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the key store holds the keys of another identity");
    return ring;
  } finally {
    entry.destroy();
  }
}

function loadAttributes(store: KeyStore, { engine, domain, identity }: IdentityStoreOptions): AttributeRing {
  const entry = store.get(ATTRIBUTES);
  if (!entry) return new AttributeRing(domain.domainId, identity);
  try {
    const ring = entry.use((bytes) => parseAttributeRing(engine, bytes, domain.domainId));
    if (ring.identity !== identity)
      throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the key store holds the keys of another identity");
    return ring;
  } finally {
    entry.destroy();
  }
}

function wrap(store: KeyStore, ring: KeyRing, attributes: AttributeRing, engine: Engine): IdentityStore {
  return {
    ring,
    attributes,
    async save() {
      const bytes = encodeKeyRing(engine, ring);
      const attributeBytes = encodeAttributeRing(engine, attributes);
      try {
        await store.update({ set: { [RING]: bytes, [ATTRIBUTES]: attributeBytes } });
      } finally {
        bytes.fill(0);
        attributeBytes.fill(0);
      }
    },
    pending: (kind = "keys") => store.get(entryOf(kind)),
    async setPending(enrolment, kind = "keys") {
      const name = entryOf(kind);
      if (!enrolment) {
        if (store.names().includes(name)) await store.update({ remove: [name] });
        return;
      }
      const bytes = enrolment.use((secret) => secret.slice());
      try {
        await store.update({ set: { [name]: bytes } });
      } finally {
        bytes.fill(0);
      }
    },
    async close() {
      ring.destroy();
      attributes.destroy();
      await store.close();
    },
  };
}

/**
 * One identity's keys at rest: a sealed key store with the ring as its entry. The command line and the daemon use the same files.
 * @module
 */
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
const PENDING = "enrolment";

export interface IdentityStore {
  /** Loaded from the store; empty for a new one. Belongs to this object. */
  readonly ring: KeyRing;
  /** Writes the ring; when this resolves, it survives a power failure. */
  save(): Promise<void>;
  /** An enrolment that was begun and not finished: what `resumeEnrol` takes. The caller destroys it. */
  pending(): Secret<string> | undefined;
  /** Keeps or forgets such an enrolment, durably. */
  setPending(enrolment: Secret<string> | undefined): Promise<void>;
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
    const ring = loadRing(store, options);
    return wrap(store, ring, options.engine);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** @throws `ERR_FILE_EXISTS` */
export async function createIdentityStore(options: IdentityStoreOptions): Promise<IdentityStore> {
  const store = await createKeyStore(options.path, storeOptions(options));
  return wrap(store, new KeyRing(options.domain.domainId, options.identity), options.engine);
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

function wrap(store: KeyStore, ring: KeyRing, engine: Engine): IdentityStore {
  return {
    ring,
    async save() {
      const bytes = encodeKeyRing(engine, ring);
      try {
        await store.update({ set: { [RING]: bytes } });
      } finally {
        bytes.fill(0);
      }
    },
    pending: () => store.get(PENDING),
    async setPending(enrolment) {
      if (!enrolment) {
        if (store.names().includes(PENDING)) await store.update({ remove: [PENDING] });
        return;
      }
      const bytes = enrolment.use((secret) => secret.slice());
      try {
        await store.update({ set: { [PENDING]: bytes } });
      } finally {
        bytes.fill(0);
      }
    },
    async close() {
      ring.destroy();
      await store.close();
    },
  };
}

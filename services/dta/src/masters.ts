/**
 * The secrets of one D-TA: a master secret share per scheme and the private key that requests are sealed to. They are drawn once at `init`, rest
 * sealed in `masters.sealed`, and are in the clear only inside the issuer's worker thread. Shares of the `mpin` master that rotations have
 * drawn since stand beside them (`mpin-shares.ts`).
 *
 *   sealed payload = 0x01 ‖ id ‖ mpin ‖ cp ‖ kp ‖ statement ‖ HPKE private ‖ HPKE public        225 bytes
 * @module
 */
import { link, rm } from "node:fs/promises";
import { concat, wipe } from "@milagro/crypto/bytes";
import { generateHpkeKeyPair, type HpkeKeyPair, parseHpkePrivateKey, parseHpkePublicKey } from "@milagro/crypto/hpke";
import {
  encodeMasterSecretShare,
  generateMasterSecretShare,
  type MasterSecretShare,
  parseMasterSecretShare,
  SCHEMES,
  type Scheme,
} from "@milagro/crypto/master-secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { MasterSecretShares } from "@milagro/protocol/authority";
import { isErrno } from "@milagro/runtime/atomic-file";
import { createKeyStore, type KdfCost, type KeyStore, openKeyStore } from "@milagro/runtime/key-store";
import type { Passphrase } from "@milagro/runtime/passphrase";

const VERSION = 1;
const PART = 32;
const LENGTH = 1 + PART * (SCHEMES.length + 2);

export interface Masters {
  readonly shares: MasterSecretShares;
  readonly hpke: HpkeKeyPair;
}

/** Fresh secrets for one D-TA. */
export async function generateMasters(engine: Engine, random: RandomBytes): Promise<Masters> {
  const shares = {
    id: generateMasterSecretShare(engine, "id"),
    mpin: generateMasterSecretShare(engine, "mpin"),
    cp: generateMasterSecretShare(engine, "cp"),
    kp: generateMasterSecretShare(engine, "kp"),
    statement: generateMasterSecretShare(engine, "statement"),
  };
  return { shares, hpke: await generateHpkeKeyPair(random) };
}

/** For sealing and nothing else. The caller wipes the bytes. */
export function encodeMasters(engine: Engine, masters: Masters): Uint8Array {
  const parts = SCHEMES.map((scheme) =>
    encodeMasterSecretShare(engine, masters.shares[scheme] as MasterSecretShare<Scheme>),
  );
  const hpkeKey = masters.hpke.privateKey.use((bytes) => bytes.slice());
  const encoded = concat(Uint8Array.of(VERSION), ...parts, hpkeKey, masters.hpke.publicKey);
  wipe(...parts, hpkeKey);
  return encoded;
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_KEYSTORE_CORRUPT` for anything that `encodeMasters` does not write */
export function parseMasters(engine: Engine, bytes: Uint8Array): Masters {
  if (bytes.length !== LENGTH || bytes[0] !== VERSION) {
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the key store does not hold a D-TA's secrets of this version");
  }
  const part = (at: number): Uint8Array => bytes.subarray(1 + at * PART, 1 + (at + 1) * PART);
  const share = <S extends Scheme>(scheme: S): MasterSecretShare<S> =>
    parseMasterSecretShare(engine, scheme, part(SCHEMES.indexOf(scheme)));
  return {
    shares: { id: share("id"), mpin: share("mpin"), cp: share("cp"), kp: share("kp"), statement: share("statement") },
    hpke: {
      privateKey: parseHpkePrivateKey(part(SCHEMES.length).slice()),
      publicKey: parseHpkePublicKey(part(SCHEMES.length + 1)),
    },
  };
}

export function destroyMasters(masters: Masters): void {
  for (const scheme of SCHEMES) masters.shares[scheme].destroy();
  masters.hpke.privateKey.destroy();
}

const STORE_KIND = "dta-masters";
const ENTRY = "masters";

/**
 * Seals fresh secrets into a new file at `path`. The file appears complete or not at all.
 * @throws `ERR_FILE_EXISTS` when there is one: master secrets are never overwritten
 */
export async function sealMasters(
  engine: Engine,
  masters: Masters,
  options: {
    readonly path: string;
    readonly passphrase: Passphrase;
    readonly random: RandomBytes;
    readonly cost?: KdfCost;
  },
): Promise<void> {
  const { path, passphrase, random, cost } = options;
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const store = await createKeyStore(draft, { kind: STORE_KIND, passphrase, random, ...(cost ? { cost } : {}) });
  const encoded = encodeMasters(engine, masters);
  try {
    await store.update({ set: { [ENTRY]: encoded } });
    await link(draft, path).catch((cause: unknown) => {
      throw isErrno(cause, "EEXIST")
        ? new MilagroError("ERR_FILE_EXISTS", "there are sealed masters already", { cause })
        : cause;
    });
  } finally {
    wipe(encoded);
    await store.close();
    await rm(draft, { force: true });
  }
}

interface SealedFile {
  readonly path: string;
  readonly passphrase: Passphrase;
  readonly random: RandomBytes;
}

/**
 * Opens the sealed file and leaves it open, for shares of the `mpin` master that are drawn later (`mpin-shares.ts`).
 * @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT`, `ERR_FILE_MISSING`
 */
export async function openMasters(
  engine: Engine,
  { path, passphrase, random }: SealedFile,
): Promise<{ readonly store: KeyStore; readonly masters: Masters }> {
  const store = await openKeyStore(path, { kind: STORE_KIND, passphrase, random });
  try {
    const entry = store.get(ENTRY);
    if (entry === undefined) throw new MilagroError("ERR_KEYSTORE_CORRUPT", "the key store is empty");
    try {
      return { store, masters: entry.use((bytes) => parseMasters(engine, bytes)) };
    } finally {
      entry.destroy();
    }
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** As `openMasters`, without leaving it open. */
export async function unsealMasters(engine: Engine, file: SealedFile): Promise<Masters> {
  const { store, masters } = await openMasters(engine, file);
  await store.close();
  return masters;
}

/** What the entry of the masters is to be. @param masters - with another share of the `mpin` master, say */
export function mastersEntry(engine: Engine, masters: Masters): Readonly<Record<string, Uint8Array>> {
  return { [ENTRY]: encodeMasters(engine, masters) };
}

/**
 * Seals the masters under another passphrase. The file changes at once or not at all; older copies of it keep the old one.
 * @returns the store, open
 * @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT`, `ERR_KEYSTORE_CHANGED`, `ERR_FILE_MISSING`
 */
export async function resealMasters({
  path,
  passphrase,
  next,
  random,
}: SealedFile & { readonly next: Passphrase }): Promise<KeyStore> {
  const store = await openKeyStore(path, { kind: STORE_KIND, passphrase, random });
  try {
    await store.changePassphrase(next);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

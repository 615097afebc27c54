/**
 * Sealing to a public key: HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, single shot.
 *
 * Randomness is injected: the library's KEM takes its ephemeral key pair from `GenerateKeyPair`, which is replaced here by
 * `DeriveKeyPair` (RFC 9180 §7.1.3) over 32 bytes from the caller's source. Nothing reaches for a global `crypto`.
 * Source: RFC 9180 §6.1 (single-shot), §7.1 (KEM), §7.3 (AEAD).
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { AEAD_AES_256_GCM, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "@panva/hpke-noble";
import { CipherSuite, EncapError, type KEMFactory } from "hpke";
import type { Brand } from "./brand.ts";
import { wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { Secret } from "./secret.ts";

/** An X25519 public key: 32 bytes. */
export type HpkePublicKey = Brand<Uint8Array, "HpkePublicKey">;
/** An X25519 private key: 32 bytes. */
export type HpkePrivateKey = Secret<"HPKE private key">;

export interface HpkeKeyPair {
  readonly publicKey: HpkePublicKey;
  readonly privateKey: HpkePrivateKey;
}

/** What the receiver needs to open: 32 bytes of encapsulated key, and the ciphertext with its 16-byte tag. */
export interface HpkeSealed {
  readonly encapsulatedKey: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const KEY_LENGTH = 32;

/** The suite, with an ephemeral key pair that comes from `seed`; without one it can only receive. */
function suite(seed?: Uint8Array): CipherSuite {
  const kem: KEMFactory = () => {
    const standard = KEM_DHKEM_X25519_HKDF_SHA256();
    return {
      ...standard,
      GenerateKeyPair: async (extractable: boolean) => {
        if (!seed) throw new TypeError("this operation draws no randomness");
        return standard.DeriveKeyPair(seed, extractable);
      },
    };
  };
  return new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
}

const receiving = suite();

/** A fresh key pair. */
export async function generateHpkeKeyPair(random: RandomBytes): Promise<HpkeKeyPair> {
  const seed = random(KEY_LENGTH);
  const pair = await suite(seed).GenerateKeyPair(true);
  wipe(seed);
  const publicKey = (await receiving.SerializePublicKey(pair.publicKey)).slice();
  const privateKey = await receiving.SerializePrivateKey(pair.privateKey);
  return { publicKey: publicKey as HpkePublicKey, privateKey: new Secret("HPKE private key", privateKey) };
}

/** @throws `ERR_HPKE_KEY_INVALID` for another length; points of small order are refused by `hpkeSeal` */
export function parseHpkePublicKey(bytes: Uint8Array): HpkePublicKey {
  if (bytes.length !== KEY_LENGTH) throw new MilagroError("ERR_HPKE_KEY_INVALID", "not an X25519 public key");
  return bytes.slice() as HpkePublicKey;
}

/** From unsealed bytes, which are overwritten. @throws `ERR_HPKE_KEY_INVALID` for another length */
export function parseHpkePrivateKey(bytes: Uint8Array): HpkePrivateKey {
  if (bytes.length !== KEY_LENGTH) throw new MilagroError("ERR_HPKE_KEY_INVALID", "not an X25519 private key");
  return new Secret("HPKE private key", bytes);
}

/**
 * Seals to one public key. `info` and `aad` are bound and not sent.
 * @throws `ERR_HPKE_KEY_INVALID` for a key of small order, with which the shared secret would be zero
 */
export async function hpkeSeal(options: {
  readonly publicKey: HpkePublicKey;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly plaintext: Uint8Array;
  readonly random: RandomBytes;
}): Promise<HpkeSealed> {
  const { info, aad } = options;
  const seed = options.random(KEY_LENGTH);
  const sender = suite(seed);
  const publicKey = await sender.DeserializePublicKey(options.publicKey);
  try {
    const { encapsulatedSecret, ciphertext } = await sender.Seal(publicKey, options.plaintext, { info, aad });
    return { encapsulatedKey: encapsulatedSecret, ciphertext };
  } catch (cause) {
    if (!(cause instanceof EncapError)) throw cause;
    throw new MilagroError("ERR_HPKE_KEY_INVALID", "not a usable X25519 public key", { cause });
  } finally {
    wipe(seed);
  }
}

/** @throws `ERR_HPKE_OPEN_FAILED` for a wrong key, info or aad, and for any change of what was sealed: one code for all */
export async function hpkeOpen(options: {
  readonly privateKey: HpkePrivateKey;
  readonly encapsulatedKey: Uint8Array;
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
  readonly ciphertext: Uint8Array;
}): Promise<Uint8Array> {
  const { info, aad } = options;
  const bytes = options.privateKey.use((key) => key.slice());
  try {
    const privateKey = await receiving.DeserializePrivateKey(bytes, false);
    return await receiving.Open(privateKey, options.encapsulatedKey, options.ciphertext, { info, aad });
  } catch (cause) {
    throw new MilagroError("ERR_HPKE_OPEN_FAILED", "sealed for another key or purpose, or changed on the way", {
      cause,
    });
  } finally {
    wipe(bytes);
  }
}

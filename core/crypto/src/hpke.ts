/**
 * Sealing to a public key: HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, single shot.
 *
 * Randomness is injected: an ephemeral key pair is `DeriveKeyPair` (RFC 9180 §7.1.3) over 32 bytes from the caller's
 * source. Nothing reaches for a global `crypto`; `x25519` may be a native implementation, and is noble's when absent.
 * Source: RFC 9180 §6.1 (single-shot), §7.1 (KEM), §7.3 (AEAD).
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { EncapError } from "hpke";
import { wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { HPKE_KEY_LENGTH, type HpkePrivateKey, type HpkePublicKey } from "./hpke-key.ts";
import { nobleX25519, suite, type X25519 } from "./hpke-suite.ts";
import { Secret } from "./secret.ts";

export { type HpkePrivateKey, type HpkePublicKey, parseHpkePrivateKey, parseHpkePublicKey } from "./hpke-key.ts";
export type { X25519 } from "./hpke-suite.ts";

export interface HpkeKeyPair {
  readonly publicKey: HpkePublicKey;
  readonly privateKey: HpkePrivateKey;
}

/** What the receiver needs to open: 32 bytes of encapsulated key, and the ciphertext with its 16-byte tag. */
export interface HpkeSealed {
  readonly encapsulatedKey: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const receiving = suite(nobleX25519);

/** The public halves of private keys that have opened something: computing one costs as much as opening. */
const publicHalves = new WeakMap<HpkePrivateKey, Uint8Array>();

/** A fresh key pair. */
export async function generateHpkeKeyPair(random: RandomBytes, x25519: X25519 = nobleX25519): Promise<HpkeKeyPair> {
  const seed = random(HPKE_KEY_LENGTH);
  const pair = await suite(x25519, seed).GenerateKeyPair(true);
  wipe(seed);
  const publicKey = (await receiving.SerializePublicKey(pair.publicKey)).slice();
  const privateKey = await receiving.SerializePrivateKey(pair.privateKey);
  return { publicKey: publicKey as HpkePublicKey, privateKey: new Secret("HPKE private key", privateKey) };
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
  readonly x25519?: X25519 | undefined;
}): Promise<HpkeSealed> {
  const { info, aad, x25519 = nobleX25519 } = options;
  const seed = options.random(HPKE_KEY_LENGTH);
  const sender = suite(x25519, seed);
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
  readonly x25519?: X25519 | undefined;
}): Promise<Uint8Array> {
  const { info, aad, x25519 = nobleX25519 } = options;
  const receiver = x25519 === nobleX25519 ? receiving : suite(x25519);
  const bytes = options.privateKey.use((key) => key.slice());
  try {
    const privateKey = await receiver.DeserializePrivateKey(bytes, false);
    const own = publicHalves.get(options.privateKey) ?? x25519(bytes).publicKey();
    publicHalves.set(options.privateKey, own);
    const publicKey = await receiver.DeserializePublicKey(own);
    return await receiver.Open({ privateKey, publicKey }, options.encapsulatedKey, options.ciphertext, { info, aad });
  } catch (cause) {
    throw new MilagroError("ERR_HPKE_OPEN_FAILED", "sealed for another key or purpose, or changed on the way", {
      cause,
    });
  } finally {
    wipe(bytes);
  }
}

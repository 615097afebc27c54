/**
 * Sealing to a public key: HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, single shot.
 *
 * Randomness is injected: an ephemeral key pair is `DeriveKeyPair` (RFC 9180 §7.1.3) over 32 bytes from the caller's
 * source. Nothing reaches for a global `crypto`; curve and cipher may be native implementations, and are noble's when absent.
 * Source: RFC 9180 §6.1 (single-shot), §7.1 (KEM), §7.3 (AEAD).
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { EncapError, type KeyPair } from "hpke";
import { wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { HPKE_KEY_LENGTH, type HpkePrivateKey, type HpkePublicKey } from "./hpke-key.ts";
import { type HpkePorts, nobleX25519, suite, type X25519 } from "./hpke-suite.ts";
import { Secret } from "./secret.ts";

export { type HpkePrivateKey, type HpkePublicKey, parseHpkePrivateKey, parseHpkePublicKey } from "./hpke-key.ts";
export type { HpkePorts, X25519, X25519Agreement } from "./hpke-suite.ts";

export interface HpkeKeyPair {
  readonly publicKey: HpkePublicKey;
  readonly privateKey: HpkePrivateKey;
}

/** What the receiver needs to open: 32 bytes of encapsulated key, and the ciphertext with its 16-byte tag. */
export interface HpkeSealed {
  readonly encapsulatedKey: Uint8Array;
  readonly ciphertext: Uint8Array;
}

const plain = suite({});

/**
 * Private keys that have opened something, made ready for the next time: that costs as much as opening does. They go away
 * with the key they belong to; one that was destroyed is not used again.
 */
const readied = new WeakMap<X25519, WeakMap<HpkePrivateKey, KeyPair>>();

async function ready(privateKey: HpkePrivateKey, x25519: X25519): Promise<KeyPair> {
  const bytes = privateKey.use((key) => key.slice());
  try {
    const own = readied.get(x25519) ?? new WeakMap<HpkePrivateKey, KeyPair>();
    readied.set(x25519, own);
    const known = own.get(privateKey);
    if (known) return known;
    const curve = suite({ x25519 });
    const pair = {
      privateKey: await curve.DeserializePrivateKey(bytes, false),
      publicKey: await curve.DeserializePublicKey(x25519(bytes).publicKey()),
    };
    own.set(privateKey, pair);
    return pair;
  } finally {
    wipe(bytes);
  }
}

/** A fresh key pair. */
export async function generateHpkeKeyPair(random: RandomBytes, x25519: X25519 = nobleX25519): Promise<HpkeKeyPair> {
  const seed = random(HPKE_KEY_LENGTH);
  const pair = await suite({ x25519 }, seed).GenerateKeyPair(true);
  wipe(seed);
  const publicKey = (await plain.SerializePublicKey(pair.publicKey)).slice();
  const privateKey = await plain.SerializePrivateKey(pair.privateKey);
  return { publicKey: publicKey as HpkePublicKey, privateKey: new Secret("HPKE private key", privateKey) };
}

/**
 * Seals to one public key. `info` and `aad` are bound and not sent.
 * @throws `ERR_HPKE_KEY_INVALID` for a key of small order, with which the shared secret would be zero
 */
export async function hpkeSeal(
  options: HpkePorts & {
    readonly publicKey: HpkePublicKey;
    readonly info: Uint8Array;
    readonly aad: Uint8Array;
    readonly plaintext: Uint8Array;
    readonly random: RandomBytes;
  },
): Promise<HpkeSealed> {
  const { info, aad } = options;
  const seed = options.random(HPKE_KEY_LENGTH);
  const sender = suite(options, seed);
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
export async function hpkeOpen(
  options: HpkePorts & {
    readonly privateKey: HpkePrivateKey;
    readonly encapsulatedKey: Uint8Array;
    readonly info: Uint8Array;
    readonly aad: Uint8Array;
    readonly ciphertext: Uint8Array;
  },
): Promise<Uint8Array> {
  const { info, aad, encapsulatedKey, ciphertext } = options;
  const own = await ready(options.privateKey, options.x25519 ?? nobleX25519);
  try {
    return await suite(options).Open(own, encapsulatedKey, ciphertext, { info, aad });
  } catch (cause) {
    throw new MilagroError("ERR_HPKE_OPEN_FAILED", "sealed for another key or purpose, or changed on the way", {
      cause,
    });
  }
}

/**
 * ML-KEM-768 behind a port: noble's runs everywhere, a shell may hand in a native one, which is many times faster.
 * Source: FIPS 203 (algorithms 19 to 21, parameter set ML-KEM-768).
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { wipe } from "./bytes.ts";

/** Bytes of an encapsulation key. */
export const ML_KEM_PUBLIC_KEY_LENGTH = 1184;
/** Bytes of a ciphertext. */
export const ML_KEM_CIPHERTEXT_LENGTH = 1088;

/** One ephemeral key pair. */
export interface MlKemKeyPair {
  /** 1184 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes, for every ciphertext of 1088 bytes: a false one gives a value that nobody else has. */
  decapsulate(ciphertext: Uint8Array): Uint8Array;
  /** Forgets the private key. */
  destroy(): void;
}

/** What the agreement needs. Native implementations draw from the system's source instead of `random`. */
export interface MlKem {
  generate(random: RandomBytes): MlKemKeyPair;
  /** Throws for a key that is not encoded canonically (FIPS 203 §7.2). */
  encapsulate(
    random: RandomBytes,
    publicKey: Uint8Array,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
}

/** Plain JavaScript. Draws 64 bytes for a key pair (d ‖ z), 32 for a ciphertext (m). */
export const nobleMlKem: MlKem = {
  generate(random) {
    const seed = random(64);
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    wipe(seed);
    return {
      publicKey,
      decapsulate: (ciphertext) => ml_kem768.decapsulate(ciphertext, secretKey),
      destroy: () => wipe(secretKey),
    };
  },
  encapsulate(random, publicKey) {
    const message = random(32);
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
    wipe(message);
    return { ciphertext: cipherText, sharedSecret };
  },
};

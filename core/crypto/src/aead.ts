/**
 * AES-256-GCM behind a port, so that a shell can hand in a faster one (node:crypto). Default: `@noble/ciphers`.
 * Source: NIST SP 800-38D. Every key here encrypts under distinct nonces only: envelopes use a key once, files count.
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";

/** AES-256-GCM: 32-byte key, 12-byte nonce, the 16-byte tag at the end of the ciphertext. May be asynchronous. */
export interface AeadPort {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Throws, or rejects, whatever is wrong, and hands out nothing before the tag is checked. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Bytes of the tag. */
export const AEAD_OVERHEAD = 16;

/** The synchronous implementation that runs everywhere. */
export const nobleAead = {
  seal: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array =>
    gcm(key, nonce, aad).encrypt(plaintext),
  open: (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array =>
    gcm(key, nonce, aad).decrypt(ciphertext),
} satisfies AeadPort;

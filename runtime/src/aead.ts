/**
 * AES-256-GCM by OpenSSL, through `node:crypto`: several times faster than the portable one, with the same bytes. Keys go
 * in as key objects: Node finds out by an exception, at twice the cost of the cipher, that bytes are none.
 * @module
 */
import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import { AEAD_OVERHEAD, type AeadPort } from "@milagro/crypto/aead";

export const nativeAead = {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const cipher = createCipheriv("aes-256-gcm", createSecretKey(key), nonce).setAAD(aad);
    // An array of its own, not a part of Buffer's pool: what is posted to another thread is copied with its whole buffer.
    const sealed = new Uint8Array(plaintext.length + AEAD_OVERHEAD);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  },
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const end = ciphertext.length - AEAD_OVERHEAD;
    if (end < 0) throw new TypeError("no tag");
    const decipher = createDecipheriv("aes-256-gcm", createSecretKey(key), nonce, {
      authTagLength: AEAD_OVERHEAD,
    }).setAAD(aad);
    decipher.setAuthTag(ciphertext.subarray(end));
    const plaintext = decipher.update(ciphertext.subarray(0, end));
    decipher.final();
    return new Uint8Array(plaintext);
  },
} satisfies AeadPort;

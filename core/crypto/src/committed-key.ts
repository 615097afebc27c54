/**
 * The key of everything that is sealed here, and the commitment that binds a ciphertext to it.
 *
 *   commitment = deriveKey(K, name-COMMITMENT, head)
 *   key        = deriveKey(K, name-KEY)           for one message: AES-256-GCM(key, nonce = 0, aad = head ‖ commitment, plaintext)
 *   key        = deriveKey(K, name-KEY, head)     for a stream of segments
 *
 * The nonce of one message is constant because each key encrypts once. AES-GCM alone does not bind its key (one ciphertext can be
 * made to open under two keys to two texts); the commitment does, and it is compared before anything is decrypted.
 * Source: Dodis et al., Fast Message Franking (CRYPTO 2018); Albertini et al., How to Abuse and Fix Authenticated Encryption
 * Without Key Commitment (USENIX Security 2022).
 * @module
 */
import { nobleAead } from "./aead.ts";
import { concat, equalBytes, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { deriveKey } from "./kdf.ts";
import type { Secret } from "./secret.ts";

/** What is sealed, as it stands in the labels of its keys. */
export type SealedKind =
  | "MILAGRO-V1-ENVELOPE"
  | "MILAGRO-V1-ABE-ENVELOPE"
  | "MILAGRO-V1-SIGNCRYPTION"
  | "MILAGRO-V1-FILE"
  | "MILAGRO-V1-ABE-FILE";

/** 32 bytes. */
export const COMMITMENT_LENGTH = 32;
const NONCE = new Uint8Array(12);

export interface Sealed {
  /** 32 bytes. */
  readonly commitment: Uint8Array;
  /** As long as the plaintext plus 16. */
  readonly ciphertext: Uint8Array;
}

/** Seals one message. Consumes the shared secret. @param head - all that precedes the commitment; public */
export function sealOnce(
  sharedSecret: Secret<"shared secret">,
  kind: SealedKind,
  head: Uint8Array,
  plaintext: Uint8Array,
): Sealed {
  const { key, commitment } = deriveKeys(sharedSecret, kind, head, []);
  try {
    return { commitment, ciphertext: nobleAead.seal(key, NONCE, concat(head, commitment), plaintext) };
  } finally {
    wipe(key);
  }
}

/**
 * Opens one message. Consumes the shared secret; the plaintext is the caller's to wipe.
 * @throws `ERR_DECAPSULATION_FAILED`, whichever step failed
 */
export function openOnce(
  sharedSecret: Secret<"shared secret">,
  kind: SealedKind,
  head: Uint8Array,
  sealed: Sealed,
): Uint8Array {
  const { key, commitment } = deriveKeys(sharedSecret, kind, head, []);
  try {
    if (!equalBytes(commitment, sealed.commitment)) throw new Error("another key");
    return nobleAead.open(key, NONCE, concat(head, commitment), sealed.ciphertext);
  } catch {
    return refuse();
  } finally {
    wipe(key);
  }
}

/** The key of a stream, 32 bytes, and its commitment. Consumes the shared secret; the key is the caller's to wipe. */
export function streamKey(
  sharedSecret: Secret<"shared secret">,
  kind: SealedKind,
  head: Uint8Array,
): { readonly key: Uint8Array; readonly commitment: Uint8Array } {
  return deriveKeys(sharedSecret, kind, head, [head]);
}

/** As `streamKey`, for who has received `commitment`. @throws `ERR_DECAPSULATION_FAILED` when it is of another key */
export function openStreamKey(
  sharedSecret: Secret<"shared secret">,
  kind: SealedKind,
  head: Uint8Array,
  received: Uint8Array,
): Uint8Array {
  const { key, commitment } = streamKey(sharedSecret, kind, head);
  if (equalBytes(commitment, received)) return key;
  wipe(key);
  return refuse();
}

function deriveKeys(
  sharedSecret: Secret<"shared secret">,
  kind: SealedKind,
  head: Uint8Array,
  inKey: readonly Uint8Array[],
): { readonly key: Uint8Array; readonly commitment: Uint8Array } {
  try {
    return sharedSecret.use((secret) => ({
      key: deriveKey(secret, `${kind}-KEY`, ...inKey),
      commitment: deriveKey(secret, `${kind}-COMMITMENT`, head),
    }));
  } finally {
    sharedSecret.destroy();
  }
}

function refuse(): never {
  throw new MilagroError("ERR_DECAPSULATION_FAILED", "not encapsulated to this key, or changed on the way");
}

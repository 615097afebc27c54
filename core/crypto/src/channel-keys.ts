/**
 * The key schedule of an agreement: a running hash over all that was sent, and keys that depend on it.
 *
 *   th_0 = 32 zero bytes      th_k = SHA-256(transcript("MILAGRO-V1-CHANNEL-TRANSCRIPT", th_{k−1}, part_k))
 *   key(label, fields) = HKDF-SHA-256(ikm = secret, salt = th, info = transcript(label, fields), 32)
 *   mix(extra):  secret = HKDF-SHA-256(ikm = secret, salt = extra, info = transcript("MILAGRO-V1-CHANNEL-MIX", th), 64)
 *
 * Each part enters with its length, so two different runs never have one hash; each key depends on the whole conversation up to it.
 * Source: Krawczyk: SIGMA (CRYPTO 2003) for what is hashed; RFC 5869.
 * @module
 */
import { shortHash, shortHmac } from "@milagro/engine/short-hash";
import { transcript, wipe } from "./bytes.ts";
import { hkdf, hkdfExpand, hkdfExtract } from "./hkdf.ts";
import type { HybridSecret } from "./hybrid-agreement.ts";

/** SHA-256: 32 bytes. What is hashed is public. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** A running hash, and after `useSecret` the keys that hang on it. */
class ChannelKeys {
  readonly #sha256: Sha256;
  #hash: Uint8Array = new Uint8Array(32);
  #secret: Uint8Array | undefined;
  /** Of `#secret` at `#hash`: several keys are taken at the same place. */
  #extracted: Uint8Array | undefined;

  constructor(sha256: Sha256) {
    this.#sha256 = sha256;
  }

  /** 32 bytes over all that was absorbed; a copy. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  absorb(part: Uint8Array): void {
    this.#hash = this.#sha256(transcript("MILAGRO-V1-CHANNEL-TRANSCRIPT", this.#hash, part));
    this.#moveOn();
  }

  /** Takes the key material over. */
  useSecret(secret: HybridSecret): void {
    this.#secret = secret.use((bytes) => bytes.slice());
    this.#moveOn();
    secret.destroy();
  }

  /** Adds key material of another agreement that ran inside this one. The bytes are the caller's. */
  mix(extra: Uint8Array): void {
    const old = this.#need();
    this.#secret = hkdf(old, extra, transcript("MILAGRO-V1-CHANNEL-MIX", this.#hash), 64);
    this.#moveOn();
    wipe(old);
  }

  /** 32 bytes, the caller's to wipe. */
  key(label: string, ...fields: readonly Uint8Array[]): Uint8Array {
    this.#extracted ??= hkdfExtract(this.#need(), this.#hash);
    return hkdfExpand(this.#extracted, transcript(label, ...fields), 32);
  }

  destroy(): void {
    this.#secret?.fill(0);
    this.#secret = undefined;
    this.#moveOn();
  }

  #moveOn(): void {
    this.#extracted?.fill(0);
    this.#extracted = undefined;
  }

  #need(): Uint8Array {
    if (!this.#secret) throw new TypeError("no secret yet, or no longer");
    return this.#secret;
  }
}

export type { ChannelKeys };

/** A schedule that has absorbed nothing. @param sha256 - one that a shell does faster than JavaScript */
export function startChannelKeys(sha256: Sha256 = shortHash): ChannelKeys {
  return new ChannelKeys(sha256);
}

/** HMAC-SHA-256 over `transcript(label, fields)`: 32 bytes. */
export function channelMac(key: Uint8Array, label: string, ...fields: readonly Uint8Array[]): Uint8Array {
  return shortHmac(key, transcript(label, ...fields));
}

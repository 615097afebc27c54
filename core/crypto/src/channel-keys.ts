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
import { shortHmac } from "@milagro/engine/short-hash";
import { transcript, wipe } from "./bytes.ts";
import { hkdf } from "./hkdf.ts";
import type { HybridSecret } from "./hybrid-agreement.ts";
import { digest } from "./kdf.ts";

/** A running hash, and after `useSecret` the keys that hang on it. */
class ChannelKeys {
  #hash = new Uint8Array(32);
  #secret: Uint8Array | undefined;

  /** 32 bytes over all that was absorbed; a copy. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  absorb(part: Uint8Array): void {
    this.#hash = digest("MILAGRO-V1-CHANNEL-TRANSCRIPT", this.#hash, part) as Uint8Array<ArrayBuffer>;
  }

  /** Takes the key material over. */
  useSecret(secret: HybridSecret): void {
    this.#secret = secret.use((bytes) => bytes.slice());
    secret.destroy();
  }

  /** Adds key material of another agreement that ran inside this one. The bytes are the caller's. */
  mix(extra: Uint8Array): void {
    const old = this.#need();
    this.#secret = hkdf(old, extra, transcript("MILAGRO-V1-CHANNEL-MIX", this.#hash), 64);
    wipe(old);
  }

  /** 32 bytes, the caller's to wipe. */
  key(label: string, ...fields: readonly Uint8Array[]): Uint8Array {
    return hkdf(this.#need(), this.#hash, transcript(label, ...fields), 32);
  }

  destroy(): void {
    this.#secret?.fill(0);
    this.#secret = undefined;
  }

  #need(): Uint8Array {
    if (!this.#secret) throw new TypeError("no secret yet, or no longer");
    return this.#secret;
  }
}

export type { ChannelKeys };

/** A schedule that has absorbed nothing. */
export function startChannelKeys(): ChannelKeys {
  return new ChannelKeys();
}

/** HMAC-SHA-256 over `transcript(label, fields)`: 32 bytes. */
export function channelMac(key: Uint8Array, label: string, ...fields: readonly Uint8Array[]): Uint8Array {
  return shortHmac(key, transcript(label, ...fields));
}

/**
 * An ephemeral secret between two sides that know nothing of each other yet: X25519 and ML-KEM-768 side by side. Whoever wants it
 * later must break both.
 *
 *   initiator → responder   X_A (32) ‖ ek_A (1184)
 *   responder → initiator   X_B (32) ‖ ct (1088)
 *   secret = x25519 ‖ mlkem (64 bytes): key material for a key schedule that hashes both messages, no key by itself
 *
 * Source: RFC 7748 §6.1 (the check against all zeroes), FIPS 203; the order as in draft-ietf-tls-hybrid-design §3.3.
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { concat, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { nobleX25519, type X25519, type X25519Agreement } from "./hpke-suite.ts";
import {
  ML_KEM_CIPHERTEXT_LENGTH,
  ML_KEM_PUBLIC_KEY_LENGTH,
  type MlKem,
  type MlKemKeyPair,
  nobleMlKem,
} from "./ml-kem.ts";
import { Secret } from "./secret.ts";

const X25519_LENGTH = 32;
/** Bytes of the initiator's share. */
export const HYBRID_OFFER_LENGTH = X25519_LENGTH + ML_KEM_PUBLIC_KEY_LENGTH;
/** Bytes of the responder's share. */
export const HYBRID_ANSWER_LENGTH = X25519_LENGTH + ML_KEM_CIPHERTEXT_LENGTH;

/** 64 bytes of key material. */
export type HybridSecret = Secret<"hybrid secret">;

/** What a shell may do faster than JavaScript; noble's where absent. */
export interface HybridPorts {
  readonly x25519?: X25519 | undefined;
  /** A fresh key pair of the shell's own drawing, as `mlKem` draws; instead of `random` and `x25519`. */
  readonly drawX25519?: (() => X25519Agreement) | undefined;
  readonly mlKem?: MlKem | undefined;
}

/** The initiator's side: one share, one answer. */
class HybridOffer {
  /** 1216 bytes. */
  readonly share: Uint8Array;
  #curve: X25519Agreement | undefined;
  readonly #kem: MlKemKeyPair;

  constructor(random: RandomBytes, ports: HybridPorts) {
    this.#curve = drawCurve(random, ports);
    this.#kem = (ports.mlKem ?? nobleMlKem).generate(random);
    this.share = concat(this.#curve.publicKey(), this.#kem.publicKey);
  }

  /**
   * @throws `ERR_CHANNEL_AGREEMENT` for a share of another length or a point of small order
   * @throws TypeError the second time
   */
  finish(answer: Uint8Array): HybridSecret {
    const curve = this.#curve;
    if (!curve) throw new TypeError("this offer was used, or dropped");
    try {
      if (answer.length !== HYBRID_ANSWER_LENGTH) throw refused();
      const first = curveSecret(curve, answer.subarray(0, X25519_LENGTH));
      return join(first, this.#kem.decapsulate(answer.subarray(X25519_LENGTH)));
    } finally {
      this.destroy();
    }
  }

  /** Forgets the private keys. */
  destroy(): void {
    this.#curve = undefined;
    this.#kem.destroy();
  }
}

export type { HybridOffer };

/** The initiator begins. */
export function offerHybrid(random: RandomBytes, ports: HybridPorts = {}): HybridOffer {
  return new HybridOffer(random, ports);
}

/**
 * The responder's share and the secret.
 * @param offer - 1216 bytes
 * @throws `ERR_CHANNEL_AGREEMENT` for another length, a point of small order, a key that is not canonical
 */
export function answerHybrid(
  random: RandomBytes,
  offer: Uint8Array,
  ports: HybridPorts = {},
): { readonly share: Uint8Array; readonly secret: HybridSecret } {
  if (offer.length !== HYBRID_OFFER_LENGTH) throw refused();
  const curve = drawCurve(random, ports);
  const first = curveSecret(curve, offer.subarray(0, X25519_LENGTH));
  try {
    const { ciphertext, sharedSecret } = (ports.mlKem ?? nobleMlKem).encapsulate(random, offer.subarray(X25519_LENGTH));
    return { share: concat(curve.publicKey(), ciphertext), secret: join(first, sharedSecret) };
  } catch (cause) {
    wipe(first);
    throw refused(cause);
  }
}

const drawCurve = (random: RandomBytes, { x25519 = nobleX25519, drawX25519 }: HybridPorts): X25519Agreement =>
  drawX25519 ? drawX25519() : x25519(random(X25519_LENGTH));

function curveSecret(curve: X25519Agreement, publicKey: Uint8Array): Uint8Array {
  let secret: Uint8Array;
  try {
    secret = curve.sharedSecret(publicKey);
  } catch (cause) {
    throw refused(cause);
  }
  if (secret.every((byte) => byte === 0)) throw refused();
  return secret;
}

function join(first: Uint8Array, second: Uint8Array): HybridSecret {
  const both = concat(first, second);
  wipe(first, second);
  return new Secret("hybrid secret", both);
}

function refused(cause?: unknown): MilagroError {
  return new MilagroError("ERR_CHANNEL_AGREEMENT", "a key share that cannot be used", { cause });
}

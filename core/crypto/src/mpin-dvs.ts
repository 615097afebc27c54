/**
 * The user's own key in M-Pin (designated verifier signature): with it not even all D-TAs together can log in as the user,
 * once a server has pinned the input of the registration.
 *
 *   key:    z uniform in [1, r), never leaves the device          Pa = z⁻¹·g2, public, inside the hashed input
 *   login:  the client secret is z·S instead of S; the server pairs V with Pa instead of g2:  e(z·X, Pa) = e(X, g2)
 *   proof:  Schnorr, base g2. t = hashToScalar("MILAGRO-V1-MPIN-DVS-NONCE", z⁻¹, input),  R = t·g2,
 *           c = hashToScalar("MILAGRO-V1-MPIN-DVS-PROOF", R, input),  w = t + c·z⁻¹;   R ‖ w (128 bytes);   w·g2 = R + c·Pa
 *
 * The proof is checked by each D-TA before it issues and by the server before it pins. Without it, whoever holds a server
 * secret s·g2 could register Pa = c·s·g2 in anybody's name and log in with V = −c⁻¹·(x+y)·A, no D-TA asked.
 *
 * Source: the idea of Pa is that of the DVS mode of Apache Milagro; RFC 8235 (Schnorr).
 * @module
 */
import type { Engine, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat, wipe } from "./bytes.ts";
import { hashToScalar } from "./kdf.ts";
import { checkingKey, type DvsInput, type DvsPublicKey, isDvsInput, parseDvsPublicKey } from "./mpin-identity.ts";
import { MpinSecret } from "./mpin-secret.ts";
import { baseMultiply2 } from "./precomputed.ts";

/** z, with Pa as its `input`. */
export type DvsKey = MpinSecret<"DVS key", Scalar, DvsPublicKey>;
/** R ‖ w: 128 bytes. */
export type DvsProof = Brand<Uint8Array, "DvsProof">;

const R_LENGTH = 96;
const DVS_PROOF_LENGTH = R_LENGTH + 32;

/** A fresh key, from the engine's random source. */
export function generateDvsKey(engine: Engine): DvsKey {
  return ownKey(engine, engine.scalars.random());
}

/** Proves that the one who registers this input knows the key inside it. Deterministic. @throws TypeError for another key's input */
export function proveDvsKey(engine: Engine, key: DvsKey, input: DvsInput): DvsProof {
  return key.use((z) => {
    const inverse = engine.scalars.invert(z);
    const inverseBytes = engine.scalars.encode(inverse);
    if (!engine.g2.equals(baseMultiply2(engine, inverse), checkingKey(engine, input))) {
      throw new TypeError("the input holds another DVS key");
    }
    const t = hashToScalar(engine, "MILAGRO-V1-MPIN-DVS-NONCE", inverseBytes, input);
    const r = engine.g2.encode(baseMultiply2(engine, t));
    const product = engine.scalars.multiply(challenge(engine, r, input), inverse);
    const proof = concat(r, engine.scalars.encode(engine.scalars.add(t, product))) as DvsProof;
    wipe(inverseBytes);
    engine.zeroise(inverse, t, product);
    return proof;
  });
}

/** Whether the proof holds for this input. False for malformed bytes and for a plain input. */
export function verifyDvsKey(engine: Engine, input: DvsInput, proof: Uint8Array): boolean {
  if (!isDvsInput(input) || proof.length !== DVS_PROOF_LENGTH) return false;
  const r = proof.slice(0, R_LENGTH);
  try {
    const commitment = engine.g2.decode(r);
    const response = engine.scalars.decode(proof.slice(R_LENGTH));
    const minus = engine.scalars.negate(challenge(engine, r, input));
    const expected = engine.g2.multiScalar([engine.g2.generator, checkingKey(engine, input)], [response, minus]);
    return engine.g2.equals(expected, commitment);
  } catch {
    return false;
  }
}

/** 32 bytes, for sealing on the device and nothing else. The caller wipes them. */
export function encodeDvsKey(engine: Engine, key: DvsKey): Uint8Array {
  return key.use((z) => engine.scalars.encode(z));
}

/** From unsealed bytes, which the caller wipes. @throws `ERR_SCALAR_INVALID`, and `ERR_PUBLIC_KEY_INVALID` for z = 1 */
export function parseDvsKey(engine: Engine, bytes: Uint8Array): DvsKey {
  return ownKey(engine, engine.scalars.decode(bytes));
}

function challenge(engine: Engine, r: Uint8Array, input: DvsInput): Scalar {
  return hashToScalar(engine, "MILAGRO-V1-MPIN-DVS-PROOF", r, input);
}

function ownKey(engine: Engine, z: Scalar): DvsKey {
  const inverse = engine.scalars.invert(z);
  const publicKey = parseDvsPublicKey(engine, engine.g2.encode(baseMultiply2(engine, inverse)));
  engine.zeroise(inverse);
  return new MpinSecret(engine, "DVS key", publicKey, z, [z]);
}

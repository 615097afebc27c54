/**
 * Identity-based key encapsulation to one or more identities: Boneh–Franklin made CCA-secure by Fujisaki–Okamoto, on a
 * type-3 pairing. With ID*ⱼ the ordered recipients, Qⱼ = H1(ID*ⱼ), P the domain's public key in G2:
 *
 *   binding  = SHA-256(transcript("MILAGRO-V1-IBE-BINDING", H(P), ID*₁ … ID*ₙ))
 *   m ← 32 random bytes
 *   ρ        = SHA-384(transcript("MILAGRO-V1-IBE-H3", m, binding)) mod r
 *   U        = ρ·g2
 *   Vⱼ       = m ⊕ SHA-256(transcript("MILAGRO-V1-IBE-H2", e(Qⱼ, P)^ρ, U, Qⱼ, u16 j))          j from 0
 *   K        = HKDF-SHA-256(m, "", transcript("MILAGRO-V1-IBE-KEY", U, V₁ ‖ … ‖ Vₙ, binding, context), 32)
 *   decapsulate with dⱼ: m' from e(dⱼ, U) and Vⱼ; require ρ'·g2 = U; the same K
 *
 * The ciphertext U ‖ V₁ ‖ … ‖ Vₙ has 96 + 32·n bytes, whatever the number of D-TAs. Decapsulation is one pairing and one
 * fixed-base multiplication at any n. Whoever knows m knows ρ and with it every mask: all recipients are equal.
 *
 * Source: Boneh, Franklin (CRYPTO 2001) §4.2 FullIdent; Fujisaki, Okamoto (CRYPTO 1999).
 * Security: changing U, Vⱼ, the list, its order or the slot fails the check; changing another recipient's Vₖ or the context
 * gives an unrelated K. All D-TAs together can compute dⱼ and decapsulate.
 * @module
 */
import type { Engine, G2, Gt, RandomBytes, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat, u16, wipe, xorBytes } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { hashIdentity1, type IdentityInput } from "./identity-input.ts";
import { type IdentityKey, isInputFor } from "./identity-key.ts";
import { deriveKey, digest, hashToScalar } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { baseMultiply2, preparedLines } from "./precomputed.ts";
import { Secret } from "./secret.ts";

/** U ‖ V₁ ‖ … ‖ Vₙ: 96 + 32·n bytes of the right length; whether it opens shows when it is opened. */
export type IbeCiphertext = Brand<Uint8Array, "IbeCiphertext">;

/** The most identities one encapsulation can address. */
export const MAX_RECIPIENTS = 1024;

const SEED_LENGTH = 32;
const U_LENGTH = 96;

/** 96 + 32·n. */
export function ibeCiphertextLength(recipients: number): number {
  return U_LENGTH + SEED_LENGTH * recipients;
}

/** @throws `ERR_CIPHERTEXT_INVALID` for a length that is not 96 + 32·n with n from 1 to 1024 */
export function parseIbeCiphertext(bytes: Uint8Array): IbeCiphertext {
  const recipients = (bytes.length - U_LENGTH) / SEED_LENGTH;
  if (!Number.isInteger(recipients) || recipients < 1 || recipients > MAX_RECIPIENTS) {
    throw new MilagroError("ERR_CIPHERTEXT_INVALID", "an encapsulation of an impossible length");
  }
  return bytes.slice() as IbeCiphertext;
}

/**
 * A fresh shared secret for the listed identities, who may not have enrolled yet.
 * @param recipients - 1 to 1024 different inputs of usage `enc`, in an order that decapsulation must be told
 * @param context - what the secret is for; bound into it and not sent
 * @throws `ERR_RECIPIENTS_INVALID` for an empty or too long list or a repeated recipient
 */
export function encapsulate(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"id">,
  recipients: readonly IdentityInput[],
  context: Uint8Array,
): { readonly ciphertext: IbeCiphertext; readonly sharedSecret: Secret<"shared secret"> } {
  checkRecipients(recipients);
  const binding = bindRecipients(publicKey, recipients);
  const seed = random(SEED_LENGTH);
  const rho = hashToScalar(engine, "MILAGRO-V1-IBE-H3", seed, binding);
  const u = engine.g2.encode(baseMultiply2(engine, rho));
  const slots = recipients.map((recipient, index) => {
    const gt = pairToPower(engine, publicKey, recipient, rho);
    const mask = maskOf(engine, gt, u, recipient, index);
    const slot = xorBytes(seed, mask);
    wipe(mask);
    engine.zeroise(gt);
    return slot;
  });
  engine.zeroise(rho);
  const ciphertext = concat(u, ...slots) as IbeCiphertext;
  return { ciphertext, sharedSecret: finish(seed, ciphertext, binding, context) };
}

/**
 * The shared secret, for the recipient at `index` of the list.
 * @throws `ERR_DECAPSULATION_FAILED`: wrong key, list, order, slot or domain, or a changed ciphertext; one code for all
 */
export function decapsulate(
  engine: Engine,
  key: IdentityKey<"enc">,
  publicKey: DomainPublicKey<"id">,
  recipients: readonly IdentityInput[],
  index: number,
  ciphertext: IbeCiphertext,
  context: Uint8Array,
): Secret<"shared secret"> {
  const own = recipients[index];
  if (!own || ciphertext.length !== ibeCiphertextLength(recipients.length)) refuse();
  const u = ciphertext.subarray(0, U_LENGTH);
  const point = decodeU(engine, u);
  const gt = key.use(({ g1 }) => engine.pair(g1, point));
  const mask = maskOf(engine, gt, u, own, index);
  const start = ibeCiphertextLength(index);
  const seed = xorBytes(ciphertext.subarray(start, start + SEED_LENGTH), mask);
  wipe(mask);
  const binding = bindRecipients(publicKey, recipients);
  const rho = hashToScalar(engine, "MILAGRO-V1-IBE-H3", seed, binding);
  const sound = engine.g2.equals(baseMultiply2(engine, rho), point);
  engine.zeroise(gt, rho);
  if (!sound) {
    wipe(seed);
    refuse();
  }
  return finish(seed, ciphertext, binding, context);
}

function refuse(cause?: unknown): never {
  throw new MilagroError(
    "ERR_DECAPSULATION_FAILED",
    "not encapsulated to this key, or changed on the way",
    cause === undefined ? undefined : { cause },
  );
}

function checkRecipients(recipients: readonly IdentityInput[]): void {
  const distinct = new Set(recipients.map((recipient) => recipient.join()));
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS || distinct.size !== recipients.length) {
    throw new MilagroError("ERR_RECIPIENTS_INVALID", `address 1 to ${MAX_RECIPIENTS} different identities`);
  }
  if (!recipients.every((recipient) => isInputFor(recipient, "enc"))) {
    throw new TypeError("the identity input is for another usage");
  }
}

function bindRecipients(publicKey: DomainPublicKey<"id">, recipients: readonly IdentityInput[]): Uint8Array {
  return digest("MILAGRO-V1-IBE-BINDING", publicKey.hash, ...recipients);
}

/** e(Q, P)^ρ as e(ρ·Q, P): a multiplication in G1 is several times cheaper than a power in GT. */
function pairToPower(engine: Engine, publicKey: DomainPublicKey<"id">, recipient: IdentityInput, rho: Scalar): Gt {
  const scaled = engine.g1.multiplySecret(hashIdentity1(engine, recipient), rho);
  const gt = engine.pair(scaled, preparedLines(engine, publicKey.g2));
  engine.zeroise(scaled);
  return gt;
}

function maskOf(engine: Engine, gt: Gt, u: Uint8Array, recipient: IdentityInput, index: number): Uint8Array {
  const gtBytes = engine.gt.encode(gt);
  const q = engine.g1.encode(hashIdentity1(engine, recipient));
  const mask = digest("MILAGRO-V1-IBE-H2", gtBytes, u, q, u16(index));
  wipe(gtBytes);
  return mask;
}

function decodeU(engine: Engine, bytes: Uint8Array): G2 {
  try {
    return engine.g2.decode(bytes);
  } catch (cause) {
    return refuse(cause);
  }
}

function finish(
  seed: Uint8Array,
  ciphertext: IbeCiphertext,
  binding: Uint8Array,
  context: Uint8Array,
): Secret<"shared secret"> {
  const u = ciphertext.subarray(0, U_LENGTH);
  const slots = ciphertext.subarray(U_LENGTH);
  const key = deriveKey(seed, "MILAGRO-V1-IBE-KEY", u, slots, binding, context);
  wipe(seed);
  return new Secret("shared secret", key);
}

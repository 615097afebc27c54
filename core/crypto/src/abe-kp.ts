/**
 * Key-policy encapsulation: a ciphertext carries attributes, and opens to keys whose policy they satisfy. FABEO with a negation, made
 * CCA-secure by Fujisaki–Okamoto (abe-kem.ts). With s the first scalar of the seed:
 *
 *   ciphertext = u8 version ‖ u64 epoch ‖ len16 attribute set ‖ s·g2 (96) ‖ s·h for each component (48 each) ‖ V (32)
 *   decapsulate: T^s = e(Σ γ·row, s·g2) / Πⱼ e(Σ γ·s·h, rⱼ·g2): uses + 1 pairings, whatever the number of attributes and D-TAs
 *
 * The attributes are public. A ciphertext without negatable labels is version 1; with them 2.
 *
 * Source: Riepel, Wee: FABEO: Fast Attribute-Based Encryption with Optimal Security (CCS 2022); Tomida, Kawahara, Nishimaki (PKC 2020).
 * @module
 */
import type { Engine, G1, G2, PairingInput, RandomBytes, Scalar } from "@milagro/engine/engine";
import {
  areMultiples2,
  bindingOf,
  drawWeights,
  finish,
  mask,
  refuseDecapsulation,
  SEED_LENGTH,
  seedOf,
} from "./abe-kem.ts";
import { type AbeKey, abeVersion, rowsOf, scalarStream } from "./abe-key.ts";
import { type AbeScope, abePoints, targetOf } from "./abe-points.ts";
import { gatherRows, splitRows } from "./abe-rows.ts";
import { chooseRows } from "./abe-sharing.ts";
import {
  type AttributeSet,
  type Component,
  componentsOf,
  encodeAttributes,
  hasNegation,
  parseAttributes,
} from "./attribute-set.ts";
import { ByteReader, concat, lengthPrefixed, u8, u64, wipe } from "./bytes.ts";
import { type Epoch, parseEpoch } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { rowHolder } from "./policy-rows.ts";
import { baseMultiply2 } from "./precomputed.ts";
import type { Secret } from "./secret.ts";

/** A ciphertext taken apart: of the right shape; whether it opens shows when it is opened. */
export interface KpCiphertext {
  /** All of it. */
  readonly bytes: Uint8Array;
  readonly version: 1 | 2;
  /** The epoch whose keys fit; 0 for keys of any. */
  readonly epoch: Epoch;
  readonly attributes: AttributeSet;
}

/** @throws `ERR_CIPHERTEXT_INVALID` for another shape, a set that is not canonical, a length or version that does not fit it */
export function parseKpCiphertext(bytes: Uint8Array): KpCiphertext {
  try {
    const reader = new ByteReader(bytes, "ERR_CIPHERTEXT_INVALID");
    const version = reader.integer(8);
    const epoch = parseEpoch(reader.u64());
    const attributes = parseAttributes(reader.prefixed(16));
    if (version !== abeVersion(hasNegation(attributes))) throw new Error("another version");
    if (reader.remaining !== 96 + 48 * componentsOf(attributes).length + SEED_LENGTH) throw new Error("length");
    return { bytes: bytes.slice(), version, epoch, attributes };
  } catch (cause) {
    throw new MilagroError("ERR_CIPHERTEXT_INVALID", "not an encapsulation to attributes, or cut short", { cause });
  }
}

/**
 * A fresh shared secret for whoever holds a key whose policy these attributes satisfy.
 * @param scope - domain and epoch; `NO_EXPIRY` as the epoch for keys that are not bound to one
 * @param context - what the secret is for; bound into it and not sent
 * @throws `ERR_ATTRIBUTE_INVALID` for a set that takes more than 64 KiB
 */
export function encapsulateToAttributes(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"kp">,
  scope: AbeScope<"kp">,
  attributes: AttributeSet,
  context: Uint8Array,
): { readonly ciphertext: KpCiphertext; readonly sharedSecret: Secret<"shared secret"> } {
  const content = encodeAttributes(attributes);
  if (content.length > 0xffff) throw new MilagroError("ERR_ATTRIBUTE_INVALID", "a set of at most 64 KiB");
  const version = abeVersion(hasNegation(attributes));
  const binding = bindingOf(scope, publicKey, content);
  const m = random(SEED_LENGTH);
  const s = scalarOf(engine, m, binding);
  const points = abePoints(engine, scope);
  const masked = engine.g1.multiplySecretAll(componentsOf(attributes).map(points.of), s);
  const head = concat(
    u8(version),
    u64(scope.epoch),
    lengthPrefixed(16, content),
    engine.g2.encode(baseMultiply2(engine, s)),
    ...masked.map((point) => engine.g1.encode(point)),
  );
  const target = engine.gt.powerSecret(targetOf(engine, publicKey), s);
  const v = mask(engine, target, head, m);
  engine.zeroise(target, s);
  const ciphertext = { bytes: concat(head, v), version, epoch: scope.epoch, attributes };
  return { ciphertext, sharedSecret: finish(m, head, v, binding, context) };
}

/**
 * The shared secret, for a key whose policy the ciphertext's attributes satisfy.
 * @throws `ERR_POLICY_UNSATISFIED` when they do not, or the epoch does not fit, which is public; `ERR_DECAPSULATION_FAILED` for everything
 * else: wrong key or domain, or a changed ciphertext
 */
export function decapsulateWithPolicy(
  engine: Engine,
  key: AbeKey<"kp">,
  publicKey: DomainPublicKey<"kp">,
  ciphertext: KpCiphertext,
  context: Uint8Array,
): Secret<"shared secret"> {
  const { entitlement } = key;
  const { attributes } = ciphertext;
  if (entitlement.scope.epoch !== ciphertext.epoch) {
    throw new MilagroError("ERR_POLICY_UNSATISFIED", "encapsulated to keys of another epoch");
  }
  const policy = rowsOf(entitlement);
  const holder = rowHolder(attributes);
  const chosen = chooseRows(engine, policy, (row) => holder(row) !== undefined);
  if (!chosen) throw new MilagroError("ERR_POLICY_UNSATISFIED", "the attributes do not satisfy the key's policy");

  const components = componentsOf(attributes);
  const { head, v, s2, points } = decodePoints(engine, ciphertext, components.length);
  const target = key.use(({ g1, g2 }) => {
    const gathered = gatherRows(engine, policy, chosen, splitRows(policy, g1), (row) => {
      const index = holder(row) as number;
      return { component: components[index] as Component, point: points[index] as G1 };
    });
    const factors: PairingInput[] = [
      [gathered.rows, s2],
      ...[...gathered.held].map(([use, point]): PairingInput => [engine.g1.negate(point), g2[use] as G2]),
    ];
    const gt = engine.finalExponentiation(engine.millerProduct(factors));
    engine.zeroise(gathered.rows);
    return gt;
  });
  const m = mask(engine, target, head, v);
  engine.zeroise(target);
  const binding = bindingOf(entitlement.scope, publicKey, encodeAttributes(attributes));
  const s = scalarOf(engine, m, binding);
  const sound = areMultiples2(engine, [s2], [s]) && pointsMatch(engine, entitlement.scope, components, s, points);
  engine.zeroise(s);
  if (!sound) {
    wipe(m);
    refuseDecapsulation();
  }
  return finish(m, head, v, binding, context);
}

function scalarOf(engine: Engine, m: Uint8Array, binding: Uint8Array): Scalar {
  const seed = seedOf(m, binding);
  const draw = scalarStream(engine, seed);
  const s = draw();
  draw.end();
  wipe(seed);
  return s;
}

function decodePoints(engine: Engine, { bytes }: KpCiphertext, count: number) {
  const head = bytes.subarray(0, bytes.length - SEED_LENGTH);
  const reader = new ByteReader(head, "ERR_DECAPSULATION_FAILED");
  reader.take(head.length - 96 - 48 * count);
  try {
    const s2: G2 = engine.g2.decode(reader.take(96));
    const points = engine.g1.decodeAll(Array.from({ length: count }, () => reader.take(48)));
    return { head, v: bytes.subarray(head.length), s2, points };
  } catch (cause) {
    return refuseDecapsulation(cause);
  }
}

/** Whether each point is s times its hash, under random weights: one secret multiplication for all. */
function pointsMatch(
  engine: Engine,
  scope: AbeScope,
  components: readonly Component[],
  s: Scalar,
  claimed: readonly G1[],
): boolean {
  const { g1 } = engine;
  const weights = drawWeights(engine, claimed.length);
  const hashes = components.map(abePoints(engine, scope).of);
  const expected = g1.multiplySecret(g1.multiScalar(hashes, weights), s);
  return g1.equals(g1.multiScalar(claimed, weights), expected);
}

/**
 * Ciphertext-policy encapsulation: to whoever holds attributes that satisfy a policy. FABEO with a negation, made CCA-secure by
 * Fujisaki–Okamoto (abe-kem.ts). With s and the use randomness r₀ … the first scalars of the seed, λ the shares of s over the policy's
 * rows (abe-sharing.ts draws on), the rows of abe-rows.ts on B:
 *
 *   ciphertext = u8 version ‖ u64 epoch ‖ len16 policy ‖ s·g2 (96) ‖ rⱼ·g2 (96 each) ‖ rows (48 each, negated 96) ‖ V (32)
 *   key        sk1 = t·g2,  sk3 = α·g1 + t·B,  kᵤ = t·hᵤ,  n = t·(y·h0 + h1)
 *   decapsulate: T^s = e(sk3, s·g2) · Πⱼ e(Σ γ·k, rⱼ·g2) / e(Σ γ·row, sk1): uses + 2 pairings, whatever the number of attributes and D-TAs
 *
 * The policy is public. A ciphertext without negations is version 1; with them 2.
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
import { type AbeKey, abeVersion, scalarStream } from "./abe-key.ts";
import { type AbePoints, type AbeScope, abePoints, targetOf, valueScalar } from "./abe-points.ts";
import { gatherRows, maskRows, pointsOfRow, splitRows } from "./abe-rows.ts";
import { chooseRows, shareSecret } from "./abe-sharing.ts";
import { EPOCH_LABEL } from "./attribute-schema.ts";
import { type Component, componentsOf } from "./attribute-set.ts";
import { ByteReader, concat, lengthPrefixed, parseUtf8, u8, u64, utf8, wipe } from "./bytes.ts";
import { type Epoch, NO_EXPIRY, parseEpoch } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import type { DomainPublicKey } from "./master-public.ts";
import type { Policy } from "./policy.ts";
import { formatPolicy } from "./policy-format.ts";
import { parsePolicy } from "./policy-parser.ts";
import { compilePolicy, type PolicyRows, rowHolder } from "./policy-rows.ts";
import { simplifyPolicy } from "./policy-simplify.ts";
import { baseMultiply2 } from "./precomputed.ts";
import type { Secret } from "./secret.ts";

/** A ciphertext taken apart: of the right shape; whether it opens shows when it is opened. */
export interface CpCiphertext {
  /** All of it. */
  readonly bytes: Uint8Array;
  readonly version: 1 | 2;
  /** The epoch whose keys fit; 0 for keys of any. */
  readonly epoch: Epoch;
  readonly policy: Policy;
  /** The text that the policy was read from: what is bound. */
  readonly policyText: Uint8Array;
  readonly rows: PolicyRows;
}

/** @throws `ERR_CIPHERTEXT_INVALID` for another shape, a policy that does not parse, a length or version that does not fit it */
export function parseCpCiphertext(bytes: Uint8Array): CpCiphertext {
  try {
    const reader = new ByteReader(bytes, "ERR_CIPHERTEXT_INVALID");
    const version = reader.integer(8);
    const epoch = parseEpoch(reader.u64());
    const policyText = reader.prefixed(16);
    const policy = parsePolicy(parseUtf8(policyText));
    const rows = compilePolicy(policy);
    if (version !== abeVersion(rows.hasNegation)) throw new Error("another version");
    if (reader.remaining !== 96 * (1 + rows.uses) + 48 * pointCount(rows) + SEED_LENGTH) throw new Error("length");
    return { bytes: bytes.slice(), version, epoch, policy, policyText, rows };
  } catch (cause) {
    throw new MilagroError("ERR_CIPHERTEXT_INVALID", "not an encapsulation to a policy, or cut short", { cause });
  }
}

const pointCount = ({ rows }: PolicyRows): number => rows.reduce((sum, row) => sum + pointsOfRow(row), 0);

/**
 * A fresh shared secret for whoever satisfies the policy.
 * @param scope - domain and epoch; `NO_EXPIRY` as the epoch for keys that are not bound to one
 * @param policy - is simplified first
 * @param context - what the secret is for; bound into it and not sent
 * @throws `ERR_POLICY_INVALID` for a policy that asks for an `epoch` of keys that are bound to one
 */
export function encapsulateToPolicy(
  engine: Engine,
  random: RandomBytes,
  publicKey: DomainPublicKey<"cp">,
  scope: AbeScope<"cp">,
  policy: Policy,
  context: Uint8Array,
): { readonly ciphertext: CpCiphertext; readonly sharedSecret: Secret<"shared secret"> } {
  const { simple, policyText, rows } = prepare(policy);
  if (scope.epoch !== NO_EXPIRY && rows.rows.some(({ label }) => label === EPOCH_LABEL)) {
    throw new MilagroError("ERR_POLICY_INVALID", "keys bound to one epoch have no attribute epoch to ask for");
  }
  const version = abeVersion(rows.hasNegation);
  const binding = bindingOf(scope, publicKey, policyText);
  const m = random(SEED_LENGTH);
  const { s, uses, shares } = scalarsOf(engine, rows, m, binding);
  const points = abePoints(engine, scope);
  const masked = maskRows(engine, points, rows, shares, uses, points.baseTable.multiplySecret);
  const head = concat(
    u8(version),
    u64(scope.epoch),
    lengthPrefixed(16, policyText),
    ...[s, ...uses].map((scalar) => engine.g2.encode(baseMultiply2(engine, scalar))),
    ...masked.map((point) => engine.g1.encode(point)),
  );
  const target = engine.gt.powerSecret(targetOf(engine, publicKey), s);
  const v = mask(engine, target, head, m);
  engine.zeroise(target, s, ...uses, ...shares);
  const ciphertext = { bytes: concat(head, v), version, epoch: scope.epoch, policy: simple, policyText, rows };
  return { ciphertext, sharedSecret: finish(m, head, v, binding, context) };
}

interface PreparedPolicy {
  readonly simple: Policy;
  readonly policyText: Uint8Array;
  readonly rows: PolicyRows;
}

const prepared = new WeakMap<Policy, PreparedPolicy>();

/** Once per policy *object*: whoever writes much under one policy keeps it. */
function prepare(policy: Policy): PreparedPolicy {
  const known = prepared.get(policy);
  if (known) return known;
  const simple = simplifyPolicy(policy);
  const fresh = { simple, policyText: utf8(formatPolicy(simple, { compact: true })), rows: compilePolicy(simple) };
  prepared.set(policy, fresh);
  return fresh;
}

/**
 * The shared secret, for a key whose attributes satisfy the policy.
 * @throws `ERR_POLICY_UNSATISFIED` when the key's attributes or epoch do not fit, which is public; `ERR_DECAPSULATION_FAILED` for everything
 * else: wrong key or domain, or a changed ciphertext
 */
export function decapsulateWithAttributes(
  engine: Engine,
  key: AbeKey<"cp">,
  publicKey: DomainPublicKey<"cp">,
  ciphertext: CpCiphertext,
  context: Uint8Array,
): Secret<"shared secret"> {
  const { entitlement } = key;
  const { rows, policyText } = ciphertext;
  if (entitlement.scope.epoch !== ciphertext.epoch) {
    throw new MilagroError("ERR_POLICY_UNSATISFIED", "encapsulated to keys of another epoch");
  }
  const holder = rowHolder(entitlement.attributes);
  const chosen = chooseRows(engine, rows, (row) => holder(row) !== undefined);
  if (!chosen) throw new MilagroError("ERR_POLICY_UNSATISFIED", "the key's attributes do not satisfy the policy");

  const { head, v, s2, uses2, points } = decodePoints(engine, ciphertext);
  const components = componentsOf(entitlement.attributes);
  const target = key.use(({ g1: [sk3, ...own], g2: [sk1] }) => {
    const gathered = gatherRows(engine, rows, chosen, splitRows(rows, points), (row) => {
      const index = holder(row) as number;
      return { component: components[index] as Component, point: own[index] as G1 };
    });
    const factors: PairingInput[] = [
      [sk3 as G1, s2],
      [engine.g1.negate(gathered.rows), sk1 as G2],
      ...[...gathered.held].map(([use, point]): PairingInput => [point, uses2[use] as G2]),
    ];
    const gt = engine.finalExponentiation(engine.millerProduct(factors));
    engine.zeroise(...gathered.held.values());
    return gt;
  });
  const m = mask(engine, target, head, v);
  engine.zeroise(target);
  const binding = bindingOf(entitlement.scope, publicKey, policyText);
  const scalars = scalarsOf(engine, rows, m, binding);
  const sound =
    areMultiples2(engine, [s2, ...uses2], [scalars.s, ...scalars.uses]) &&
    rowsMatch(engine, abePoints(engine, entitlement.scope), rows, scalars, points);
  engine.zeroise(scalars.s, ...scalars.uses, ...scalars.shares);
  if (!sound) {
    wipe(m);
    refuseDecapsulation();
  }
  return finish(m, head, v, binding, context);
}

interface CpScalars {
  readonly s: Scalar;
  readonly uses: readonly Scalar[];
  readonly shares: readonly Scalar[];
}

function scalarsOf(engine: Engine, rows: PolicyRows, m: Uint8Array, binding: Uint8Array): CpScalars {
  const seed = seedOf(m, binding);
  const draw = scalarStream(engine, seed);
  const s = draw();
  const uses = Array.from({ length: rows.uses }, draw);
  const shares = shareSecret(engine, rows, s, draw);
  draw.end();
  wipe(seed);
  return { s, uses, shares };
}

function decodePoints(engine: Engine, { bytes, policyText, rows }: CpCiphertext) {
  const reader = new ByteReader(bytes, "ERR_DECAPSULATION_FAILED");
  reader.take(1 + 8 + 2 + policyText.length);
  try {
    const s2 = engine.g2.decode(reader.take(96));
    const uses2 = Array.from({ length: rows.uses }, () => engine.g2.decode(reader.take(96)));
    const points = engine.g1.decodeAll(Array.from({ length: pointCount(rows) }, () => reader.take(48)));
    const head = bytes.subarray(0, bytes.length - SEED_LENGTH);
    return { head, v: bytes.subarray(bytes.length - SEED_LENGTH), s2, uses2, points };
  } catch (cause) {
    return refuseDecapsulation(cause);
  }
}

/**
 * Whether the rows are what the scalars make them: the weighted sum of all, as one multiple of B and one of each use's sum of
 * hashes, instead of two multiplications for each row.
 */
function rowsMatch(
  engine: Engine,
  points: AbePoints,
  policy: PolicyRows,
  { uses, shares }: CpScalars,
  claimed: readonly G1[],
): boolean {
  const { g1, scalars } = engine;
  const weights = drawWeights(engine, claimed.length);
  const hashes = uses.map((): { points: G1[]; weights: Scalar[] } => ({ points: [], weights: [] }));
  let share = scalars.zero;
  let next = 0;
  policy.rows.forEach((row, i) => {
    const lambda = shares[i] as Scalar;
    const hash = hashes[row.use] as (typeof hashes)[number];
    const weight = weights[next++] as Scalar;
    hash.weights.push(weight);
    if (row.kind !== "negation") {
      hash.points.push(points.of(row));
      share = scalars.add(share, scalars.multiply(weight, lambda));
      return;
    }
    const { h0, h1 } = points.negation(row.label);
    const second = weights[next++] as Scalar;
    hash.points.push(h0, h1);
    hash.weights.push(second);
    const x = valueScalar(engine, row.label, row.value);
    const factor = scalars.subtract(scalars.multiply(second, x), weight);
    share = scalars.add(share, scalars.multiply(factor, lambda));
  });
  const expected = g1.sum([
    points.baseTable.multiplySecret(share),
    ...hashes.map((hash, use) => g1.multiplySecret(g1.multiScalar(hash.points, hash.weights), uses[use] as Scalar)),
  ]);
  return g1.equals(g1.multiScalar(claimed, weights), expected);
}

/**
 * Rows in the exponent: what both schemes do with a shared secret, in the ciphertext (cp, on B) or in the key (kp, on g1). With X that
 * point, λ the row's share and r the randomness of the row's use:
 *
 *   equal, prefix       λ·X + r·h
 *   negation of value v r·h0 − λ·X,  r·h1 + λ·x(v)·X
 *
 * Whoever holds value y of a negated label has a multiple of y·h0 + h1, and `y·first + second` is `r·(y·h0 + h1) + λ·(x(v) − y)·X`.
 * @module
 */
import type { Engine, G1, Scalar } from "@milagro/engine/engine";
import { type AbePoints, valueScalar } from "./abe-points.ts";
import type { ChosenRow } from "./abe-sharing.ts";
import type { Component } from "./attribute-set.ts";
import type { PolicyRows, Row } from "./policy-rows.ts";

/** A multiple; `coefficient` is undefined for 1. */
export interface Term {
  readonly point: G1;
  readonly coefficient: Scalar | undefined;
}

/** `Σ coefficient·point`. Additions where coefficients are 1, which they are in policies without k-of-n and negation. */
export function linearSum(engine: Engine, terms: readonly Term[]): G1 {
  const plain = terms.flatMap(({ point, coefficient }) => (coefficient ? [] : [point]));
  const scaled = terms.flatMap(({ point, coefficient }) => (coefficient ? [{ point, coefficient }] : []));
  const product = engine.g1.multiScalar(
    scaled.map(({ point }) => point),
    scaled.map(({ coefficient }) => coefficient),
  );
  return scaled.length === 0 ? engine.g1.sum(plain) : engine.g1.sum([...plain, product]);
}

/** How many points a row has. */
export function pointsOfRow(row: Row): 1 | 2 {
  return row.kind === "negation" ? 2 : 1;
}

/** The points of each row, in order. */
export function splitRows(policy: PolicyRows, points: readonly G1[]): readonly (readonly G1[])[] {
  let offset = 0;
  return policy.rows.map((row) => {
    const start = offset;
    offset += pointsOfRow(row);
    return points.slice(start, offset);
  });
}

/**
 * The points of all rows, one after the other. The scalars are secret.
 * @param timesX - multiplies X by a secret scalar
 */
export function maskRows(
  engine: Engine,
  points: AbePoints,
  policy: PolicyRows,
  shares: readonly Scalar[],
  uses: readonly Scalar[],
  timesX: (k: Scalar) => G1,
): G1[] {
  const { g1, scalars } = engine;
  // The branches of an `or` have one share, and it is one object: a range of twenty prefixes takes one multiplication of X.
  const multiples = new Map<Scalar, G1>();
  const onX = (share: Scalar): G1 => {
    const product = multiples.get(share) ?? timesX(share);
    multiples.set(share, product);
    return product;
  };
  const masks = masksOf(engine, points, policy, uses);
  return policy.rows.flatMap((row, i) => {
    const share = shares[i] as Scalar;
    const [first, second] = masks[i] as readonly [G1, G1?];
    if (row.kind !== "negation" || !second) return [g1.add(onX(share), first)];
    const x = valueScalar(engine, row.label, row.value);
    return [g1.subtract(first, onX(share)), g1.add(second, timesX(scalars.multiply(share, x)))];
  });
}

/** r·h for each row, for a negated one r·h0 and r·h1: all rows of a use at once, for they have one r. */
function masksOf(
  { g1 }: Engine,
  points: AbePoints,
  { rows }: PolicyRows,
  uses: readonly Scalar[],
): readonly (readonly G1[])[] {
  const masks = rows.map((): G1[] => []);
  uses.forEach((r, use) => {
    const own = rows.flatMap((row, i) => {
      if (row.use !== use) return [];
      if (row.kind !== "negation") return [{ i, hash: points.of(row) }];
      const { h0, h1 } = points.negation(row.label);
      return [
        { i, hash: h0 },
        { i, hash: h1 },
      ];
    });
    const products = g1.multiplySecretAll(
      own.map(({ hash }) => hash),
      r,
    );
    own.forEach(({ i }, at) => {
      masks[i]?.push(products[at] as G1);
    });
  });
  return masks;
}

/** What the other side holds for a row: the component, and its point. */
export interface HeldComponent {
  readonly component: Component;
  readonly point: G1;
}

/** `rows` is Σ γ·row, `held[j]` what cancels its randomness of use j. */
export interface Gathered {
  readonly rows: G1;
  readonly held: ReadonlyMap<number, G1>;
}

/** Puts the chosen rows together with what is held for them. */
export function gatherRows(
  engine: Engine,
  policy: PolicyRows,
  chosen: readonly ChosenRow[],
  rowPoints: readonly (readonly G1[])[],
  heldFor: (row: Row) => HeldComponent,
): Gathered {
  const { scalars } = engine;
  const left: Term[] = [];
  const right = new Map<number, Term[]>();
  for (const { index, coefficient } of chosen) {
    const row = policy.rows[index] as Row;
    const [first, second] = rowPoints[index] as readonly [G1, G1?];
    const { component, point } = heldFor(row);
    let factor = coefficient;
    if (row.kind === "negation" && component.kind === "negation" && second) {
      const y = valueScalar(engine, component.label, component.value);
      const difference = scalars.subtract(valueScalar(engine, row.label, row.value), y);
      const inverse = scalars.invert(difference);
      factor = coefficient ? scalars.multiply(coefficient, inverse) : inverse;
      left.push({ point: first, coefficient: scalars.multiply(factor, y) }, { point: second, coefficient: factor });
    } else {
      left.push({ point: first, coefficient });
    }
    const terms = right.get(row.use) ?? [];
    terms.push({ point, coefficient: factor });
    right.set(row.use, terms);
  }
  const held = new Map([...right].map(([use, terms]) => [use, linearSum(engine, terms)]));
  return { rows: linearSum(engine, left), held };
}

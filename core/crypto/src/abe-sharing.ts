/**
 * Sharing a secret over the rows of a policy, and putting it together again. Linear: shares of two secrets add up to shares of the sum,
 * which is what lets D-TAs issue predicate keys apart.
 *
 *   gate k = 1     every branch gets the secret
 *   gate k = n     branches 1 … n−1 get fresh scalars, the last one the secret less their sum: coefficients are all 1
 *   gate k of n    branch x = 1 … n gets f(x), f(0) the secret, f of degree k−1 with fresh coefficients, lowest first
 *
 * No row but that of a gate k = 1 ever carries its gate's secret. (CIRCL up to 1.6.3 gave one branch of an AND everything and the
 * other one nothing; a check of the attributes beside the arithmetic hid it.)
 * Source: Shamir (1979); Benaloh, Leichter (CRYPTO 1988).
 * @module
 */
import type { G1Engine, Scalar } from "@milagro/engine/engine";
import type { PolicyRows, Row, ShareNode } from "./policy-rows.ts";

/** A row that takes part; `coefficient` is undefined for 1. */
export interface ChosenRow {
  readonly index: number;
  readonly coefficient: Scalar | undefined;
}

/** One share for each row. @param draw - a fresh scalar; called in the order of the header comment, gates before their branches */
export function shareSecret(engine: G1Engine, policy: PolicyRows, secret: Scalar, draw: () => Scalar): Scalar[] {
  const { scalars } = engine;
  const out: Scalar[] = new Array(policy.rows.length);
  const walk = (node: ShareNode, value: Scalar): void => {
    if (node.kind === "row") out[node.index] = value;
    else
      branchShares(node, value).forEach((share, i) => {
        walk(node.of[i] as ShareNode, share);
      });
  };
  const branchShares = ({ k, of }: Extract<ShareNode, { kind: "gate" }>, value: Scalar): readonly Scalar[] => {
    if (k === 1) return of.map(() => value);
    const fresh = Array.from({ length: k - 1 }, draw);
    if (k === of.length) return [...fresh, fresh.reduce((rest, each) => scalars.subtract(rest, each), value)];
    return of.map((_, i) => {
      const x = scalars.fromInteger(i + 1);
      return scalars.add(value, scalars.multiply(x, polynomial(engine, fresh, x)));
    });
  };
  walk(policy.tree, secret);
  return out;
}

function polynomial(engine: G1Engine, coefficients: readonly Scalar[], x: Scalar): Scalar {
  const { scalars } = engine;
  return coefficients.reduceRight((sum, each) => scalars.add(scalars.multiply(sum, x), each), scalars.zero);
}

/** A pairing more for each further use, against an addition or two for a row. */
const costOf = (row: Row): number => 1 + (row.kind === "negation" ? 1 : 0) + (row.use > 0 ? 8 : 0);

interface Choice {
  readonly cost: number;
  readonly rows: readonly ChosenRow[];
}

/** The cheapest rows that put the secret together: `Σ coefficient·share = secret`; undefined when the held ones do not suffice. */
export function chooseRows(
  engine: G1Engine,
  policy: PolicyRows,
  holds: (row: Row) => boolean,
): readonly ChosenRow[] | undefined {
  const walk = (node: ShareNode): Choice | undefined => {
    if (node.kind === "row") {
      const row = policy.rows[node.index] as Row;
      return holds(row) ? { cost: costOf(row), rows: [{ index: node.index, coefficient: undefined }] } : undefined;
    }
    const open = node.of.flatMap((branch, i) => {
      const choice = walk(branch);
      return choice ? [{ x: i + 1, choice }] : [];
    });
    const chosen = open.sort((a, b) => a.choice.cost - b.choice.cost).slice(0, node.k);
    if (chosen.length < node.k) return undefined;
    const cost = chosen.reduce((sum, { choice }) => sum + choice.cost, 0);
    if (node.k === 1 || node.k === node.of.length) return { cost, rows: chosen.flatMap(({ choice }) => choice.rows) };
    const points = chosen.map(({ x }) => x);
    const rows = chosen.flatMap(({ x, choice }) => {
      const factor = lagrangeAtZero(engine, x, points);
      return choice.rows.map(({ index, coefficient }) => ({
        index,
        coefficient: coefficient ? engine.scalars.multiply(coefficient, factor) : factor,
      }));
    });
    return { cost, rows };
  };
  return walk(policy.tree)?.rows;
}

function lagrangeAtZero(engine: G1Engine, x: number, points: readonly number[]): Scalar {
  const { scalars } = engine;
  let [numerator, denominator] = [scalars.one, scalars.one];
  for (const other of points) {
    if (other === x) continue;
    const difference = scalars.fromInteger(Math.abs(other - x));
    numerator = scalars.multiply(numerator, scalars.fromInteger(other));
    denominator = scalars.multiply(denominator, other > x ? difference : scalars.negate(difference));
  }
  return scalars.multiply(numerator, scalars.invert(denominator));
}

/**
 * Random weights over *all* rows with `Σ weight·share = weight·secret` for every honest sharing, and for a dishonest one with
 * probability 2⁻¹²⁸ only: how shares in the exponent are checked against the secret in the exponent.
 * @param draw - a random weight
 */
export function checkWeights(engine: G1Engine, policy: PolicyRows, weight: Scalar, draw: () => Scalar): Scalar[] {
  const { scalars } = engine;
  const out: Scalar[] = new Array(policy.rows.length);
  const walk = (node: ShareNode, value: Scalar): void => {
    if (node.kind === "row") {
      out[node.index] = value;
      return;
    }
    const { k, of } = node;
    // Each window of k neighbours interpolates; together the windows span all relations between n values of such a polynomial.
    const weights = of.map(() => scalars.zero);
    let rest = value;
    for (let start = 0; start + k <= of.length; start += 1) {
      const part = start + k === of.length ? rest : draw();
      rest = scalars.subtract(rest, part);
      const window = Array.from({ length: k }, (_, i) => start + i + 1);
      for (const x of window) {
        const factor = k === of.length ? scalars.one : lagrangeAtZero(engine, x, window);
        weights[x - 1] = scalars.add(weights[x - 1] as Scalar, scalars.multiply(part, factor));
      }
    }
    of.forEach((branch, i) => {
      walk(branch, weights[i] as Scalar);
    });
  };
  walk(policy.tree, weight);
  return out;
}

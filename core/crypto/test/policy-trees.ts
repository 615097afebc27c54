/**
 * Every tree of gates with a given number of leaves, and what linear algebra can do to the rows of a policy: an attacker who knows
 * nothing but the public equations and may combine rows with any coefficients.
 * @module
 */
import { expect } from "vitest";
import { shareSecret } from "../src/abe-sharing.ts";
import { type AttributeSet, attributeNamed, attributesOf } from "../src/attribute-set.ts";
import { encodeHex } from "../src/bytes.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { compilePolicy, type PolicyRows, type Row, rowHolder } from "../src/policy-rows.ts";
import { satisfiesPolicy } from "../src/policy-satisfy.ts";
import { engine, schema } from "./abe-fixtures.ts";

/** A gate k of n, or a leaf. */
export type Shape = "leaf" | { readonly k: number; readonly of: readonly Shape[] };

/** All shapes with n leaves; a gate has two branches or more. */
export function shapesOf(leaves: number): readonly Shape[] {
  if (leaves === 1) return ["leaf"];
  return splits(leaves)
    .filter((parts) => parts.length > 1)
    .flatMap((parts) => product(parts.map(shapesOf)))
    .flatMap((of) => of.map((_, i): Shape => ({ k: i + 1, of })));
}

const splits = (n: number): readonly (readonly number[])[] =>
  n === 0 ? [[]] : Array.from({ length: n }, (_, i) => splits(n - i - 1).map((rest) => [i + 1, ...rest])).flat();

export function product<T>(choices: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return choices.reduce<readonly (readonly T[])[]>(
    (all, next) => all.flatMap((some) => next.map((one) => [...some, one])),
    [[]],
  );
}

/** A shape as a policy, its leaves filled in from left to right. */
export function policyText(shape: Shape, leaves: readonly string[]): string {
  let next = 0;
  const write = (node: Shape): string =>
    node === "leaf" ? (leaves[next++] as string) : `${node.k} of (${node.of.map(write).join(", ")})`;
  return write(shape);
}

/** All ways to give n leaves names, up to renaming: which of them are equal. */
export function namings(leaves: number, names: readonly string[]): readonly (readonly string[])[] {
  const grow = (left: number, used: number): readonly (readonly string[])[] =>
    left === 0
      ? [[]]
      : Array.from({ length: Math.min(used + 1, names.length) }, (_, i) =>
          grow(left - 1, Math.max(used, i + 1)).map((rest) => [names[i] as string, ...rest]),
        ).flat();
  return grow(leaves, 0);
}

export const subsetsOf = <T>(all: readonly T[]): readonly (readonly T[])[] =>
  Array.from({ length: 2 ** all.length }, (_, mask) => all.filter((_, i) => (mask >> i) & 1));

/** A prime that keeps products exact; entries of the sharing matrix are small whole numbers. */
const P = 1_000_003;
const mod = (n: number): number => ((n % P) + P) % P;

/** Row i of the matrix: how its share depends on the secret and on each scalar drawn. */
export function sharingMatrix(policy: PolicyRows): readonly (readonly number[])[] {
  const { scalars } = engine;
  const run = (at: number): number[] => {
    let drawn = 0;
    const unit = (i: number) => (i === at ? scalars.one : scalars.zero);
    const shares = shareSecret(engine, policy, unit(0), () => unit(++drawn));
    return [drawn, ...shares.map(small)];
  };
  const [drawn = 0] = run(-1);
  const columns = Array.from({ length: drawn + 1 }, (_, at) => run(at).slice(1));
  return policy.rows.map((_, i) => columns.map((column) => column[i] as number));
}

function small(scalar: ReturnType<typeof engine.scalars.random>): number {
  const value = BigInt(`0x${encodeHex(engine.scalars.encode(scalar))}`);
  const negated = BigInt(`0x${encodeHex(engine.scalars.encode(engine.scalars.negate(scalar)))}`);
  if (value < 1_000_000n) return Number(value);
  if (negated < 1_000_000n) return -Number(negated);
  throw new Error("a sharing matrix of whole numbers was expected");
}

/**
 * Whether some combination of the rows gives the secret and leaves nothing of the randomness that the holder has no component for.
 * @param rows - with the uses to attack: those of the policy, or wrong ones
 */
export function opensByAlgebra(
  matrix: readonly (readonly number[])[],
  rows: readonly Row[],
  attributes: AttributeSet,
): boolean {
  const holder = rowHolder(attributes);
  // One unknown for a row, two for a negated one; each equation is a map from unknown to factor, equal to 0 but for the first.
  const width = 2 * rows.length;
  const equations = (matrix[0] as readonly number[]).map(() => new Array<number>(width + 1).fill(0));
  (equations[0] as number[])[width] = 1;
  const constraints = new Map<string, number[]>();
  const constrain = (key: string, unknown: number, factor: number): void => {
    const equation = constraints.get(key) ?? new Array<number>(width + 1).fill(0);
    equation[unknown] = mod((equation[unknown] as number) + factor);
    constraints.set(key, equation);
  };
  const xOf = (text: string): number => [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % P, 7);
  rows.forEach((row, i) => {
    const first = 2 * i;
    const negated = row.kind === "negation";
    (matrix[i] as readonly number[]).forEach((entry, column) => {
      const equation = equations[column] as number[];
      equation[first] = mod(negated ? -entry : entry);
      if (negated) equation[first + 1] = mod(entry * xOf(row.value));
    });
    if (!negated) {
      constrain(`unused ${i}`, first + 1, 1);
      if (holder(row) === undefined) constrain(`${row.use} ${JSON.stringify({ ...row, use: 0 })}`, first, 1);
      return;
    }
    const held = attributeNamed(attributes, row.label);
    if (held?.kind === "texts" && held.negatable) {
      // What is held is a multiple of y·h0 + h1.
      constrain(`${row.use} not ${row.label}`, first, 1);
      constrain(`${row.use} not ${row.label}`, first + 1, -xOf(held.values[0] as string));
    } else {
      constrain(`${row.use} not ${row.label} 0`, first, 1);
      constrain(`${row.use} not ${row.label} 1`, first + 1, 1);
    }
  });
  return solvable([...equations, ...constraints.values()], width);
}

/** Gauss over the field of P elements; the last entry of each equation is its right side. */
function solvable(equations: number[][], width: number): boolean {
  const rows = equations.map((equation) => [...equation]);
  let pivot = 0;
  for (let column = 0; column < width && pivot < rows.length; column += 1) {
    const at = rows.findIndex((row, i) => i >= pivot && row[column] !== 0);
    if (at < 0) continue;
    [rows[pivot], rows[at]] = [rows[at] as number[], rows[pivot] as number[]];
    const lead = rows[pivot] as number[];
    const inverse = invert(lead[column] as number);
    for (let i = pivot + 1; i < rows.length; i += 1) {
      const row = rows[i] as number[];
      if (row[column] === 0) continue;
      const factor = mod((row[column] as number) * inverse);
      for (let j = column; j <= width; j += 1) row[j] = mod((row[j] as number) - factor * (lead[j] as number));
    }
    pivot += 1;
  }
  return rows.slice(pivot).every((row) => row[width] === 0);
}

function invert(value: number): number {
  let [result, base, exponent] = [1, value, P - 2];
  for (; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result = mod(result * base);
    base = mod(base * base);
  }
  return result;
}

/** Labels for leaves; texts with the one value 1. */
export const LEAF_NAMES: readonly string[] = ["u", "v", "w", "x", "y"];

export const holding = (names: readonly string[]): AttributeSet =>
  attributesOf(schema, { group: "none", ...Object.fromEntries(names.map((name) => [name, "1"])) });

export const rowsOf = (text: string): PolicyRows => compilePolicy(parsePolicy(text, schema));

const leavesOf = (names: readonly string[]): readonly string[] => names.map((name) => `${name} = 1`);

/** Compares algebra and conditions over all trees, all patterns of equal leaves, all sets. @returns how many sets were refused */
export function everyNaming(leaves: number): number {
  let refused = 0;
  for (const shape of shapesOf(leaves)) {
    const matrix = sharingMatrix(rowsOf(policyText(shape, leavesOf(LEAF_NAMES))));
    for (const names of namings(leaves, LEAF_NAMES)) {
      const policy = parsePolicy(policyText(shape, leavesOf(names)), schema);
      const { rows } = compilePolicy(policy);
      for (const held of subsetsOf([...new Set(names)])) {
        const attributes = holding(held);
        const satisfied = satisfiesPolicy(policy, attributes);
        if (opensByAlgebra(matrix, rows, attributes) !== satisfied) expect.fail(`${policyText(shape, names)}: ${held}`);
        if (!satisfied) refused += 1;
      }
    }
  }
  return refused;
}

/** Compares algebra and conditions over all trees, leaves and holders. @returns how many holders were refused */
export function everyHolder(leaves: number, conditions: readonly string[]): number {
  const holders = product([
    [undefined, "a", "b", "c"],
    [undefined, "DE", "FR"],
  ]).map(([role, region]) =>
    attributesOf(schema, { group: "none", ...(role ? { role } : {}), ...(region ? { region } : {}) }),
  );
  let refused = 0;
  for (const shape of shapesOf(leaves)) {
    const matrix = sharingMatrix(
      rowsOf(
        policyText(
          shape,
          LEAF_NAMES.map((name) => `${name} = 1`),
        ),
      ),
    );
    for (const chosen of product(Array.from({ length: leaves }, () => conditions))) {
      const policy = parsePolicy(policyText(shape, chosen), schema);
      const { rows } = compilePolicy(policy);
      for (const attributes of holders) {
        const satisfied = satisfiesPolicy(policy, attributes);
        if (opensByAlgebra(matrix, rows, attributes) !== satisfied) expect.fail(policyText(shape, chosen));
        if (!satisfied) refused += 1;
      }
    }
  }
  return refused;
}

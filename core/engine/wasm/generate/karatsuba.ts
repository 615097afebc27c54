/**
 * Karatsuba over the digits of a product, in the tiers with 13: x·y = low + (middle − low − high)·B + high·B², B = 2^210,
 * with the products of the halves and of their sums. 134 multiplications instead of 169, for additions that find room
 * beside them. Sums wrap around modulo 2^64, which is harmless: only finished columns have to fit.
 * @module
 */
import { COUNT } from "./digits30.ts";

/** Digits of the lower half. */
export const LOW = 7;

type Products = readonly (readonly [i: number, j: number])[];

/** How a column comes about. `l3` and `h2` are columns of the products of the lower and of the higher halves. */
export interface ColumnPlan {
  /** Columns of halves that this one is the first to need. */
  readonly declared: readonly { readonly name: string; readonly products: Products }[];
  /** Products of sums of halves. */
  readonly middle: Products;
  readonly plus: readonly string[];
  readonly minus: readonly string[];
}

export function planColumn(k: number): ColumnPlan {
  const inLow = (j: number): boolean => j >= 0 && j <= 2 * LOW - 2;
  const inHigh = (j: number): boolean => j >= 0 && j <= 2 * (COUNT - LOW) - 2;
  const [between, above] = [k - LOW, k - 2 * LOW];
  return {
    declared: [
      ...(inLow(k) ? [{ name: `l${k}`, products: productsOf(k, 0, LOW) }] : []),
      ...(inHigh(between) ? [{ name: `h${between}`, products: productsOf(k + LOW, LOW, COUNT) }] : []),
    ],
    middle: inLow(between) ? productsOf(between, 0, LOW) : [],
    plus: [...(inLow(k) ? [`l${k}`] : []), ...(inHigh(above) ? [`h${above}`] : [])],
    minus: [...(inLow(between) ? [`l${between}`] : []), ...(inHigh(between) ? [`h${between}`] : [])],
  };
}

/** All i + j = k with first ≤ i, j < end. */
function productsOf(k: number, first: number, end: number): Products {
  const products: [number, number][] = [];
  for (let i = Math.max(first, k - end + 1); i <= Math.min(end - 1, k - first); i++) products.push([i, k - i]);
  return products;
}

/** Declares the sums of x's halves, `xm0` and so on. @param add - an expression for the sum of two digits */
export function halfSums(x: string, add: (a: string, b: string) => string): string[] {
  return Array.from({ length: LOW }, (_, i) =>
    i + LOW < COUNT ? `const ${x}m${i} = ${add(`${x}${i}`, `${x}${i + LOW}`)};` : `const ${x}m${i} = ${x}${i};`,
  );
}

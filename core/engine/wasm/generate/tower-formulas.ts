/**
 * Fp², Fp⁶ = Fp²[v]/(v³ − ξ) and Fp¹² = Fp⁶[w]/(w² − v), ξ = 1 + u. An element of Fp⁶ is three pairs (1, v, v²), one of
 * Fp¹² six: c0 then c1. Products are Karatsuba's; each coefficient is reduced once.
 *
 * Sources: Aranha et al., ePrint 2010/526 (lazy reduction); Granger–Scott, ePrint 2009/565 (cyclotomic squaring).
 * @module
 */
import { type Builder, formula, type Pair, type Wide } from "./pair.ts";
import type { Tier } from "./tier.ts";

type Fp6<T> = readonly [T, T, T];

const fp6 = (f: Builder, name: string, skip = 0): Fp6<Pair> => f.operand(name, 3, skip) as unknown as Fp6<Pair>;
const plus = (a: Fp6<Pair>, b: Fp6<Pair>): Fp6<Pair> => [a[0].plus(b[0]), a[1].plus(b[1]), a[2].plus(b[2])];

function mulFp6(a: Fp6<Pair>, b: Fp6<Pair>): Fp6<Wide> {
  const [v0, v1, v2] = [a[0].mulWide(b[0]), a[1].mulWide(b[1]), a[2].mulWide(b[2])];
  const cross = (i: 0 | 1 | 2, j: 0 | 1 | 2): Wide => a[i].plus(a[j]).mulWide(b[i].plus(b[j]));
  return [
    cross(1, 2).minus(v1).minus(v2).timesXi().plus(v0),
    cross(0, 1).minus(v0).minus(v1).plus(v2.timesXi()),
    cross(0, 2).minus(v0).minus(v2).plus(v1),
  ];
}

/** a·(b0 + b1·v) */
function mulFp6By01(a: Fp6<Pair>, b0: Pair, b1: Pair): Fp6<Wide> {
  const [v0, v1] = [a[0].mulWide(b0), a[1].mulWide(b1)];
  return [
    a[1].plus(a[2]).mulWide(b1).minus(v1).timesXi().plus(v0),
    a[0].plus(a[1]).mulWide(b0.plus(b1)).minus(v0).minus(v1),
    a[0].plus(a[2]).mulWide(b0).minus(v0).plus(v1),
  ];
}

const timesV = (a: Fp6<Wide>): Fp6<Wide> => [a[2].timesXi(), a[0], a[1]];
const add = (a: Fp6<Wide>, b: Fp6<Wide>): Fp6<Wide> => [a[0].plus(b[0]), a[1].plus(b[1]), a[2].plus(b[2])];
const subtract = (a: Fp6<Wide>, b: Fp6<Wide>): Fp6<Wide> => [a[0].minus(b[0]), a[1].minus(b[1]), a[2].minus(b[2])];
const reduced = (a: Fp6<Wide>): Pair[] => a.map((part) => part.reduced());

function mulFp12(f: Builder): void {
  const [a0, a1, b0, b1] = [fp6(f, "a"), fp6(f, "a", 3), fp6(f, "b"), fp6(f, "b", 3)];
  const [low, high] = [mulFp6(a0, b0), mulFp6(a1, b1)];
  const cross = mulFp6(plus(a0, a1), plus(b0, b1));
  f.result("d", reduced(add(low, timesV(high))));
  f.result("d", reduced(subtract(subtract(cross, low), high)), 3);
}

/** c0 = (a + b)(a + v·b) − ab − v·ab, c1 = 2ab */
function sqrFp12(f: Builder): void {
  const [a, b] = [fp6(f, "a"), fp6(f, "a", 3)];
  const product = mulFp6(a, b);
  const shifted: Fp6<Pair> = [b[2].timesXi(), b[0], b[1]];
  const outer = mulFp6(plus(a, b), plus(a, shifted));
  f.result("d", reduced(subtract(subtract(outer, product), timesV(product))));
  f.result("d", reduced(product.map((part) => part.times(2)) as unknown as Fp6<Wide>), 3);
}

/** f·(l0 + l1·v + l2·v·w): a line meets 13 products of 18. */
function mulFp12ByLine(f: Builder): void {
  const [a0, a1] = [fp6(f, "a"), fp6(f, "a", 3)];
  const [l0, l1, l2] = f.operand("l", 3) as [Pair, Pair, Pair];
  const low = mulFp6By01(a0, l0, l1);
  const high: Fp6<Wide> = [a1[2].mulWide(l2).timesXi(), a1[0].mulWide(l2), a1[1].mulWide(l2)];
  const cross = mulFp6By01(plus(a0, a1), l0, l1.plus(l2));
  f.result("d", reduced(add(low, timesV(high))));
  f.result("d", reduced(subtract(subtract(cross, low), high)), 3);
}

/** Squaring in the cyclotomic subgroup: three squarings in Fp⁴. */
function cyclotomicSqr(f: Builder): void {
  const [a00, a01, a02, a10, a11, a12] = f.operand("a", 6) as [Pair, Pair, Pair, Pair, Pair, Pair];
  const fp4Sqr = (a: Pair, b: Pair): [Pair, Wide] => {
    const [aa, bb] = [a.sqrWide(), b.sqrWide()];
    return [aa.plus(bb.timesXi()).reduced(), a.plus(b).sqrWide().minus(aa).minus(bb)];
  };
  const [r0, r1] = fp4Sqr(a00, a11);
  const [r2, r3] = fp4Sqr(a10, a02);
  const [r4, r5] = fp4Sqr(a01, a12);
  const minus = (r: Pair, a: Pair): Pair => r.times(3).minus(a.times(2));
  const plus2 = (r: Pair, a: Pair): Pair => r.times(3).plus(a.times(2));
  f.result("d", [minus(r0, a00), minus(r2, a01), minus(r4, a02)]);
  f.result("d", [plus2(r5.timesXi().reduced(), a10), plus2(r1.reduced(), a11), plus2(r3.reduced(), a12)], 3);
}

/** The adjoint of an element of Fp⁶ and its norm to Fp²: a⁻¹ = adjoint/norm. */
function adjointFp6(f: Builder): void {
  const [a, b, c] = fp6(f, "a");
  const x = a.sqrWide().minus(b.mulWide(c).timesXi()).reduced();
  const y = c.sqrWide().timesXi().minus(a.mulWide(b)).reduced();
  const z = b.sqrWide().minus(a.mulWide(c)).reduced();
  f.fresh("d", [x, y, z]);
  f.fresh("n", [
    a
      .mulWide(x)
      .plus(c.mulWide(y).plus(b.mulWide(z)).timesXi())
      .reduced(),
  ]);
}

function frobenius(f: Builder, odd: boolean): void {
  const a = f.operand("a", 6);
  const c = f.operand("c", 6);
  const image = a.map((part, i) => (odd ? part.conjugated() : part).mul(c[i] as Pair));
  f.result("d", image);
}

/** @param withG2 - false leaves out everything above Fp */
export function towerFormulas(tier: Tier, withG2: boolean): string[] {
  const unary = (name: string, of: (a: Pair) => Pair): string =>
    formula(tier, name, ["d", "a"], (f) => f.result("d", [of(f.operand("a", 1)[0] as Pair)]));
  const binary = (name: string, of: (a: Pair, b: Pair) => Pair): string =>
    formula(tier, name, ["d", "a", "b"], (f) =>
      f.result("d", [of(f.operand("a", 1)[0] as Pair, f.operand("b", 1)[0] as Pair)]),
    );
  const common = [
    binary("pairAdd", (a, b) => a.plus(b)),
    binary("pairSub", (a, b) => a.minus(b)),
    unary("pairNeg", (a) => a.negated()),
    unary("swapPair", (a) => a.swapped()),
  ];
  if (!withG2) return common;
  return [
    ...common,
    unary("conjugate", (a) => a.conjugated()),
    unary("normFp2", (a) => {
      const squares = a.laneSqr();
      return squares.plus(squares.swapped());
    }),
    formula(tier, "mulFp12", ["d", "a", "b"], mulFp12),
    formula(tier, "sqrFp12", ["d", "a"], sqrFp12),
    formula(tier, "mulFp12ByLine", ["d", "a", "l"], mulFp12ByLine),
    formula(tier, "cyclotomicSqr", ["d", "a"], cyclotomicSqr),
    formula(tier, "conjugateFp12", ["d", "a"], (f) => {
      const a = f.operand("a", 6);
      f.result("d", [...a.slice(0, 3), ...a.slice(3).map((part) => part.negated())]);
    }),
    formula(tier, "frobeniusOdd", ["d", "a", "c"], (f) => frobenius(f, true)),
    formula(tier, "frobeniusEven", ["d", "a", "c"], (f) => frobenius(f, false)),
    formula(tier, "mulFp6", ["d", "a", "b"], (f) => f.result("d", reduced(mulFp6(fp6(f, "a"), fp6(f, "b"))))),
    // a − v·b
    formula(tier, "subtractShifted", ["d", "a", "b"], (f) => {
      const [a, b] = [fp6(f, "a"), fp6(f, "b")];
      f.fresh("d", [a[0].minus(b[2].timesXi()), a[1].minus(b[0]), a[2].minus(b[1])]);
    }),
    formula(tier, "adjointFp6", ["d", "n", "a"], adjointFp6),
    formula(tier, "scaleFp6", ["d", "a", "b"], (f) => {
      const b = f.operand("b", 1)[0] as Pair;
      f.result(
        "d",
        f.operand("a", 3).map((part) => part.mul(b)),
      );
    }),
  ];
}

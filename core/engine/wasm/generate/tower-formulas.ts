/**
 * Fp², Fp⁶ = Fp²[v]/(v³ − ξ) and Fp¹² = Fp⁶[w]/(w² − v), ξ = 1 + u. An element of Fp⁶ is three pairs (1, v, v²), one of
 * Fp¹² six: c0 then c1. Products are Karatsuba's; each coefficient is reduced once.
 *
 * Sources: Aranha et al., ePrint 2010/526 (lazy reduction); Granger–Scott, ePrint 2009/565 (cyclotomic squaring);
 * Karabina, ePrint 2010/542 (compression).
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

/** f·(1 + l1·v + l2·v·w) = f + f·(l1 + l2·w)·v: nine products. */
function mulFp12ByTangent(f: Builder): void {
  const [a0, a1] = [fp6(f, "a"), fp6(f, "a", 3)];
  const [l1, l2] = f.operand("l", 2) as [Pair, Pair];
  const scaled = (a: Fp6<Pair>, by: Pair): Fp6<Wide> => [a[0].mulWide(by), a[1].mulWide(by), a[2].mulWide(by)];
  const [low, high] = [scaled(a0, l1), scaled(a1, l2)];
  const cross = subtract(subtract(scaled(plus(a0, a1), l1.plus(l2)), low), high);
  const sum = (a: Fp6<Pair>, b: Fp6<Wide>): Pair[] => b.map((part, i) => part.reduced().plus(a[i] as Pair));
  f.result("d", sum(a0, timesV(add(low, timesV(high)))));
  f.result("d", sum(a1, timesV(cross)), 3);
}

type Fp4<T> = readonly [T, T];
/** The square of a + b·s, s² = ξ. */
function fp4Sqr(a: Pair, b: Pair): Fp4<Wide> {
  const [aa, bb] = [a.sqrWide(), b.sqrWide()];
  return [aa.plus(bb.timesXi()), a.plus(b).sqrWide().minus(aa).minus(bb)];
}
function fp4Mul([a, b]: Fp4<Pair>, [c, e]: Fp4<Pair>): Fp4<Wide> {
  const [ac, be] = [a.mulWide(c), b.mulWide(e)];
  return [ac.plus(be.timesXi()), a.plus(b).mulWide(c.plus(e)).minus(ac).minus(be)];
}

/**
 * Twice the square, which is as good where a final exponentiation follows: it makes 1 of every element of Fp. Over
 * Fp⁴ = Fp²[s], s = w³, by Chung and Hasan's SQR3: four squares and one product of A + B·w + C·w².
 */
function doubledSqrFp12(f: Builder): void {
  const [a00, a01, a02, a10, a11, a12] = f.operand("a", 6) as [Pair, Pair, Pair, Pair, Pair, Pair];
  const [A, B, C]: Fp4<Pair>[] = [
    [a00, a11],
    [a10, a02],
    [a01, a12],
  ] as [Fp4<Pair>, Fp4<Pair>, Fp4<Pair>];
  const even = [A[0].plus(C[0]), A[1].plus(C[1])] as const;
  const [s0, s4, s3] = [fp4Sqr(...A), fp4Sqr(...C), fp4Mul(B, C)];
  const s1 = fp4Sqr(even[0].plus(B[0]), even[1].plus(B[1]));
  const s2 = fp4Sqr(even[0].minus(B[0]), even[1].minus(B[1]));
  const twice = (a: Wide): Wide => a.times(2);
  // 2(A² + 2s·BC), 2(2AB + s·C²), 2(B² + 2AC)
  const r0 = [twice(s0[0].plus(twice(s3[1].timesXi()))), twice(s0[1].plus(twice(s3[0])))];
  const r1 = [0, 1].map((i) => {
    const j = i as 0 | 1;
    const shifted = j === 0 ? s4[1].timesXi() : s4[0];
    return s1[j].minus(s2[j]).plus(twice(shifted.minus(twice(s3[j]))));
  });
  const r2 = ([0, 1] as const).map((j) => s1[j].plus(s2[j]).minus(twice(s0[j].plus(s4[j]))));
  f.result("d", reduced([r0[0], r2[0], r1[1]] as unknown as Fp6<Wide>));
  f.result("d", reduced([r1[0], r0[1], r2[1]] as unknown as Fp6<Wide>), 3);
}

const thriceMinus = (r: Wide, a: Pair): Pair => r.reduced().times(3).minus(a.times(2));
const thricePlus = (r: Wide, a: Pair): Pair => r.reduced().times(3).plus(a.times(2));

/** Squaring in the cyclotomic subgroup: three squarings in Fp⁴. */
function cyclotomicSqr(f: Builder): void {
  const [a00, a01, a02, a10, a11, a12] = f.operand("a", 6) as [Pair, Pair, Pair, Pair, Pair, Pair];
  const [r0, r1] = fp4Sqr(a00, a11);
  const [r2, r3] = fp4Sqr(a10, a02);
  const [r4, r5] = fp4Sqr(a01, a12);
  f.result("d", [thriceMinus(r0, a00), thriceMinus(r2, a01), thriceMinus(r4, a02)]);
  f.result("d", [thricePlus(r5.timesXi(), a10), thricePlus(r1, a11), thricePlus(r3, a12)], 3);
}

/**
 * Compressed squaring (Karabina, ePrint 2010/542). Over Fp⁴ = Fp²[s], s = w³, an element is A + B·w + C·w², and in the
 * cyclotomic subgroup B and C of the square depend on B and C alone. A is left as it is.
 */
function compressedSqr(f: Builder): void {
  const [, a01, a02, a10, , a12] = f.operand("a", 6) as [Pair, Pair, Pair, Pair, Pair, Pair];
  const [r2, r3] = fp4Sqr(a10, a02);
  const [r4, r5] = fp4Sqr(a01, a12);
  f.result("d", [thriceMinus(r2, a01), thriceMinus(r4, a02), thricePlus(r5.timesXi(), a10)], 1);
  f.result("d", [thricePlus(r3, a12)], 5);
}

/** N = B·B̄, which is 0 only for 1. */
function compressedNorm(f: Builder): void {
  const [, , a02, a10] = f.operand("a", 4) as [Pair, Pair, Pair, Pair];
  f.fresh("n", [a10.sqrWide().minus(a02.sqrWide().timesXi()).reduced()]);
}

/** A = (B̄ + s·C²)·B̄/N, given 1/N: g·g^(p⁴) = g^(p²) has A·B = B̄ + s·C² as its coefficient of w. */
function decompress(f: Builder): void {
  const [, a01, a02, a10, , a12] = f.operand("d", 6) as [Pair, Pair, Pair, Pair, Pair, Pair];
  const [n] = f.operand("n", 1) as [Pair];
  const [r4, r5] = fp4Sqr(a01, a12);
  const [e0, e1] = [r5.timesXi().reduced().plus(a10), r4.reduced().minus(a02)];
  const a00 = e0.mulWide(a10).minus(e1.mulWide(a02).timesXi()).reduced();
  const a11 = e1.mulWide(a10).minus(e0.mulWide(a02)).reduced();
  f.result("d", [a00.mul(n)]);
  f.result("d", [a11.mul(n)], 4);
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
    formula(tier, "doubledSqrFp12", ["d", "a"], doubledSqrFp12),
    formula(tier, "mulFp12ByLine", ["d", "a", "l"], mulFp12ByLine),
    formula(tier, "mulFp12ByTangent", ["d", "a", "l"], mulFp12ByTangent),
    formula(tier, "cyclotomicSqr", ["d", "a"], cyclotomicSqr),
    formula(tier, "compressedSqr", ["d", "a"], compressedSqr),
    formula(tier, "compressedNorm", ["n", "a"], compressedNorm),
    formula(tier, "decompress", ["d", "n"], decompress),
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

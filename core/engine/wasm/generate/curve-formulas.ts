/**
 * Points in homogeneous coordinates (X : Y : Z), three pairs, identity (0 : 1 : 0), on y² = x³ + 4 in G1 and
 * y² = x³ + 4(1 + u) in G2. A pair in G1 holds two points, one per lane.
 *
 * Addition and doubling are complete: right for every pair of points of a group of odd order, which both curves are
 * as a whole, cofactors included. So there is no case to distinguish, neither in time nor in a test.
 * Sources: Renes–Costello–Batina, ePrint 2015/1060, algorithms 7–9; Aranha et al., ePrint 2010/526 §4 (line steps).
 * @module
 */
import { type Builder, formula, type Pair } from "./pair.ts";
import type { Tier } from "./tier.ts";

/** What distinguishes the two curves. */
interface Field {
  readonly prefix: "g1" | "g2";
  mul(a: Pair, b: Pair): Pair;
  sqr(a: Pair): Pair;
  /** a·b ± c·e */
  dot(a: Pair, b: Pair, sign: "+" | "-", c: Pair, e: Pair): Pair;
  /** Three times the curve's constant. */
  times3B(a: Pair): Pair;
}
type Affine = readonly [x1: Pair, y1: Pair, x2: Pair, y2: Pair];
type Point = readonly [x: Pair, y: Pair, z: Pair];

const fieldG1 = (f: Builder): Field => ({
  prefix: "g1",
  mul: (a, b) => a.laneMul(b),
  sqr: (a) => a.laneSqr(),
  dot: (a, b, sign, c, e) => f.laneDot(a, b, sign === "+" ? c : c.negated(), e),
  times3B: (a) => a.times(12),
});
const fieldG2 = (): Field => ({
  prefix: "g2",
  mul: (a, b) => a.mul(b),
  sqr: (a) => a.sqr(),
  dot: (a, b, sign, c, e) => {
    const [first, second] = [a.mulWide(b), c.mulWide(e)];
    return (sign === "+" ? first.plus(second) : first.minus(second)).reduced();
  },
  times3B: (a) => a.timesXi().times(12),
});

const point = (f: Builder, name: string): Point => f.operand(name, 3) as unknown as Point;

function finishAdd(k: Field, t0: Pair, t1: Pair, t2: Pair, t3: Pair, t4: Pair, t5: Pair): Point {
  const [z3, t6] = [t1.plus(t2), t1.minus(t2)];
  const [x3, y3] = [t0.times(3), k.times3B(t5)];
  return [k.dot(t3, t6, "-", t4, y3), k.dot(y3, x3, "+", t6, z3), k.dot(z3, t4, "+", x3, t3)];
}

function add(k: Field, [x1, y1, z1]: Point, [x2, y2, z2]: Point): Point {
  const [t0, t1, t2] = [k.mul(x1, x2), k.mul(y1, y2), k.mul(z1, z2)];
  const t3 = k.mul(x1.plus(y1), x2.plus(y2)).minus(t0).minus(t1);
  const t4 = k.mul(y1.plus(z1), y2.plus(z2)).minus(t1).minus(t2);
  const t5 = k.mul(x1.plus(z1), x2.plus(z2)).minus(t0).minus(t2);
  return finishAdd(k, t0, t1, k.times3B(t2), t3, t4, t5);
}

/** The second point is affine, and so not the identity. */
function addAffine(k: Field, [x1, y1, z1]: Point, x2: Pair, y2: Pair): Point {
  const [t0, t1] = [k.mul(x1, x2), k.mul(y1, y2)];
  const t3 = k.mul(x1.plus(y1), x2.plus(y2)).minus(t0).minus(t1);
  const t4 = k.mul(y2, z1).plus(y1);
  const t5 = k.mul(x2, z1).plus(x1);
  return finishAdd(k, t0, t1, k.times3B(z1), t3, t4, t5);
}

/** Both points are affine and have different x; `inverse` is 1/(x2 − x1). */
function addChord(k: Field, [x1, y1, x2, y2]: Affine, inverse: Pair): [Pair, Pair] {
  const slope = k.mul(y2.minus(y1), inverse);
  const x3 = k.sqr(slope).minus(x1).minus(x2);
  return [x3, k.mul(slope, x1.minus(x3)).minus(y1)];
}

function double(k: Field, [x, y, z]: Point): Point {
  const [yy, yz, zz, xy] = [k.sqr(y), k.mul(y, z), k.sqr(z), k.mul(x, y)];
  const b = k.times3B(zz);
  const eight = yy.times(8);
  const difference = yy.minus(b.times(3));
  return [k.mul(difference, xy).times(2), k.dot(b, eight, "+", difference, yy.plus(b)), k.mul(yz, eight)];
}

/**
 * One point of G1 doubled with both lanes at work. It is in Jacobian coordinates, x = X/Z² and y = Y/Z³: (X | Y) and
 * Z in lane 1. Right for every point of the curve, whose order is odd.
 */
function doubleAcrossLanes(f: Builder): void {
  const [xy, z] = f.operand("a", 2) as [Pair, Pair];
  const squares = xy.laneSqr(); // X² | Y²
  const products = xy.laneMul(squares.swapped().merged(z)); // X·Y² | Y·Z
  const slope = squares.times(3).merged(squares); // M = 3X² | Y²
  const fourth = slope.laneSqr(); // M² | Y⁴
  const s = products.times(4);
  const x3 = fourth.minus(s.times(2));
  const y3 = slope.laneMul(s.minus(x3)).minus(fourth.swapped().times(8));
  f.result("d", [x3.merged(y3.swapped()), products.times(2)]);
}

/** Homogeneous (both lanes the same) to Jacobian for `doubleAcrossLanes`: (XZ, YZ², Z), but for the identity element. */
function spreadPoint(f: Builder): void {
  const [x, y, z] = point(f, "a");
  const yz = y.laneMul(z);
  f.result("d", [x.merged(yz).laneMul(z), z]);
}

/** And back, with (XZ, Y, Z³). */
function gatherPoint(f: Builder): void {
  const [xy, z1] = f.operand("a", 2) as [Pair, Pair];
  const z = z1.swapped().merged(z1);
  const [x, y] = [xy.merged(xy.swapped()), xy.swapped().merged(xy)];
  f.result("d", [x.laneMul(z), y, z.laneSqr().laneMul(z)]);
}

/** R ← 2R; the tangent at R, to be scaled by the coordinates of the point it is evaluated at. */
function doublingStep(f: Builder): void {
  const [x, y, z] = point(f, "r");
  const [yy, zz] = [y.sqr(), z.sqr()];
  const b = zz.timesXi().times(12);
  const yz2 = y.plus(z).sqr().minus(zz).minus(yy);
  const xx = x.sqr();
  const difference = yy.minus(b.times(3));
  f.fresh("l", [b.minus(yy), xx.times(3), yz2.negated()]);
  const sum = yy.plus(b.times(3));
  const xy2 = x.plus(y).sqr().minus(xx).minus(yy);
  f.result("r", [
    difference.mul(xy2),
    sum.sqrWide().minus(b.sqrWide().times(3).times(2).times(2)).reduced(),
    yy.mul(yz2).times(4),
  ]);
}

/** R ← R + Q for an affine Q; the line through both. */
function additionStep(f: Builder): void {
  const [x, y, z] = point(f, "r");
  const [qx, qy] = f.operand("q", 2) as [Pair, Pair];
  const theta = y.minus(qy.mul(z));
  const lambda = x.minus(qx.mul(z));
  f.fresh("l", [theta.mulWide(qx).minus(lambda.mulWide(qy)).reduced(), theta.negated(), lambda]);
  const square = lambda.sqr();
  const cube = lambda.mul(square);
  const chord = x.mul(square);
  const rest = theta.sqr().mul(z).plus(cube).minus(chord.times(2));
  f.result("r", [lambda.mul(rest), theta.mulWide(chord.minus(rest)).minus(cube.mulWide(y)).reduced(), z.mul(cube)]);
}

/** @param groups - without G2 there are no multi-scalar products either */
export function curveFormulas(tier: Tier, groups: readonly ("g1" | "g2")[]): string[] {
  const texts: string[] = [];
  for (const group of groups) {
    const field = (f: Builder): Field => (group === "g1" ? fieldG1(f) : fieldG2());
    texts.push(
      formula(tier, `${group}Add`, ["d", "a", "b"], (f) => f.result("d", add(field(f), point(f, "a"), point(f, "b")))),
      formula(tier, `${group}AddAffine`, ["d", "a", "b"], (f) => {
        const [x, y] = f.operand("b", 2) as [Pair, Pair];
        f.result("d", addAffine(field(f), point(f, "a"), x, y));
      }),
      ...(groups.includes("g2") ? [addChordOf(tier, group, field)] : []),
      formula(tier, `${group}Double`, ["d", "a"], (f) => f.result("d", double(field(f), point(f, "a")))),
    );
  }
  texts.push(
    formula(tier, "doubleAcrossLanes", ["d", "a"], doubleAcrossLanes),
    formula(tier, "spreadPoint", ["d", "a"], spreadPoint),
    formula(tier, "gatherPoint", ["d", "a"], gatherPoint),
  );
  return texts;
}

function addChordOf(tier: Tier, group: "g1" | "g2", field: (f: Builder) => Field): string {
  return formula(tier, `${group}AddChord`, ["d", "p", "i"], (f) => {
    const [inverse] = f.operand("i", 1) as [Pair];
    f.fresh("d", addChord(field(f), f.operand("p", 4) as unknown as Affine, inverse));
  });
}

export function pairingFormulas(tier: Tier): string[] {
  return [
    formula(tier, "doublingStep", ["r", "l"], doublingStep),
    formula(tier, "additionStep", ["r", "l", "q"], additionStep),
    formula(tier, "evaluateLine", ["d", "l", "p"], (f) => {
      const [l0, l1, l2] = f.operand("l", 3) as [Pair, Pair, Pair];
      const [px, py] = f.operand("p", 2) as [Pair, Pair];
      f.result("d", [l0, l1.laneMul(px), l2.laneMul(py)]);
    }),
  ];
}

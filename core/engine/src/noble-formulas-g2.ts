/**
 * The formulas of `noble-formulas-g1.ts` over Fp², for G2.
 * @module
 */
import { type Fp2, psiFrobenius } from "@noble/curves/abstract/tower.js";
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { P } from "./noble-codec.ts";
import { modP } from "./noble-formulas-g1.ts";
import { PARAMETER } from "./noble-parameter.ts";
import type { WalkGroup } from "./noble-windows.ts";

/** c0 + c1·u with u² = −1; reduced or not, of either sign. */
interface Quadratic {
  readonly c0: bigint;
  readonly c1: bigint;
}

/** (X : Y : Z), each part anywhere in (−p, p). */
export interface Projective2 {
  readonly x: Quadratic;
  readonly y: Quadratic;
  readonly z: Quadratic;
}

const { Fp, Fp2: F } = bls12_381.fields;
const Point = bls12_381.G2.Point;

const plus = (a: Quadratic, b: Quadratic): Quadratic => ({ c0: a.c0 + b.c0, c1: a.c1 + b.c1 });
const minus = (a: Quadratic, b: Quadratic): Quadratic => ({ c0: a.c0 - b.c0, c1: a.c1 - b.c1 });
const scale = (a: Quadratic, k: bigint): Quadratic => ({ c0: k * a.c0, c1: k * a.c1 });
const reduce = (a: Quadratic): Quadratic => ({ c0: a.c0 % P, c1: a.c1 % P });
const conjugate = (a: Quadratic): Quadratic => ({ c0: a.c0, c1: -a.c1 });
const negative = (a: Quadratic): Quadratic => ({ c0: -a.c0, c1: -a.c1 });

/** Three products, no reduction. */
function times(a: Quadratic, b: Quadratic): Quadratic {
  const low = a.c0 * b.c0;
  const high = a.c1 * b.c1;
  return { c0: low - high, c1: (a.c0 + a.c1) * (b.c0 + b.c1) - low - high };
}

function square({ c0, c1 }: Quadratic): Quadratic {
  return { c0: (c0 + c1) * (c0 - c1), c1: 2n * c0 * c1 };
}

/** Thrice the constant of y² = x³ + 4(1 + u). */
const timesB3 = ({ c0, c1 }: Quadratic): Quadratic => ({ c0: 12n * (c0 - c1), c1: 12n * (c0 + c1) });

function add(a: Projective2, b: Projective2): Projective2 {
  const xx = times(a.x, b.x);
  const yy = times(a.y, b.y);
  const zz = times(a.z, b.z);
  const xy = reduce(minus(times(plus(a.x, a.y), plus(b.x, b.y)), plus(xx, yy)));
  const yz = reduce(minus(times(plus(a.y, a.z), plus(b.y, b.z)), plus(yy, zz)));
  const xz = reduce(timesB3(minus(times(plus(a.x, a.z), plus(b.x, b.z)), plus(xx, zz))));
  const xx3 = reduce(scale(xx, 3n));
  const zzB = timesB3(zz);
  const sum = reduce(plus(yy, zzB));
  const difference = reduce(minus(yy, zzB));
  return {
    x: reduce(minus(times(xy, difference), times(yz, xz))),
    y: reduce(plus(times(xz, xx3), times(difference, sum))),
    z: reduce(plus(times(sum, yz), times(xx3, xy))),
  };
}

function double({ x, y, z }: Projective2): Projective2 {
  const yy = reduce(square(y));
  const yy8 = scale(yy, 8n);
  const zz = reduce(timesB3(square(z)));
  const rest = minus(yy, scale(zz, 3n));
  return {
    x: reduce(times(scale(rest, 2n), reduce(times(x, y)))),
    y: reduce(plus(times(zz, yy8), times(rest, plus(yy, zz)))),
    z: reduce(times(reduce(times(y, z)), yy8)),
  };
}

const { psi } = psiFrobenius(Fp, F, F.div(F.ONE, F.NONRESIDUE));
/** ψ (untwist, Frobenius, twist) in projective coordinates is `(cx·X̄ : cy·Ȳ : Z̄)`; it multiplies by z on the order-r subgroup. */
const [PSI_X, PSI_Y] = psi(F.ONE, F.ONE);

/** G2 for the walks. */
export const G2_WALK: WalkGroup<Projective2> = {
  zero: { x: { c0: 0n, c1: 0n }, y: { c0: 1n, c1: 0n }, z: { c0: 0n, c1: 0n } },
  add,
  double,
  negate: ({ x, y, z }) => ({ x, y: negative(y), z }),
  // z is negative: |z|·P = −ψ(P)
  image: ({ x, y, z }) => ({
    x: reduce(times(conjugate(x), PSI_X)),
    y: negative(reduce(times(conjugate(y), PSI_Y))),
    z: conjugate(z),
  }),
  base: PARAMETER,
  dimensions: 4,
  digitBits: 64,
};

export const fromNoble2 = ({ X, Y, Z }: WeierstrassPoint<Fp2>): Projective2 => ({ x: X, y: Y, z: Z });

export function toNoble2({ x, y, z }: Projective2): WeierstrassPoint<Fp2> {
  const reduced = canonical(z);
  return F.is0(reduced) ? Point.ZERO : new Point(canonical(x), canonical(y), reduced);
}

const canonical = ({ c0, c1 }: Quadratic): Fp2 => F.create({ c0: modP(c0), c1: modP(c1) });

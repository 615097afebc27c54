/**
 * G1 and G2 of the noble engine: noble's complete formulas, our walks over secret and public scalars.
 * @module
 */
import { mulAddUnsafe, normalizeZ } from "@noble/curves/abstract/curve.js";
import type { WeierstrassPoint, WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import type { FixedBase, Group, Scalar } from "./engine.ts";
import { decodePoint, encodeAffine, encodeInfinity, FP_BYTES } from "./noble-codec.ts";
import { multiScalar } from "./noble-multi-scalar.ts";
import { fromScalar, type RandomIntegers, splitScalar } from "./noble-scalars.ts";
import { multiplySplit, multiplyWindows, type WalkGroup, type WindowTables, windowTables } from "./noble-windows.ts";

const SMALL_LIMIT = 2 ** 32;

/** What tells one group from the other. */
export interface NobleGroupParameters<F> {
  readonly name: "G1" | "G2";
  readonly Point: WeierstrassPointCons<F>;
  /** Parts of a field element, highest first. */
  parts(value: F): readonly bigint[];
  hashToCurve(message: Uint8Array, options: { DST: string }): WeierstrassPoint<F>;
  readonly walk: WalkGroup<WeierstrassPoint<F>>;
}

/** The domain separation tag as RFC 9380 wants it: never empty, never so long that it would be hashed first. */
export function checkTag(tag: string): void {
  if (typeof tag !== "string" || !/^[\x20-\x7e]{1,255}$/.test(tag)) {
    throw new TypeError("the domain separation tag must have 1 to 255 printable ASCII characters");
  }
}

/** @typeParam H - the opaque handle; at run time it is noble's point */
export function createNobleGroup<H, F>(parameters: NobleGroupParameters<F>, random: RandomIntegers): Group<H> {
  type Point = WeierstrassPoint<F>;
  const { name, Point, parts, walk } = parameters;
  const into = (point: Point): H => point as unknown as H;
  const from = (handle: H): Point => {
    if (!(handle instanceof Point)) throw new TypeError(`expected a ${name} handle of this engine`);
    return handle as unknown as Point;
  };
  const width = parts(Point.Fp.ONE).length;

  const multiplySecret = (point: Point, k: bigint): Point => multiplySplit(walk, point, splitScalar(k, random));

  const straus = (points: Point[], scalars: bigint[]): Point => mulAddUnsafe(Point, points, scalars);

  function fixedBase(point: Point): FixedBase<H> {
    let built: WindowTables<Point> | undefined;
    const tables = (): WindowTables<Point> => {
      // Sums with affine points are a little faster, and one inversion makes them all affine.
      built ??= windowTables(walk, point).map((table) => normalizeZ(Point, [...table]));
      return built;
    };
    return {
      multiplySecret(k) {
        const [a, b] = splitScalar(fromScalar(k), random);
        return into(multiplyWindows(walk, tables(), a).add(multiplyWindows(walk, tables(), b)));
      },
      multiplyPublic: (k) => into(multiplyWindows(walk, tables(), fromScalar(k))),
    };
  }

  return {
    encodedLength: width * FP_BYTES,
    generator: into(Point.BASE),
    identity: into(Point.ZERO),
    decode: (bytes, options) => into(decodePoint(name, () => Point.fromBytes(bytes), options?.identity === "allow")),
    encode(handle, form = "compressed") {
      const point = from(handle);
      if (point.is0()) return encodeInfinity(width, form);
      const { x, y } = point.toAffine();
      return encodeAffine(parts(x), parts(y), form);
    },
    add: (a, b) => into(from(a).add(from(b))),
    subtract: (a, b) => into(from(a).add(from(b).negate())),
    negate: (a) => into(from(a).negate()),
    sum: (points) => into(points.reduce<Point>((sum, point) => sum.add(from(point)), Point.ZERO)),
    equals: (a, b) => from(a).equals(from(b)),
    isIdentity: (a) => from(a).is0(),
    hash(message, tag) {
      checkTag(tag);
      return into(parameters.hashToCurve(message, { DST: tag }));
    },
    multiplySecret: (point, k) => into(multiplySecret(from(point), fromScalar(k))),
    multiplySmallSecret(point, k) {
      if (!Number.isSafeInteger(k) || k < 0 || k >= SMALL_LIMIT) throw new TypeError("expected an integer in [0, 2³²)");
      // ρ must have 160 bits to hide k, and those without the endomorphism take as long as 255 bits with it.
      return into(multiplySecret(from(point), BigInt(k)));
    },
    multiplyPublic: (point, k) => into(multiScalar(walk, [from(point)], [fromScalar(k)], straus)),
    fixedBase: (point) => fixedBase(from(point)),
    multiScalar(points, scalars: readonly Scalar[]) {
      if (points.length !== scalars.length) throw new TypeError("as many scalars as points are needed");
      return into(multiScalar(walk, points.map(from), scalars.map(fromScalar), straus));
    },
  };
}

/**
 * G1 and G2 of the noble engine: points, codecs and hashing are noble's, walks over secret and public scalars ours.
 * @module
 */
import type { WeierstrassPoint, WeierstrassPointCons } from "@noble/curves/abstract/weierstrass.js";
import type { FixedBase, Group, Scalar } from "./engine.ts";
import { checkTag } from "./hash-tag.ts";
import { decodePoint, encodeAffine, encodeInfinity, FP_BYTES } from "./noble-codec.ts";
import { multiScalar } from "./noble-multi-scalar.ts";
import { fromScalar, type RandomIntegers, splitScalar } from "./noble-scalars.ts";
import { multiplySplit, multiplyWindows, type WalkGroup, type WindowTables, windowTables } from "./noble-windows.ts";

const SMALL_LIMIT = 2 ** 32;

/** What tells one group from the other. */
export interface NobleGroupParameters<F, E> {
  readonly name: "G1" | "G2";
  readonly Point: WeierstrassPointCons<F>;
  /** Parts of a field element, highest first. */
  parts(value: F): readonly bigint[];
  hashToCurve(message: Uint8Array, options: { DST: string }): WeierstrassPoint<F>;
  /** The formulas that multiplications run on, and the ways in and out. */
  readonly walk: WalkGroup<E>;
  toWalk(point: WeierstrassPoint<F>): E;
  fromWalk(element: E): WeierstrassPoint<F>;
}

/** @typeParam H - the opaque handle; at run time it is noble's point */
export function createNobleGroup<H, F, E>(parameters: NobleGroupParameters<F, E>, random: RandomIntegers): Group<H> {
  type Point = WeierstrassPoint<F>;
  const { name, Point, parts, walk, toWalk, fromWalk } = parameters;
  const into = (point: Point): H => point as unknown as H;
  const from = (handle: H): Point => {
    if (!(handle instanceof Point)) throw new TypeError(`expected a ${name} handle of this engine`);
    return handle as unknown as Point;
  };
  const width = parts(Point.Fp.ONE).length;

  const multiplySecret = (point: Point, k: bigint): Point =>
    fromWalk(multiplySplit(walk, toWalk(point), splitScalar(k, random)));

  function fixedBase(point: Point): FixedBase<H> {
    let built: WindowTables<E> | undefined;
    let destroyed = false;
    const tables = (): WindowTables<E> => {
      if (destroyed) throw new TypeError(`a table of ${name} was destroyed`);
      built ??= windowTables(walk, toWalk(point));
      return built;
    };
    return {
      multiplySecret(k) {
        const [a, b] = splitScalar(fromScalar(k), random);
        return into(fromWalk(walk.add(multiplyWindows(walk, tables(), a), multiplyWindows(walk, tables(), b))));
      },
      multiplyPublic: (k) => into(fromWalk(multiplyWindows(walk, tables(), fromScalar(k)))),
      destroy() {
        built = undefined; // big integers cannot be overwritten
        destroyed = true;
      },
    };
  }

  return {
    encodedLength: width * FP_BYTES,
    generator: into(Point.BASE),
    identity: into(Point.ZERO),
    decode: (bytes, options) => into(decodePoint(name, () => Point.fromBytes(bytes), options?.identity === "allow")),
    decodeAll: (encodings) => encodings.map((bytes) => into(decodePoint(name, () => Point.fromBytes(bytes), false))),
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
    multiplySecretAll: (points, k) => points.map((point) => into(multiplySecret(from(point), fromScalar(k)))),
    multiplySmallSecret(point, k) {
      if (!Number.isSafeInteger(k) || k < 0 || k >= SMALL_LIMIT) throw new TypeError("expected an integer in [0, 2³²)");
      // ρ must have 160 bits to hide k, and those without the endomorphism take as long as 255 bits with it.
      return into(multiplySecret(from(point), BigInt(k)));
    },
    multiplyPublic: (point, k) => into(fromWalk(multiScalar(walk, [toWalk(from(point))], [fromScalar(k)]))),
    fixedBase: (point) => fixedBase(from(point)),
    multiScalar(points, scalars: readonly Scalar[]) {
      if (points.length !== scalars.length) throw new TypeError("as many scalars as points are needed");
      return into(
        fromWalk(
          multiScalar(
            walk,
            points.map((point) => toWalk(from(point))),
            scalars.map(fromScalar),
          ),
        ),
      );
    },
  };
}

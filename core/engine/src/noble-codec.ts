/**
 * Point encodings of the noble engine: the Zcash form, three flag bits above a big-endian x (and y).
 *
 * Reading is noble's, writing is ours: noble's writer repeats the subgroup check, a millisecond per point, and points
 * of this engine have been checked where they came in.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { numberToBytesBE } from "@noble/curves/utils.js";
import type { PointForm } from "./engine.ts";
import { MilagroError } from "./error.ts";

/** Bytes of one coordinate in Fp. */
export const FP_BYTES = 48;
export const P: bigint = bls12_381.fields.Fp.ORDER;
const HALF_P = (P - 1n) / 2n;

const COMPRESSED = 0x80;
const INFINITY = 0x40;
const LARGER_Y = 0x20;

/** @param x - parts of the coordinate, highest first: one in G1, (c1, c0) in G2 */
export function encodeAffine(x: readonly bigint[], y: readonly bigint[], form: PointForm): Uint8Array {
  const compressed = form === "compressed";
  const parts = compressed ? x : [...x, ...y];
  const bytes = new Uint8Array(parts.length * FP_BYTES);
  parts.forEach((part, i) => {
    bytes.set(numberToBytesBE(part, FP_BYTES), i * FP_BYTES);
  });
  if (compressed) bytes[0] = (bytes[0] as number) | COMPRESSED | (isLarger(y) ? LARGER_Y : 0);
  return bytes;
}

/** @param parts - coordinates the form would have: 1 (G1) or 2 (G2) per axis */
export function encodeInfinity(parts: number, form: PointForm): Uint8Array {
  const compressed = form === "compressed";
  const bytes = new Uint8Array(parts * FP_BYTES * (compressed ? 1 : 2));
  bytes[0] = INFINITY | (compressed ? COMPRESSED : 0);
  return bytes;
}

/** Runs noble's reader and folds all of its refusals into one code that tells nothing of the input. */
export function decodePoint<P extends { is0(): boolean }>(name: string, read: () => P, allowIdentity: boolean): P {
  let point: P;
  try {
    point = read();
  } catch {
    throw new MilagroError("ERR_POINT_INVALID", `${name}: not the encoding of a point of the group`);
  }
  if (point.is0() && !allowIdentity) {
    throw new MilagroError("ERR_POINT_INVALID", `${name}: the identity element is not allowed here`);
  }
  return point;
}

/** y is the larger of ±y; in Fp² the highest part that is not zero decides. */
function isLarger(y: readonly bigint[]): boolean {
  for (const part of y) if (part !== 0n) return part > HALF_P;
  return false;
}

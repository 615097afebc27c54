/**
 * Points for differential tests, with the oracle's encodings and, where it is known, the multiple of the generator.
 * @module
 */
import type { WeierstrassPoint } from "@noble/curves/abstract/weierstrass.js";
import type { Source } from "./differential-source.ts";
import { hex, integer, type Oracle, P, R, unhex, writePoint } from "./oracle.ts";

export interface Known<F> {
  readonly point: WeierstrassPoint<F>;
  /** `point` is this multiple of the generator. */
  readonly log: bigint;
  /** Uncompressed. */
  readonly text: string;
}

export function write<F>(
  oracle: Oracle<F>,
  point: WeierstrassPoint<F>,
  form: "compressed" | "uncompressed" = "compressed",
): string {
  if (!point.is0()) return hex(writePoint(oracle, point.toAffine(), form));
  const bytes = new Uint8Array(form === "compressed" ? oracle.width : 2 * oracle.width);
  bytes[0] = form === "compressed" ? 0xc0 : 0x40;
  return hex(bytes);
}

/** Every n-th point is special: neutral, the generator and its neighbours. The others walk about at random. */
export function* points<F>(oracle: Oracle<F>, source: Source): Generator<Known<F>, never> {
  const known = (point: WeierstrassPoint<F>, log: bigint): Known<F> => ({
    point,
    log,
    text: write(oracle, point, "uncompressed"),
  });
  const { generator } = oracle;
  const neutral = generator.subtract(generator);
  const special = [
    known(neutral, 0n),
    known(generator, 1n),
    known(generator.negate(), R - 1n),
    known(generator.double(), 2n),
  ];
  const steps = Array.from({ length: 16 }, () => {
    const log = integer(source.bytes(48)) % R;
    return { point: generator.multiplyUnsafe(log), log };
  });
  let here = source.pick(steps);
  for (;;) {
    const step = source.pick(steps);
    here = { point: here.point.add(step.point), log: (here.log + step.log) % R };
    yield source.below(12) === 0 ? source.pick(special) : known(here.point, here.log);
  }
}

/** By the definitions of encoding, curve and group; undefined where an engine has to refuse. */
export function readPoint<F>(oracle: Oracle<F>, bytes: Uint8Array): WeierstrassPoint<F> | undefined {
  const compressed = bytes.length === oracle.width;
  if (!compressed && bytes.length !== 2 * oracle.width) return undefined;
  const flags = (bytes[0] as number) >> 5;
  if ((flags & 4) !== (compressed ? 4 : 0)) return undefined;
  const body = bytes.slice();
  body[0] = (body[0] as number) & 31;
  if ((flags & 2) !== 0) {
    const zeros = (flags & 1) === 0 && body.every((byte) => byte === 0);
    return zeros ? oracle.generator.subtract(oracle.generator) : undefined;
  }
  if (!compressed && (flags & 1) !== 0) return undefined;
  const parts = Array.from({ length: body.length / 48 }, (_, i) => integer(body.slice(48 * i, 48 * i + 48)));
  if (parts.some((part) => part >= P)) return undefined;
  const width = oracle.width / 48;
  const x = oracle.join(parts.slice(0, width));
  const root = oracle.lift(x);
  if (root === undefined) return undefined;
  const one = oracle.fromAffine(x, root);
  const point = [one, one.negate()].find((candidate) => {
    const form = compressed ? "compressed" : "uncompressed";
    return write(oracle, candidate, form) === hex(bytes);
  });
  // r·P = 0, by way of (r − 1)·P = −P: the oracle takes no multiple of r
  return point?.multiplyUnsafe(R - 1n).equals(point.negate()) ? point : undefined;
}

/** A point from its uncompressed encoding, without any check. */
export function trusted<F>(oracle: Oracle<F>, text: string): WeierstrassPoint<F> {
  const bytes = unhex(text);
  if (bytes[0] === 0x40) return oracle.generator.subtract(oracle.generator);
  const parts = Array.from({ length: bytes.length / 48 }, (_, i) => integer(bytes.slice(48 * i, 48 * i + 48)));
  const half = parts.length / 2;
  return oracle.fromAffine(oracle.join(parts.slice(0, half)), oracle.join(parts.slice(half)));
}

/**
 * Differential tests of scalars, against plain integers.
 * @module
 */

import type { Family } from "./differential.ts";
import { be, EDGE_SCALARS, Fr, hex, integer, P, R, unhex } from "./oracle.ts";

const text = (value: bigint): string => hex(be(((value % R) + R) % R, 32));
const number = (bytes: Uint8Array): bigint => (bytes.length === 0 ? 0n : integer(bytes));

export function scalarFamilies(): Family[] {
  return [arithmetic, decoding, reduction, integers];
}

const arithmetic: Family = {
  name: "scalar arithmetic",
  count: 4000,
  *inputs(source) {
    for (const a of EDGE_SCALARS) for (const b of EDGE_SCALARS) yield [text(a), text(b)];
    for (;;) yield [text(source.scalar()), text(source.scalar())];
  },
  answers([left = "", right = ""]) {
    const [a, b] = [integer(unhex(left)), integer(unhex(right))];
    return {
      "scalars.add": text(a + b),
      "scalars.subtract": text(a - b),
      "scalars.negate": text(-a),
      "scalars.multiply": text(a * b),
      "scalars.invert": a === 0n ? "TypeError" : text(Fr.inv(a)),
      "scalars.equals": String(a === b),
      "scalars.equals, of the same value computed otherwise": "true",
      "scalars.isZero": String(a === 0n),
      "scalars.encode": left,
    };
  },
  ask({ scalars }, [left = "", right = ""]) {
    const a = scalars.decode(unhex(left), { zero: "allow" });
    const b = scalars.decode(unhex(right), { zero: "allow" });
    const write = (value: typeof a): string => hex(scalars.encode(value));
    return {
      "scalars.add": () => write(scalars.add(a, b)),
      "scalars.subtract": () => write(scalars.subtract(a, b)),
      "scalars.negate": () => write(scalars.negate(a)),
      "scalars.multiply": () => write(scalars.multiply(a, b)),
      "scalars.invert": () => write(scalars.invert(a)),
      "scalars.equals": () => String(scalars.equals(a, b)),
      "scalars.equals, of the same value computed otherwise": () =>
        String(scalars.equals(scalars.subtract(scalars.add(a, b), b), a)),
      "scalars.isZero": () => String(scalars.isZero(a)),
      "scalars.encode": () => write(a),
    };
  },
};

const ALL_ONES = 2n ** 256n - 1n;
const decoding: Family = {
  name: "scalar decoding",
  count: 2000,
  *inputs(source) {
    for (const value of [...EDGE_SCALARS, R, R + 1n, 2n * R - 1n, 2n * R, P % 2n ** 256n, ALL_ONES]) {
      yield [hex(be(value, 32))];
    }
    for (const length of [0, 1, 31, 33, 48, 64]) yield [hex(source.bytes(length))];
    for (;;) {
      yield [hex(be(R + BigInt(source.below(9)) - 4n, 32))];
      yield [hex(source.bytes(32))];
    }
  },
  answers([bytes = ""]) {
    const fits = bytes.length === 64 && integer(unhex(bytes)) < R;
    const zero = fits && integer(unhex(bytes)) === 0n;
    return {
      "scalars.decode": fits && !zero ? bytes : "ERR_SCALAR_INVALID",
      "scalars.decode, zero allowed": fits ? bytes : "ERR_SCALAR_INVALID",
    };
  },
  ask({ scalars }, [bytes = ""]) {
    return {
      "scalars.decode": () => hex(scalars.encode(scalars.decode(unhex(bytes)))),
      "scalars.decode, zero allowed": () => hex(scalars.encode(scalars.decode(unhex(bytes), { zero: "allow" }))),
    };
  },
};

const reduction: Family = {
  name: "scalar reduction",
  count: 2000,
  *inputs(source) {
    const top = 2n ** 384n - 1n;
    for (const value of [0n, 1n, R - 1n, R, R + 1n, P - 1n, P, top, top - (top % R), top - (top % R) - 1n]) {
      yield [hex(be(value, 48))];
      yield [hex(be(value, 64))];
    }
    for (const length of [0, 32, 47, 96, 128]) yield [hex(source.bytes(length))];
    for (;;) yield [hex(source.bytes(source.pick([48, 48, 49, 64, 80])))];
  },
  answers: ([bytes = ""]) => (bytes.length < 96 ? "ERR_SCALAR_INVALID" : text(number(unhex(bytes)))),
  ask: ({ scalars }, [bytes = ""]) => ({ "scalars.reduce": () => hex(scalars.encode(scalars.reduce(unhex(bytes)))) }),
};

const integers: Family = {
  name: "integers",
  count: 2000,
  *inputs(source) {
    for (const value of [0, 1, 2, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52, 2 ** 53 - 1]) yield [String(value)];
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) yield [String(value)];
    for (;;) yield [String(source.below(2 ** 21) * 2 ** source.below(33) + source.below(2 ** 20))];
  },
  answers([value = ""]) {
    const n = Number(value);
    return Number.isSafeInteger(n) && n >= 0 ? text(BigInt(n)) : "TypeError";
  },
  ask: ({ scalars }, [value = ""]) => ({
    "scalars.fromInteger": () => hex(scalars.encode(scalars.fromInteger(Number(value)))),
  }),
};

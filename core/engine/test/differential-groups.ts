/**
 * Differential tests of G1 and G2 against the oracle.
 * @module
 */
import type { Engine, Group } from "../src/engine.ts";
import type { Family } from "./differential.ts";
import { type Known, points, trusted, write } from "./differential-points.ts";
import { be, EDGE_SCALARS, G1_ORACLE, G2_ORACLE, hex, integer, type Oracle, R, unhex } from "./oracle.ts";

const scalarText = (value: bigint): string => hex(be(value, 32));

export function groupFamilies(): Family[] {
  return [
    ...families("g1", G1_ORACLE, ({ g1 }) => g1 as unknown as Group<unknown>),
    ...families("g2", G2_ORACLE, ({ g2 }) => g2 as unknown as Group<unknown>),
  ];
}

function families<F>(name: "g1" | "g2", oracle: Oracle<F>, pick: (engine: Engine) => Group<unknown>): Family[] {
  const read = (engine: Engine, text: string): unknown => pick(engine).decode(unhex(text), { identity: "allow" });
  const scalar = ({ scalars }: Engine, text: string) => scalars.decode(unhex(text), { zero: "allow" });
  /** The same point with other coordinates inside, where an engine keeps projective ones. */
  const unnormalised = (engine: Engine, point: unknown): unknown => {
    const group = pick(engine);
    return group.subtract(group.add(point, group.generator), group.generator);
  };

  const addition: Family = {
    name: `${name} addition`,
    count: 1500,
    *inputs(source) {
      const walk = points(oracle, source);
      const opposite = ({ point }: Known<F>): string => write(oracle, point.negate(), "uncompressed");
      const neutral = write(oracle, oracle.generator.subtract(oracle.generator), "uncompressed");
      for (let i = 0; ; i++) {
        const [a, b] = [walk.next().value, walk.next().value];
        if (i === 0) yield [neutral, neutral];
        else if (i % 5 === 0) yield [a.text, a.text];
        else if (i % 5 === 1) yield [a.text, opposite(a)];
        else if (i % 20 === 2) yield [a.text, neutral];
        else if (i % 20 === 3) yield [neutral, b.text];
        else yield [a.text, b.text];
      }
    },
    answers([left = "", right = ""]) {
      const [a, b] = [trusted(oracle, left), trusted(oracle, right)];
      const sum = a.add(b);
      const twice = write(oracle, a.double());
      return {
        [`${name}.add`]: write(oracle, sum),
        [`${name}.add, of computed points`]: twice,
        [`${name}.subtract`]: write(oracle, a.subtract(b)),
        [`${name}.negate`]: write(oracle, a.negate()),
        [`${name}.sum`]: twice,
        [`${name}.equals`]: String(left === right),
        [`${name}.equals, of computed points`]: "true",
        [`${name}.isIdentity`]: String(sum.is0()),
        [`${name}.encode`]: write(oracle, sum, "uncompressed"),
      };
    },
    ask(engine, [left = "", right = ""]) {
      const group = pick(engine);
      const [a, b] = [read(engine, left), read(engine, right)];
      const text = (point: unknown): string => hex(group.encode(point));
      return {
        [`${name}.add`]: () => text(group.add(a, b)),
        [`${name}.add, of computed points`]: () => text(group.add(group.add(a, b), group.subtract(a, b))),
        [`${name}.subtract`]: () => text(group.subtract(a, b)),
        [`${name}.negate`]: () => text(group.negate(a)),
        [`${name}.sum`]: () => text(group.sum([a, b, a, group.negate(b)])),
        [`${name}.equals`]: () => String(group.equals(a, b)),
        [`${name}.equals, of computed points`]: () => String(group.equals(group.subtract(group.add(a, b), b), a)),
        [`${name}.isIdentity`]: () => String(group.isIdentity(group.add(a, b))),
        [`${name}.encode`]: () => hex(group.encode(group.add(a, b), "uncompressed")),
      };
    },
  };

  const multiplication: Family = {
    name: `${name} multiplication`,
    count: 1000,
    *inputs(source) {
      const walk = points(oracle, source);
      for (const value of [...EDGE_SCALARS, ...EDGE_SCALARS]) yield [walk.next().value.text, scalarText(value)];
      for (;;) yield [walk.next().value.text, scalarText(source.scalar())];
    },
    answers: ([text = "", k = ""]) => write(oracle, trusted(oracle, text).multiplyUnsafe(integer(unhex(k)))),
    ask(engine, [text = "", factor = ""]) {
      const group = pick(engine);
      const [point, k] = [read(engine, text), scalar(engine, factor)];
      const table = group.fixedBase(point);
      const encode = (value: unknown): string => hex(group.encode(value));
      return {
        [`${name}.multiplySecret`]: () => encode(group.multiplySecret(point, k)),
        [`${name}.multiplySecret, of a computed point`]: () =>
          encode(group.multiplySecret(unnormalised(engine, point), k)),
        [`${name}.multiplySecretAll`]: () => {
          const alike = [point, group.negate(point), unnormalised(engine, point)];
          const [first, second, third] = group.multiplySecretAll(alike, k);
          const multiples = [encode(first), encode(group.negate(second)), encode(third)];
          return new Set(multiples).size === 1 ? (multiples[0] as string) : multiples.join(" ");
        },
        [`${name}.multiplyPublic`]: () => encode(group.multiplyPublic(point, k)),
        [`${name}.fixedBase.multiplySecret`]: () => encode(table.multiplySecret(k)),
        [`${name}.fixedBase.multiplyPublic`]: () => encode(table.multiplyPublic(k)),
      };
    },
  };

  const small: Family = {
    name: `${name} small multiplication`,
    count: 1000,
    *inputs(source) {
      const walk = points(oracle, source);
      const edges = [
        0,
        1,
        2 ** 16,
        2 ** 32 - 1,
        2 ** 32,
        -1,
        0.5,
        Number.NaN,
        2,
        15,
        16,
        17,
        9999,
        2 ** 16 - 1,
        2 ** 31,
      ];
      for (const value of edges) yield [walk.next().value.text, String(value)];
      for (;;) yield [walk.next().value.text, String(source.below(source.pick([10, 10_000, 1_000_000, 2 ** 32 - 1])))];
    },
    answers([text = "", k = ""]) {
      const value = Number(k);
      if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 32) return "TypeError";
      return write(oracle, trusted(oracle, text).multiplyUnsafe(BigInt(value)));
    },
    ask: (engine, [text = "", k = ""]) => ({
      [`${name}.multiplySmallSecret`]: () =>
        hex(pick(engine).encode(pick(engine).multiplySmallSecret(read(engine, text), Number(k)))),
    }),
  };

  const products: Family = {
    name: `${name} multi-scalar`,
    count: 300,
    // The first of the input is the sum's multiple of the generator: one multiplication instead of many for the oracle.
    *inputs(source) {
      const walk = points(oracle, source);
      const lengths = [0, 1, 2, 3, 4, 31, 32, 33, 64, 65, 100, 300];
      for (let i = 0; ; i++) {
        const length = lengths[i] ?? 1 + source.below(source.pick([3, 8, 24]));
        const terms = Array.from({ length }, () => ({ ...walk.next().value, k: source.scalar() }));
        for (let j = 1; j < length; j++) {
          const [before, term] = [terms[j - 1], terms[j]];
          if (!before || !term || source.below(4) > 0) continue;
          // an equal or opposite neighbour, with its own scalar or the same
          const opposite = source.below(2) === 0;
          const point = opposite ? before.point.negate() : before.point;
          const log = opposite ? (R - before.log) % R : before.log;
          terms[j] = { point, log, text: write(oracle, point, "uncompressed"), k: source.pick([term.k, before.k]) };
        }
        const sum = terms.reduce((total, { log, k }) => (total + log * k) % R, 0n);
        yield [scalarText(sum), ...terms.flatMap(({ text, k }) => [text, scalarText(k)])];
      }
    },
    answers: ([sum = ""]) => write(oracle, oracle.generator.multiplyUnsafe(integer(unhex(sum)))),
    ask(engine, [, ...terms]) {
      const group = pick(engine);
      const all = terms.filter((_, i) => i % 2 === 0).map((text) => read(engine, text));
      const scalars = terms.filter((_, i) => i % 2 === 1).map((text) => scalar(engine, text));
      return { [`${name}.multiScalar`]: () => hex(group.encode(group.multiScalar(all, scalars))) };
    },
  };

  const hashing: Family = {
    name: `${name} hashing`,
    count: 1000,
    *inputs(source) {
      const tag = (length: number): string =>
        String.fromCharCode(...Array.from(source.bytes(length), (byte) => 33 + (byte % 94)));
      for (const length of [0, 1, 31, 32, 33, 55, 56, 63, 64, 65, 1000]) yield [hex(source.bytes(length)), tag(43)];
      for (const length of [1, 2, 64, 254, 255]) yield [hex(source.bytes(5)), tag(length)];
      for (const wrong of ["", "t".repeat(256), "münze"]) yield ["00", wrong];
      for (;;) yield [hex(source.bytes(source.below(100))), tag(1 + source.below(60))];
    },
    answers([message = "", tag = ""]) {
      if (tag.length === 0 || tag.length > 255 || tag === "münze") return "TypeError";
      return write(oracle, oracle.hash(unhex(message), tag));
    },
    ask: (engine, [message = "", tag = ""]) => ({
      [`${name}.hash`]: () => hex(pick(engine).encode(pick(engine).hash(unhex(message), tag))),
    }),
  };

  return [addition, multiplication, small, products, hashing];
}

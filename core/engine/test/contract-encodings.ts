/**
 * Contract: what `decode` of a group takes and, mostly, what it refuses.
 * @module
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Group } from "../src/engine.ts";
import { hex, type Oracle, P, R, rawPoint, smallOrderPoint, times, writePoint, xWithoutY } from "./fixtures.ts";

const REFUSAL = expect.objectContaining({ code: "ERR_POINT_INVALID" });
/** What can be added to a part and still leave the flag bits alone. */
const ROOM = (1n << 381n) - P;

export function describeEncodings<H, F>(pick: () => Group<H>, oracle: Oracle<F>): void {
  describe(`${oracle.name} encodings`, () => {
    const { width } = oracle;
    const refuse = (bytes: Uint8Array, why: string): void => {
      expect(() => pick().decode(bytes), why).toThrow(REFUSAL);
      expect(() => pick().decode(bytes, { identity: "allow" }), `${why}, identity allowed`).toThrow(REFUSAL);
      // Wherever it stands among others: some are decoded two at a time.
      for (const all of [[bytes], [bytes, compressed], [compressed, bytes], [compressed, compressed, bytes]])
        expect(() => pick().decodeAll(all), `${why}, ${all.indexOf(bytes)} of ${all.length}`).toThrow(REFUSAL);
    };
    const point = oracle.hash(Uint8Array.of(9), "encodings").toAffine();
    const compressed = writePoint(oracle, point, "compressed");
    const uncompressed = writePoint(oracle, point, "uncompressed");
    const infinity = (form: "compressed" | "uncompressed"): Uint8Array => {
      const bytes = new Uint8Array(form === "compressed" ? width : 2 * width);
      bytes[0] = form === "compressed" ? 0xc0 : 0x40;
      return bytes;
    };

    test("both forms decode and encode back, from any kind of byte array", () => {
      for (const bytes of [compressed, uncompressed]) {
        const form = bytes === compressed ? "compressed" : "uncompressed";
        expect(hex(pick().encode(pick().decode(bytes), form))).toBe(hex(bytes));
        expect(hex(pick().encode(pick().decode(Buffer.from(bytes)), form))).toBe(hex(bytes));
        const padded = Buffer.concat([Buffer.alloc(3, 7), bytes, Buffer.alloc(5, 7)]);
        expect(hex(pick().encode(pick().decode(padded.subarray(3, 3 + bytes.length)), form))).toBe(hex(bytes));
      }
      expect(hex(pick().encode(pick().decode(uncompressed)))).toBe(hex(compressed));
    });

    test("any number of points decode together as each by itself, of either sign and in either form", () => {
      const flipped = compressed.slice();
      flipped[0] = (flipped[0] as number) ^ 0x20;
      const generator = pick().encode(pick().generator);
      const all = [compressed, flipped, generator, compressed, generator];
      for (let count = 0; count <= all.length; count++) {
        const some = all.slice(0, count);
        const before = some.map(hex);
        expect(
          pick()
            .decodeAll(some)
            .map((each) => hex(pick().encode(each))),
        ).toEqual(before);
        expect(some.map(hex)).toEqual(before);
      }
      const mixed = pick().decodeAll([uncompressed, flipped]);
      expect(mixed.map((each) => hex(pick().encode(each)))).toEqual([hex(compressed), hex(flipped)]);
    });

    test("decoding together refuses the identity element in every place, and what is not a byte array", () => {
      const none = infinity("compressed");
      for (const all of [[none], [none, compressed], [compressed, none], [none, none]])
        expect(() => pick().decodeAll(all)).toThrow(REFUSAL);
      expect(() => pick().decodeAll([compressed, hex(compressed) as unknown as Uint8Array])).toThrow(REFUSAL);
    });

    test("computed points encode like decoded ones", () => {
      const g = pick();
      const sum = g.add(g.decode(compressed), g.generator);
      const twin = oracle.fromAffine(point.x, point.y).add(oracle.generator);
      expect(hex(g.encode(sum))).toBe(twin.toHex(true));
      expect(hex(g.encode(sum, "uncompressed"))).toBe(twin.toHex(false));
    });

    test("decoding keeps no hold on the input, encoding none on the output", () => {
      const bytes = compressed.slice();
      const decoded = pick().decode(bytes);
      bytes.fill(0);
      pick().encode(decoded).fill(0);
      expect(hex(pick().encode(decoded))).toBe(hex(compressed));
    });

    test("the identity element has one encoding per form, taken only where it is allowed", () => {
      for (const form of ["compressed", "uncompressed"] as const) {
        expect(hex(pick().encode(pick().identity, form))).toBe(hex(infinity(form)));
        expect(pick().isIdentity(pick().decode(infinity(form), { identity: "allow" }))).toBe(true);
        expect(() => pick().decode(infinity(form))).toThrow(REFUSAL);
      }
    });

    test("infinity with anything but zeros is refused", () => {
      for (const form of ["compressed", "uncompressed"] as const) {
        for (const [at, bits] of [
          [0, 1],
          [0, 0x20],
          [0, 0x10],
          [1, 1],
          [width - 1, 1],
          [infinity(form).length - 1, 0x80],
        ] as const) {
          const bytes = infinity(form);
          bytes[at] = (bytes[at] as number) | bits;
          refuse(bytes, `${form} infinity with bits ${bits} at ${at}`);
        }
      }
      const flagged = compressed.slice();
      flagged[0] = (flagged[0] as number) | 0x40;
      refuse(flagged, "the infinity flag on a point");
    });

    test("flags say the form and the length must agree", () => {
      for (let flags = 0; flags < 8; flags++) {
        const long = uncompressed.slice();
        long[0] = ((long[0] as number) & 0x1f) | (flags << 5);
        if (flags !== 0) refuse(long, `uncompressed with flags ${flags}`);
        const short = compressed.slice();
        short[0] = ((short[0] as number) & 0x1f) | (flags << 5);
        if (flags !== 4 && flags !== 5) refuse(short, `compressed with flags ${flags}`);
      }
    });

    test("the sign flag picks the other y", () => {
      const other = compressed.slice();
      other[0] = (other[0] as number) ^ 0x20;
      expect(pick().equals(pick().decode(other), pick().negate(pick().decode(compressed)))).toBe(true);
    });

    test("every other length is refused", () => {
      for (const bytes of [compressed, uncompressed]) {
        refuse(bytes.subarray(0, bytes.length - 1), "one byte short");
        refuse(new Uint8Array([...bytes, 0]), "one byte long");
      }
      refuse(new Uint8Array(0), "empty");
      refuse(compressed.subarray(0, 1), "one byte");
      refuse(new Uint8Array([...compressed, ...compressed]), "doubled");
      refuse(uncompressed.subarray(0, width), "half an uncompressed point");
    });

    test("what is not a byte array is refused", () => {
      for (const value of [undefined, null, hex(compressed), [...compressed], {}]) {
        expect(() => pick().decode(value as unknown as Uint8Array)).toThrow(REFUSAL);
      }
    });

    test("coordinates at or above p are refused, also where they mean a good point modulo p", () => {
      const small = smallCoordinates(oracle);
      const parts = oracle.parts(point.x).length;
      for (const form of ["compressed", "uncompressed"] as const) {
        for (let part = 0; part < (form === "compressed" ? parts : 2 * parts); part++) {
          const good = small[part];
          if (good === undefined) continue;
          expect(() => pick().decode(writePoint(oracle, good, form)), `${form} part ${part}`).not.toThrow();
          refuse(writePoint(oracle, good, form, { part, by: P }), `${form}, part ${part} plus p`);
        }
        for (const value of [P, P + 1n, (1n << 381n) - 1n]) {
          const current = oracle.parts(point.x)[0] as bigint;
          refuse(writePoint(oracle, point, form, { part: 0, by: value - current }), `${form}, x = ${value}`);
        }
      }
    });

    test("an x without y is refused", () => {
      for (const seed of [2n, 1000n, P - 5n]) {
        const x = xWithoutY(oracle, seed);
        refuse(writePoint(oracle, { x, y: point.y }, "compressed"), `x from ${seed}`);
      }
    });

    test("a pair that is not on the curve is refused", () => {
      refuse(writePoint(oracle, { x: point.x, y: point.x }, "uncompressed"), "y = x");
      refuse(writePoint(oracle, point, "uncompressed", { part: 0, by: 1n }), "x + 1");
      refuse(new Uint8Array(2 * width), "(0, 0)");
      refuse(new Uint8Array(2 * width).fill(0xff), "ones");
      refuse(new Uint8Array(width), "zeros without flags");
      refuse(new Uint8Array(width).fill(0xff), "ones, short");
    });

    test("points of the curve outside the subgroup are refused", () => {
      for (const seed of [2n, 77n, 12345n]) {
        const raw = rawPoint(oracle, seed);
        expect(times(raw, R).is0()).toBe(false);
        for (const form of ["compressed", "uncompressed"] as const) {
          refuse(writePoint(oracle, raw.toAffine(), form), `raw point ${seed}`);
        }
      }
    });

    test.each(oracle.smallOrders.map((order) => [order]))(
      "points with a component of order %d are refused",
      (order) => {
        const low = smallOrderPoint(oracle, order);
        expect(times(low, order).is0()).toBe(true);
        const mixed = oracle.fromAffine(point.x, point.y).add(low);
        for (const bad of [low, low.negate(), mixed, mixed.negate()]) {
          refuse(writePoint(oracle, bad.toAffine(), "compressed"), "compressed");
          refuse(writePoint(oracle, bad.toAffine(), "uncompressed"), "uncompressed");
        }
      },
    );

    test("whatever decodes is canonical: flipping a bit gives another point or a refusal", () =>
      fc.assert(
        fc.property(fc.boolean(), fc.nat(), (short, n) => {
          const bytes = (short ? compressed : uncompressed).slice();
          const bit = n % (8 * bytes.length);
          bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
          let again: string;
          try {
            again = hex(pick().encode(pick().decode(bytes), short ? "compressed" : "uncompressed"));
          } catch (error) {
            expect(error).toEqual(REFUSAL);
            return;
          }
          expect(again).toBe(hex(bytes));
        }),
      ));

    test("no refusal repeats its input", () => {
      const bad = writePoint(oracle, rawPoint(oracle, 5n).toAffine(), "compressed");
      let message = "";
      try {
        pick().decode(bad);
      } catch (error) {
        message = String(error) + String((error as Error).cause ?? "");
      }
      expect(message).toContain(oracle.name);
      expect(message.toLowerCase()).not.toContain(hex(bad).slice(10, 26));
    });
  });
}

/** For each part of an uncompressed encoding a good point in which that part plus p still fits below the flag bits. */
function smallCoordinates<F>(oracle: Oracle<F>): { x: F; y: F }[] {
  const found: { x: F; y: F }[] = [];
  const count = 2 * oracle.parts(oracle.generator.toAffine().x).length;
  for (let p = oracle.generator; found.filter(Boolean).length < count; p = p.add(oracle.generator)) {
    const { x, y } = p.toAffine();
    [...oracle.parts(x), ...oracle.parts(y)].forEach((part, i) => {
      if (part < ROOM) found[i] ??= { x, y };
    });
  }
  return found;
}

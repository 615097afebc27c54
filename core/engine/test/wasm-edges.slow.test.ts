import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createMachine, type FullWasmExports, type Machine } from "../src/wasm-machine.ts";
import { compile, instantiate } from "../src/webassembly.ts";
import { BUILDS, compileBuild, compileSource } from "../wasm/generate/compile.ts";
import { be, Fp, Fp2, hex, integer, P, random } from "./fixtures.ts";

type Fp2Value = ReturnType<typeof Fp2.create>;
interface Roots extends FullWasmExports {
  readPair(d: number, re: number, im: number): void;
  writePair(re: number, im: number, a: number): void;
  sqrtFp2(d: number, a: number): number;
  invertFp(d: number, a: number): void;
}
const folder = mkdtempSync(join(tmpdir(), "milagro-edges-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Field elements at which maps and roots take their rare ways, with some that do not. */
function special(): bigint[] {
  const small = [0n, 1n, 2n, 4n, 5n, 11n];
  const roots = [-11n, -5n, 11n, 5n].flatMap((z) => {
    const wanted = Fp.neg(Fp.inv(Fp.create(z))); // Z²u⁴ + Zu² = 0 at u² = −1/Z
    try {
      return [Fp.sqrt(wanted)];
    } catch {
      return [];
    }
  });
  const values = [...small, ...small.map((x) => Fp.neg(x)), (P - 1n) / 2n, (P + 1n) / 2n, ...roots];
  return [...values, ...Array.from({ length: 6 }, () => Fp.create(integer(random(64))))];
}

describe.each(BUILDS.filter(({ withG2 }) => withG2))("rare ways, $name", (build) => {
  let machine: Machine<Roots>;
  beforeAll(async () => {
    await compileBuild(build, folder);
    const source = join(folder, "source", build.name);
    const entry = join(source, "edges.ts");
    const own = ["bytes", "roots", "inverse"].map((file) => `export * from "./${file}";\n`).join("");
    writeFileSync(entry, `export * from "./full";\n${own}`);
    const bytes = new Uint8Array(await compileSource(entry, build.create().features));
    machine = createMachine(instantiate<Roots>(await compile(bytes)));
  }, 60_000);

  const size = (): number => machine.exports.pairBytes();
  const read = (layout: Parameters<Parameters<typeof machine.run>[0]>[0], a: number): Fp2Value => {
    const bytes = layout.reserve(96);
    machine.exports.writePair(bytes, bytes + 48, a);
    const out = layout.take(bytes, 96);
    return Fp2.create({ c0: integer(out.slice(0, 48)), c1: integer(out.slice(48)) });
  };

  test("roots in Fp² of squares, of others, of reals and of multiples of u", () => {
    const values = special();
    const candidates: Fp2Value[] = values.flatMap((re, i) =>
      [0n, values[(i * 5 + 3) % values.length] ?? 0n].flatMap((im) => {
        const value = Fp2.create({ c0: re, c1: im });
        return [value, Fp2.create({ c0: im, c1: re }), Fp2.sqr(value)];
      }),
    );
    for (const value of candidates) {
      machine.run((layout) => {
        const [a, d] = [layout.reserve(size()), layout.reserve(size())];
        machine.exports.readPair(a, layout.put(be(value.c0, 48)), layout.put(be(value.c1, 48)));
        const found = machine.exports.sqrtFp2(d, a) === 1;
        const norm = Fp.add(Fp.sqr(value.c0), Fp.sqr(value.c1));
        expect(found, `${value.c0}, ${value.c1}`).toBe(norm === 0n || Fp.eql(Fp.pow(norm, (P - 1n) / 2n), 1n));
        if (found) expect(Fp2.eql(Fp2.sqr(read(layout, d)), value)).toBe(true);
      });
    }
  });

  test("inversion agrees with the oracle, and takes 0 to 0", () => {
    for (const value of special()) {
      machine.run((layout) => {
        const [a, d] = [layout.reserve(size()), layout.reserve(size())];
        const bytes = layout.put(be(value, 48));
        machine.exports.readPair(a, bytes, bytes);
        machine.exports.invertFp(d, a);
        const expected = value === 0n ? 0n : Fp.inv(value);
        expect(read(layout, d)).toEqual(Fp2.create({ c0: expected, c1: expected }));
      });
    }
  });

  test("hashing takes every pair of field elements, the exceptional ones too", () => {
    const values = special();
    const uniform = (parts: readonly bigint[]): Uint8Array =>
      new Uint8Array(Buffer.concat(parts.map((u) => be(u, 64))));
    const encode = (group: 1 | 2, parts: readonly bigint[]): string =>
      machine.run((layout) => {
        const d = layout.reserve(3 * size());
        const bytes = layout.put(uniform(parts));
        if (group === 1) machine.exports.hashG1(d, bytes);
        else machine.exports.hashG2(d, bytes);
        const out = layout.reserve(96);
        machine.exports.encodePoint(group, out, d, 1);
        return hex(layout.take(out, group * 48));
      });
    // noble maps one element at a time; clearing the cofactor is additive, so the sum of both is the hash
    interface Point {
      add(other: Point): Point;
      is0(): boolean;
      toHex(): string;
    }
    const sum = (group: 1 | 2, a: unknown, b: unknown): string => {
      const point = (a as Point).add(b as Point); // u and −u give opposite points
      return point.is0() ? `c0${"00".repeat(48 * group - 1)}` : point.toHex();
    };
    const { G1, G2 } = bls12_381;
    for (const [i, u] of values.entries()) {
      const [v = 0n, w = 0n, x = 0n] = [1, 4, 9].map((step) => values[(i * step + step) % values.length]);
      expect(encode(1, [u, v])).toBe(sum(1, G1.mapToCurve(u as never), G1.mapToCurve(v as never)));
      expect(encode(2, [u, v, w, x])).toBe(sum(2, G2.mapToCurve([u, v]), G2.mapToCurve([w, x])));
    }
    expect(encode(1, [P, 0n])).toBe(encode(1, [0n, P]));
  });
});

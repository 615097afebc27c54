import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, instantiate } from "../src/webassembly.ts";
import { compileSource } from "../wasm/generate/compile.ts";
import { createFmaTier } from "../wasm/generate/fma.ts";
import { inverse, modulo, PRIME } from "../wasm/generate/numbers.ts";
import { formula, type Pair } from "../wasm/generate/pair.ts";
import { type Range, scaleRange, UnprovedBound } from "../wasm/generate/range.ts";
import { createScalarTier } from "../wasm/generate/scalar.ts";
import { createSimdTier } from "../wasm/generate/simd.ts";
import type { Kernel, Tier } from "../wasm/generate/tier.ts";

type Lanes = readonly [bigint, bigint];
interface KernelModule {
  readonly memory: { readonly buffer: ArrayBuffer };
  arena(): number;
  getDigit(a: number, lane: number, i: number): bigint;
  setDigit(d: number, lane: number, i: number, digit: bigint): void;
  readonly [kernel: string]: unknown;
}

/** What each kernel computes, before the division by R. */
const MEANING: Readonly<Record<string, (...operands: Lanes[]) => Lanes>> = {
  pairMul: ([a, b], [c, e]) => [a * c, b * e],
  pairSqr: ([a, b]) => [a * a, b * b],
  pairDot: ([a, b], [c, e], [f, g], [h, i]) => [a * c + f * h, b * e + g * i],
  mul: ([a, b], [c, e]) => [a * c - b * e, a * e + b * c],
  sqr: ([a, b]) => [a * a - b * b, 2n * a * b],
};
/** Operands are taken as sums of up to so many stored pairs. */
const SUMS = [1n, 2n, 3n, 4n, 8n];
const SIGNS = [
  () => 1n,
  () => -1n,
  (i: number) => (i % 2 === 0 ? 1n : -1n),
  (i: number) => (i % 3 === 0 ? -1n : 1n),
  () => (Math.random() < 0.5 ? 1n : -1n),
];
const MAX_TRIES = 60;

describe.each([createFmaTier(), createSimdTier(), createScalarTier()])("kernels of the $name tier", (tier) => {
  const R = 1n << BigInt(tier.width * tier.count);
  const unR = inverse(R, PRIME);
  const folder = mkdtempSync(join(tmpdir(), "milagro-kernels-"));
  let kernels: KernelModule;
  beforeAll(async () => {
    kernels = await compileKernels(tier, folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (at: number, lane: number, digits: readonly bigint[]): void =>
    digits.forEach((digit, i) => {
      kernels.setDigit(at, lane, i, digit);
    });
  const read = (at: number, lane: number): bigint[] =>
    Array.from({ length: tier.count }, (_, i) => kernels.getDigit(at, lane, i));
  const integerOf = (digits: readonly bigint[]): bigint =>
    digits.reduce((sum, digit, i) => sum + (digit << BigInt(tier.width * i)), 0n);

  test.each(Object.keys(MEANING))(
    "%s is right, and within its range, at the edge of all that it is proved for",
    (name) => {
      const kernel = tier.kernels.get(name) as Kernel;
      const meaning = MEANING[name] as (...operands: Lanes[]) => Lanes;
      let proved = 0;
      for (const [x, y] of SUMS.flatMap((a) => SUMS.map((b) => [a, b] as const))) {
        const ranges = Array.from({ length: meaning.length }, (_, i) => scaleRange(tier.stored, i % 2 ? y : x));
        const claimed = claim(kernel, ranges);
        if (!claimed) continue;
        proved += 1;
        for (let round = 0; round < MAX_TRIES; round++) {
          const operands = ranges.map(
            (range) => [extreme(range, tier, round), extreme(range, tier, round + 1)] as const,
          );
          const base = kernels.arena();
          const at = (i: number): number => base + 1024 * i;
          operands.forEach((lanes, i) => {
            for (const [lane, digits] of lanes.entries()) write(at(i + 1), lane, digits);
          });
          (kernels[name] as (...addresses: number[]) => void)(at(0), ...operands.map((_, i) => at(i + 1)));
          const expected = meaning(...operands.map(([a, b]): Lanes => [integerOf(a), integerOf(b)]));
          for (const lane of [0, 1] as const) {
            const digits = read(at(0), lane);
            expect(modulo(integerOf(digits), PRIME)).toBe(modulo(expected[lane] * unR, PRIME));
            expect(isWithin(digits, claimed, tier)).toBe(true);
          }
        }
      }
      expect(proved).toBeGreaterThan(0);
    },
  );

  test("an operand beyond what is proved is refused by name", () => {
    const kernel = tier.kernels.get("mul") as Kernel;
    const tooLarge = scaleRange(tier.stored, 64n);
    expect(() => kernel.range([tooLarge, tooLarge], "caller: step 7")).toThrow(UnprovedBound);
    expect(() => kernel.range([tooLarge, tooLarge], "caller: step 7")).toThrow(/^caller: step 7: .* exceeds 2\^/);
  });

  test("products that are added up before they are reduced are right at their edge", () => {
    const base = kernels.arena();
    for (let round = 0; round < MAX_TRIES; round++) {
      const digits = extreme(tier.stored, tier, round);
      for (const lane of [0, 1]) write(base, lane, digits);
      (kernels["wideSum"] as (d: number, a: number) => void)(base + 1024, base);
      // a = v + v·u: a² = 2v²·u, and 3a² − ξa² = 2a² − u·a²
      const im = 2n * integerOf(digits) ** 2n;
      const expected = [im, 2n * im].map((part) => modulo(part * unR, PRIME));
      expect([0, 1].map((lane) => modulo(integerOf(read(base + 1024, lane)), PRIME))).toEqual(expected);
    }
  });

  test("32 products at their largest are reduced together", () => {
    const base = kernels.arena();
    for (let round = 0; round < MAX_TRIES; round++) {
      const factors = [0, 1].map((more) => extreme(tier.stored, tier, round + more));
      factors.forEach((digits, i) => {
        for (const lane of [0, 1]) write(base + 1024 * i, lane, digits);
      });
      (kernels["products32"] as (d: number, a: number, b: number) => void)(base + 2048, base, base + 1024);
      const [a, b] = factors.map(integerOf) as [bigint, bigint];
      // (a + a·u)(b + b·u) = 2ab·u
      const expected = [0n, 64n * a * b].map((part) => modulo(part * unR, PRIME));
      expect([0, 1].map((lane) => modulo(integerOf(read(base + 2048, lane)), PRIME))).toEqual(expected);
    }
  });

  test("a long sum is settled before it overflows", () => {
    const base = kernels.arena();
    for (const sign of SIGNS) {
      const digits = extreme(tier.stored, tier, SIGNS.indexOf(sign));
      for (const lane of [0, 1]) write(base, lane, digits);
      (kernels["sum36"] as (d: number, a: number) => void)(base + 1024, base);
      for (const lane of [0, 1]) {
        const sum = read(base + 1024, lane);
        expect(modulo(integerOf(sum), PRIME)).toBe(modulo(36n * integerOf(digits), PRIME));
        expect(isWithin(sum, tier.stored, tier)).toBe(true);
      }
    }
  });
});

function claim(kernel: Kernel, ranges: readonly Range[]): Range | undefined {
  try {
    return kernel.range(ranges, kernel.name);
  } catch (error) {
    if (error instanceof UnprovedBound) return undefined;
    throw error;
  }
}

/** Digits as large as a range allows, with the top digit cut so that the value stays within its bound. */
function extreme(range: Range, tier: Tier, round: number): bigint[] {
  const sign = SIGNS[round % SIGNS.length] as (i: number) => bigint;
  const digits = range.limbs.map((limb, i) => limb * sign(i));
  const top = tier.count - 1;
  const weight = 1n << BigInt(tier.width * top);
  const below = digits.slice(0, top).reduce((sum, digit, i) => sum + (digit << BigInt(tier.width * i)), 0n);
  const wanted = sign(top) * range.value;
  const highest = (wanted - below) / weight;
  const limit = range.limbs[top] as bigint;
  const cut = highest > limit ? limit : highest < -limit ? -limit : highest;
  return [...digits.slice(0, top), cut];
}

function isWithin(digits: readonly bigint[], range: Range, tier: Tier): boolean {
  const value = digits.reduce((sum, digit, i) => sum + (digit << BigInt(tier.width * i)), 0n);
  const small = (a: bigint, limit: bigint): boolean => a <= limit && a >= -limit;
  return small(value, range.value) && digits.every((digit, i) => small(digit, range.limbs[i] as bigint));
}

async function compileKernels(tier: Tier, folder: string): Promise<KernelModule> {
  const formulas = [
    formula(tier, "products32", ["d", "a", "b"], (f) => {
      const [a, b] = [f.operand("a", 1)[0], f.operand("b", 1)[0]] as [Pair, Pair];
      let sum = a.mulWide(b);
      for (let i = 0; i < 5; i++) sum = sum.plus(sum);
      f.result("d", [sum.reduced()]);
    }),
    formula(tier, "sum36", ["d", "a"], (f) => {
      const [a] = f.operand("a", 1);
      const twelve = (a as NonNullable<typeof a>).times(12);
      f.result("d", [twelve.plus(twelve).plus(twelve)]);
    }),
    formula(tier, "wideSum", ["d", "a"], (f) => {
      const square = (f.operand("a", 1)[0] as NonNullable<ReturnType<typeof f.operand>[0]>).sqrWide();
      f.result("d", [square.times(3).minus(square.timesXi()).reduced()]);
    }),
  ].join("\n");
  writeFileSync(
    join(folder, "field.ts"),
    `import { enterFrame, leaveFrame } from "./memory";\n${tier.emitField()}\n${formulas}`,
  );
  writeFileSync(join(folder, "index.ts"), `export * from "./field";\nexport { arena } from "./memory";\n`);
  copyFileSync(new URL("../wasm/assembly/memory.ts", import.meta.url), join(folder, "memory.ts"));
  const bytes = await compileSource(join(folder, "index.ts"), tier.features);
  type Growing = KernelModule & { memory: { grow(pages: number): number } };
  const kernels = instantiate<Growing>(await compile(new Uint8Array(bytes)));
  kernels.memory.grow(1);
  return kernels;
}

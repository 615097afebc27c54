import { describe, expect, test } from "vitest";
import { ConstantPool } from "../wasm/generate/constant-pool.ts";
import { createFmaTier } from "../wasm/generate/fma.ts";
import { FmaColumns } from "../wasm/generate/fma-columns.ts";
import { proveHostCalls } from "../wasm/generate/host-proofs.ts";
import { planReduction } from "../wasm/generate/montgomery.ts";
import { modulo, ORDER, PRIME } from "../wasm/generate/numbers.ts";
import { type Builder, formula, type Pair } from "../wasm/generate/pair.ts";
import { describe as power, scaleRange, tightenTop, UnprovedBound } from "../wasm/generate/range.ts";
import { createScalarTier } from "../wasm/generate/scalar.ts";
import { createSimdTier } from "../wasm/generate/simd.ts";

const operand = (f: Builder): Pair => f.operand("a", 1)[0] as Pair;

describe("unproved bounds fail the build and name the operation", () => {
  test("an unreduced product that is added up too often", () => {
    const write = (f: Builder): void => {
      let wide = operand(f).mulWide(operand(f));
      for (let i = 0; i < 8; i++) wide = wide.times(3);
      f.result("d", [wide.reduced()]);
    };
    expect(() => formula(createFmaTier(), "greedy", ["d", "a"], write)).toThrow(
      /^fma: greedy: step \d+ \((reduceWide|scale)\): .*exceeds 2\^/,
    );
  });

  test("a factor that a digit has no room for", () => {
    const tier = { ...createSimdTier(), largestFactor: 7 }; // else it would be taken in steps
    const write = (f: Builder): void => f.result("d", [operand(f).times(7)]);
    expect(() => formula(tier, "seven", ["d", "a"], write)).toThrow(/^simd: seven: step 1 \(scale\): digit 0: /);
  });

  test("a sum that only just fits, and not when its rounding is added", () => {
    const tier = { ...createSimdTier(), largestFactor: 3 };
    const write = (f: Builder): void => f.result("d", [operand(f).times(3)]);
    expect(() => formula(tier, "three", ["d", "a"], write)).not.toThrow(); // reduced, in 64 bits
    expect(() => tier.settle({ limbs: [3n << 29n], value: 0n }, "carry")).toThrow(/^carry: digit 0: 2\^30.58 exceeds/);
  });

  test("a product of digits that floating point cannot hold", () => {
    const columns = new FmaColumns(new ConstantPool("TEST"), "kernel", 4);
    expect(() => columns.product(1, "x", "y", (1n << 100n) + 1n)).toThrow(
      new UnprovedBound("kernel: product in column 1: 2^100.00 exceeds 2^100.00"),
    );
    expect(() => columns.product(1, "x", "y", 1n << 100n)).not.toThrow();
  });

  test("what the hand-written sources rely on", () => {
    for (const tier of [createFmaTier(), createSimdTier(), createScalarTier()]) {
      expect(() => proveHostCalls(tier)).not.toThrow();
      const greedy = { ...tier, stored: scaleRange(tier.stored, 16n) };
      expect(() => proveHostCalls(greedy)).toThrow(new RegExp(`^${tier.name}: assembly: pair(Mul|Sqr): `));
      const wide = { ...tier, stored: { ...tier.stored, value: PRIME << 12n } };
      expect(() => proveHostCalls(wide)).toThrow(UnprovedBound);
    }
  });

  test.each([createFmaTier(), createSimdTier(), createScalarTier()])(
    "a sum of products without end ($name)",
    (tier) => {
      const summing = (doublings: number) => (): string =>
        formula(tier, "sum", ["d", "a"], (f) => {
          let sum = operand(f).sqrWide();
          for (let i = 0; i < doublings; i++) sum = sum.plus(sum);
          f.result("d", [sum.reduced()]);
        });
      expect(summing(5)).not.toThrow();
      expect(summing(40)).toThrow(UnprovedBound);
    },
  );

  test("a column that 64 bits cannot hold", () => {
    const columns = new FmaColumns(new ConstantPool("TEST"), "kernel", 4);
    columns.load(2, "w", 1n << 60n);
    expect(() => columns.finish(2, 0n)).toThrow(/^kernel: column 2: /);
  });
});

describe("settling", () => {
  test.each([createFmaTier(), createSimdTier(), createScalarTier()])(
    "is left out where nothing needs it ($name)",
    (tier) => {
      const text = formula(tier, "plain", ["d", "a", "b"], (f) => {
        f.result("d", [
          operand(f)
            .plus(f.operand("b", 1)[0] as Pair)
            .mul(operand(f)),
        ]);
      });
      // one sum on the way to a product of which the other factor is small: no carries in the FMA tier
      expect(/carr/i.test(text)).toBe(tier.name !== "fma");
    },
  );

  test("36 times a stored digit exceeds a double: carries come first", () => {
    const text = formula(createFmaTier(), "sum", ["d", "a"], (f) => {
      const a = operand(f);
      f.result("d", [a.times(12).plus(a.times(12)).plus(a.times(12))]);
    });
    expect(text.match(/rounder/g)?.length ?? 0).toBeGreaterThan(2);
  });

  test("results always go out within the stored range", () => {
    const text = formula(createFmaTier(), "negated", ["d", "a"], (f) => f.result("d", [operand(f).negated()]));
    expect(text).not.toContain("rounder");
    const doubled = formula(createFmaTier(), "doubled", ["d", "a"], (f) => f.result("d", [operand(f).times(2)]));
    expect(doubled).toContain("multiples");
  });
});

describe("the numbers under it", () => {
  test("the prime and the order follow from the parameter", () => {
    expect(PRIME.toString(16)).toMatch(/^1a0111ea397fe69a4b1ba7b6434bacd7.*aaab$/);
    expect(ORDER.toString(16)).toMatch(/^73eda753299d7d48.*00000001$/);
  });

  test.each([
    [49, 8],
    [30, 13],
  ])("every step of the reduction adds a multiple of p that ends as it says (%i bits)", (width, count) => {
    const { steps, excess } = planReduction(width, count);
    expect(steps.map(({ index }) => index)).toEqual(Array.from({ length: count }, (_, i) => i));
    for (const { degree, digits } of steps) {
      const multiple = digits.reduce((sum, digit, i) => sum + (digit << BigInt(width * i)), 0n);
      expect(modulo(multiple, PRIME)).toBe(0n);
      if (degree > 0) expect(modulo(multiple, 1n << BigInt(width * degree))).toBe((1n << BigInt(width * degree)) - 1n);
    }
    expect(excess).toBeLessThan(PRIME);
  });

  test("the top digit is bounded by the value, never loosened", () => {
    const range = { limbs: [4n, 4n, 1000n], value: 64n };
    expect(tightenTop(range, 2).limbs).toEqual([4n, 4n, 6n]);
    expect(tightenTop({ ...range, limbs: [4n, 4n, 1n] }, 2).limbs).toEqual([4n, 4n, 1n]);
    expect(power(3n << 100n)).toBe("2^101.58");
  });
});

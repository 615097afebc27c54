import { beforeAll, describe, expect, test } from "vitest";
import { createEngine, type Engine } from "../src/index.ts";
import { WASM_TIERS } from "../src/wasm-machine.ts";
import { type CorpusPart, compare, FAMILIES, makeCorpusPart } from "./differential.ts";
import { random } from "./fixtures.ts";

// A taste of what wasm-platforms.slow.test.ts runs by the thousand, on every platform.
const CASES = 8;
const SEED = "a taste";
let corpus: CorpusPart[];
beforeAll(() => {
  corpus = FAMILIES.map((family) => makeCorpusPart({ ...family, count: CASES }, SEED));
});

test.each(WASM_TIERS)("%s gives the oracle's answers", async (tier) => {
  const outcomes = compare(await createEngine({ random, tier }), corpus);
  expect(outcomes.length).toBeGreaterThan(60);
  expect(outcomes.filter(({ failed, cases }) => failed > 0 || cases < CASES)).toEqual([]);
});

test("the same seed gives the same corpus", () => {
  const [family] = FAMILIES;
  if (!family) throw new Error("no family");
  expect(makeCorpusPart({ ...family, count: CASES }, SEED)).toEqual(corpus[0]);
});

describe("an engine that is wrong in one operation is found out:", () => {
  test.each([
    ["scalars.invert", (e: Engine) => ({ scalars: { ...e.scalars, invert: e.scalars.negate } })],
    [
      "scalars.decode",
      (e: Engine) => ({ scalars: { ...e.scalars, decode: (b) => e.scalars.decode(b, { zero: "allow" }) } }),
    ],
    ["g1.decode", (e: Engine) => ({ g1: { ...e.g1, decode: (b) => e.g1.decode(b, { identity: "allow" }) } })],
    [
      "g1.add",
      (e: Engine) => ({ g1: { ...e.g1, add: (a, b) => (e.g1.equals(a, b) ? e.g1.identity : e.g1.add(a, b)) } }),
    ],
    [
      "g1.multiplySmallSecret",
      (e: Engine) => ({ g1: { ...e.g1, multiplySmallSecret: (p, k) => e.g1.multiplySmallSecret(p, k % 65_536) } }),
    ],
    ["g2.hash", (e: Engine) => ({ g2: { ...e.g2, hash: (m, tag) => e.g2.hash(m, tag.slice(0, 40)) } })],
    [
      "g2.fixedBase.multiplySecret",
      (e: Engine) => ({ g2: { ...e.g2, fixedBase: () => e.g2.fixedBase(e.g2.generator) } }),
    ],
    ["pairingCheck, of equal factors", () => ({ pairingCheck: () => true })],
    ["gt.powerPublic", (e: Engine) => ({ gt: { ...e.gt, powerPublic: (a) => a } })],
    [
      "g1 multiplication, reading",
      (e: Engine) => ({
        scalars: {
          ...e.scalars,
          decode: () => {
            throw new RangeError("unreachable");
          },
        },
      }),
    ],
  ] as [string, (engine: Engine) => Partial<Engine>][])("%s", async (operation, change) => {
    const good = await createEngine({ random });
    const concerned = corpus.filter(({ family }) =>
      operation.startsWith(family.split(" ")[0]?.replace(/s?$/, "") as string),
    );
    const outcomes = compare({ ...good, ...change(good) }, concerned);
    const found = outcomes.filter(({ failed }) => failed > 0);
    expect(found.map((outcome) => outcome.operation)).toContain(operation);
    for (const { failures } of found) expect(failures[0]).toMatch(/: .*, not /);
  });
});

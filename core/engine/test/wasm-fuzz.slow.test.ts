/**
 * The tiers against each other and noble, on random and edge inputs, for as long as FUZZ_SECONDS says (20 by default):
 * half of it every operation by itself, half of it sequences in which one's result is the next one's operand. A failure
 * names the input, or the seed of the sequence.
 */
import { beforeAll, expect, test } from "vitest";
import type { Engine, Scalar } from "../src/engine.ts";
import { createEngine, ENGINE_TIERS } from "../src/index.ts";
import { observe as answer, FAMILIES } from "./differential.ts";
import { createSource } from "./differential-source.ts";
import { be, EDGE_SCALARS, hex, R, random } from "./fixtures.ts";

const SECONDS = Number(process.env["FUZZ_SECONDS"] ?? 20);
let engines: Engine[];
beforeAll(async () => {
  engines = await Promise.all(ENGINE_TIERS.map((tier) => createEngine({ random, tier })));
});

/** Every engine does the same; only the encodings are compared. */
function observe(engine: Engine, seed: Uint8Array): string[] {
  const draw = createSource(hex(seed)).bytes;
  const { scalars, g1, g2, gt } = engine;
  const scalar = (): Scalar => {
    const [kind = 0, index = 0] = draw(2);
    if (kind < 64)
      return scalars.decode(be((EDGE_SCALARS[index % EDGE_SCALARS.length] ?? 0n) % R, 32), { zero: "allow" });
    if (kind < 96) return scalars.fromInteger(index);
    return scalars.reduce(draw(48));
  };
  const [a, b, c] = [scalar(), scalar(), scalar()];
  const p = g1.hash(draw(16), "FUZZ");
  const q = g2.hash(draw(16), "FUZZ");
  const [ap, bp] = [g1.multiplySecret(p, a), g1.fixedBase(p).multiplySecret(b)];
  const [aq, bq] = [g2.multiplySecret(q, a), g2.fixedBase(q).multiplySecret(b)];
  const small = (draw(1)[0] ?? 0) * 16_777_216 + 7;
  const target = engine.pair(ap, bq);
  const attempt = (bytes: Uint8Array, decode: (bytes: Uint8Array) => string): string => {
    try {
      return decode(bytes);
    } catch (error) {
      return String((error as { code?: string }).code);
    }
  };
  const flipped = g1.encode(ap);
  const at = (draw(1)[0] ?? 0) % 48;
  flipped[at] = (flipped[at] ?? 0) ^ (1 << ((draw(1)[0] ?? 0) & 7));
  return [
    hex(scalars.encode(scalars.add(scalars.multiply(a, b), scalars.negate(c)))),
    scalars.isZero(a) ? "" : hex(scalars.encode(scalars.invert(a))),
    hex(g1.encode(g1.sum([ap, bp, g1.negate(ap), p, p]))),
    hex(g2.encode(g2.subtract(aq, bq), "uncompressed")),
    hex(g1.encode(g1.multiplySmallSecret(bp, small))),
    hex(g2.encode(g2.multiplySmallSecret(bq, small))),
    hex(g1.encode(g1.multiScalar([p, ap, bp, p, g1.negate(p)], [a, b, c, a, a]))),
    hex(g2.encode(g2.multiScalar([q, aq, bq], [c, a, b]))),
    hex(gt.encode(gt.powerSecret(target, c))),
    hex(gt.encode(gt.multiply(gt.invert(target), engine.pair(bp, engine.prepare(aq))))),
    String(engine.pairingCheck([[ap, q], [g1.negate(p), engine.prepare(aq)]])), // biome-ignore format: one line a fact
    attempt(flipped, (bytes) => hex(g1.encode(g1.decode(bytes)))),
    attempt(draw(96), (bytes) => hex(g2.encode(g2.decode(bytes)))),
    String(g1.equals(ap, bp)),
  ];
}

/** Noble takes part in each n-th case only: it is so slow that the tiers would hardly meet. */
const NOBLE_EVERY = 16;

test(
  "the tiers agree with each other in every operation, and with noble",
  () => {
    const end = performance.now() + 500 * SECONDS;
    const seed = hex(random(8));
    const sources = FAMILIES.map((family) => ({ family, inputs: family.inputs(createSource(seed + family.name)) }));
    let round = 0;
    for (; performance.now() < end; round++) {
      for (const { family, inputs } of sources) {
        const input = inputs.next().value as readonly string[];
        const taking = round % NOBLE_EVERY === 0 ? engines : engines.slice(0, -1);
        const [first, ...others] = taking.map((engine) =>
          Object.entries(family.ask(engine, input)).map(([name, ask]) => `${name}: ${answer(ask)}`),
        );
        for (const [i, other] of others.entries()) {
          expect(other, `${taking[i + 1]?.capabilities.name}, ${input.join(" ")}`).toEqual(first);
        }
      }
    }
    expect(round).toBeGreaterThan(2);
  },
  1000 * (SECONDS + 60),
);

test(
  "all tiers agree with noble in sequences of operations",
  () => {
    const end = performance.now() + 500 * SECONDS;
    let rounds = 0;
    while (performance.now() < end) {
      const seed = random(16);
      const [noble, ...others] = [...engines].reverse();
      const expected = observe(noble as Engine, seed);
      for (const engine of others) {
        expect(observe(engine, seed), `${engine.capabilities.name}, seed ${hex(seed)}`).toEqual(expected);
      }
      rounds += 1;
    }
    expect(rounds).toBeGreaterThan(2);
  },
  1000 * (SECONDS + 60),
);

/**
 * Does the time of a secret operation depend on the secret? A dudect-style test: two classes of secrets in random
 * order, Welch's t on the running times, on several cuts of the slow tail. |t| above 4.5 is a leak as good as proven;
 * below it, the smallest difference that would have been found is printed, because "no leak found" says nothing alone.
 *
 * Controls that are known to leak run beside each engine: noble's own operations with a short scalar, unsplit, which
 * leak so much that they would show in almost any measurement, and a weak one, the engine's own multiplication with an
 * addition more in one class. One addition is about one part in a hundred, which on a busy machine can be less than the
 * measurement resolves; then it is two, four and so on until they show. The number says what a real difference has to be
 * to show in this run, beside the computed one. If a control does not show at all, the measurement is worthless and the
 * run says so.
 *
 * Both classes differ in the value of the secret alone: as many handles of one kind, made alike, read from arrays of one
 * kind before the clock starts, used by one function (two closures that say the same differ by some nanoseconds, and
 * that shows). Handles are made anew all the time, those of both classes in turn, so that where they lie averages out; a class
 * with one secret has it in as many: one alone would always be in the cache.
 *
 * Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?" (2016).
 * What it cannot see: caches as a neighbour on the machine sees them, power, frequency that follows the data, and
 * anything below the noise. It speaks for this processor and this release of the JavaScript engine: another may compile
 * a select into a branch, or multiply faster by small numbers.
 * @module
 */
import { randomBytes } from "node:crypto";
import { createEngine, ENGINE_TIERS, type Engine, type Scalar } from "@milagro/engine";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import type { Reporter } from "./harness/reporter.ts";
import { THRESHOLD, type TimingSample, type TimingVerdict, welch } from "./harness/welch.ts";

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
/** Wall time for each experiment; more finds smaller leaks. */
const SECONDS = Number(process.env["TIMING_SECONDS"] ?? 6);
/** Part of the names of the experiments to run; all of them if left out. */
const ONLY = process.env["TIMING_ONLY"] ?? "";
const SECRETS = 64;
const WEAK = "control: G1 multiplySecret and additions";
/** A third of a multiplication. */
const MOST_ADDITIONS = 32;

/** One operation and two classes of secrets that must not be told apart. */
export interface TimingExperiment {
  readonly name: string;
  /** True for the control. */
  readonly leaks: boolean;
  /** Makes a secret of either class. */
  readonly classes: readonly [() => unknown, () => unknown];
  /** The same function for both classes: two that say the same differ by more than what is looked for. */
  readonly work: (secret: never) => unknown;
}

const experiment = <Secret>(
  name: string,
  work: (secret: Secret) => unknown,
  ...classes: readonly [() => Secret, () => Secret]
): TimingExperiment => ({ name, leaks: name.startsWith("control"), classes, work });

export async function run(report: Reporter): Promise<void> {
  for (const tier of ENGINE_TIERS) {
    let engine: Engine;
    try {
      engine = await createEngine({ random, tier });
    } catch {
      report.progress(`timing-leak: ${tier} does not run here`);
      continue;
    }
    for (const one of [...controls(), ...experiments(engine)].filter(({ name }) => name.includes(ONLY))) {
      report.progress(`timing-leak: ${tier}, ${one.name}`);
      addVerdict(report, tier, one, measure(one, SECONDS));
    }
    if (WEAK.includes(ONLY)) runWeakControl(report, tier, engine);
  }
}

/** Doubles the additions until they show. */
function runWeakControl(report: Reporter, tier: string, engine: Engine): void {
  for (let additions = 1; additions <= MOST_ADDITIONS; additions *= 2) {
    const one = weakControl(engine, additions);
    report.progress(`timing-leak: ${tier}, ${one.name}`);
    const verdict = measure(one, SECONDS);
    if (Math.abs(verdict.t) > THRESHOLD || additions === MOST_ADDITIONS) {
      addVerdict(report, tier, one, verdict);
      report.add({ name: `${tier}, ${WEAK}: difference that showed`, value: 100 * verdict.difference, unit: "%" });
      return;
    }
    report.progress(`  |t| = ${Math.abs(verdict.t).toFixed(1)}: not seen, twice as many`);
  }
}

/** The experiments that an engine's secret operations have to pass. */
export function experiments(engine: Engine): TimingExperiment[] {
  const { scalars, g1, g2, gt } = engine;
  const p = g1.hash(random(8), "TIMING");
  const q = g2.hash(random(8), "TIMING");
  const target = engine.pair(p, q);
  const full = (): Scalar => scalars.random();
  const pins = (): Scalar => scalars.fromInteger(pin());
  const fixed = (): Scalar => scalars.fromInteger(1);
  const sparse = (): Scalar => scalars.reduce(Uint8Array.from({ length: 48 }, (_, i) => +(i === 16)));
  const largest = (): Scalar => scalars.negate(scalars.one);
  // Typed arrays: a number above 2^31 would otherwise lie elsewhere than a smaller one, before the operation sees it.
  const zeros = (): Float64Array => Float64Array.of(0);
  const smallPins = (): Float64Array => Float64Array.of(pin());
  const large = (): Float64Array => Float64Array.of(2 ** 32 - pin());
  const small1 = (cell: Float64Array): unknown => g1.multiplySmallSecret(p, cell[0] as number);
  const small2 = (cell: Float64Array): unknown => g2.multiplySmallSecret(q, cell[0] as number);
  const three = [p, g1.generator, g1.hash(random(8), "TIMING")];
  const [table1, table2] = [g1.fixedBase(p), g2.fixedBase(q)];
  return [
    experiment("G1 multiplySecret, PINs against full size", (k) => g1.multiplySecret(p, k), pins, full),
    experiment("G1 multiplySecret, fixed 1 against random", (k) => g1.multiplySecret(p, k), fixed, full),
    experiment("G1 multiplySecret, fixed 2^248 against random", (k) => g1.multiplySecret(p, k), sparse, full),
    experiment("G1 multiplySecret, fixed r − 1 against random", (k) => g1.multiplySecret(p, k), largest, full),
    experiment("G1 multiplySecretAll, PINs against full size", (k) => g1.multiplySecretAll(three, k), pins, full),
    experiment(
      "G1 multiplySecretAll, fixed r − 1 against random",
      (k) => g1.multiplySecretAll(three, k),
      largest,
      full,
    ),
    experiment("G1 fixed base, PINs against full size", (k) => table1.multiplySecret(k), pins, full),
    experiment("G2 multiplySecret, PINs against full size", (k) => g2.multiplySecret(q, k), pins, full),
    experiment("G2 multiplySecret, fixed r − 1 against random", (k) => g2.multiplySecret(q, k), largest, full),
    experiment("G2 fixed base, PINs against full size", (k) => table2.multiplySecret(k), pins, full),
    experiment("G1 multiplySmallSecret, fixed 0 against PINs", small1, zeros, smallPins),
    experiment("G1 multiplySmallSecret, PINs against 32 bits", small1, smallPins, large),
    experiment("G2 multiplySmallSecret, PINs against 32 bits", small2, smallPins, large),
    experiment("GT power, PINs against full size", (k) => gt.powerSecret(target, k), pins, full),
    experiment("GT power, fixed 1 against random", (k) => gt.powerSecret(target, k), fixed, full),
    experiment("scalar inversion, PINs against full size", scalars.invert, pins, full),
    experiment("scalar inversion, fixed 1 against random", scalars.invert, fixed, full),
  ];
}

/** A multiplication that takes a few additions longer in one class: a leak of known size. */
export function weakControl({ scalars, g1 }: Engine, additions: number): TimingExperiment {
  const p = g1.hash(random(8), "TIMING");
  const of = (more: number) => () => ({ k: scalars.random(), more });
  const work = ({ k, more }: { k: Scalar; more: number }): unknown => {
    let product = g1.multiplySecret(p, k);
    for (let i = 0; i < more; i++) product = g1.add(product, p);
    return product;
  };
  return experiment(`${WEAK}, with ${additions} more`, work, of(additions), of(0));
}

/** Unprotected uses of big integers: these must be caught. */
export function controls(): TimingExperiment[] {
  const { G1, fields } = bls12_381;
  const p = G1.hashToCurve(random(8));
  const full = (): bigint => fields.Fr.fromBytes(bls12_381.utils.randomSecretKey());
  const pins = (): bigint => BigInt(pin());
  return [
    experiment("control: noble multiplyUnsafe, PINs against full size", (k: bigint) => p.multiplyUnsafe(k), pins, full),
    experiment("control: noble multiply, PINs against full size", (k: bigint) => p.multiply(k), pins, full),
    experiment("control: noble field inversion, PINs against full size", (k: bigint) => fields.Fr.inv(k), pins, full),
  ];
}

const pin = (): number => 1000 + (new DataView(random(4).buffer).getUint32(0) % 9000);

/** Runs an experiment for about the given time: class and secret are drawn before the clock starts. */
export function measure({ classes, work }: TimingExperiment, seconds: number): TimingVerdict {
  const secrets: [never[], never[]] = [[], []];
  const renew = (): void => {
    random(SECRETS).forEach((order, i) => {
      for (const which of order & 1 ? ([0, 1] as const) : ([1, 0] as const))
        secrets[which][i] = classes[which]() as never;
    });
  };
  renew();
  for (let i = 0; i < 200; i++) work(secrets[i & 1 ? 1 : 0][i % SECRETS] as never); // compiled before it is measured
  const samples: TimingSample[] = [];
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    renew();
    const draws = random(256);
    for (let d = 0; d < 256; d += 2) {
      const which = (draws[d] as number) & 1 ? 1 : 0;
      const secret = secrets[which][(draws[d + 1] as number) % SECRETS] as never;
      const start = process.hrtime.bigint();
      work(secret);
      samples.push({ which, ns: Number(process.hrtime.bigint() - start) });
    }
  }
  return welch(samples);
}

function addVerdict(report: Reporter, tier: string, { name, leaks }: TimingExperiment, verdict: TimingVerdict): void {
  const label = `${tier}, ${name}`;
  const caught = Math.abs(verdict.t) > THRESHOLD;
  const figures =
    `|t| = ${Math.abs(verdict.t).toFixed(1)} over ${verdict.samples} samples; ` +
    `classes differ by ${(100 * verdict.difference).toFixed(3)} %`;
  if (leaks) {
    report.progress(
      `  ${figures}: ${caught ? "the control leaks, as it must" : "THE CONTROL DOES NOT SHOW, this run proves nothing"}`,
    );
  } else {
    const detectable = `detectable from ${(100 * verdict.detectable).toFixed(3)} %`;
    report.progress(`  ${figures}, ${detectable}: ${caught ? "LEAKS" : "no leak found"}`);
  }
  report.add({ name: `${label}: |t|`, value: Math.abs(verdict.t), unit: "t" });
  if (leaks) return;
  report.add({ name: `${label}: smallest detectable`, value: 100 * verdict.detectable, unit: "%" });
}

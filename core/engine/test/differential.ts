/**
 * Differential tests that run anywhere: inputs and the oracle's answers are computed once (`makeCorpus`), written down,
 * and every engine on every platform is held against them (`compare`).
 *
 * A family is one kind of input; several operations may be asked about it. The fuzz target uses the same families
 * without the oracle, to hold engines against each other.
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Engine } from "../src/engine.ts";
import { decodingFamilies } from "./differential-decoding.ts";
import { groupFamilies } from "./differential-groups.ts";
import { pairingFamilies } from "./differential-pairing.ts";
import { scalarFamilies } from "./differential-scalars.ts";
import { createSource, type Source } from "./differential-source.ts";

/** What operations gave: by name, or one text where all of a family have to give the same. */
export type Answers = string | Readonly<Record<string, string>>;

export interface Family {
  readonly name: string;
  /** Cases in a corpus. */
  readonly count: number;
  /** Edge cases first, then random ones without end. */
  inputs(source: Source): Generator<readonly string[]>;
  /** The oracle's. */
  answers(input: readonly string[]): Answers;
  /** What to ask an engine; each may throw. */
  ask(engine: Engine, input: readonly string[]): Readonly<Record<string, () => string>>;
}

export const FAMILIES: readonly Family[] = [
  ...scalarFamilies(),
  ...decodingFamilies(),
  ...groupFamilies(),
  ...pairingFamilies(),
];

export interface CorpusPart {
  readonly family: string;
  readonly cases: readonly (readonly [input: readonly string[], answers: Answers])[];
}

export interface Outcome {
  readonly operation: string;
  readonly cases: number;
  /** The inputs of the first few, and how many there were. */
  readonly failures: readonly string[];
  readonly failed: number;
}

/** @param seed - the same seed gives the same corpus */
export function makeCorpusPart(family: Family, seed: string): CorpusPart {
  const inputs = family.inputs(createSource(`${seed} ${family.name}`));
  const cases = Array.from({ length: family.count }, (): [readonly string[], Answers] => {
    const input = inputs.next().value as readonly string[];
    const answers = family.answers(input);
    if (typeof answers === "string") return [input, brief(answers)];
    return [input, Object.fromEntries(Object.entries(answers).map(([name, answer]) => [name, brief(answer)]))];
  });
  return { family: family.name, cases };
}

/** @param every - take only each n-th case, for a slow engine */
export function compare(engine: Engine, corpus: readonly CorpusPart[], every = 1): Outcome[] {
  const outcomes = new Map<string, { cases: number; failures: string[]; failed: number }>();
  for (const { family: name, cases } of corpus) {
    const family = FAMILIES.find((candidate) => candidate.name === name) as Family;
    for (let i = 0; i < cases.length; i += every) {
      const [input, answers] = cases[i] as CorpusPart["cases"][number];
      for (const [operation, ask] of questions(family, engine, input)) {
        const outcome = outcomes.get(operation) ?? { cases: 0, failures: [], failed: 0 };
        outcomes.set(operation, outcome);
        outcome.cases += 1;
        const want = typeof answers === "string" ? answers : (answers[operation] ?? "no such operation");
        const got = brief(observe(ask));
        if (got === want) continue;
        outcome.failed += 1;
        if (outcome.failures.length < 3)
          outcome.failures.push(`${input.join(" ").slice(0, 2000)}: ${got}, not ${want}`);
      }
    }
  }
  return [...outcomes].map(([operation, outcome]) => ({ operation, ...outcome }));
}

/** Where not even the input can be read, that is a failure too, of an operation that no answer knows. */
function questions(family: Family, engine: Engine, input: readonly string[]): [string, () => string][] {
  try {
    return Object.entries(family.ask(engine, input));
  } catch (error) {
    const fail = (): never => {
      throw error;
    };
    return [[`${family.name}, reading`, fail]];
  }
}

/** The text, or what was thrown: an error's code, or its name. */
export function observe(ask: () => string): string {
  try {
    return ask();
  } catch (error) {
    const { code, name } = error as { code?: string; name?: string };
    return code ?? name ?? "thrown";
  }
}

/** Long answers by their digest, so that a corpus stays small. They are ASCII; JavaScriptCore's shell has no TextEncoder. */
const brief = (answer: string): string =>
  answer.length <= 32
    ? answer
    : bytesToHex(sha256(Uint8Array.from(answer, (character) => character.charCodeAt(0)))).slice(0, 16);

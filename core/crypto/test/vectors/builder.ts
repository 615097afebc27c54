/**
 * What the vectors of all schemes share: reproducible bytes, one trust domain, and the collector of cases.
 *
 * The outcome of each case is stated by whoever adds it, and `Scheme` throws when another comes out, so a vector is never a record
 * of a bug nobody looked at.
 * @module
 */
import type { Engine } from "@milagro/engine/engine";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, encodeHex, parseHex, u32, utf8 } from "../../src/bytes.ts";
import { type Fields, type Json, runCase, type VectorCase, type VectorFile } from "./runner.ts";

const SEED = utf8("milagro vectors v1");
const SOURCE = "core/crypto/test/vectors/generate.ts";

/** SHA-256 in counter mode over the seed and a label: reproducible, and nothing anybody should use. */
export function bytesFor(label: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) => sha256(concat(SEED, utf8(label), u32(i))));
  return concat(...blocks).slice(0, length);
}

export const hexFor = (label: string, length: number): string => encodeHex(bytesFor(label, length));
export const hexOf = (text: string): string => encodeHex(utf8(text));

/** Flips the lowest bit of one byte. */
export function flip(hex: string, at: number): string {
  const bytes = parseHex(hex);
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] as number) ^ 1;
  return encodeHex(bytes);
}

/** Collects the cases of one scheme. */
export class Scheme {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #cases: VectorCase[] = [];
  constructor(engine: Engine, name: string) {
    this.#engine = engine;
    this.#name = name;
  }

  /** A success; its output becomes part of the vector. */
  async ok(name: string, operation: string, input: Fields): Promise<Record<string, Json>> {
    return (await this.#add(name, operation, input, "ok")) as Record<string, Json>;
  }

  /** A refusal. */
  async refuse(code: string, name: string, operation: string, input: Fields): Promise<void> {
    await this.#add(name, operation, input, code);
  }

  async #add(name: string, operation: string, input: Fields, expected: string): Promise<Fields | undefined> {
    const got = await runCase(this.#engine, operation, input);
    if (got.expect !== expected) throw new Error(`${this.#name}: ${name}: ${got.expect} instead of ${expected}`);
    const output = got.output && Object.keys(got.output).length > 0 ? { output: got.output } : {};
    this.#cases.push({ name, operation, input, expect: expected, ...output });
    return got.output;
  }

  file(): VectorFile {
    return { scheme: this.#name, source: SOURCE, cases: this.#cases };
  }
}

/** The domain that all files share. */
export interface Setting {
  readonly engine: Engine;
  readonly domainId: string;
  readonly publicKey: string;
  readonly secrets: readonly string[];
  readonly publicShares: readonly string[];
  input(usage: string, identity: string, epoch?: number): Promise<string>;
  key(usage: string, identity: string, epoch?: number): Promise<string>;
  shares(usage: string, identity: string, epoch?: number): Promise<string[]>;
}

export const ALICE = "milagro:example/service/alice";
export const BOB = "milagro:example/service/bob";
export const CAROL = "milagro:example/user/carol";
export const EPOCH = 20_000;

export async function succeed(engine: Engine, operation: string, input: Fields): Promise<Record<string, string>> {
  const { output, expect } = await runCase(engine, operation, input);
  if (!output) throw new Error(`${operation}: ${expect}`);
  return output as Record<string, string>;
}

export async function prepare(engine: Engine): Promise<Setting> {
  const secrets = [1, 2, 3].map((i) =>
    encodeHex(engine.scalars.encode(engine.scalars.reduce(bytesFor(`id ${i}`, 48)))),
  );
  const published = secrets.map((secret) => succeed(engine, "public-share", { scheme: "id", secret }));
  const publicShares = (await Promise.all(published)).map((output) => output["publicShare"] as string);
  const summed = await succeed(engine, "combine-public-shares", { scheme: "id", shares: publicShares });
  const domainId = hexFor("domain", 32);
  const publicKey = summed["publicKey"] as string;
  const input = async (usage: string, identity: string, epoch = EPOCH): Promise<string> =>
    (await succeed(engine, "identity-input", { domainId, usage, identity, epoch }))["input"] as string;
  const shares = async (usage: string, identity: string, epoch = EPOCH): Promise<string[]> => {
    const fields = { usage, input: await input(usage, identity, epoch) };
    const issued = secrets.map((secret) => succeed(engine, "issue", { ...fields, secret }));
    return (await Promise.all(issued)).map((output) => output["share"] as string);
  };
  const key = async (usage: string, identity: string, epoch = EPOCH): Promise<string> => {
    const fields = { usage, input: await input(usage, identity, epoch), publicKey };
    return (await succeed(engine, "combine-shares", { ...fields, shares: await shares(usage, identity, epoch) }))[
      "key"
    ] as string;
  };
  return { engine, domainId, publicKey, secrets, publicShares, input, key, shares };
}

/** The sign flag of the compressed point in front. */
export function negate(bytes: Uint8Array): Uint8Array {
  bytes[0] = (bytes[0] as number) ^ 0x20;
  return bytes;
}

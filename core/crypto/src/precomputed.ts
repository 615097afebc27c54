/**
 * What is worth computing once per engine: lines of points that are paired again and again, the generator's table, and the
 * curve points of identities. Kept in WeakMaps, so it goes away with the value it belongs to. Public values only.
 * @module
 */
import type { Engine, FixedBase, G1, G1Engine, G2, PreparedG2, RandomBytes, Scalar } from "@milagro/engine/engine";

interface Tables {
  readonly lines: WeakMap<G2, PreparedG2>;
  readonly hashes1: WeakMap<Uint8Array, Map<string, G1>>;
  readonly hashes2: WeakMap<Uint8Array, Map<string, G2>>;
  readonly decoded2: WeakMap<Uint8Array, G2>;
  generator2?: FixedBase<G2>;
  generator1?: FixedBase<G1>;
}

const tables = new WeakMap<G1Engine, Tables>();

function tablesOf(engine: G1Engine): Tables {
  const known = tables.get(engine);
  if (known) return known;
  const fresh: Tables = {
    lines: new WeakMap(),
    hashes1: new WeakMap(),
    hashes2: new WeakMap(),
    decoded2: new WeakMap(),
  };
  tables.set(engine, fresh);
  return fresh;
}

function memo<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const fresh = make();
  map.set(key, fresh);
  return fresh;
}

/** The Miller-loop lines of a public point that will be paired again: a generator, a domain's or a D-TA's public key. */
export function preparedLines(engine: Engine, point: G2): PreparedG2 {
  return memo(tablesOf(engine).lines, point, () => engine.prepare(point));
}

/** `k·g1` from a table, for a secret k. */
export function baseMultiply1(engine: G1Engine, k: Scalar): G1 {
  const own = tablesOf(engine);
  own.generator1 ??= engine.g1.fixedBase(engine.g1.generator);
  return own.generator1.multiplySecret(k);
}

/** `k·g2` from a table, for a secret k. */
export function baseMultiply2(engine: Engine, k: Scalar): G2 {
  const own = tablesOf(engine);
  own.generator2 ??= engine.g2.fixedBase(engine.g2.generator);
  return own.generator2.multiplySecret(k);
}

/** Hash to G1, once per tag and input *object*: the caller must not change its bytes afterwards. */
export function hashOnce1(engine: G1Engine, input: Uint8Array, tag: string): G1 {
  const byTag = memo(tablesOf(engine).hashes1, input, () => new Map());
  return memo(byTag, tag, () => engine.g1.hash(input, tag));
}

/** Hash to G2, once per tag and input *object*: the caller must not change its bytes afterwards. */
export function hashOnce2(engine: Engine, input: Uint8Array, tag: string): G2 {
  const byTag = memo(tablesOf(engine).hashes2, input, () => new Map());
  return memo(byTag, tag, () => engine.g2.hash(input, tag));
}

/** A point of G2 that an input holds, decoded once per input *object*. @throws `ERR_POINT_INVALID` */
export function decodeOnce2(engine: Engine, input: Uint8Array, bytes: () => Uint8Array): G2 {
  return memo(tablesOf(engine).decoded2, input, () => engine.g2.decode(bytes()));
}

/** A random 128-bit weight: a batch that holds one false equation passes with probability 2⁻¹²⁸. */
export function randomWeight(engine: G1Engine, random: RandomBytes): Scalar {
  const bytes = new Uint8Array(32);
  bytes.set(random(16), 16);
  return engine.scalars.decode(bytes, { zero: "allow" });
}

/** A source of weights for verifiers that are not handed one. @returns up to 16 bytes a call: a scalar's low bytes, uniform up to 2⁻¹²⁶ */
export function weightSource(engine: G1Engine): RandomBytes {
  return (length) => engine.scalars.encode(engine.scalars.random()).slice(-length);
}

/**
 * Inputs from a seed: bytes, numbers, and scalars of which many are special.
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { be, EDGE_SCALARS, integer, R, Z } from "./oracle.ts";

export interface Source {
  bytes(length: number): Uint8Array;
  /** In [0, limit), limit below 2³²; the bias does not matter here. */
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
  /** In [0, r): half of them random, the others small, near an edge, or with special digits to the base of the curve. */
  scalar(): bigint;
}

export function createSource(seed: string): Source {
  const key = sha256(utf8ToBytes(seed));
  let counter = 0;
  let rest = new Uint8Array(0);
  const bytes = (length: number): Uint8Array => {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      if (rest.length === 0) rest = sha256(Uint8Array.of(...key, ...be(BigInt(counter++), 6)));
      const part = rest.subarray(0, length - at);
      out.set(part, at);
      rest = rest.subarray(part.length);
      at += part.length;
    }
    return out;
  };
  const below = (limit: number): number => Number(integer(bytes(6)) % BigInt(limit));
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const digit = (): bigint => pick([0n, 1n, Z - 1n, Z / 2n, Z / 2n + 1n, integer(bytes(8)) % Z]);
  const scalar = (): bigint => {
    const kind = below(16);
    if (kind < 8) return integer(bytes(48)) % R;
    if (kind < 10) return BigInt(below(2 ** 32));
    if (kind < 12) return (pick(EDGE_SCALARS) + BigInt(below(5)) + R - 2n) % R;
    if (kind < 14) return pick(EDGE_SCALARS);
    return (digit() + digit() * Z + digit() * Z ** 2n + digit() * Z ** 3n) % R;
  };
  return { bytes, below, pick, scalar };
}

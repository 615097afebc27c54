/**
 * What the hand-written AssemblyScript relies on: it calls kernels directly, on stored pairs and on digits that it has
 * read from bytes, and takes results out of Montgomery form. The formula compiler does not see these calls, so their
 * bounds are proved here, once for each tier.
 * @module
 */
import { PRIME } from "./numbers.ts";
import { prove, type Range, tightenTop, UnprovedBound, within } from "./range.ts";
import type { Tier } from "./tier.ts";

/** Operands of the kernels that `assembly/` calls. */
const CALLED: Readonly<Record<string, number>> = { pairMul: 2, pairSqr: 1, pairDot: 4, mul: 2, sqr: 1 };
/** Coordinates are read before they are found to be below p: 48 bytes, the flag bits taken off. */
const READ_BITS = 381n;

/** @throws UnprovedBound naming the tier and what cannot be relied on */
export function proveHostCalls(tier: Tier): void {
  const { stored } = tier;
  for (const [name, operands] of Object.entries(CALLED)) {
    const where = `${tier.name}: assembly: ${name}`;
    const result = rangeOf(tier, name, new Array<Range>(operands).fill(stored), where);
    if (!within(result, stored)) throw new UnprovedBound(`${where}: the result is not in the stored range`);
  }
  const digits = new Array<bigint>(tier.count).fill(1n << BigInt(tier.width - 1));
  const read = tightenTop({ limbs: digits, value: 1n << READ_BITS }, tier.width);
  const entered = rangeOf(tier, "pairMul", [read, stored], `${tier.name}: assembly: readPair`);
  if (!within(entered, stored)) throw new UnprovedBound(`${tier.name}: assembly: readPair: not in the stored range`);
  const one: Range = { limbs: digits.map((_, i) => (i === 0 ? 1n : 0n)), value: 1n };
  const left = rangeOf(tier, "pairMul", [stored, one], `${tier.name}: assembly: leaveMontgomery`);
  // p is added to a negative value, and that must make it unique
  prove(left.value, PRIME - 1n, `${tier.name}: assembly: leaveMontgomery: value`);
}

function rangeOf(tier: Tier, name: string, operands: readonly Range[], where: string): Range {
  const kernel = tier.kernels.get(name);
  if (!kernel) throw new Error(`${where}: the tier has no such kernel`);
  return kernel.range(operands, where);
}

/**
 * Formulas: straight-line programs over pairs, written once and compiled for each tier.
 *
 * A formula says what is computed; where carries are needed follows from the ranges. The compiler evaluates every
 * range, and where a kernel's precondition cannot be shown it settles an operand (one round of carries, or also a
 * multiple of p taken off) and starts again, until all is proved or nothing is left to settle: then the build fails
 * and names the operation. Sums are fused into one pass over the digits unless several operations need them.
 *
 * Every pair that comes in through a parameter is assumed to be within the tier's `stored` range, and every pair that
 * goes out is proved to be: so formulas can be called in any order.
 * @module
 */
import { addRanges, type Range, scaleRange, UnprovedBound, uniteRanges, widestLimb, within } from "./range.ts";
import type { Linear, Settling, Tier } from "./tier.ts";

export type Node = MemoryNode | KernelNode | SumNode;
interface MemoryNode {
  readonly kind: "memory";
  readonly base: string;
  readonly offset: number;
  readonly wide: false;
}
interface KernelNode {
  readonly kind: "kernel";
  readonly kernel: string;
  readonly operands: readonly Node[];
  readonly wide: boolean;
}
interface SumNode {
  readonly kind: "sum";
  readonly op: Exclude<Linear["op"], "load">;
  readonly a: Node;
  readonly b?: Node;
  readonly factor: number;
  readonly wide: boolean;
}

/** Where a result goes. `fresh` memory is never the memory of an operand; other results may replace operands in place. */
export interface Target {
  readonly base: string;
  readonly offset: number;
  readonly fresh: boolean;
  readonly node: Node;
}

interface Place {
  readonly base: string;
  readonly offset: number;
}

/** Nodes in evaluation order, with where each is kept and what has been done to it. */
interface Plan {
  readonly settling: ReadonlyMap<Node, Settling>;
  readonly kept: ReadonlySet<Node>;
}

/** @returns the AssemblyScript of `export function name(…)` @throws UnprovedBound naming the formula and the operation */
export function compileFormula(
  tier: Tier,
  name: string,
  parameters: readonly string[],
  nodes: readonly Node[],
  targets: readonly Target[],
): string {
  const plan = settleNodes(tier, name, nodes, targets);
  const order = evaluationOrder(nodes, targets, plan);
  const { places, frame, copies } = placeNodes(tier, order, targets, plan);
  const body: string[] = [];
  for (const node of order) body.push(...emitNode(tier, node, plan, places));
  for (const { target, from } of copies) {
    body.push(`copyPair(${at(target.base, target.offset)}, ${at(from.base, from.offset)});`);
  }
  const framed = frame > 0 ? [`const t = enterFrame(${frame});`, ...body, "leaveFrame(t);"] : body;
  const signature = parameters.map((parameter) => `${parameter}: usize`).join(", ");
  return `export function ${name}(${signature}): void {\n${framed.map((line) => `  ${line}\n`).join("")}}\n`;
}

const at = (base: string, offset: number): string => (offset === 0 ? base : `${base} + ${offset}`);
const operandsOf = (node: Node): readonly Node[] => {
  if (node.kind === "kernel") return node.operands;
  if (node.kind === "sum") return node.b ? [node.a, node.b] : [node.a];
  return [];
};

/** Decides which sums are stored and how they are settled: the smallest set that makes every bound provable. */
function settleNodes(tier: Tier, name: string, nodes: readonly Node[], targets: readonly Target[]): Plan {
  const kept = new Set<Node>(targets.map(({ node }) => node).filter((node) => node.kind !== "memory"));
  const uses = new Map<Node, number>();
  for (const node of nodes) {
    for (const operand of operandsOf(node)) {
      uses.set(operand, (uses.get(operand) ?? 0) + 1);
      if (node.kind === "kernel" && operand.kind === "sum") kept.add(operand);
    }
    if (node.kind === "kernel") kept.add(node);
  }
  for (const [node, count] of uses) if (count > 1 && node.kind === "sum") kept.add(node);
  const settling = new Map<Node, Settling>();
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const failure = findUnproved(tier, name, nodes, targets, { settling, kept });
    if (!failure) return { settling, kept };
    const remedy = failure.candidates.find(
      (node) => node.kind === "sum" && !node.wide && settling.get(node) !== "reduce",
    );
    if (!remedy) throw failure.error;
    settling.set(remedy, kept.has(remedy) && settling.get(remedy) === "carry" ? "reduce" : "carry");
    kept.add(remedy);
  }
  throw new UnprovedBound(`${name}: settling does not come to an end`);
}

interface Failure {
  readonly error: UnprovedBound;
  /** What could be settled to help, most promising first. */
  readonly candidates: readonly Node[];
}

function findUnproved(
  tier: Tier,
  name: string,
  nodes: readonly Node[],
  targets: readonly Target[],
  plan: Plan,
): Failure | undefined {
  const ranges = new Map<Node, Range>();
  const rangeOf = (node: Node): Range => ranges.get(node) as Range;
  for (const [index, node] of nodes.entries()) {
    const label = node.kind === "kernel" ? node.kernel : node.kind === "sum" ? node.op : "operand";
    const where = `${tier.name}: ${name}: step ${index} (${label})`;
    try {
      let range = rangeOfNode(tier, node, rangeOf, where);
      if (node.kind === "sum") {
        const how = plan.settling.get(node) ?? "none";
        tier.proveSum(range, node.wide, !plan.kept.has(node) || how !== "none", where);
        if (plan.kept.has(node) && !node.wide) range = tier.settle(range, how);
      }
      ranges.set(node, range);
    } catch (error) {
      if (!(error instanceof UnprovedBound)) throw error;
      const widest = [...operandsOf(node)].sort((a, b) => (widestLimb(rangeOf(a)) < widestLimb(rangeOf(b)) ? 1 : -1));
      return { error, candidates: settlesItself(tier, node, plan, rangeOf) ? [node, ...widest] : [...widest, node] };
    }
  }
  for (const { base, offset, node } of targets) {
    if (!within(rangeOf(node), tier.stored)) {
      const error = new UnprovedBound(`${tier.name}: ${name}: result ${at(base, offset)} is not in the stored range`);
      const byValue = sumsBehind(node).sort((a, b) => (rangeOf(a).value < rangeOf(b).value ? 1 : -1));
      return { error, candidates: byValue };
    }
  }
  return undefined;
}

/** Whether a sum fails only because it is stored as it is: some tiers add up in wider digits than they store. */
function settlesItself(tier: Tier, node: Node, plan: Plan, rangeOf: (node: Node) => Range): boolean {
  if (node.kind !== "sum" || node.wide || !plan.kept.has(node) || plan.settling.has(node)) return false;
  try {
    tier.settle(rangeOfNode(tier, node, rangeOf, ""), "carry");
    tier.proveSum(rangeOfNode(tier, node, rangeOf, ""), false, true, "");
    return true;
  } catch {
    return false;
  }
}

/** The sums that a result's value comes from: itself, or the operands of the products it is made of. */
function sumsBehind(node: Node): Node[] {
  if (node.kind === "sum" && !node.wide) return [node];
  return operandsOf(node).flatMap(sumsBehind);
}

function rangeOfNode(tier: Tier, node: Node, rangeOf: (node: Node) => Range, where: string): Range {
  switch (node.kind) {
    case "memory":
      return tier.stored;
    case "kernel": {
      const kernel = tier.kernels.get(node.kernel);
      if (!kernel) throw new Error(`${where}: the tier has no such kernel`);
      return kernel.range(node.operands.map(rangeOf), where);
    }
    case "sum":
      switch (node.op) {
        case "add":
        case "subtract":
          return addRanges(rangeOf(node.a), rangeOf(node.b as Node));
        case "merge":
          return uniteRanges(rangeOf(node.a), rangeOf(node.b as Node));
        case "xi":
          return scaleRange(rangeOf(node.a), 2n);
        case "scale":
          return scaleRange(rangeOf(node.a), BigInt(Math.abs(node.factor)));
        default:
          return rangeOf(node.a);
      }
  }
}

/** Results that nothing else needs come last, so that operands they may overwrite have been read by then. */
function evaluationOrder(nodes: readonly Node[], targets: readonly Target[], plan: Plan): Node[] {
  const needed = new Set(nodes.flatMap((node) => operandsOf(node)));
  const late = targets.map(({ node }) => node).filter((node) => node.kind !== "memory" && !needed.has(node));
  const lateSet = new Set(late);
  return [...nodes.filter((node) => plan.kept.has(node) && !lateSet.has(node)), ...new Set(late)];
}

/** The nodes in memory that evaluating this one reads. */
function reads(node: Node, plan: Plan): Node[] {
  return operandsOf(node).flatMap((operand) =>
    operand.kind === "memory" || plan.kept.has(operand) ? [operand] : reads(operand, plan),
  );
}

function placeNodes(tier: Tier, order: readonly Node[], targets: readonly Target[], plan: Plan) {
  const lastUse = new Map<Node, number>();
  order.forEach((node, index) => {
    for (const read of reads(node, plan)) lastUse.set(read, index);
  });
  const places = new Map<Node, Place>();
  const copies: { target: Target; from: Place }[] = [];
  const free = new Map<number, number[]>();
  let frame = 0;
  const size = (node: Node): number => (node.wide ? (tier.wideBytes ?? 0) : tier.pairBytes);
  for (const [index, node] of order.entries()) {
    const target = targets.find((candidate) => candidate.node === node);
    const direct = target && isSafe(target, index, order, plan);
    if (target && direct) places.set(node, target);
    else {
      const bytes = size(node);
      const slot = free.get(bytes)?.pop() ?? frame;
      if (slot === frame) frame += bytes;
      places.set(node, { base: "t", offset: slot });
    }
    for (const target of targets) {
      const place = places.get(node) as Place;
      if (target.node === node && place !== target) copies.push({ target, from: place });
    }
    const isCopied = copies.some(({ target }) => target.node === node);
    if (isCopied) lastUse.set(node, order.length);
    for (const [read, last] of lastUse) {
      const place = places.get(read);
      if (last === index && place?.base === "t") {
        const slots = free.get(size(read)) ?? [];
        free.set(size(read), [...slots, place.offset]);
      }
    }
  }
  for (const target of targets) if (target.node.kind === "memory") copies.push({ target, from: target.node });
  return { places, frame: (frame + 15) & ~15, copies };
}

/** Whether writing a result at once leaves every operand that is still to be read intact. */
function isSafe(target: Target, index: number, order: readonly Node[], plan: Plan): boolean {
  if (target.fresh) return true;
  return order
    .slice(index + 1)
    .every((later) => reads(later, plan).every((read) => read.kind !== "memory" || read.offset !== target.offset));
}

function emitNode(tier: Tier, node: Node, plan: Plan, places: ReadonlyMap<Node, Place>): string[] {
  const place = places.get(node) as Place;
  const placeOf = (operand: Node): Place => (operand.kind === "memory" ? operand : (places.get(operand) as Place));
  if (node.kind === "kernel") {
    const operands = node.operands.map(placeOf).map(({ base, offset }) => at(base, offset));
    return [`${node.kernel}(${[at(place.base, place.offset), ...operands].join(", ")});`];
  }
  if (node.kind === "memory") return [];
  const linear = (part: Node): Linear => {
    if (part.kind === "memory" || plan.kept.has(part)) return { op: "load", ...placeOf(part) };
    return expression(part as SumNode);
  };
  const expression = (sum: SumNode): Linear => {
    const a = linear(sum.a);
    if (sum.op === "add" || sum.op === "subtract" || sum.op === "merge") {
      return { op: sum.op, a, b: linear(sum.b as Node) };
    }
    if (sum.op === "scale") return { op: "scale", a, factor: sum.factor };
    return { op: sum.op, a };
  };
  if (node.wide) return tier.emitWideSum(place.base, place.offset, expression(node));
  return tier.emitSum(place.base, place.offset, expression(node), plan.settling.get(node) ?? "none");
}

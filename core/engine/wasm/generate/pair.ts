/**
 * The language that formulas are written in: values with methods, which record what is to be computed.
 * @module
 */
import { compileFormula, type Node, type Target } from "./formula.ts";
import type { Tier } from "./tier.ts";

/** A pair. `mul` and `sqr` take it as an element of Fp², `laneMul` and `laneSqr` as two elements of Fp. */
export interface Pair {
  plus(b: Pair): Pair;
  minus(b: Pair): Pair;
  negated(): Pair;
  /** A small integer. */
  times(factor: number): Pair;
  /** re − im·u */
  conjugated(): Pair;
  /** The lanes exchanged. */
  swapped(): Pair;
  /** Lane 0 of this, lane 1 of b. */
  merged(b: Pair): Pair;
  /** (1 + u)·a: the non-residue of the tower. */
  timesXi(): Pair;
  mul(b: Pair): Pair;
  sqr(): Pair;
  laneMul(b: Pair): Pair;
  laneSqr(): Pair;
  /** Not reduced yet, where the tier has room for it; sums of such products are reduced once. */
  mulWide(b: Pair): Wide;
  sqrWide(): Wide;
}

/** A sum of products in Fp² before reduction. */
export interface Wide {
  plus(b: Wide): Wide;
  minus(b: Wide): Wide;
  times(factor: 2 | 3): Wide;
  timesXi(): Wide;
  reduced(): Pair;
}

/** What a formula is given: its operands, and where its results go. */
export interface Builder {
  readonly tier: Tier;
  /** `count` pairs from a pointer parameter, `skip` pairs after where it points. */
  operand(name: string, count: number, skip?: number): Pair[];
  /** Results, one pair after the other, at a pointer parameter that may be one of the operands. */
  result(name: string, pairs: readonly Pair[], skip?: number): void;
  /** As `result`, at memory that is no operand's. */
  fresh(name: string, pairs: readonly Pair[], skip?: number): void;
  /** a·b + c·e per lane, reduced once. */
  laneDot(a: Pair, b: Pair, c: Pair, e: Pair): Pair;
}

/** @param parameters - pointers, in the order of the signature */
export function formula(tier: Tier, name: string, parameters: readonly string[], write: (f: Builder) => void): string {
  const nodes: Node[] = [];
  const targets: Target[] = [];
  const recorded = new WeakMap<Pair | Wide, Node>();
  const record = <N extends Node>(node: N): N => {
    nodes.push(node);
    return node;
  };
  const nodeOf = (value: Pair | Wide): Node => {
    const node = recorded.get(value);
    if (!node) throw new Error(`${name}: a value of another formula`);
    return node;
  };
  const kernel = (kernelName: string, operands: readonly Pair[]): Pair =>
    pair(record({ kind: "kernel", kernel: kernelName, operands: operands.map(nodeOf), wide: false }));
  const pair = (node: Node): Pair => {
    const sum = (op: "add" | "subtract" | "merge", b: Pair): Pair =>
      pair(record({ kind: "sum", op, a: node, b: nodeOf(b), factor: 1, wide: false }));
    const change = (op: "negate" | "conjugate" | "swap" | "xi" | "scale", factor = 1): Pair =>
      pair(record({ kind: "sum", op, a: node, factor, wide: false }));
    const self: Pair = {
      plus: (b) => sum("add", b),
      minus: (b) => sum("subtract", b),
      negated: () => change("negate"),
      times: (factor) => {
        if (factor <= tier.largestFactor) return change("scale", factor);
        return factor % 2 === 0 ? self.times(factor / 2).times(2) : self.times(factor - 1).plus(self);
      },
      conjugated: () => change("conjugate"),
      swapped: () => change("swap"),
      merged: (b) => sum("merge", b),
      timesXi: () => change("xi"),
      mul: (b) => kernel("mul", [self, b]),
      sqr: () => kernel("sqr", [self]),
      laneMul: (b) => kernel("pairMul", [self, b]),
      laneSqr: () => kernel("pairSqr", [self]),
      mulWide: (b) => product("mul", [self, b]),
      sqrWide: () => product("sqr", [self]),
    };
    recorded.set(self, node);
    return self;
  };
  const product = (kernelName: "mul" | "sqr", operands: readonly Pair[]): Wide => {
    const wide = tier.wideBytes !== undefined;
    const nodeName = wide ? `${kernelName}Wide` : kernelName;
    return wideValue(record({ kind: "kernel", kernel: nodeName, operands: operands.map(nodeOf), wide }));
  };
  const wideValue = (node: Node): Wide => {
    const { wide } = node;
    const sum = (op: "add" | "subtract", b: Wide): Wide =>
      wideValue(record({ kind: "sum", op, a: node, b: nodeOf(b), factor: 1, wide }));
    const self: Wide = {
      plus: (b) => sum("add", b),
      minus: (b) => sum("subtract", b),
      times: (factor) =>
        factor > tier.largestFactor
          ? self.times(2).plus(self)
          : wideValue(record({ kind: "sum", op: "scale", a: node, factor, wide })),
      timesXi: () => wideValue(record({ kind: "sum", op: "xi", a: node, factor: 1, wide })),
      reduced: () =>
        pair(wide ? record({ kind: "kernel", kernel: "reduceWide", operands: [node], wide: false }) : node),
    };
    recorded.set(self, node);
    return self;
  };
  const place = (base: string, pairs: readonly Pair[], skip: number, fresh: boolean): void =>
    pairs.forEach((value, i) => {
      targets.push({ base, offset: (skip + i) * tier.pairBytes, fresh, node: nodeOf(value) });
    });
  write({
    tier,
    operand: (base, count, skip = 0) =>
      Array.from({ length: count }, (_, i) =>
        pair(record({ kind: "memory", base, offset: (skip + i) * tier.pairBytes, wide: false })),
      ),
    result: (base, pairs, skip = 0) => place(base, pairs, skip, false),
    fresh: (base, pairs, skip = 0) => place(base, pairs, skip, true),
    laneDot: (a, b, c, e) => kernel("pairDot", [a, b, c, e]),
  });
  return compileFormula(tier, name, parameters, nodes, targets);
}

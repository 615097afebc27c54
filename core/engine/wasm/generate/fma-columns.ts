/**
 * Columns of products in the FMA tier: exact 98-bit products of 49-bit digits out of 53-bit floating point.
 *
 * For integers x, y: h = fma(x, y, 1.5·2^101) rounds x·y to a multiple of 2^49, because that is the last place of every
 * double in [2^101, 2^102]; fma(x, y, 1.5·2^101 − h) is what was rounded off, exactly. The bit pattern of h, read as an
 * integer, counts multiples of 2^49, and adding 1.5·2^52 makes the low part readable in the same way. So a column is
 * an i64 that sums bit patterns; their constant part (the bias) is known here and goes into the column's first value.
 * (Letting h run through several products of a column saves an addition each, and measured no faster.)
 * @module
 */
import { type ConstantPool, doubleBits } from "./constant-pool.ts";
import { prove } from "./range.ts";

/** Bits of a digit. */
export const WIDTH = 49;
const HIGH_START = 1.5 * 2 ** 101;
const LOW_START = 1.5 * 2 ** 52;
/** |x·y|: h stays in [2^101, 2^102]. */
const PRODUCT_LIMIT = 1n << 100n;
/** A low part is at most half of 2^49. */
const LOW_PART = 1n << 48n;
/** Added to a column before its carry is shifted out, so that a logical shift will do (i64x2.shr_s is emulated). */
export const CARRY_BIAS: bigint = 1n << 60n;
/** Digits come out in [−2^48, 2^48): half a digit is added before the mask is applied. */
export const HALF_DIGIT: bigint = 1n << 48n;

interface Column {
  /** How much larger the accumulated bit patterns are than the sum they stand for. */
  bias: bigint;
  /** Bound on the sum. */
  magnitude: bigint;
  started: boolean;
  /** What the column starts from, besides its bias. */
  initial: string | undefined;
}

/** Emits the code of one kernel's accumulator and proves its columns. */
export class FmaColumns {
  readonly lines: string[] = [];
  readonly #pool: ConstantPool;
  readonly #where: string;
  readonly #columns: Column[];
  #names = 0;

  /** @param where - names the kernel in an unproved bound */
  constructor(pool: ConstantPool, where: string, count: number) {
    this.#pool = pool;
    this.#where = where;
    this.#columns = Array.from({ length: count }, () => ({
      bias: 0n,
      magnitude: 0n,
      started: false,
      initial: undefined,
    }));
  }

  /** Starts a column from an expression whose lanes are at most `magnitude`. */
  load(k: number, expression: string, magnitude: bigint): void {
    this.#column(k).initial = expression;
    this.#column(k).magnitude += magnitude;
  }

  /** Adds x·y. @param magnitude - bound on |x·y| */
  product(k: number, x: string, y: string, magnitude: bigint): void {
    prove(magnitude, PRODUCT_LIMIT, `${this.#where}: product in column ${k}`);
    const madd = "f64x2.relaxed_madd";
    this.#names += 1;
    const high = `h${this.#names}`;
    this.lines.push(`const ${high} = ${madd}(${x}, ${y}, highStart);`);
    this.add(k, `${madd}(${x}, ${y}, f64x2.sub(bothStarts, ${high}))`, LOW_PART, doubleBits(LOW_START));
    this.add(k + 1, high, (magnitude >> BigInt(WIDTH)) + 1n, doubleBits(HIGH_START));
  }

  /** Adds an integer expression whose lanes are `bias` too large and otherwise at most `magnitude`. */
  add(k: number, expression: string, magnitude: bigint, bias: bigint): void {
    const column = this.#column(k);
    this.#accumulate(k, expression);
    column.bias += bias;
    column.magnitude += magnitude;
  }

  /** The variable that holds a column's sum, `offset` too large; products may still be added afterwards. */
  finish(k: number, offset: bigint): string {
    const column = this.#column(k);
    prove(column.magnitude, CARRY_BIAS - HALF_DIGIT, `${this.#where}: column ${k}`);
    column.bias -= offset;
    if (!column.started) this.#accumulate(k, undefined);
    return `c${k}`;
  }

  /** Bound on a column's sum so far. */
  magnitude(k: number): bigint {
    return this.#column(k).magnitude;
  }

  /** The code, with the initial values of the columns filled in. Call once, at the end. */
  code(): string[] {
    const starts = [HIGH_START, HIGH_START + LOW_START].map((start) => this.#pool.f64x2(start));
    const body = this.lines.map((line) =>
      line.replace(/@(\d+)@/, (_, k: string) => {
        const { bias, initial } = this.#column(Number(k));
        const constant = this.#pool.i64x2(-bias);
        return initial ? `i64x2.add(${initial}, ${constant})` : constant;
      }),
    );
    return [`const highStart = ${starts[0]}, bothStarts = ${starts[1]};`, ...body];
  }

  #column(k: number): Column {
    const column = this.#columns[k];
    if (!column) throw new RangeError(`${this.#where}: no column ${k}`);
    return column;
  }

  #accumulate(k: number, expression: string | undefined): void {
    const column = this.#column(k);
    const base = column.started ? `c${k}` : `@${k}@`;
    const sum = expression === undefined ? base : `i64x2.add(${base}, ${expression})`;
    this.lines.push(column.started ? `c${k} = ${sum};` : `let c${k} = ${sum};`);
    column.started = true;
  }
}

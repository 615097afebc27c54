/**
 * How a benchmark is run and written down: ours and its peers in turn, in the same process, so that a noisy machine
 * disturbs both alike; median and minimum of many short rounds.
 * @module
 */

/** One unit of work; its result is ignored. */
export type Run = () => unknown;

/** One line of output. `ratio` > 1 means ahead of the peer, whatever the unit. */
export interface Row {
  readonly area: string;
  readonly name: string;
  /** The median. */
  readonly value: number;
  readonly unit: string;
  readonly peer: string | null;
  readonly peerValue: number | null;
  /** Of times taken side by side: the median of the ratios of all turns, which a busy machine moves least. */
  readonly ratio: number | null;
  /** The best round, of ours and of the peer. */
  readonly minimum: number;
  readonly peerMinimum: number | null;
  /** What one has to know to read it. */
  readonly note?: string;
}

export interface CompareOptions {
  /** Wall time to spend on each contender, about. By default what `--budget` says, or 1500. */
  readonly budgetMs?: number;
  /** For the rows of these peers. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** A figure measured some other way than by `compare`. Its unit says which direction is better: rates end in `/s`. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly peer?: string;
  readonly peerValue?: number;
  readonly minimum?: number;
  readonly note?: string;
}

/** What an area is given to report with. */
export interface Reporter {
  /** Wall time for each contender of each row, about: what `--budget` says. */
  readonly budgetMs: number;
  /**
   * Times `ours` against each peer, in milliseconds per call, interleaved round by round; one row per peer, or one
   * row without a peer when there is none.
   */
  compare(name: string, ours: Run, peers?: Readonly<Record<string, Run>>, options?: CompareOptions): Promise<void>;
  add(figure: Figure): void;
  /** For people, on stderr. */
  progress(text: string): void;
}

/** A batch should last long enough for the clock and be short enough to alternate often. */
const BATCH_MS = 8;
const WARM_UP_MS = 150;
const MIN_TURNS = 7;

export function createReporter(
  area: string,
  emit: (row: Row) => void,
  progress: (text: string) => void,
  defaultBudgetMs: number = 1500,
): Reporter {
  return {
    budgetMs: defaultBudgetMs,
    progress,
    async compare(name, ours, peers = {}, options = {}) {
      progress(`${area}: ${name}`);
      const contenders = [ours, ...Object.values(peers)];
      const rounds = await interleave(contenders, options.budgetMs ?? defaultBudgetMs);
      const own = rounds[0] as readonly number[];
      const [value, minimum] = [median(own), Math.min(...own)];
      const names = Object.keys(peers);
      if (names.length === 0) emit(row(area, name, "ms", value, minimum));
      names.forEach((peer, i) => {
        const theirs = rounds[i + 1] as readonly number[];
        const ratio = median(theirs.map((ms, turn) => ms / (own[turn] as number)));
        const other = { name: peer, value: median(theirs), minimum: Math.min(...theirs), ratio };
        emit(row(area, name, "ms", value, minimum, other, options.notes?.[peer]));
      });
    },
    add({ name, value, unit, peer, peerValue, minimum = value, note }) {
      const other =
        peer !== undefined && peerValue !== undefined
          ? {
              name: peer,
              value: peerValue,
              minimum: peerValue,
              ratio: unit.endsWith("/s") ? value / peerValue : peerValue / value,
            }
          : undefined;
      emit(row(area, name, unit, value, minimum, other, note));
    },
  };
}

function row(
  area: string,
  name: string,
  unit: string,
  value: number,
  minimum: number,
  peer?: { name: string; value: number; minimum: number; ratio: number },
  note?: string,
): Row {
  return {
    area,
    name,
    value: round(value),
    unit,
    peer: peer?.name ?? null,
    peerValue: peer ? round(peer.value) : null,
    ratio: peer ? round(peer.ratio) : null,
    minimum: round(minimum),
    peerMinimum: peer ? round(peer.minimum) : null,
    ...(note === undefined ? {} : { note }),
  };
}

/** Milliseconds per call of each contender in every turn; all take part in each turn, in an order that turns too. */
async function interleave(contenders: readonly Run[], budgetMs: number): Promise<number[][]> {
  const batches: number[] = [];
  for (const run of contenders) batches.push(await batchSize(run));
  const rounds: number[][] = contenders.map(() => []);
  const end = performance.now() + budgetMs * contenders.length;
  for (let turn = 0; turn < MIN_TURNS || performance.now() < end; turn++) {
    for (let i = 0; i < contenders.length; i++) {
      const c = (i + turn) % contenders.length;
      const calls = batches[c] as number;
      (rounds[c] as number[]).push((await time(contenders[c] as Run, calls)) / calls);
    }
  }
  return rounds;
}

async function time(run: Run, calls: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < calls; i++) {
    const result = run();
    if (result instanceof Promise) await result;
  }
  return performance.now() - start;
}

/** Warms the contender up and finds how many calls fill a batch. */
async function batchSize(run: Run): Promise<number> {
  let calls = 1;
  const start = performance.now();
  for (;;) {
    const ms = await time(run, calls);
    if (performance.now() - start > WARM_UP_MS && ms > 0) return Math.max(1, Math.round((calls * BATCH_MS) / ms));
    if (ms < BATCH_MS) calls *= 2;
  }
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] as number;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

/**
 * Group commit: a durable commit costs an fsync (two to three milliseconds), so pieces of work that wait at the same time share one. Each piece sees the ones
 * before it, as if they had run one by one.
 * @module
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Store, StoreTransaction } from "./store.ts";

type Work<T> = (tx: StoreTransaction) => Promise<T>;

interface Piece {
  readonly work: Work<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** How many pieces share a commit at most: bounds what one failing piece makes run again. */
const MAX_GROUP = 64;

/**
 * Runs `work` in a transaction that may hold other work too; resolves after the commit. A piece that throws fails alone: the others run
 * again, one by one, so work must do nothing but talk to the transaction.
 */
export function createCommitGroup(store: Store): <T>(work: Work<T>) => Promise<T> {
  const queue: Piece[] = [];
  let running = false;

  async function alone({ work, resolve, reject }: Piece): Promise<void> {
    try {
      resolve(await store.transaction(work));
    } catch (error) {
      reject(error);
    }
  }

  async function together(pieces: readonly Piece[]): Promise<void> {
    let values: unknown[];
    try {
      values = await store.transaction(async (tx) => {
        const results: unknown[] = [];
        for (const { work } of pieces) results.push(await work(tx));
        return results;
      });
    } catch {
      for (const piece of pieces) await alone(piece);
      return;
    }
    for (const [at, piece] of pieces.entries()) piece.resolve(values[at]);
  }

  async function drain(): Promise<void> {
    while (queue.length > 0) {
      const pieces = queue.splice(0, MAX_GROUP);
      const [only] = pieces;
      if (pieces.length === 1 && only !== undefined) await alone(only);
      else await together(pieces);
      await nextTurn();
    }
    running = false;
  }

  return <T>(work: Work<T>) =>
    new Promise<T>((resolve, reject) => {
      queue.push({ work, resolve: resolve as (value: unknown) => void, reject });
      if (running) return;
      running = true;
      // SQLite works synchronously, so nothing arrives during a commit: give what is already at the door one turn to join.
      void nextTurn().then(drain);
    });
}

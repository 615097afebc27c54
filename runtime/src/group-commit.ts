/**
 * Group commit for a database that commits one transaction at a time and waits for the disk each time, or whose transactions all write one row:
 * transactions that queue up while one is at work share the next commit. Each still succeeds or fails by itself, and none is reported before the commit that holds it is on disk.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { MilagroError } from "@milagro/engine/error";
import { sql, type Transaction } from "kysely";

type Work<Tables, T> = (tx: Transaction<Tables>) => Promise<T>;
type Begin<Tables> = <T>(work: Work<Tables, T>) => Promise<T>;

interface Job<Tables> {
  run(tx: Transaction<Tables>): Promise<unknown>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const MAX_GROUP = 64;

/**
 * @param begin - runs work in one real transaction
 * @returns the same, grouping: `work` may run a second time when the commit of its group failed, each then in a transaction of its own
 */
export function groupCommit<Tables>(begin: Begin<Tables>): Begin<Tables> {
  const waiting: Job<Tables>[] = [];
  let draining = false;
  const drain = async (): Promise<void> => {
    draining = true;
    while (waiting.length > 0) await runGroup(begin, waiting.splice(0, MAX_GROUP));
    draining = false;
  };
  return <T>(work: Work<Tables, T>) =>
    new Promise<T>((resolve, reject) => {
      // The work belongs to its caller's asynchronous context, not to that of whoever started the group.
      const inContext = AsyncLocalStorage.snapshot();
      waiting.push({ run: (tx) => inContext(() => work(tx)), resolve: resolve as (value: unknown) => void, reject });
      if (!draining) void drain();
    });
}

async function runGroup<Tables>(begin: Begin<Tables>, jobs: readonly Job<Tables>[]): Promise<void> {
  if (jobs.length === 1) return runAlone(begin, jobs);
  const outcomes: (() => void)[] = [];
  try {
    await begin(async (tx) => {
      outcomes.length = 0; // it may run again
      for (const job of jobs) outcomes.push(await runInSavepoint(tx, job));
    });
  } catch {
    // The disk was full at the commit, say: who fits alone gets through, the others learn their own error.
    return runAlone(begin, jobs);
  }
  for (const report of outcomes) report();
}

/** How the job went, to be told once the group is committed. @throws when the database has ended the whole transaction */
async function runInSavepoint<Tables>(tx: Transaction<Tables>, job: Job<Tables>): Promise<() => void> {
  await sql`savepoint grouped`.execute(tx);
  let report: () => void;
  try {
    const value = await job.run(tx);
    report = () => job.resolve(value);
  } catch (error) {
    // In conflict with another process: all of it is to be done again, not this job refused.
    if (error instanceof MilagroError && error.code === "ERR_DATABASE_BUSY") throw error;
    await sql`rollback to grouped`.execute(tx);
    report = () => job.reject(error);
  }
  await sql`release grouped`.execute(tx);
  return report;
}

async function runAlone<Tables>(begin: Begin<Tables>, jobs: readonly Job<Tables>[]): Promise<void> {
  for (const job of jobs) await begin((tx) => job.run(tx)).then(job.resolve, job.reject);
}

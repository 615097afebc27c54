/**
 * The pool of workers, and the queue before it: logins that come while all workers are busy wait, and the next worker takes
 * them together. Nobody waits for a batch to fill.
 * @module
 */
import type { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import type { Log } from "@milagro/runtime/log";
import { createWorkerPool, type WorkerPool, workerUrl } from "@milagro/runtime/worker-pool";
import type { LoginCheck, Tasks } from "./tasks.ts";

/** 96 bytes. */
export type ServerSecretBytes = Secret<"server secret">;

export interface Workers {
  readonly pool: WorkerPool<Tasks>;
  /** Whether logins can be checked. */
  readonly ready: boolean;
  /** Logins that wait for a worker. */
  readonly waiting: number;
  /** @throws `ERR_OVERLOADED` when too many wait already, `ERR_SERVER_SECRET_MISSING`. Ask before an attempt is counted. */
  admit(): void;
  /** Epoch of the `mpin` master that logins are checked by. */
  readonly masterEpoch: number;
  /** Whether the login holds. @throws `ERR_MASTER_CHANGED` for one that was begun with another master */
  verify(check: LoginCheck): Promise<boolean>;
  /**
   * From now on logins are checked with this secret, which is kept, for workers that start later; at once, whatever waits.
   * @param switched - called in that moment, for what must change together with it; the promise takes until the workers before are done
   */
  setSecret(secret: ServerSecretBytes, master?: WorkersMaster, switched?: () => void): Promise<void>;
  close(): Promise<void>;
}

/** Which `mpin` master a secret is of. */
export interface WorkersMaster {
  /** JSON of the newest signed descriptor. */
  readonly descriptor: string;
  readonly epoch: number;
}

export interface WorkersOptions {
  /** JSON of the first signed descriptor. */
  readonly genesis: string;
  readonly master: WorkersMaster;
  /** Kept, for workers that start later, and destroyed at the end. */
  readonly secret: ServerSecretBytes | undefined;
  readonly size: number;
  readonly maxWaiting: number;
  readonly log: Log;
  /** How many logins were checked in one product. */
  readonly onBatch?: (size: number) => void;
}

interface Waiting {
  readonly check: LoginCheck;
  /** Its source had too many refusals in a batch: it is checked by itself. */
  readonly alone: boolean;
  resolve(accepted: boolean): void;
  reject(error: unknown): void;
}

/** At this size a product costs little more per login than the hashing does. */
const MAX_BATCH = 64;

export const masterChanged = (): MilagroError =>
  new MilagroError("ERR_MASTER_CHANGED", "the domain has another mpin master since this began: begin again");

export async function createWorkers(options: WorkersOptions): Promise<Workers> {
  const { genesis, size, maxWaiting, log, onBatch } = options;
  let { secret, master } = options;
  const start = (current: ServerSecretBytes | undefined, { descriptor }: WorkersMaster): WorkerPool<Tasks> =>
    createWorkerPool<Tasks>({
      url: workerUrl(import.meta.url, "./worker"),
      log,
      size,
      data: () => ({ genesis, descriptor, serverSecret: current?.use((bytes) => bytes.slice()) }),
    });
  let pool = start(secret, master);
  await pool.ready();

  let queue: Waiting[] = [];
  let running = 0;
  let closed = false;

  function dispatch(): void {
    if (queue.some(isStale)) {
      for (const { reject } of queue.filter(isStale)) reject(masterChanged());
      queue = queue.filter((one) => !isStale(one));
    }
    while (running < size && queue.length > 0) void run(nextBatch());
  }

  const isStale = ({ check }: Waiting): boolean => check.master !== master.epoch;

  function nextBatch(): readonly Waiting[] {
    const [first] = queue;
    if (first?.alone) return queue.splice(0, 1);
    // Spread over the workers that are free rather than all to one.
    const share = Math.min(MAX_BATCH, Math.ceil(queue.length / (size - running)));
    const end = queue.findIndex(({ alone }) => alone);
    return queue.splice(0, end < 0 ? share : Math.min(share, end));
  }

  async function run(batch: readonly Waiting[]): Promise<void> {
    running++;
    try {
      const outcomes = await pool.call(
        "verifyLogins",
        batch.map(({ check }) => check),
      );
      onBatch?.(batch.length);
      batch.forEach((one, i) => {
        if (outcomes[i] === "unchecked") queue.push({ ...one, alone: true });
        else one.resolve(outcomes[i] === "accepted");
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      running--;
      dispatch();
    }
  }

  return {
    get pool() {
      return pool;
    },
    get ready() {
      return secret !== undefined;
    },
    get waiting() {
      return queue.length;
    },
    get masterEpoch() {
      return master.epoch;
    },
    admit() {
      if (!secret) throw new MilagroError("ERR_SERVER_SECRET_MISSING", "there is no server secret yet");
      if (queue.length >= maxWaiting) throw new MilagroError("ERR_OVERLOADED", "too many logins are waiting");
    },
    verify(check) {
      if (closed) return Promise.reject(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      return new Promise((resolve, reject) => {
        queue.push({ check, alone: false, resolve, reject });
        dispatch();
      });
    },
    async setSecret(next, of = master, switched) {
      const [oldPool, oldSecret] = [pool, secret];
      const fresh = start(next, of);
      await fresh.ready();
      // Together: nobody is let in before there are workers that have the secret, and the epoch is that of the secret.
      [pool, secret, master] = [fresh, next, of];
      switched?.();
      await oldPool.close();
      oldSecret?.destroy();
    },
    async close() {
      closed = true;
      for (const { reject } of queue) reject(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      queue = [];
      await pool.close();
      secret?.destroy();
    },
  };
}

/**
 * The keys that this side has given out for an existing program, until they expire: a new one for each agreement, written to the program's
 * file before the other side learns its name.
 * @module
 */
import type { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { Clock } from "@milagro/runtime/clock";
import type { PskEntry } from "./psk-file.ts";

export interface PskStoreOptions {
  readonly lifetimeSeconds: number;
  readonly random: RandomBytes;
  readonly clock: Clock;
  /** Puts all of them into the program's file and tells it. Called one after the other. */
  write(entries: readonly PskEntry[]): Promise<void>;
  /** More than this at once are refused. Default 1000. */
  readonly limit?: number;
  /** The program's file has room for one key: a new one replaces its holder's old one, and nobody else gets any meanwhile. */
  readonly oneKey?: boolean;
}

export interface PskStore {
  /** Writes the file before there is any key: what another run has left in it counts no more. */
  open(): Promise<void>;
  /**
   * Takes a key over and names it; resolves when the program knows it. The older keys of the same holder stay until their end: connections
   * that are being made may use them.
   * @throws `ERR_OVERLOADED`, what `write` throws: then the key is not in use
   */
  add(holder: string, key: Secret<string>): Promise<{ readonly identity: string; readonly lifetimeSeconds: number }>;
  /** Forgets what has expired. */
  sweep(): Promise<void>;
  list(): readonly { readonly holder: string; readonly identity: string; readonly expiresMs: number }[];
  /** Takes all keys out of the program's file. */
  close(): Promise<void>;
}

interface Kept {
  readonly holder: string;
  readonly identity: string;
  readonly key: Secret<string>;
  readonly expiresMs: number;
}

export function createPskStore(options: PskStoreOptions): PskStore {
  const { lifetimeSeconds, random, clock, limit = 1000, oneKey = false } = options;
  let kept: readonly Kept[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const run = last.then(work);
    last = run.catch(() => {});
    return run;
  };
  async function writeAll(entries: readonly Kept[]): Promise<void> {
    const plain = entries.map(({ identity, key }) => ({ identity, key: key.use((bytes) => bytes.slice()) }));
    try {
      await options.write(plain);
    } finally {
      for (const { key } of plain) key.fill(0);
    }
  }
  async function replace(next: readonly Kept[]): Promise<void> {
    await writeAll(next);
    for (const old of kept) if (!next.includes(old)) old.key.destroy();
    kept = next;
  }
  const living = (): readonly Kept[] => kept.filter(({ expiresMs }) => expiresMs > clock());
  return {
    open: () => inTurn(() => replace([])),
    add: (holder, key) =>
      inTurn(async () => {
        const others = living().filter((one) => !(oneKey && one.holder === holder));
        if (others.length >= (oneKey ? 1 : limit)) {
          key.destroy();
          throw new MilagroError("ERR_OVERLOADED", "there are too many keys at once");
        }
        const identity = Buffer.from(random(16)).toString("base64url");
        try {
          await replace([...others, { holder, identity, key, expiresMs: clock() + lifetimeSeconds * 1000 }]);
        } catch (error) {
          key.destroy();
          throw error;
        }
        return { identity, lifetimeSeconds };
      }),
    sweep: () =>
      inTurn(async () => {
        if (living().length < kept.length) await replace(living());
      }),
    list: () => kept.map(({ holder, identity, expiresMs }) => ({ holder, identity, expiresMs })),
    close: () => inTurn(() => replace([])),
  };
}

/**
 * The secrets that are open in this process, and those that are here but cannot be opened yet because a key is missing.
 * @module
 */
import type { Epoch } from "@milagro/crypto/epoch";
import type { Secret } from "@milagro/crypto/secret";
import type { SecretPath } from "@milagro/protocol/secret-path";
import type { SecretRecord } from "@milagro/protocol/secret-record";

export interface OpenSecret {
  readonly record: SecretRecord;
  readonly plaintext: Secret<"plaintext">;
}

export interface LockedSecret {
  readonly record: SecretRecord;
  /** Whose `enc` key it needs, or attribute key when it is to a policy. */
  readonly epoch: Epoch;
  readonly sequence: number;
}

export interface Shelf {
  find(path: SecretPath): OpenSecret | undefined;
  open(): readonly OpenSecret[];
  locked(): readonly LockedSecret[];
  /** Takes the plaintext over and wipes the version it replaces. */
  put(secret: OpenSecret): void;
  lock(secret: LockedSecret): void;
  remove(path: SecretPath): void;
  /**
   * Resolves with the secret once its version is above `after`, or undefined when the time is up or the signal aborts.
   */
  waitFor(path: SecretPath, after: number, timeoutMs: number, signal: AbortSignal): Promise<OpenSecret | undefined>;
  /** Wipes everything. */
  clear(): void;
}

export function createShelf(): Shelf {
  const opened = new Map<SecretPath, OpenSecret>();
  const locked = new Map<SecretPath, LockedSecret>();
  const waiting = new Map<SecretPath, Set<() => void>>();
  const newer = (path: SecretPath, after: number): OpenSecret | undefined => {
    const secret = opened.get(path);
    return secret && secret.record.version > after ? secret : undefined;
  };
  const drop = (path: SecretPath): void => {
    opened.get(path)?.plaintext.destroy();
    opened.delete(path);
  };
  return {
    find: (path) => opened.get(path),
    open: () => [...opened.values()],
    locked: () => [...locked.values()],
    put(secret) {
      const { path } = secret.record;
      drop(path);
      locked.delete(path);
      opened.set(path, secret);
      for (const wake of waiting.get(path) ?? []) wake();
    },
    // The version before stays in use: an old secret is better than none while the D-TAs are away.
    lock: (secret) => void locked.set(secret.record.path, secret),
    remove(path) {
      drop(path);
      locked.delete(path);
    },
    waitFor(path, after, timeoutMs, signal) {
      const there = newer(path, after);
      if (there || timeoutMs <= 0 || signal.aborted) return Promise.resolve(there);
      return new Promise((resolve) => {
        const set = waiting.get(path) ?? new Set();
        waiting.set(path, set);
        const finish = (secret: OpenSecret | undefined): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
          set.delete(wake);
          if (set.size === 0 && waiting.get(path) === set) waiting.delete(path);
          resolve(secret);
        };
        const wake = (): void => {
          const secret = newer(path, after);
          if (secret) finish(secret);
        };
        const onAbort = (): void => finish(undefined);
        const timer = setTimeout(() => finish(undefined), timeoutMs);
        signal.addEventListener("abort", onAbort, { once: true });
        set.add(wake);
      });
    },
    clear() {
      for (const { plaintext } of opened.values()) plaintext.destroy();
      opened.clear();
      locked.clear();
    },
  };
}

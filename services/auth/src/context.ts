/**
 * What every operation of the login server gets.
 * @module
 */

import type { Identity } from "@milagro/crypto/identity";
import type { DvsPublicKey } from "@milagro/crypto/mpin-identity";
import type { RandomBytes } from "@milagro/engine/engine";
import type { SignedDescriptor } from "@milagro/protocol/descriptor";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Clock } from "@milagro/runtime/clock";
import type { Database } from "@milagro/runtime/database";
import type { Log } from "@milagro/runtime/log";
import type { Notifier } from "@milagro/runtime/notifier";
import type { RateLimiter } from "@milagro/runtime/rate-limit";
import type { Kysely, Transaction } from "kysely";
import type { Audit } from "./audit.ts";
import type { AuthConfig } from "./config.ts";
import type { Interactions } from "./interactions.ts";
import type { Keys } from "./keys.ts";
import type { AuthTables } from "./store-schema.ts";
import type { Workers } from "./workers.ts";

export interface AuthContext {
  readonly config: AuthConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** By the newest descriptor: take it anew each time. */
  readonly domain: TrustDomain;
  /** The first descriptor, by which clients believe the newest. */
  readonly genesis: SignedDescriptor;
  /** `milagro:<domain>/mpin-server/<service>`. */
  readonly server: Identity;
  readonly store: Database<AuthTables>;
  readonly audit: Audit;
  readonly keys: Keys;
  readonly workers: Workers;
  readonly notifier: Notifier;
  readonly interactions: Interactions;
  /** Attempts for one user, whatever their device and address. */
  readonly userLimit: RateLimiter;
  /** A key of nobody's: unknown identities are checked against it. */
  readonly nobody: DvsPublicKey;
  /** Known once it listens. */
  origin(): string;
  /** Something is to be delivered. */
  kickWebhooks(): void;
  readonly count: Counters;
}

/** What metrics count, by outcome. */
export interface Counters {
  login(purpose: string, outcome: string): void;
  signature(outcome: string): void;
  registration(outcome: string): void;
}

export type Tx = Transaction<AuthTables>;

/**
 * Runs single statements that decide by themselves: each is atomic. On SQLite they share a group's commit; on PostgreSQL each
 * is its own transaction that waits for row locks, so that a hundred at once do not fail for each other's sake.
 */
export function statements<T>(store: Database<AuthTables>, work: (db: Kysely<AuthTables>) => Promise<T>): Promise<T> {
  return store.kind === "sqlite" ? store.transaction(work) : work(store.db);
}

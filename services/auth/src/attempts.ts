/**
 * Counting attempts. An attempt is counted before it is looked at, in one statement that also decides whether it may be: a hundred
 * guesses at once, at one server or several on one database, get exactly the allowed number through. Success forgets the count.
 *
 * After every `max` failures the subject is blocked, each time twice as long as the time before, and after `total` in a row until
 * an administrator acts. Subjects that nobody knows are counted in the same way, so that counting tells nothing.
 * @module
 */
import { type Kysely, sql } from "kysely";
import type { AuthTables } from "./store-schema.ts";

export interface AttemptPolicy {
  readonly max: number;
  readonly blockSeconds: number;
  readonly blockCapSeconds: number;
  readonly total: number;
}

/** What became of asking for an attempt. */
export type Attempt =
  | {
      readonly kind: "counted";
      readonly attemptsLeft: number;
      /** There when this was the last one before a block; infinite when only an administrator ends it. */
      readonly blockedForMs: number | undefined;
    }
  | { readonly kind: "blocked"; readonly forMs: number };

/** Later than any clock: blocked until somebody acts. */
export const FOREVER_MS = Number.MAX_SAFE_INTEGER;

/** How long to block after this many failures in a row; undefined for no block. Pure. */
export function blockAfter(policy: AttemptPolicy, failures: number): number | undefined {
  if (failures >= policy.total) return Number.POSITIVE_INFINITY;
  if (failures === 0 || failures % policy.max !== 0) return undefined;
  const doublings = failures / policy.max - 1;
  return Math.min(policy.blockSeconds * 2 ** Math.min(doublings, 32), policy.blockCapSeconds) * 1000;
}

/** Counts one attempt of the subject, unless it is blocked. */
export async function countAttempt(
  db: Kysely<AuthTables>,
  policy: AttemptPolicy,
  subject: string,
  nowMs: number,
): Promise<Attempt> {
  const until = (failures: number): number | undefined => {
    const ms = blockAfter(policy, failures);
    return ms === undefined ? undefined : ms === Number.POSITIVE_INFINITY ? FOREVER_MS : nowMs + ms;
  };
  // The schedule as a table, since the count is only known inside the statement.
  const steps = Array.from({ length: policy.total }, (_, i) => i + 1).flatMap((failures) => {
    const ms = until(failures);
    return ms === undefined ? [] : [sql`when auth_attempts.failures + 1 = ${failures} then cast(${ms} as bigint)`];
  });
  const row = await db
    .insertInto("auth_attempts")
    .values({ subject, failures: 1, blocked_until_ms: until(1) ?? 0, updated_ms: nowMs })
    .onConflict((conflict) =>
      conflict
        .column("subject")
        .doUpdateSet({
          failures: sql<number>`auth_attempts.failures + 1`,
          blocked_until_ms: sql<number>`case ${sql.join(steps, sql` `)} when auth_attempts.failures + 1 > ${policy.total} then cast(${FOREVER_MS} as bigint) else auth_attempts.blocked_until_ms end`,
          updated_ms: nowMs,
        })
        .where("auth_attempts.blocked_until_ms", "<=", nowMs),
    )
    .returning(["failures"])
    .executeTakeFirst();
  if (!row) return { kind: "blocked", forMs: await blockedFor(db, subject, nowMs) };
  const blockedForMs = blockAfter(policy, row.failures);
  const attemptsLeft = blockedForMs === undefined ? policy.max - (row.failures % policy.max) : 0;
  return { kind: "counted", attemptsLeft, blockedForMs };
}

/** Milliseconds until the subject may try again; 0 when it may now, infinite when only an administrator ends it. */
export async function blockedFor(db: Kysely<AuthTables>, subject: string, nowMs: number): Promise<number> {
  const row = await db
    .selectFrom("auth_attempts")
    .select("blocked_until_ms")
    .where("subject", "=", subject)
    .executeTakeFirst();
  const until = row?.blocked_until_ms ?? 0;
  return until === FOREVER_MS ? Number.POSITIVE_INFINITY : Math.max(0, until - nowMs);
}

/** Success, or an administrator: the count begins anew. @returns whether there was one */
export async function forgetAttempts(db: Kysely<AuthTables>, subject: string): Promise<boolean> {
  const gone = await db.deleteFrom("auth_attempts").where("subject", "=", subject).executeTakeFirst();
  return gone.numDeletedRows > 0n;
}

/** Blocks until an administrator acts. */
export async function blockForever(db: Kysely<AuthTables>, subject: string, nowMs: number): Promise<void> {
  await db
    .insertInto("auth_attempts")
    .values({ subject, failures: 0, blocked_until_ms: FOREVER_MS, updated_ms: nowMs })
    .onConflict((conflict) =>
      conflict.column("subject").doUpdateSet({ blocked_until_ms: FOREVER_MS, updated_ms: nowMs }),
    )
    .execute();
}

/** The same as on the wire: whole seconds, absent for a block without end. */
export const retryAfterSeconds = (ms: number): { readonly retryAfter?: number } =>
  Number.isFinite(ms) ? { retryAfter: Math.max(1, Math.ceil(ms / 1000)) } : {};

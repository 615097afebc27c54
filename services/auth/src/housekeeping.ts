/**
 * Forgetting what is over: logins, sessions, codes, replay keys, delivered events, and the attempts at names that nobody has.
 * @module
 */
import type { AuthContext } from "./context.ts";

/** How long attempts at unknown names are remembered after the last one. Those at registered devices stay until a login. */
const STRANGER_MS = 30 * 86_400_000;

/** @returns rows removed */
export async function sweep({ store, clock }: Pick<AuthContext, "store" | "clock">): Promise<number> {
  const now = clock();
  const { db } = store;
  const results = [
    await db.deleteFrom("auth_logins").where("expires_ms", "<=", now).executeTakeFirst(),
    await db.deleteFrom("auth_sessions").where("expires_ms", "<=", now).executeTakeFirst(),
    await db.deleteFrom("auth_handovers").where("expires_ms", "<=", now).executeTakeFirst(),
    await db.deleteFrom("auth_quick_codes").where("expires_ms", "<=", now).executeTakeFirst(),
    await db.deleteFrom("auth_replays").where("keep_until_ms", "<=", now).executeTakeFirst(),
    await db
      .deleteFrom("auth_attempts")
      .where("updated_ms", "<=", now - STRANGER_MS)
      .where("blocked_until_ms", "<=", now)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("auth_devices as d").select("d.identity").whereRef("d.identity", "=", "auth_attempts.subject"),
          ),
        ),
      )
      .executeTakeFirst(),
    await db
      .deleteFrom("auth_events")
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom("auth_deliveries as d").select("d.event").whereRef("d.event", "=", "auth_events.id"))),
      )
      .executeTakeFirst(),
  ];
  return results.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), 0);
}

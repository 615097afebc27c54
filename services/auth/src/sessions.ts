/**
 * Sessions: which browser belongs to which user, by the hash of its cookie.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { FastifyRequest } from "fastify";
import type { Kysely } from "kysely";
import type { AuthContext } from "./context.ts";
import { browserOf } from "./cookies.ts";
import type { AuthTables, SessionRow } from "./store-schema.ts";

export type Session = SessionRow;

/** The session of a request. A device that was revoked, or a user who is kept out, has none. @throws `ERR_SESSION_MISSING` */
export async function requireSession(context: AuthContext, request: FastifyRequest): Promise<Session> {
  const session = await findSession(context, browserOf(request, context.origin()));
  if (!session) throw new MilagroError("ERR_SESSION_MISSING", "log in first");
  return session;
}

export async function findSession(
  { store, clock }: Pick<AuthContext, "store" | "clock">,
  browser: string | undefined,
): Promise<Session | undefined> {
  if (browser === undefined) return undefined;
  return store.db
    .selectFrom("auth_sessions as s")
    .innerJoin("auth_devices as d", "d.identity", "s.identity")
    .innerJoin("auth_users as u", "u.user", "s.user")
    .selectAll("s")
    .where("s.token_hash", "=", browser)
    .where("s.expires_ms", ">", clock())
    .where("d.state", "=", "active")
    .where("u.blocked", "=", 0)
    .executeTakeFirst();
}

/** Puts a session under a fresh cookie's hash; the browser's earlier one ends. */
export async function startSession(
  db: Kysely<AuthTables>,
  session: Session,
  earlier: string | undefined,
): Promise<void> {
  if (earlier !== undefined) await db.deleteFrom("auth_sessions").where("token_hash", "=", earlier).execute();
  await db.insertInto("auth_sessions").values(session).execute();
}

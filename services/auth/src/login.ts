/**
 * A login in two passes. Its session is random and of the server's making, belongs to the browser that began it, is committed to
 * once and answered once: nobody overwrites a victim's by naming the victim. The attempt is counted before anything is computed.
 *
 * An identity that is not known, or was revoked, goes the same way: the same statements, a check against a key of nobody's, the
 * same count of attempts, the same answers.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import type { Identity } from "@milagro/crypto/identity";
import { type MpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { drawLoginNonce } from "@milagro/crypto/mpin-two-pass";
import { MilagroError } from "@milagro/engine/error";
import { masterField } from "@milagro/protocol/issuing-domain";
import {
  encodeLoginPayload,
  encodeLoginPurpose,
  type LoginCommitment,
  type LoginOutcome,
  type LoginPayload,
  type LoginPurpose,
  type LoginStarted,
  loginPayloadHash,
  parseLoginPayload,
  parseLoginPurpose,
} from "@milagro/protocol/login-messages";
import { currentEpoch } from "@milagro/protocol/trust-domain";
import { clientNetwork } from "@milagro/runtime/client-network";
import { countAttempt, forgetAttempts, retryAfterSeconds } from "./attempts.ts";
import { type AuthContext, statements, type Tx } from "./context.ts";
import { hashOfSecret } from "./cookies.ts";
import { inputFor, parseOwnIdentity } from "./devices.ts";
import { appendEvent } from "./events.ts";
import { acceptHandover, pickHandover, wakeHandover } from "./handover.ts";
import { quickCodePayload } from "./quick-code.ts";
import { startSession } from "./sessions.ts";
import type { LoginRow } from "./store-schema.ts";
import { masterChanged } from "./workers.ts";

/** Where a call comes from. */
export interface Caller {
  /** Hash of the browser's cookie. */
  readonly browser: string;
  /** Network address. */
  readonly address: string;
}

/** Begins a login. @throws `ERR_INTERACTION_UNKNOWN`, `ERR_QUICK_CODE_UNKNOWN`, `ERR_HANDOVER_UNKNOWN`, `ERR_NUMBER_MISMATCH` */
export async function beginLogin(context: AuthContext, purpose: LoginPurpose, caller: Caller): Promise<LoginStarted> {
  const { config, clock, random, store, domain, workers } = context;
  const { client, payload } = await describe(context, purpose, caller);
  const session = random(32);
  const now = clock();
  const expiresMs = now + config.loginSeconds * 1000;
  const permitEpoch = config.permits ? currentEpoch(domain, now) : undefined;
  const master = workers.masterEpoch;
  await statements(store, (db) =>
    db
      .insertInto("auth_logins")
      .values({
        session_hash: hashOfSecret(session),
        browser: caller.browser,
        state: "open",
        purpose: JSON.stringify(encodeLoginPurpose(purpose)),
        client,
        payload: payload ? JSON.stringify(encodeLoginPayload(payload)) : null,
        permit_epoch: permitEpoch ?? null,
        master,
        identity: null,
        u: null,
        nonce: null,
        expires_ms: expiresMs,
      })
      .execute(),
  );
  return {
    v: 1,
    session,
    expires: Math.floor(expiresMs / 1000),
    client,
    origin: context.origin(),
    ...(payload ? { payload } : {}),
    ...(permitEpoch === undefined ? {} : { permitEpoch }),
    ...masterField(master),
  };
}

/** What the login is for, in the words of its context. */
async function describe(
  context: AuthContext,
  purpose: LoginPurpose,
  { browser }: Caller,
): Promise<{ readonly client: string; readonly payload?: LoginPayload }> {
  const { service } = context.config;
  switch (purpose.type) {
    case "session":
      return { client: service };
    case "interaction": {
      const interaction = await context.interactions.find(purpose.uid, browser);
      if (!interaction) throw new MilagroError("ERR_INTERACTION_UNKNOWN", "no application waits for this login");
      return interaction;
    }
    case "quick-code":
      return { client: service, payload: await quickCodePayload(context, purpose, browser) };
    case "handover": {
      const payload = await pickHandover(context, purpose);
      return { client: payload.client, payload };
    }
  }
}

/** Takes U, once, and answers with a nonce drawn afterwards. @throws `ERR_LOGIN_UNKNOWN`, and what `parseOwnIdentity` throws */
export async function commitLogin(
  context: AuthContext,
  session: Uint8Array,
  { identity, u }: LoginCommitment,
  { browser }: Caller,
): Promise<Uint8Array> {
  const own = parseOwnIdentity(context, identity);
  const nonce = drawLoginNonce(context.random);
  const row = await statements(context.store, (db) =>
    db
      .updateTable("auth_logins")
      .set({ state: "challenged", identity: own, u: encodeBase64url(u), nonce: encodeBase64url(nonce) })
      .where("session_hash", "=", hashOfSecret(session))
      .where("browser", "=", browser)
      .where("state", "=", "open")
      .where("expires_ms", ">", context.clock())
      .returning("session_hash")
      .executeTakeFirst(),
  );
  if (!row) throw unknownLogin();
  return nonce;
}

/** How a login ended. */
export interface LoginEnd {
  readonly outcome: LoginOutcome;
  /** Whether a session has begun, under the hash of the fresh cookie. */
  readonly session: boolean;
}

/**
 * Takes V, once: counts, checks, and tells.
 * @param freshHash - of the cookie that the browser gets if a session begins
 * @throws `ERR_LOGIN_UNKNOWN`, `ERR_RATE_LIMITED`, `ERR_OVERLOADED`, `ERR_SERVER_SECRET_MISSING`, `ERR_MASTER_CHANGED`; then nothing was counted
 */
export async function proveLogin(
  context: AuthContext,
  session: Uint8Array,
  response: Uint8Array,
  caller: Caller,
  freshHash: string,
): Promise<LoginEnd> {
  const { store, workers, count } = context;
  workers.admit();
  const taken = await takeLogin(context, session, caller);
  const { login, identity, attempt, input } = taken;
  const purpose = parseLoginPurpose(JSON.parse(login.purpose));
  if (attempt.kind === "blocked") {
    count.login(purpose.type, "blocked");
    return { outcome: { v: 1, outcome: "blocked", ...retryAfterSeconds(attempt.forMs) }, session: false };
  }
  const payload = login.payload === null ? undefined : parseLoginPayload(JSON.parse(login.payload));
  const holds = await workers.verify({
    source: clientNetwork(caller.address),
    master: Number(login.master),
    input,
    permitEpoch: login.permit_epoch ?? undefined,
    claim: {
      type: "two-pass",
      context: {
        session,
        origin: context.origin(),
        client: login.client,
        payloadHash: loginPayloadHash(payload),
      },
      nonce: parseBase64url(login.nonce ?? ""),
      u: parseBase64url(login.u ?? ""),
      v: response,
    },
  });
  const accepted = holds
    ? await store.transaction((tx) => accept(context, tx, { login, purpose, identity, caller, fresh: freshHash }))
    : undefined;
  if (accepted) {
    context.kickWebhooks();
    if (purpose.type === "handover") wakeHandover(context, purpose.id);
    const { user, next, session: hasSession } = accepted;
    const end = next === undefined ? undefined : await next();
    count.login(purpose.type, "accepted");
    return {
      outcome: { v: 1, outcome: "accepted", identity, user, ...(end === undefined ? {} : { next: end }) },
      session: hasSession,
    };
  }
  await store.transaction(async (tx) => {
    const details = { purpose: purpose.type, client: login.client, attemptsLeft: attempt.attemptsLeft };
    await context.audit.append(tx, { action: "login", outcome: "refuse", subject: identity, details });
    const type = attempt.blockedForMs === undefined ? "login.refused" : "login.blocked";
    await appendEvent(context, tx, { type, subject: identity, data: { attemptsLeft: attempt.attemptsLeft } });
  });
  context.kickWebhooks();
  count.login(purpose.type, "refused");
  const retry = attempt.blockedForMs === undefined ? {} : retryAfterSeconds(attempt.blockedForMs);
  return { outcome: { v: 1, outcome: "refused", attemptsLeft: attempt.attemptsLeft, ...retry }, session: false };
}

/** Takes the login and counts the attempt. Whatever happens afterwards, both are done. */
async function takeLogin(context: AuthContext, session: Uint8Array, { browser }: Caller) {
  const { store, config, clock, userLimit, workers } = context;
  const sessionHash = hashOfSecret(session);
  const now = clock();
  const mine = await store.db
    .selectFrom("auth_logins")
    .select(["identity", "master"])
    .where("session_hash", "=", sessionHash)
    .where("browser", "=", browser)
    .where("state", "=", "challenged")
    .where("expires_ms", ">", now)
    .executeTakeFirst();
  if (!mine?.identity) throw unknownLogin();
  if (Number(mine.master) !== workers.masterEpoch) throw masterChanged();
  const identity = mine.identity as MpinIdentity;
  limitUser(userLimit, identity, now);
  return statements(store, async (db) => {
    const login = await db
      .updateTable("auth_logins")
      .set({ state: "taken" })
      .where("session_hash", "=", sessionHash)
      .where("state", "=", "challenged")
      .returningAll()
      .executeTakeFirst();
    if (!login) throw unknownLogin();
    const attempt = await countAttempt(db, config.attempts, identity, now);
    // Read here, where the connection is at hand: by itself it would wait for others' commits.
    return { login, identity, attempt, input: await inputFor(context, db, identity) };
  });
}

/** @throws `ERR_RATE_LIMITED` */
export function limitUser(limit: AuthContext["userLimit"], identity: MpinIdentity, nowMs: number): void {
  if (limit.take(splitMpinIdentity(identity).user, nowMs) > 0)
    throw new MilagroError("ERR_RATE_LIMITED", "too many attempts for this user");
}

interface Accepted {
  readonly login: LoginRow;
  readonly purpose: LoginPurpose;
  readonly identity: MpinIdentity;
  readonly caller: Caller;
  readonly fresh: string;
}

/** All that success brings, in one transaction; undefined when the device was revoked meanwhile. */
async function accept(
  context: AuthContext,
  tx: Tx,
  { login, purpose, identity, caller, fresh }: Accepted,
): Promise<{ readonly user: string; readonly session: boolean; readonly next?: () => Promise<string> } | undefined> {
  const now = context.clock();
  const known = await recordLogin(tx, identity, now);
  if (!known) return undefined;
  await tx
    .updateTable("auth_logins")
    .set({ state: "accepted" })
    .where("session_hash", "=", login.session_hash)
    .execute();
  const { user } = known;
  const details = { purpose: purpose.type, client: login.client };
  await context.audit.append(tx, { action: "login", outcome: "accept", subject: identity, details });
  await appendEvent(context, tx, { type: "login.accepted", subject: identity, data: { user, client: login.client } });
  if (purpose.type === "handover") {
    await acceptHandover(context, tx, purpose.id, identity);
    return { user, session: false };
  }
  const session = {
    token_hash: fresh,
    user,
    identity,
    authenticated_ms: now,
    expires_ms: now + context.config.sessionSeconds * 1000,
  };
  await startSession(tx, session, caller.browser);
  if (purpose.type !== "interaction") return { user, session: true };
  const { uid } = purpose;
  const result = { userId: known.id, user, identity: identity as Identity, authenticatedMs: now };
  return { user, session: true, next: () => context.interactions.finish(uid, result) };
}

/** Success: the count of attempts begins anew, a pending device is pending no more. Undefined for a device or user that was shut out. */
export async function recordLogin(
  tx: Tx,
  identity: MpinIdentity,
  nowMs: number,
): Promise<{ readonly user: string; readonly id: string } | undefined> {
  const owner = await tx
    .selectFrom("auth_devices as d")
    .innerJoin("auth_users as u", "u.user", "d.user")
    .select(["u.user", "u.id"])
    .where("d.identity", "=", identity)
    .where("d.state", "!=", "revoked")
    .where("u.blocked", "=", 0)
    .executeTakeFirst();
  if (!owner) return undefined;
  await tx
    .updateTable("auth_devices")
    .set({ state: "active", last_login_ms: nowMs })
    .where("identity", "=", identity)
    .execute();
  await forgetAttempts(tx, identity);
  return owner;
}

const unknownLogin = (): MilagroError =>
  new MilagroError("ERR_LOGIN_UNKNOWN", "there is no such login, or it is over: begin again");

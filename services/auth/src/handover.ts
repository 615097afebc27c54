/**
 * Handover: the login of one screen by another device. The screen shows a QR code and a number; the device picks the number and
 * logs in for exactly this handover; then the screen, and only the browser that asked, gets a session of its own.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { type MpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import type { Handover, HandoverState, HandoverView } from "@milagro/protocol/handover-messages";
import type { LoginOutcome, LoginPayload, LoginPurpose } from "@milagro/protocol/login-messages";
import { type AuthContext, statements, type Tx } from "./context.ts";
import { hashOfSecret } from "./cookies.ts";
import { drawMatchNumbers, isSameNumber } from "./match-number.ts";
import { startSession } from "./sessions.ts";
import type { HandoverRow } from "./store-schema.ts";

const HANDOVER_SECONDS = 300;
const MAX_AGENT = 128;

/** What a browser says it is, in characters that cannot pretend to be something else. */
export const plainAgent = (agent: string | undefined): string =>
  (agent ?? "").replace(/[^\x20-\x7e]/g, "").slice(0, MAX_AGENT);

/** Begins a handover for the browser that asks. @throws `ERR_INTERACTION_UNKNOWN` */
export async function beginHandover(
  context: AuthContext,
  caller: { readonly browser: string; readonly address: string; readonly agent: string | undefined },
  interaction: string | undefined,
): Promise<Handover> {
  const found = interaction === undefined ? undefined : await context.interactions.find(interaction, caller.browser);
  if (interaction !== undefined && !found)
    throw new MilagroError("ERR_INTERACTION_UNKNOWN", "no application waits for this login");
  const id = context.random(32);
  const { number, choices } = drawMatchNumbers(context.random);
  const expiresMs = context.clock() + HANDOVER_SECONDS * 1000;
  await statements(context.store, (db) =>
    db
      .insertInto("auth_handovers")
      .values({
        id_hash: hashOfSecret(id),
        browser: caller.browser,
        interaction: interaction ?? null,
        client: found?.client ?? context.config.service,
        number,
        choices: JSON.stringify(choices),
        address: caller.address,
        agent: plainAgent(caller.agent),
        state: "waiting",
        identity: null,
        expires_ms: expiresMs,
      })
      .execute(),
  );
  const url = `${context.origin()}/h/${encodeBase64url(id)}`;
  return { v: 1, id, number, url, expires: Math.floor(expiresMs / 1000) };
}

/** What the device shows before the person picks. @throws `ERR_HANDOVER_UNKNOWN` */
export async function viewHandover(context: AuthContext, id: Uint8Array): Promise<HandoverView> {
  const row = await waitingHandover(context, id);
  return {
    v: 1,
    client: row.client,
    place: { address: row.address, agent: row.agent },
    choices: JSON.parse(row.choices),
    expires: Math.floor(row.expires_ms / 1000),
  };
}

/** The device's pick, when its login begins. A wrong one ends the handover. @throws `ERR_HANDOVER_UNKNOWN`, `ERR_NUMBER_MISMATCH` */
export async function pickHandover(
  context: AuthContext,
  { id, number }: Extract<LoginPurpose, { type: "handover" }>,
): Promise<Extract<LoginPayload, { type: "handover" }>> {
  const row = await waitingHandover(context, id);
  if (!isSameNumber(number, row.number)) {
    await context.store.transaction(async (tx) => {
      await tx
        .updateTable("auth_handovers")
        .set({ state: "refused" })
        .where("id_hash", "=", row.id_hash)
        .where("state", "=", "waiting")
        .execute();
      await context.audit.append(tx, { action: "handover", outcome: "refuse", details: { client: row.client } });
    });
    context.notifier.wake(topicOf(row.id_hash));
    throw new MilagroError("ERR_NUMBER_MISMATCH", "the number is not the one on the other screen");
  }
  return { type: "handover", id, client: row.client, number };
}

/** In the transaction of the device's login. @throws `ERR_HANDOVER_UNKNOWN` when it ended meanwhile: then the login did not happen */
export async function acceptHandover(
  context: AuthContext,
  tx: Tx,
  id: Uint8Array,
  identity: MpinIdentity,
): Promise<void> {
  const row = await tx
    .updateTable("auth_handovers")
    .set({ state: "accepted", identity })
    .where("id_hash", "=", hashOfSecret(id))
    .where("state", "=", "waiting")
    .where("expires_ms", ">", context.clock())
    .returning(["id_hash", "client"])
    .executeTakeFirst();
  if (!row) throw unknown();
  await context.audit.append(tx, {
    action: "handover",
    outcome: "accept",
    subject: identity,
    details: { client: row.client },
  });
}

/** Tells the screen at once, when the login's transaction is through. */
export const wakeHandover = (context: AuthContext, id: Uint8Array): void =>
  context.notifier.wake(topicOf(hashOfSecret(id)));

/** What the screen sees; only the browser that began it. @throws `ERR_HANDOVER_UNKNOWN` */
export async function handoverState(
  context: AuthContext,
  id: Uint8Array,
  browser: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<HandoverState> {
  const idHash = hashOfSecret(id);
  const look = async (): Promise<HandoverState> => {
    const row = await context.store.db
      .selectFrom("auth_handovers")
      .select(["state", "expires_ms"])
      .where("id_hash", "=", idHash)
      .where("browser", "=", browser)
      .where("expires_ms", ">", context.clock())
      .where("state", "!=", "collected")
      .executeTakeFirst();
    if (!row) throw unknown();
    const state = row.state as "waiting" | "accepted" | "refused";
    return { v: 1, state, expires: Math.floor(row.expires_ms / 1000) };
  };
  const changed = async () => {
    const state = await look();
    return state.state === "waiting" ? undefined : state;
  };
  return (await context.notifier.waitFor(topicOf(idHash), waitMs, changed, signal)) ?? look();
}

/**
 * The screen's session, once.
 * @param freshHash - of the cookie that the browser gets with the answer
 * @throws `ERR_HANDOVER_UNKNOWN` unless it was accepted, for this browser, and not collected yet
 */
export async function collectHandover(
  context: AuthContext,
  id: Uint8Array,
  browser: string,
  freshHash: string,
): Promise<Extract<LoginOutcome, { outcome: "accepted" }>> {
  const now = context.clock();
  const { user, userId, identity, interaction } = await context.store.transaction(async (tx) => {
    const row = await tx
      .updateTable("auth_handovers")
      .set({ state: "collected" })
      .where("id_hash", "=", hashOfSecret(id))
      .where("browser", "=", browser)
      .where("state", "=", "accepted")
      .where("expires_ms", ">", now)
      .returning(["identity", "interaction"])
      .executeTakeFirst();
    if (!row?.identity) throw unknown();
    const owner = await tx
      .selectFrom("auth_devices as d")
      .innerJoin("auth_users as u", "u.user", "d.user")
      .select(["u.user", "u.id"])
      .where("d.identity", "=", row.identity)
      .where("d.state", "=", "active")
      .where("u.blocked", "=", 0)
      .executeTakeFirst();
    if (!owner) throw unknown();
    const session = {
      token_hash: freshHash,
      user: owner.user,
      identity: row.identity,
      authenticated_ms: now,
      expires_ms: now + context.config.sessionSeconds * 1000,
    };
    await startSession(tx, session, browser);
    return {
      user: owner.user,
      userId: owner.id,
      identity: parseMpinIdentity(row.identity),
      interaction: row.interaction,
    };
  });
  const accepted = { v: 1, outcome: "accepted", identity, user } as const;
  if (interaction === null) return accepted;
  const next = await context.interactions.finish(interaction, { userId, user, identity, authenticatedMs: now });
  return { ...accepted, next };
}

async function waitingHandover(context: AuthContext, id: Uint8Array): Promise<HandoverRow> {
  const row = await context.store.db
    .selectFrom("auth_handovers")
    .selectAll()
    .where("id_hash", "=", hashOfSecret(id))
    .where("state", "=", "waiting")
    .where("expires_ms", ">", context.clock())
    .executeTakeFirst();
  if (!row) throw unknown();
  return row;
}

const topicOf = (idHash: string): string => `handover ${idHash}`;
const unknown = (): MilagroError =>
  new MilagroError("ERR_HANDOVER_UNKNOWN", "there is no such handover, or it is over");

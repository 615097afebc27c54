/**
 * QuickCode: a further device of a user, let in by one that is logged in. The code only brings the two together. What counts is that
 * the person compares a number on both screens and logs in once more, for this very request, on the old device. This server carries
 * what the devices compute the number from, each message once, and is not asked whether they are equal.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { equalBytes, utf8 } from "@milagro/crypto/bytes";
import { parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { isOtherDevice } from "@milagro/protocol/device-approval";
import { encodeIssuanceClaim, parseIssuanceClaim, requestHashOf } from "@milagro/protocol/issuance-messages";
import { type LoginPayload, type LoginPurpose, parseLoginPurpose } from "@milagro/protocol/login-messages";
import type {
  QuickCode,
  QuickCodeApproval,
  QuickCodeClaim,
  QuickCodeClaimed,
  QuickCodeNonce,
  QuickCodeState,
  QuickCodeView,
} from "@milagro/protocol/quick-code-messages";
import { generateShortCode } from "@milagro/protocol/short-code";
import { signApproval } from "./approval.ts";
import { countAttempt, forgetAttempts } from "./attempts.ts";
import { type AuthContext, statements } from "./context.ts";
import { hashOfSecret } from "./cookies.ts";
import { parseOwnIdentity } from "./devices.ts";
import { findSession, type Session } from "./sessions.ts";
import type { QuickCodeRow } from "./store-schema.ts";

const CODE_SECONDS = 600;
/** Wrong codes for one user before ten minutes of silence: five in 2⁴⁰. */
const GUESSES = { max: 5, blockSeconds: CODE_SECONDS, blockCapSeconds: CODE_SECONDS, total: 1000 };

/** Opens a code for the user who is logged in; an earlier one of theirs that nobody has claimed ends. */
export async function openQuickCode(context: AuthContext, { user, identity }: Session): Promise<QuickCode> {
  const { store, random, clock } = context;
  const id = random(32);
  const code = generateShortCode(random);
  const expiresMs = clock() + CODE_SECONDS * 1000;
  await store.transaction(async (tx) => {
    await tx.deleteFrom("auth_quick_codes").where("user", "=", user).where("state", "=", "open").execute();
    await tx
      .insertInto("auth_quick_codes")
      .values({
        id_hash: hashOfSecret(id),
        user,
        code_hash: codeHash(user, code),
        state: "open",
        claim: null,
        claim_hash: null,
        identity: null,
        label: null,
        commitment: null,
        challenge: null,
        opening: null,
        device: null,
        signature: null,
        approval: null,
        expires_ms: expiresMs,
      })
      .execute();
    await context.audit.append(tx, { action: "quick-code.open", outcome: "ok", subject: identity });
  });
  return { v: 1, id, code, expires: Math.floor(expiresMs / 1000) };
}

/** The new device's half. The guess is counted before it is compared. @throws `ERR_QUICK_CODE_INVALID`, whatever is wrong; `ERR_IDENTITY_INVALID`, `ERR_DOMAIN_MISMATCH` */
export async function claimQuickCode(
  context: AuthContext,
  { user, code, claim, label, commitment }: QuickCodeClaim,
): Promise<QuickCodeClaimed> {
  const { store, random, clock } = context;
  const identity = parseOwnIdentity(context, claim.identity);
  if (splitMpinIdentity(identity).user !== user || !equalBytes(claim.domainId, context.domain.domainId)) throw wrong();
  const now = clock();
  const subject = `quick-code ${user}`;
  const attempt = await statements(store, (db) => countAttempt(db, GUESSES, subject, now));
  if (attempt.kind === "blocked") throw wrong();
  const id = random(32);
  const row = await store.transaction(async (tx) => {
    const claimed = await tx
      .updateTable("auth_quick_codes")
      .set({
        state: "claimed",
        claim: JSON.stringify(encodeIssuanceClaim(claim)),
        claim_hash: hashOfSecret(id),
        identity,
        label,
        commitment: encodeBase64url(commitment),
      })
      .where("user", "=", user)
      .where("code_hash", "=", codeHash(user, code))
      .where("state", "=", "open")
      .where("expires_ms", ">", now)
      .returning(["id_hash", "expires_ms"])
      .executeTakeFirst();
    if (claimed) await forgetAttempts(tx, subject);
    await context.audit.append(tx, {
      action: "quick-code.claim",
      outcome: claimed ? "ok" : "refuse",
      subject: identity,
    });
    return claimed;
  });
  if (!row) throw wrong();
  context.notifier.wake(topicOf(row.id_hash));
  return { v: 1, id, expires: Math.floor(row.expires_ms / 1000) };
}

/** What the old device sees. @throws `ERR_QUICK_CODE_UNKNOWN` */
export async function viewQuickCode(
  context: AuthContext,
  session: Session,
  id: Uint8Array,
  waitMs: number,
  signal: AbortSignal,
): Promise<QuickCodeView> {
  const look = async (): Promise<QuickCodeView> => {
    const row = await readCode(context, "id_hash", id);
    if (row?.user !== session.user) throw unknown();
    const common = { v: 1, expires: Math.floor(row.expires_ms / 1000) } as const;
    const { state } = row;
    if (state === "open" || state === "approved" || state === "refused") return { ...common, state };
    const claim = { claim: claimOf(row), label: row.label ?? "", commitment: bytesOf(row.commitment) };
    if (state === "opened") return { ...common, state, ...claim, nonce: bytesOf(row.opening) };
    return { ...common, state, ...claim };
  };
  // Nothing to do for this device until the new one has moved.
  const changed = async () => {
    const view = await look();
    return view.state === "open" || view.state === "challenged" ? undefined : view;
  };
  return (await context.notifier.waitFor(topicOf(hashOfSecret(id)), waitMs, changed, signal)) ?? look();
}

/** What the new device sees. @throws `ERR_QUICK_CODE_UNKNOWN` */
export async function quickCodeState(
  context: AuthContext,
  claimId: Uint8Array,
  waitMs: number,
  signal: AbortSignal,
): Promise<QuickCodeState> {
  const look = async (): Promise<QuickCodeState> => {
    const row = await readCode(context, "claim_hash", claimId);
    if (!row) throw unknown();
    const common = { v: 1, expires: Math.floor(row.expires_ms / 1000) } as const;
    if (row.state === "challenged") return { ...common, state: "challenged", nonce: bytesOf(row.challenge) };
    if (row.state !== "approved" || row.device === null || row.signature === null || row.approval === null)
      return { ...common, state: row.state === "refused" ? "refused" : "waiting" };
    const { device, signature, approval } = row;
    return {
      v: 1,
      state: "approved",
      device: parseMpinIdentity(device),
      signature: parseBase64url(signature),
      approval,
    };
  };
  const changed = async () => {
    const state = await look();
    return state.state === "waiting" ? undefined : state;
  };
  return (await context.notifier.waitFor(`claim ${hashOfSecret(claimId)}`, waitMs, changed, signal)) ?? look();
}

/** The old device's nonce, once; the same one again changes nothing. @throws `ERR_QUICK_CODE_UNKNOWN` for another one, and out of turn */
export async function challengeQuickCode(
  context: AuthContext,
  session: Session,
  id: Uint8Array,
  { nonce }: QuickCodeNonce,
): Promise<void> {
  const row = await readCode(context, "id_hash", id);
  if (row?.user !== session.user) throw unknown();
  await advance(context, row, { from: "claimed", to: "challenged", column: "challenge", nonce });
  context.notifier.wake(`claim ${row.claim_hash ?? ""}`);
}

/** The new device's nonce, likewise. @throws `ERR_QUICK_CODE_UNKNOWN` */
export async function revealQuickCode(
  context: AuthContext,
  claimId: Uint8Array,
  { nonce }: QuickCodeNonce,
): Promise<void> {
  const row = await readCode(context, "claim_hash", claimId);
  if (!row) throw unknown();
  await advance(context, row, { from: "challenged", to: "opened", column: "opening", nonce });
  context.notifier.wake(topicOf(row.id_hash));
}

interface Step {
  readonly from: QuickCodeRow["state"];
  readonly to: QuickCodeRow["state"];
  readonly column: "challenge" | "opening";
  readonly nonce: Uint8Array;
}

async function advance({ store }: AuthContext, row: QuickCodeRow, { from, to, column, nonce }: Step): Promise<void> {
  const text = encodeBase64url(nonce);
  if (row[column] === text) return; // sent again because the answer was lost
  const changed = await statements(store, (db) =>
    db
      .updateTable("auth_quick_codes")
      .set({ state: to, [column]: text })
      .where("id_hash", "=", row.id_hash)
      .where("state", "=", from)
      .returning("id_hash")
      .executeTakeFirst(),
  );
  if (!changed) throw unknown();
}

/** The numbers were not the same, or the person knows nothing of it: over for both. @throws `ERR_QUICK_CODE_UNKNOWN` once it is approved */
export async function refuseQuickCode(context: AuthContext, session: Session, id: Uint8Array): Promise<void> {
  const row = await readCode(context, "id_hash", id);
  if (row?.user !== session.user) throw unknown();
  if (row.state === "refused") return;
  await context.store.transaction(async (tx) => {
    const changed = await tx
      .updateTable("auth_quick_codes")
      .set({ state: "refused" })
      .where("id_hash", "=", row.id_hash)
      .where("state", "!=", "approved")
      .returning("id_hash")
      .executeTakeFirst();
    if (!changed) throw unknown();
    await context.audit.append(tx, { action: "quick-code.refuse", outcome: "ok", subject: session.identity });
  });
  context.notifier.wake(topicOf(row.id_hash));
  context.notifier.wake(`claim ${row.claim_hash ?? ""}`);
}

/** What a login that approves stands for. @throws `ERR_SESSION_MISSING`, `ERR_QUICK_CODE_UNKNOWN` */
export async function quickCodePayload(
  context: AuthContext,
  { id }: Extract<LoginPurpose, { type: "quick-code" }>,
  browser: string,
): Promise<LoginPayload> {
  const session = await findSession(context, browser);
  if (!session) throw new MilagroError("ERR_SESSION_MISSING", "log in first");
  const row = await readCode(context, "id_hash", id);
  if (row?.user !== session.user || row.state !== "opened") throw unknown();
  return { type: "quick-code", requestHash: requestHashOf(claimOf(row)), label: row.label ?? "" };
}

/**
 * The old device's approval: it has just logged in for this code, and signs the request.
 * @throws `ERR_QUICK_CODE_UNKNOWN`, `ERR_LOGIN_UNKNOWN` unless that login was accepted for this code, `ERR_SIGNATURE_INVALID`
 */
export async function approveQuickCode(
  context: AuthContext,
  session: Session,
  id: Uint8Array,
  { session: loginSession, signature }: QuickCodeApproval,
): Promise<void> {
  const { store, clock, workers } = context;
  const row = await readCode(context, "id_hash", id);
  if (row?.user !== session.user) throw unknown();
  // Sent again because the answer was lost.
  if (row.state === "approved" && row.signature === encodeBase64url(signature)) return;
  if (row.state !== "opened") throw unknown();
  const login = await store.db
    .selectFrom("auth_logins")
    .select(["identity", "purpose"])
    .where("session_hash", "=", hashOfSecret(loginSession))
    .where("state", "=", "accepted")
    .where("expires_ms", ">", clock())
    .executeTakeFirst();
  const purpose = login && parseLoginPurpose(JSON.parse(login.purpose));
  const isForThis =
    purpose?.type === "quick-code" && equalBytes(purpose.id, id) && login?.identity === session.identity;
  const device = parseMpinIdentity(session.identity);
  const identity = parseMpinIdentity(row.identity ?? "");
  if (!isForThis || !isOtherDevice(device, identity))
    throw new MilagroError("ERR_LOGIN_UNKNOWN", "log in on this device for this QuickCode first");
  const requestHash = requestHashOf(claimOf(row));
  if (!(await workers.pool.call("verifyDevice", { device, requestHash, signature })))
    throw new MilagroError("ERR_SIGNATURE_INVALID", "the device did not sign this request");
  const approval = await signApproval(context.keys.approvalKey, {
    issuer: context.config.service,
    domainId: context.domain.domainId,
    identity,
    device,
    requestHash,
    jti: encodeBase64url(context.random(16)),
    nowMs: clock(),
  });
  await store.transaction(async (tx) => {
    const changed = await tx
      .updateTable("auth_quick_codes")
      .set({ state: "approved", device, signature: encodeBase64url(signature), approval })
      .where("id_hash", "=", row.id_hash)
      .where("state", "=", "opened")
      .returning("id_hash")
      .executeTakeFirst();
    if (!changed) throw unknown();
    const details = { device: identity, requestHash: encodeBase64url(requestHash) };
    await context.audit.append(tx, { action: "quick-code.approve", outcome: "ok", subject: device, details });
  });
  context.notifier.wake(`claim ${row.claim_hash ?? ""}`);
}

async function readCode(
  { store, clock }: AuthContext,
  column: "id_hash" | "claim_hash",
  secret: Uint8Array,
): Promise<QuickCodeRow | undefined> {
  return store.db
    .selectFrom("auth_quick_codes")
    .selectAll()
    .where(column, "=", hashOfSecret(secret))
    .where("expires_ms", ">", clock())
    .executeTakeFirst();
}

const claimOf = (row: QuickCodeRow) => parseIssuanceClaim(JSON.parse(row.claim ?? "null"));
const bytesOf = (text: string | null): Uint8Array => parseBase64url(text ?? "");
const codeHash = (user: string, code: string): string => hashOfSecret(utf8(`${user} ${code}`));
const topicOf = (idHash: string): string => `quick-code ${idHash}`;
const unknown = (): MilagroError =>
  new MilagroError("ERR_QUICK_CODE_UNKNOWN", "there is no such QuickCode, or it is over");
const wrong = (): MilagroError => new MilagroError("ERR_QUICK_CODE_INVALID", "the QuickCode is wrong, used or over");

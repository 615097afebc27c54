/**
 * Signatures on a text, in one pass: the clock, the count, the equation, and last, atomically, that it was never shown before.
 * What is kept is the text that the person saw, with the proof. A device that was shut out, or is unknown, is refused as a wrong PIN is.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { epochAt } from "@milagro/crypto/epoch";
import { type MpinInput, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { loginSubject } from "@milagro/crypto/mpin-login";
import { isTimely, replayEntry } from "@milagro/crypto/mpin-one-pass";
import { MilagroError } from "@milagro/engine/error";
import {
  type SignatureList,
  type SignatureOutcome,
  type SignatureRequest,
  signedTextMessage,
} from "@milagro/protocol/signature-messages";
import { clientNetwork } from "@milagro/runtime/client-network";
import { countAttempt, retryAfterSeconds } from "./attempts.ts";
import { type AuthContext, statements } from "./context.ts";
import { inputFor, parseOwnIdentity } from "./devices.ts";
import { appendEvent } from "./events.ts";
import { limitUser, recordLogin } from "./login.ts";
import { masterChanged } from "./workers.ts";

const PAGE = 50;

/** @throws `ERR_REQUEST_EXPIRED` for a clock that is off, before anything is counted; `ERR_REQUEST_REPLAYED` for a proof that was accepted before; `ERR_MASTER_CHANGED`, not counted either */
export async function signText(
  context: AuthContext,
  request: SignatureRequest,
  address: string,
): Promise<SignatureOutcome> {
  const { store, workers, config, clock, domain, count } = context;
  const { proof, text, master = 0 } = request;
  const identity = parseOwnIdentity(context, request.identity);
  const now = clock();
  const window = { nowMs: now, seconds: config.signatureWindowSeconds };
  if (!isTimely(proof, window))
    throw new MilagroError("ERR_REQUEST_EXPIRED", "the signature was made at another time, by the server's clock");
  const input = await inputFor(context, context.store.db, identity);
  const onePass = { origin: context.origin(), client: config.service, message: signedTextMessage(text) };
  const { replayKey, keepUntilMs } = replayEntry(
    { subject: loginSubject(input as MpinInput), context: onePass, proof },
    window,
  );
  const replay = encodeBase64url(replayKey);
  // One that was accepted before is no guess, so it does not count.
  const seen = await store.db.selectFrom("auth_replays").select("key").where("key", "=", replay).executeTakeFirst();
  if (seen) throw replayed();
  workers.admit();
  if (master !== workers.masterEpoch) throw masterChanged();
  limitUser(context.userLimit, identity, now);
  const attempt = await statements(store, (db) => countAttempt(db, config.attempts, identity, now));
  if (attempt.kind === "blocked") {
    count.signature("blocked");
    return { v: 1, outcome: "blocked", ...retryAfterSeconds(attempt.forMs) };
  }
  const timeMs = Number(new DataView(proof.buffer, proof.byteOffset, 8).getBigUint64(0)) * 1000;
  const holds = await workers.verify({
    source: clientNetwork(address),
    master,
    input,
    permitEpoch: config.permits ? epochAt(timeMs, domain.epochSeconds) : undefined,
    claim: { type: "one-pass", context: onePass, proof },
  });
  const id = encodeBase64url(context.random(16));
  const accepted = await store.transaction(async (tx) => {
    const user = holds ? await recordLogin(tx, identity, now) : undefined;
    if (!user) {
      const details = { attemptsLeft: attempt.attemptsLeft };
      await context.audit.append(tx, { action: "signature", outcome: "refuse", subject: identity, details });
      const type = attempt.blockedForMs === undefined ? "login.refused" : "login.blocked";
      await appendEvent(context, tx, { type, subject: identity, data: { attemptsLeft: attempt.attemptsLeft } });
      return false;
    }
    const fresh = await tx
      .insertInto("auth_replays")
      .values({ key: replay, keep_until_ms: keepUntilMs })
      .onConflict((conflict) => conflict.column("key").doNothing())
      .returning("key")
      .executeTakeFirst();
    if (!fresh) throw replayed();
    await tx
      .insertInto("auth_signatures")
      .values({ id, user: user.user, identity, text, proof: encodeBase64url(proof), time_ms: now })
      .execute();
    await context.audit.append(tx, { action: "signature", outcome: "accept", subject: identity });
    await appendEvent(context, tx, { type: "signature.made", subject: identity, data: { user: user.user, id } });
    return true;
  });
  context.kickWebhooks();
  count.signature(accepted ? "accepted" : "refused");
  if (accepted) return { v: 1, outcome: "accepted", id, time: Math.floor(now / 1000) };
  const retry = attempt.blockedForMs === undefined ? {} : retryAfterSeconds(attempt.blockedForMs);
  return { v: 1, outcome: "refused", attemptsLeft: attempt.attemptsLeft, ...retry };
}

/** The user's signatures, newest first. @throws `ERR_CURSOR_INVALID` */
export async function signaturesOf(
  { store }: Pick<AuthContext, "store">,
  user: string,
  cursor: string | undefined,
): Promise<SignatureList> {
  let query = store.db.selectFrom("auth_signatures").selectAll().where("user", "=", user);
  if (cursor !== undefined) {
    const [, time, id] = /^(\d{1,16})\.([A-Za-z0-9_-]{22})$/.exec(cursor) ?? [];
    if (time === undefined || id === undefined)
      throw new MilagroError("ERR_CURSOR_INVALID", "the cursor is not from this listing");
    query = query.where((e) =>
      e.or([e("time_ms", "<", Number(time)), e.and([e("time_ms", "=", Number(time)), e("id", "<", id)])]),
    );
  }
  const rows = await query
    .orderBy("time_ms", "desc")
    .orderBy("id", "desc")
    .limit(PAGE + 1)
    .execute();
  const page = rows.slice(0, PAGE);
  const last = page.at(-1);
  return {
    v: 1,
    signatures: page.map((row) => ({
      id: row.id,
      identity: parseMpinIdentity(row.identity),
      text: row.text,
      time: Math.floor(row.time_ms / 1000),
    })),
    ...(rows.length > PAGE && last ? { cursor: `${last.time_ms}.${last.id}` } : {}),
  };
}

const replayed = (): MilagroError => new MilagroError("ERR_REQUEST_REPLAYED", "this signature was accepted before");

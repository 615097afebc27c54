/**
 * The public face of the audit log: pages of entries, and heads signed by this D-TA. Two signed heads with one index and different hashes prove that
 * the log was rewritten.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { encodeLogHead, encodeLogPage } from "@milagro/protocol/dta-messages";
import type { SignedAuditHead } from "@milagro/runtime/audit-log";
import { auditEntries, verifyAuditLog } from "@milagro/runtime/audit-verify";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";
import type { Store } from "./store.ts";

export const MAX_LOG_PAGE = 1000;

/** The wire form of a signed head. */
export function logHeadOf(domain: FoundedDomain, head: SignedAuditHead): ReturnType<typeof encodeLogHead> {
  const { index, hash, signature } = head;
  const time = Math.floor(head.time / 1000);
  return encodeLogHead({ v: 1, domainId: domain.domainId, authority: domain.index, index, hash, time, signature });
}

/** What is signed: the wire form without its signature. */
export function logHeadBody(domain: FoundedDomain, head: Omit<SignedAuditHead, "signature">): Record<string, unknown> {
  const { signature: _, ...body } = logHeadOf(domain, { ...head, signature: new Uint8Array(48) });
  return body;
}

/**
 * Signs the present head and keeps it, or returns what was signed for it before: one head per index, ever.
 * @throws `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN`, `ERR_AUDIT_CORRUPT`
 */
export async function signedLogHead(context: DtaContext): Promise<ReturnType<typeof encodeLogHead>> {
  const domain = domainOf(context);
  const { store, audit, issuer, clock } = context;
  const present = await audit.head(store.db);
  const kept = await keptHead(store, present.index);
  if (kept !== undefined) {
    if (equalBytes(kept.hash, present.hash)) return logHeadOf(domain, kept);
    throw new MilagroError("ERR_AUDIT_CORRUPT", `the audit log contradicts its signed head at entry ${present.index}`);
  }
  // Not inside a transaction: those wait for nothing but the store.
  const time = clock();
  const signature = await issuer.call("sign", { kind: "log-head", body: logHeadBody(domain, { ...present, time }) });
  const { index, hash } = present;
  await store.db
    .insertInto("audit_head")
    .values({ entry: index, time, hash, signature })
    .onConflict((conflict) => conflict.column("entry").doNothing())
    .execute();
  return logHeadOf(domain, (await keptHead(store, index)) ?? { index, hash, time, signature });
}

async function keptHead(store: Store, index?: number): Promise<SignedAuditHead | undefined> {
  const query = store.db.selectFrom("audit_head").selectAll().orderBy("entry", "desc").limit(1);
  const row = await (index === undefined ? query : query.where("entry", "=", index)).executeTakeFirst();
  if (row === undefined) return undefined;
  const { entry, time } = row;
  return { index: entry, time, hash: new Uint8Array(row.hash), signature: new Uint8Array(row.signature) };
}

/**
 * Walks the whole log, at start: a D-TA whose log was tampered with must not go on writing into it. Its newest kept head catches a log that was cut off or
 * written anew; whether that head is genuine is for `checkNewestHead`, once there is somebody to ask.
 * @throws `ERR_AUDIT_CORRUPT` naming the first entry that cannot be trusted
 */
export async function checkAuditLog({ audit, store }: Pick<DtaContext, "audit" | "store">): Promise<void> {
  const newest = await keptHead(store);
  const verdict = await verifyAuditLog({
    entries: auditEntries((after, limit) => audit.read(store.db, after, limit)),
    heads: newest === undefined ? [] : [newest],
    verifySignature: () => true,
  });
  if (verdict.ok) return;
  const message = `the audit log cannot be trusted from entry ${verdict.index} on: ${verdict.fault}`;
  throw new MilagroError("ERR_AUDIT_CORRUPT", message);
}

/** @throws `ERR_AUDIT_CORRUPT` when the newest kept head was not signed by this D-TA */
export async function checkNewestHead({ store, issuer, now }: DtaContext): Promise<void> {
  const newest = await keptHead(store);
  if (newest === undefined || now.domain === undefined) return;
  const body = logHeadBody(now.domain, newest);
  if (await issuer.call("verifyOwn", { kind: "log-head", body, signature: newest.signature })) return;
  throw new MilagroError("ERR_AUDIT_CORRUPT", `the signed head at entry ${newest.index} is forged`);
}

export async function logPage(
  context: DtaContext,
  after: number,
  limit: number,
): Promise<ReturnType<typeof encodeLogPage>> {
  const { audit, store } = context;
  const entries = await audit.read(store.db, after, Math.min(limit, MAX_LOG_PAGE));
  return encodeLogPage({ v: 1, entries, head: await audit.head(store.db) });
}

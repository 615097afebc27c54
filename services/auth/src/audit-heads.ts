/**
 * Signed heads of the audit log: one a minute where there is something new, one at the end, and a look at the newest one at start. Who
 * rewrites the database without the server's key contradicts them, and a server does not go on writing behind a log that does.
 * @module
 */
import { createPublicKey, sign, verify } from "node:crypto";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { loginAuditHeadMessage } from "@milagro/protocol/login-audit";
import type { AuditHead } from "@milagro/runtime/audit-log";
import { errorFields } from "@milagro/runtime/log";
import type { AuthContext } from "./context.ts";

type Needs = Pick<AuthContext, "store" | "audit" | "keys" | "domain" | "server" | "log">;

const SIGN_MS = 60_000;

const messageOf = ({ domain, server }: Needs, { index, hash, time }: AuditHead & { readonly time: number }) =>
  loginAuditHeadMessage(domain.domainId, server, { index, hash, time: Math.floor(time / 1000) });

/**
 * Whether the newest kept head is this server's own, and the log still has that entry.
 * @throws `ERR_AUDIT_CORRUPT`
 */
export async function checkNewestHead(needs: Needs): Promise<void> {
  const { store, audit, keys } = needs;
  const kept = await store.db.selectFrom("audit_head").selectAll().orderBy("entry", "desc").limit(1).executeTakeFirst();
  if (!kept || kept.entry === 0) return;
  const head = { index: kept.entry, hash: new Uint8Array(kept.hash), time: kept.time };
  if (!verify(null, messageOf(needs, head), createPublicKey(keys.approvalKey), kept.signature))
    throw new MilagroError("ERR_AUDIT_CORRUPT", `the signed head at entry ${head.index} is not this server's`);
  const [entry] = await audit.read(store.db, head.index - 1, 1);
  if (entry?.index !== head.index || !equalBytes(entry.hash, head.hash))
    throw new MilagroError("ERR_AUDIT_CORRUPT", `the audit log contradicts its signed head at entry ${head.index}`);
}

/** Signs the present head, unless it is signed. */
export async function signHead(needs: Needs): Promise<void> {
  const { store, audit, keys } = needs;
  if ((await audit.head(store.db)).index === 0) return;
  await store.transaction((tx) =>
    audit.sign(tx, (head) => new Uint8Array(sign(null, messageOf(needs, head), keys.approvalKey))),
  );
}

/** @returns what signs once more and stops */
export function startSigning(needs: Needs): () => Promise<void> {
  const attempt = () =>
    signHead(needs).catch((error: unknown) => needs.log.warn("audit head not signed", errorFields(error)));
  const timer = setInterval(attempt, SIGN_MS);
  return async () => {
    clearInterval(timer);
    await attempt();
  };
}

/**
 * The public face of the audit log: pages of entries, and heads signed by this D-TA. Two signed heads with one index and different hashes prove that
 * the log was rewritten.
 * @module
 */
import { encodeLogHead, encodeLogPage, type LogHead } from "@milagro/protocol/dta-messages";
import type { AuditHead } from "@milagro/runtime/audit-log";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";

export const MAX_LOG_PAGE = 1000;

/** What is signed: the wire form without its signature. */
export function logHeadBody(
  domain: FoundedDomain,
  head: AuditHead & { readonly time: number },
): Record<string, unknown> {
  const unsigned: Omit<LogHead, "signature"> = {
    v: 1,
    domainId: domain.domainId,
    authority: domain.index,
    index: head.index,
    hash: head.hash,
    time: Math.floor(head.time / 1000),
  };
  const { signature: _placeholder, ...body } = encodeLogHead({ ...unsigned, signature: new Uint8Array(48) });
  return body;
}

/** Signs the present head, or returns what was signed for it before. @throws `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN`, `ERR_AUDIT_CORRUPT` */
export async function signedLogHead(context: DtaContext): Promise<ReturnType<typeof encodeLogHead>> {
  const domain = domainOf(context);
  const { store, audit, issuer, clock } = context;
  // The signature is made before the transaction: a transaction waits for nothing but the store.
  const before = await audit.head(store.db);
  const kept = (await audit.signedHeads(store.db)).at(-1);
  const head =
    kept !== undefined && kept.index === before.index
      ? kept
      : await (async () => {
          const time = clock();
          const signature = await issuer.call("sign", {
            kind: "log-head",
            body: logHeadBody(domain, { ...before, time }),
          });
          return { ...before, time, signature };
        })();
  return encodeLogHead({
    v: 1,
    domainId: domain.domainId,
    authority: domain.index,
    index: head.index,
    hash: head.hash,
    time: Math.floor(head.time / 1000),
    signature: head.signature,
  });
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

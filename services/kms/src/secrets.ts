/**
 * Secrets: put, read, list, delete. The D-KMS sees records that their authors have sealed and signed; it checks the
 * signature and who may do what, stores, and tells the recipients. It cannot open, alter or re-address them.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { Epoch } from "@milagro/crypto/epoch";
import { type Identity, splitIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { decideAccess } from "@milagro/protocol/policy";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import { isSigningEpoch, type TrustDomain } from "@milagro/protocol/trust-domain";
import { type Clock, unixSeconds } from "@milagro/runtime/clock";
import type { Notifier } from "@milagro/runtime/notifier";
import {
  decideRead,
  decideWrite,
  mayListSomething,
  mayWriteSomehow,
  type PolicyHolder,
  type WriteOperation,
} from "./access-policy.ts";
import { answerOf, type IdempotentUse, type KeptAnswer, once } from "./idempotency.ts";
import type { AuditAction, KmsStore, ListedVersion, StoreTransaction } from "./store.ts";
import type { VerifiedRecord } from "./tasks.ts";

export interface SecretsDeps {
  readonly store: KmsStore;
  readonly domain: TrustDomain;
  readonly policy: Pick<PolicyHolder, "current">;
  readonly clock: Clock;
  readonly notifier: Notifier;
  /** Tells the outbox that there is something to publish. */
  kickOutbox(): void;
}

/** Who asks: proved by the request's signature. */
export interface Caller {
  readonly identity: Identity;
  readonly epoch: Epoch;
}

/** How far ahead of ours an author's clock may be. */
const CREATED_SKEW_SECONDS = 300;
const PAGE_SCAN_LIMIT = 5;
export const MAX_LIST = 1000;

export type RecordDecision =
  | { readonly kind: "ok" }
  | {
      readonly kind: "refuse";
      readonly code: "ERR_DOMAIN_MISMATCH" | "ERR_ACCESS_DENIED" | "ERR_MESSAGE_INVALID" | "ERR_EPOCH_OUT_OF_WINDOW";
      readonly reason: string;
    };

/** Whether this record may be put here by this caller now, as far as it does not depend on what is stored. Pure. */
export function decideRecord(
  domain: Pick<TrustDomain, "domainId" | "name" | "epochSeconds">,
  caller: Caller,
  path: SecretPath,
  record: VerifiedRecord,
  nowMs: number,
): RecordDecision {
  const refuse = (code: Extract<RecordDecision, { kind: "refuse" }>["code"], reason: string): RecordDecision => ({
    kind: "refuse",
    code,
    reason,
  });
  if (!equalBytes(record.domainId, domain.domainId))
    return refuse("ERR_DOMAIN_MISMATCH", "the record belongs to another trust domain");
  if (record.path !== path) return refuse("ERR_MESSAGE_INVALID", "the record is for another path than the request");
  if (record.author.identity !== caller.identity)
    return refuse("ERR_ACCESS_DENIED", "the record's author is not who signed the request");
  if (!isSigningEpoch(domain, record.author.epoch, nowMs))
    return refuse("ERR_EPOCH_OUT_OF_WINDOW", "the record was signed with a key of another epoch");
  if (record.recipients.some(({ identity }) => splitIdentity(identity).domain !== domain.name))
    return refuse("ERR_DOMAIN_MISMATCH", "a recipient belongs to another trust domain");
  if (record.created > nowMs / 1000 + CREATED_SKEW_SECONDS)
    return refuse("ERR_MESSAGE_INVALID", "the record was created in the future: check the clock");
  return { kind: "ok" };
}

/** @throws the refusal's code */
export function enforce(decision: RecordDecision): void {
  if (decision.kind === "refuse") throw new MilagroError(decision.code, decision.reason);
}

function denied(): MilagroError {
  return new MilagroError("ERR_ACCESS_DENIED", "no rule of the policy allows this identity to do this here");
}

/** Records a refusal and passes it on: a refusal that cannot be recorded is a failure of ours. */
export async function refuseAudited(
  deps: Pick<SecretsDeps, "store">,
  caller: Caller,
  action: AuditAction,
  path: string | undefined,
  error: unknown,
): Promise<never> {
  if (error instanceof MilagroError && error.code === "ERR_ACCESS_DENIED")
    await deps.store.audit({
      action,
      outcome: error.code,
      subject: caller.identity,
      details: { ...(path === undefined ? {} : { path }), epoch: caller.epoch },
    });
  throw error;
}

/**
 * Writes one version inside a transaction: access, number, audit, version, deliveries.
 * @throws `ERR_ACCESS_DENIED`, `ERR_SECRET_UNKNOWN` (rotating nothing), `ERR_VERSION_CONFLICT`
 */
export async function writeVersion(
  tx: StoreTransaction,
  deps: SecretsDeps,
  caller: Caller,
  operation: WriteOperation,
  record: VerifiedRecord,
): Promise<KeptAnswer> {
  const head = await tx.lockSecret(record.path);
  const exists = head.version > 0 && !head.deleted;
  const { rules } = deps.policy.current;
  if (decideWrite(rules, caller.identity, operation, record.path, exists).kind === "deny") throw denied();
  if (operation === "rotate" && !exists)
    throw new MilagroError("ERR_SECRET_UNKNOWN", "there is nothing at this path to rotate");
  if (record.version !== head.version + 1)
    throw new MilagroError("ERR_VERSION_CONFLICT", `the next version of this path is ${head.version + 1}`);
  await tx.audit({
    action: operation,
    outcome: "allowed",
    subject: caller.identity,
    details: { path: record.path, version: record.version, recipients: record.recipients.length, epoch: caller.epoch },
  });
  const recipients = [...new Set(record.recipients.map(({ identity }) => identity))];
  await tx.insertVersion({
    path: record.path,
    version: record.version,
    record: record.text,
    summary: {
      author: record.author,
      recipients,
      created: record.created,
      ...(record.contentType === undefined ? {} : { contentType: record.contentType }),
      ...(record.labels === undefined ? {} : { labels: record.labels }),
    },
  });
  const sequences = await tx.appendEvents(recipients, {
    kind: "version",
    path: record.path,
    version: record.version,
    time: unixSeconds(deps.clock),
  });
  const sequence = sequences.get(caller.identity) ?? Math.max(...sequences.values());
  return { status: 201, body: JSON.stringify({ v: 1, path: record.path, version: record.version, sequence }) };
}

/** After the commit: what was written is worth a look. */
export function announce(deps: SecretsDeps, recipients: Iterable<string>): void {
  for (const recipient of recipients) deps.notifier.wake(`events:${recipient}`);
  deps.kickOutbox();
}

/** Stores a version that its author sealed and signed. @throws see `decideRecord`, `writeVersion`, `once` */
export async function putSecret(
  deps: SecretsDeps,
  caller: Caller,
  operation: WriteOperation,
  path: SecretPath,
  record: VerifiedRecord,
  use: IdempotentUse | undefined,
): Promise<KeptAnswer> {
  try {
    enforce(decideRecord(deps.domain, caller, path, record, deps.clock()));
    const answer = await deps.store.transaction((tx) =>
      once(tx, use, unixSeconds(deps.clock), () => writeVersion(tx, deps, caller, operation, record)),
    );
    announce(
      deps,
      record.recipients.map(({ identity }) => identity),
    );
    return answer;
  } catch (error) {
    // The very same record again, its answer lost on the way: it is there, and that is what the caller wanted.
    if (error instanceof MilagroError && error.code === "ERR_VERSION_CONFLICT" && use === undefined) {
      const stored = await deps.store.readVersion(record.path, record.version);
      if (stored?.record === record.text) return repeated(deps, caller, stored);
    }
    return refuseAudited(deps, caller, operation, path, error);
  }
}

async function repeated(deps: SecretsDeps, caller: Caller, stored: ListedVersion): Promise<KeptAnswer> {
  const { path, version, summary } = stored;
  const recipient = summary.recipients.includes(caller.identity) ? caller.identity : summary.recipients[0];
  const sequence = await deps.store.lastSequence(recipient ?? caller.identity);
  return { status: 201, body: JSON.stringify({ v: 1, path, version, sequence }) };
}

/** The record of one version, as its author signed it. @throws `ERR_SECRET_UNKNOWN`, `ERR_ACCESS_DENIED` */
export async function readSecret(
  deps: SecretsDeps,
  caller: Caller,
  path: SecretPath,
  version: number | undefined,
): Promise<string> {
  const stored = await deps.store.readVersion(path, version);
  const decision = decideRead(deps.policy.current.rules, caller.identity, path, stored?.summary.recipients ?? []);
  // Who may not read does not learn whether there is anything.
  if (decision.kind === "deny") return refuseAudited(deps, caller, "read", path, denied());
  if (stored === undefined) throw new MilagroError("ERR_SECRET_UNKNOWN", "there is no such secret or version");
  await deps.store.audit({
    action: "read",
    outcome: "allowed",
    subject: caller.identity,
    details: { path, version: stored.version, epoch: caller.epoch },
  });
  return stored.record;
}

export interface VersionHistory {
  readonly versions: readonly ListedVersion[];
  /** The number of the last version, also of a deleted path. */
  readonly newest: number;
  readonly deleted: boolean;
}

/**
 * All versions of a path without their envelopes, newest first. Who may write there, and nobody else, learns the number of
 * the last version of a deleted path: it is what the next one must follow.
 * @throws as `readSecret`
 */
export async function listVersions(deps: SecretsDeps, caller: Caller, path: SecretPath): Promise<VersionHistory> {
  const { rules } = deps.policy.current;
  const head = await deps.store.readHead(path);
  const versions = await deps.store.listVersions(path, MAX_LIST);
  const mayList = decideAccess(rules, caller.identity, "list", path).kind === "allow";
  const mayRead = decideRead(rules, caller.identity, path, versions[0]?.summary.recipients ?? []).kind === "allow";
  const mayWrite = mayWriteSomehow(rules, caller.identity, path, versions.length > 0);
  if (!mayList && !mayRead && !mayWrite) return refuseAudited(deps, caller, "list", path, denied());
  // A version that was written between the two reads counts as well.
  const newest = Math.max(head?.version ?? 0, versions[0]?.version ?? 0);
  if (newest === 0 || (versions.length === 0 && !mayWrite))
    throw new MilagroError("ERR_SECRET_UNKNOWN", "there is no such secret");
  return { versions: mayList || mayRead ? versions : [], newest, deleted: versions.length === 0 };
}

export interface ListPage {
  readonly secrets: readonly ListedVersion[];
  /** The last path that was looked at, when there is more. */
  readonly next: string | undefined;
}

/**
 * The secrets under a prefix that the caller may list. A page may be short, even empty, and still have a successor: how
 * much is looked through for one request is bounded.
 * @throws `ERR_ACCESS_DENIED` when no rule lets the caller list anything
 */
export async function listSecrets(
  deps: SecretsDeps,
  caller: Caller,
  query: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
): Promise<ListPage> {
  const { rules } = deps.policy.current;
  if (!mayListSomething(rules, caller.identity)) return refuseAudited(deps, caller, "list", undefined, denied());
  const secrets: ListedVersion[] = [];
  let after = query.after;
  for (let scan = 0; scan < PAGE_SCAN_LIMIT; scan++) {
    const rows = await deps.store.listSecrets({ prefix: query.prefix, after, limit: query.limit + 1 });
    for (const row of rows.slice(0, query.limit)) {
      after = row.path;
      if (decideAccess(rules, caller.identity, "list", parseSecretPath(row.path)).kind === "allow") secrets.push(row);
      if (secrets.length === query.limit) break;
    }
    const more = rows.length > query.limit || (rows.at(-1)?.path ?? after) !== after;
    if (!more) return { secrets, next: undefined };
    if (secrets.length === query.limit) return { secrets, next: after };
  }
  return { secrets, next: after };
}

/** Erases all versions and tells everyone who had been sent one. @throws `ERR_ACCESS_DENIED`, `ERR_SECRET_UNKNOWN` */
export async function deleteSecret(
  deps: SecretsDeps,
  caller: Caller,
  path: SecretPath,
  use: IdempotentUse | undefined,
): Promise<KeptAnswer> {
  let told: readonly string[] = [];
  try {
    const answer = await deps.store.transaction((tx) =>
      once(tx, use, unixSeconds(deps.clock), async () => {
        if (decideAccess(deps.policy.current.rules, caller.identity, "delete", path).kind === "deny") throw denied();
        const head = await tx.lockSecret(path);
        if (head.version === 0 || head.deleted) throw new MilagroError("ERR_SECRET_UNKNOWN", "there is no such secret");
        const recipients = await tx.recipientsOf(path);
        await tx.audit({
          action: "delete",
          outcome: "allowed",
          subject: caller.identity,
          details: { path, version: head.version, recipients: recipients.length, epoch: caller.epoch },
        });
        const versions = await tx.deleteSecret(path);
        const time = unixSeconds(deps.clock);
        await tx.appendEvents(recipients, { kind: "tombstone", path, version: head.version, time });
        told = recipients;
        return { status: 200, body: JSON.stringify({ v: 1, path, versions }) };
      }),
    );
    announce(deps, told);
    return answer;
  } catch (error) {
    return refuseAudited(deps, caller, "delete", path, error);
  }
}

/** The kept answer under this key, when there is one already. @throws `ERR_IDEMPOTENCY_CONFLICT` */
export async function keptAnswer(
  deps: Pick<SecretsDeps, "store">,
  use: IdempotentUse | undefined,
): Promise<KeptAnswer | undefined> {
  const entry = use && (await deps.store.readIdempotency(use.identity, use.key));
  return use && entry ? answerOf(entry, use) : undefined;
}

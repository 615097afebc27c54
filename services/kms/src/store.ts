/**
 * The store port: what the D-KMS needs from its database, in its own words. `sql-store.ts` is the one implementation,
 * on SQLite and on PostgreSQL; `test/store.contract.ts` says what both must do.
 *
 * Everything that must happen together happens in one `transaction`: the version, its events, the idempotency answer
 * and the audit record are all there afterwards, or none is.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import type { AuditHead, AuditRecord, AuditSigner, SignedAuditHead } from "@milagro/runtime/audit-log";

/** The only fields of an audit record's details: the log is read by people who may not read the secrets it speaks of. */
export const AUDIT_DETAILS = ["path", "version", "operation", "code", "recipients", "epoch", "count"] as const;
export type AuditDetail = (typeof AUDIT_DETAILS)[number];
export const AUDIT_ACTIONS = [
  "put",
  "import",
  "rotate",
  "generate",
  "read",
  "list",
  "delete",
  "policy",
  "own-identity",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];
/** `outcome` is "allowed" or the code of the refusal. */
export type KmsAuditRecord = AuditRecord<AuditAction, AuditDetail>;

/** Where a path stands. `version` counts for ever: a deleted path goes on where it stopped. */
export interface SecretHead {
  readonly path: string;
  /** The newest version's number; 0 for a path that never held anything. */
  readonly version: number;
  readonly deleted: boolean;
}

/** What may be said about a version to whoever may list it: everything but the envelope. */
export interface VersionSummary {
  readonly author: { readonly identity: string; readonly epoch: number };
  readonly recipients: readonly string[];
  /** Unix seconds, by the author's clock. */
  readonly created: number;
  readonly contentType?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface ListedVersion {
  readonly path: string;
  readonly version: number;
  readonly summary: VersionSummary;
}

/** One stored version, `record` being the canonical JSON of what its author signed. */
export interface StoredVersion extends ListedVersion {
  readonly record: string;
}

export type EventKind = "version" | "tombstone";

/** One delivery: the `sequence` counts from 1 without gaps for each recipient. */
export interface StoredEvent {
  readonly recipient: string;
  readonly sequence: number;
  readonly kind: EventKind;
  readonly path: string;
  readonly version: number;
  readonly time: number;
  readonly outcome: AckOutcome | undefined;
}

/** What the recipient made of a delivery. `failed` may still become `delivered`; `delivered` stays. */
export type AckOutcome = "delivered" | "failed";
export interface Ack {
  readonly sequence: number;
  readonly outcome: AckOutcome;
  /** Why it failed. */
  readonly code: string | undefined;
}

/** The first answer under an idempotency key. */
export interface IdempotencyEntry {
  readonly requestHash: string;
  readonly status: number;
  readonly body: string;
}

export type IdempotencyClaim =
  | { readonly kind: "claimed" }
  | { readonly kind: "repeated"; readonly entry: IdempotencyEntry };

/** The half of the store that runs inside a transaction. */
export interface StoreTransaction {
  /** Reserves the key for this transaction; a concurrent holder of the same key is waited for. */
  claimIdempotency(identity: string, key: string, requestHash: string, expires: number): Promise<IdempotencyClaim>;
  answerIdempotency(identity: string, key: string, status: number, body: string): Promise<void>;
  /** The head of this path, locked until the transaction ends: two writers of one path take turns. */
  lockSecret(path: string): Promise<SecretHead>;
  insertVersion(version: StoredVersion): Promise<void>;
  /** Marks the path deleted and erases all its versions; the number of the last one stays. @returns how many there were */
  deleteSecret(path: string): Promise<number>;
  /** Everyone who was sent a version of this path since it was last deleted, sorted. */
  recipientsOf(path: string): Promise<readonly string[]>;
  /** Gives each recipient its next sequence number. Call once per transaction, so that rows are locked in one order. */
  appendEvents(
    recipients: readonly string[],
    event: { readonly kind: EventKind; readonly path: string; readonly version: number; readonly time: number },
  ): Promise<ReadonlyMap<string, number>>;
  audit(record: KmsAuditRecord): Promise<void>;
}

export interface ListQuery {
  readonly prefix: string;
  /** Paths strictly after this one, in byte order. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** One enrolment that is being relayed: who asked matters to nobody, so only a keyed hash of the address is kept. */
export interface NewEnrolment {
  readonly id: string;
  readonly source: string;
  readonly created: number;
  readonly expires: number;
  /** One sealed request per authority, JSON text. */
  readonly requests: readonly { readonly index: number; readonly request: string }[];
}

export interface RelayPart {
  readonly enrolmentId: string;
  readonly index: number;
  readonly request: string;
  readonly attempts: number;
}

export interface EnrolmentState {
  readonly id: string;
  readonly expires: number;
  readonly answers: readonly { readonly index: number; readonly answer: string }[];
  readonly pending: readonly number[];
}

export interface EnrolmentLimits {
  /** Open enrolments from one source. */
  readonly perSource: number;
  /** Open enrolments altogether: storage is bounded whatever strangers send. */
  readonly total: number;
}

export interface KmsStore {
  /** Runs `work` in one serial transaction; a throw rolls everything back. */
  transaction<T>(work: (tx: StoreTransaction) => Promise<T>): Promise<T>;

  readVersion(path: string, version: number | undefined): Promise<StoredVersion | undefined>;
  readHead(path: string): Promise<SecretHead | undefined>;
  /** Newest first, at most `limit`. */
  listVersions(path: string, limit: number): Promise<readonly ListedVersion[]>;
  /** The newest version of each living secret, in byte order of their paths. */
  listSecrets(query: ListQuery): Promise<readonly ListedVersion[]>;
  /** The answer that was given under this key, for deciding early; the claim inside the transaction decides for good. */
  readIdempotency(identity: string, key: string): Promise<IdempotencyEntry | undefined>;

  /** Deliveries of one recipient after a sequence number, oldest first. */
  eventsFor(recipient: Identity, after: number, limit: number): Promise<readonly StoredEvent[]>;
  /** The recipient's newest sequence number, 0 when it has none. */
  lastSequence(recipient: string): Promise<number>;
  /** Notes what became of deliveries. Unknown numbers count for nothing. @returns how many said something new */
  acknowledge(recipient: Identity, acks: readonly Ack[], time: number): Promise<number>;
  /** Recipients with deliveries of which the bus has not been told, with their newest number; oldest first. */
  unpublished(limit: number): Promise<readonly { readonly recipient: string; readonly sequence: number }[]>;
  markPublished(recipient: string, upTo: number): Promise<void>;

  /** @returns false when the nonce was there already */
  rememberNonce(scope: "request" | "bus", nonce: string, expires: number): Promise<boolean>;

  /** @returns `known` when this very id is there already, `…full` when a limit would be passed: then nothing was stored */
  createEnrolment(
    enrolment: NewEnrolment,
    limits: EnrolmentLimits,
  ): Promise<"created" | "known" | "source-full" | "full">;
  readEnrolment(id: string, now: number): Promise<EnrolmentState | undefined>;
  /** @returns false when this part is unknown, expired or already answered */
  answerEnrolment(id: string, index: number, answer: string, now: number): Promise<boolean>;
  /** Parts without an answer whose time to be sent has come; each is rescheduled to `retryAt(attempts)`. */
  takeDueParts(now: number, limit: number, retryAt: (attempts: number) => number): Promise<readonly RelayPart[]>;
  /** Makes all unanswered parts for one authority due at once: it has just come back. */
  makeDue(index: number): Promise<void>;

  /** Records what happens outside a transaction of its own (refusals). */
  audit(record: KmsAuditRecord): Promise<void>;
  auditHead(): Promise<AuditHead>;
  /** Signs the head as it is now and keeps the signature; an unchanged head is not signed twice. */
  signAuditHead(signer: AuditSigner): Promise<SignedAuditHead>;
  lastSignedAuditHead(): Promise<SignedAuditHead | undefined>;
  /** Forgets what has expired: nonces, idempotency answers, enrolments. @returns rows removed */
  sweep(now: number): Promise<number>;
  /** A cheap question that fails when the database does. */
  check(): Promise<void>;
  close(): Promise<void>;
}

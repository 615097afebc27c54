/**
 * The store on Kysely, for SQLite and PostgreSQL alike. The statements are those both understand; where PostgreSQL needs
 * a row lock, an upsert that changes nothing takes it, which SQLite (one writer at a time) runs harmlessly.
 *
 * Locks are taken in one order everywhere: idempotency key, secret, recipients (sorted), audit head. So no two
 * transactions wait for each other. It is one file because that order can only be seen with all statements in view.
 * @module
 */
import { type AuditLog, auditMigrations, createAuditLog } from "@milagro/runtime/audit-log";
import type { Clock } from "@milagro/runtime/clock";
import { type Database, type DatabaseOptions, openDatabase } from "@milagro/runtime/database";
import { sql, type Transaction } from "kysely";
import type {
  AuditAction,
  AuditDetail,
  EnrolmentLimits,
  EnrolmentState,
  KmsStore,
  ListedVersion,
  NewEnrolment,
  RelayPart,
  SecretHead,
  StoredEvent,
  StoreTransaction,
  VersionSummary,
} from "./store.ts";
import { AUDIT_DETAILS } from "./store.ts";
import { type EventRow, type KmsTables, kmsMigrations, type SecretRow, type VersionRow } from "./store-schema.ts";

type Audit = AuditLog<AuditAction, AuditDetail>;

function toHead(row: SecretRow): SecretHead {
  return { path: row.path, version: row.version, deleted: row.deleted === 1 };
}

function toListed(row: Pick<VersionRow, "path" | "version" | "summary">): ListedVersion {
  return { path: row.path, version: row.version, summary: JSON.parse(row.summary) as VersionSummary };
}

function toEvent(row: EventRow): StoredEvent {
  return {
    recipient: row.recipient,
    sequence: row.sequence,
    kind: row.kind,
    path: row.path,
    version: row.version,
    time: row.time,
    outcome: row.outcome ?? undefined,
  };
}

/** Everything that starts with `prefix` lies in [prefix, end): the prefix with its last code unit raised. Paths are ASCII. */
function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

function createTransaction(tx: Transaction<KmsTables>, audit: Audit): StoreTransaction {
  return {
    async claimIdempotency(identity, key, requestHash, expires) {
      const claimed = await tx
        .insertInto("kms_idempotency")
        .values({ identity, key, request_hash: requestHash, status: 0, body: "", expires })
        .onConflict((c) => c.columns(["identity", "key"]).doNothing())
        .returning("key")
        .executeTakeFirst();
      if (claimed) return { kind: "claimed" };
      const row = await tx
        .selectFrom("kms_idempotency")
        .selectAll()
        .where("identity", "=", identity)
        .where("key", "=", key)
        .executeTakeFirstOrThrow();
      return {
        kind: "repeated",
        entry: { requestHash: row.request_hash, status: row.status, body: row.body },
      };
    },

    async answerIdempotency(identity, key, status, body) {
      await tx
        .updateTable("kms_idempotency")
        .set({ status, body })
        .where("identity", "=", identity)
        .where("key", "=", key)
        .execute();
    },

    async lockSecret(path) {
      const row = await tx
        .insertInto("kms_secrets")
        .values({ path, version: 0, deleted: 1 })
        .onConflict((c) => c.column("path").doUpdateSet({ path: sql<string>`excluded.path` }))
        .returningAll()
        .executeTakeFirstOrThrow();
      return toHead(row);
    },

    async insertVersion({ path, version, summary, record }) {
      await tx
        .insertInto("kms_versions")
        .values({ path, version, summary: JSON.stringify(summary), record })
        .execute();
      await tx.updateTable("kms_secrets").set({ version, deleted: 0 }).where("path", "=", path).execute();
    },

    async deleteSecret(path) {
      const removed = await tx.deleteFrom("kms_versions").where("path", "=", path).executeTakeFirst();
      await tx.updateTable("kms_secrets").set({ deleted: 1 }).where("path", "=", path).execute();
      return Number(removed.numDeletedRows);
    },

    async recipientsOf(path) {
      const rows = await tx.selectFrom("kms_versions").select("summary").where("path", "=", path).execute();
      return [...new Set(rows.flatMap((row) => (JSON.parse(row.summary) as VersionSummary).recipients))].sort();
    },

    async appendEvents(recipients, event) {
      const sequences = new Map<string, number>();
      for (const recipient of [...new Set(recipients)].sort()) {
        const { sequence } = await tx
          .insertInto("kms_recipients")
          .values({ recipient, sequence: 1, published: 0, waiting_since: event.time })
          .onConflict((c) =>
            c.column("recipient").doUpdateSet({
              sequence: sql<number>`kms_recipients.sequence + 1`,
              waiting_since: sql<number>`case when kms_recipients.published < kms_recipients.sequence
                then kms_recipients.waiting_since else excluded.waiting_since end`,
            }),
          )
          .returning("sequence")
          .executeTakeFirstOrThrow();
        await tx
          .insertInto("kms_events")
          .values({
            recipient,
            sequence: sequence,
            kind: event.kind,
            path: event.path,
            version: event.version,
            time: event.time,
            acknowledged: null,
            outcome: null,
            code: null,
          })
          .execute();
        sequences.set(recipient, sequence);
      }
      return sequences;
    },

    async audit(record) {
      await audit.append(tx, record);
    },
  };
}

/**
 * @param url - as `openDatabase` takes it
 * @throws what `openDatabase` throws
 */
export async function openStore(
  url: string,
  clock: Clock,
  options: Pick<DatabaseOptions, "sqlite" | "postgres"> = {},
): Promise<KmsStore> {
  const database = await openDatabase<KmsTables>(url, { migrations: [auditMigrations, kmsMigrations], ...options });
  return createSqlStore(database, createAuditLog({ clock, details: AUDIT_DETAILS }));
}

function createSqlStore(database: Database<KmsTables>, audit: Audit): KmsStore {
  const { db } = database;

  // Every transaction appends to the one audit chain, so on PostgreSQL two of them at once would only undo each other:
  // this process lets one in at a time, and serialisation failures are left for other processes to cause.
  let last: Promise<unknown> = Promise.resolve();
  function transaction<T>(work: (tx: Transaction<KmsTables>) => Promise<T>): Promise<T> {
    const next = last.then(() => database.transaction(work));
    last = next.catch(() => {});
    return next;
  }

  async function createEnrolment(enrolment: NewEnrolment, limits: EnrolmentLimits) {
    return transaction(async (tx) => {
      const count = async (source?: string): Promise<number> => {
        const base = tx
          .selectFrom("kms_enrolments")
          .select((e) => e.fn.countAll<number>().as("open"))
          .where("expires", ">", enrolment.created);
        const query = source === undefined ? base : base.where("source", "=", source);
        return Number((await query.executeTakeFirstOrThrow()).open);
      };
      const known = await tx
        .selectFrom("kms_enrolments")
        .select("id")
        .where("id", "=", enrolment.id)
        .where("expires", ">", enrolment.created)
        .executeTakeFirst();
      if (known) return "known";
      if ((await count(enrolment.source)) >= limits.perSource) return "source-full";
      if ((await count()) >= limits.total) return "full";
      const { id, source, created, expires } = enrolment;
      await tx.deleteFrom("kms_enrolments").where("id", "=", id).execute(); // expired and not yet swept
      await tx.deleteFrom("kms_enrolment_parts").where("enrolment", "=", id).execute();
      await tx.insertInto("kms_enrolments").values({ id, source, created, expires }).execute();
      for (const { index, request } of enrolment.requests) {
        await tx
          .insertInto("kms_enrolment_parts")
          .values({ enrolment: id, part: index, request, answer: null, attempts: 0, due: created })
          .execute();
      }
      return "created";
    });
  }

  async function readEnrolment(id: string, now: number): Promise<EnrolmentState | undefined> {
    const row = await db
      .selectFrom("kms_enrolments")
      .selectAll()
      .where("id", "=", id)
      .where("expires", ">", now)
      .executeTakeFirst();
    if (!row) return undefined;
    const parts = await db
      .selectFrom("kms_enrolment_parts")
      .select(["part", "answer"])
      .where("enrolment", "=", id)
      .orderBy("part")
      .execute();
    return {
      id,
      expires: row.expires,
      answers: parts.flatMap(({ part, answer }) => (answer === null ? [] : [{ index: part, answer }])),
      pending: parts.filter((p) => p.answer === null).map((p) => p.part),
    };
  }

  async function answerEnrolment(id: string, index: number, answer: string, now: number): Promise<boolean> {
    const row = await db
      .updateTable("kms_enrolment_parts")
      .set({ answer })
      .where("enrolment", "=", id)
      .where("part", "=", index)
      .where("answer", "is", null)
      .where("enrolment", "in", (q) => q.selectFrom("kms_enrolments").select("id").where("expires", ">", now))
      .returning("part")
      .executeTakeFirst();
    return row !== undefined;
  }

  async function takeDueParts(now: number, limit: number, retryAt: (attempts: number) => number): Promise<RelayPart[]> {
    const due = await db
      .selectFrom("kms_enrolment_parts as p")
      .innerJoin("kms_enrolments as e", "e.id", "p.enrolment")
      .select(["p.enrolment", "p.part", "p.request", "p.attempts"])
      .where("p.answer", "is", null)
      .where("p.due", "<=", now)
      .where("e.expires", ">", now)
      .orderBy("p.due")
      .limit(limit)
      .execute();
    const taken: RelayPart[] = [];
    for (const part of due) {
      const attempts = part.attempts + 1;
      const row = await db
        .updateTable("kms_enrolment_parts")
        .set({ attempts, due: retryAt(attempts) })
        .where("enrolment", "=", part.enrolment)
        .where("part", "=", part.part)
        .where("attempts", "=", part.attempts) // another instance may have taken it meanwhile
        .where("answer", "is", null)
        .returning("part")
        .executeTakeFirst();
      if (row) taken.push({ enrolmentId: part.enrolment, index: part.part, request: part.request, attempts });
    }
    return taken;
  }

  return {
    transaction: (work) => transaction((tx) => work(createTransaction(tx, audit))),

    async readVersion(path, version) {
      const base = db.selectFrom("kms_versions").selectAll().where("path", "=", path);
      const row = await (version === undefined
        ? base.orderBy("version", "desc").limit(1)
        : base.where("version", "=", version)
      ).executeTakeFirst();
      return row && { ...toListed(row), record: row.record };
    },

    async readHead(path) {
      const row = await db.selectFrom("kms_secrets").selectAll().where("path", "=", path).executeTakeFirst();
      return row && toHead(row);
    },

    async listVersions(path, limit) {
      const rows = await db
        .selectFrom("kms_versions")
        .select(["path", "version", "summary"])
        .where("path", "=", path)
        .orderBy("version", "desc")
        .limit(limit)
        .execute();
      return rows.map(toListed);
    },

    async listSecrets({ prefix, after, limit }) {
      let query = db
        .selectFrom("kms_secrets as s")
        .innerJoin("kms_versions as v", (join) =>
          join.onRef("v.path", "=", "s.path").onRef("v.version", "=", "s.version"),
        )
        .select(["s.path", "s.version", "v.summary"])
        .where("s.deleted", "=", 0);
      if (prefix !== "") query = query.where("s.path", ">=", prefix).where("s.path", "<", prefixEnd(prefix));
      if (after !== undefined) query = query.where("s.path", ">", after);
      return (await query.orderBy("s.path").limit(limit).execute()).map(toListed);
    },

    async readIdempotency(identity, key) {
      const row = await db
        .selectFrom("kms_idempotency")
        .selectAll()
        .where("identity", "=", identity)
        .where("key", "=", key)
        .executeTakeFirst();
      return row && { requestHash: row.request_hash, status: row.status, body: row.body };
    },

    async eventsFor(recipient, after, limit) {
      const rows = await db
        .selectFrom("kms_events")
        .selectAll()
        .where("recipient", "=", recipient)
        .where("sequence", ">", after)
        .orderBy("sequence")
        .limit(limit)
        .execute();
      return rows.map(toEvent);
    },

    async lastSequence(recipient) {
      const row = await db
        .selectFrom("kms_recipients")
        .select("sequence")
        .where("recipient", "=", recipient)
        .executeTakeFirst();
      return row ? row.sequence : 0;
    },

    acknowledge: (recipient, acks, time) =>
      database.transaction(async (tx) => {
        let fresh = 0;
        for (const { sequence, outcome, code } of acks) {
          const row = await tx
            .updateTable("kms_events")
            .set({ acknowledged: time, outcome, code: code ?? null })
            .where("recipient", "=", recipient)
            .where("sequence", "=", sequence)
            .where((where) =>
              where.or([
                where("outcome", "is", null),
                ...(outcome === "delivered" ? [where("outcome", "=", "failed" as const)] : []),
              ]),
            )
            .returning("sequence")
            .executeTakeFirst();
          if (row) fresh++;
        }
        return fresh;
      }),

    async unpublished(limit) {
      const rows = await db
        .selectFrom("kms_recipients")
        .select(["recipient", "sequence"])
        .whereRef("published", "<", "sequence")
        .orderBy("waiting_since")
        .limit(limit)
        .execute();
      return rows.map(({ recipient, sequence }) => ({ recipient, sequence: sequence }));
    },

    async markPublished(recipient, upTo) {
      await db
        .updateTable("kms_recipients")
        .set({ published: upTo })
        .where("recipient", "=", recipient)
        .where("published", "<", upTo)
        .execute();
    },

    async rememberNonce(scope, nonce, expires) {
      const row = await db
        .insertInto("kms_nonces")
        .values({ scope, nonce, expires })
        .onConflict((c) => c.columns(["scope", "nonce"]).doNothing())
        .returning("nonce")
        .executeTakeFirst();
      return row !== undefined;
    },

    createEnrolment,
    readEnrolment,
    answerEnrolment,
    takeDueParts,

    async makeDue(index) {
      await db
        .updateTable("kms_enrolment_parts")
        .set({ due: 0 })
        .where("part", "=", index)
        .where("answer", "is", null)
        .execute();
    },

    audit: (record) => transaction((tx) => createTransaction(tx, audit).audit(record)),
    auditHead: () => audit.head(db),
    signAuditHead: (signer) => transaction((tx) => audit.sign(tx, signer)),
    async lastSignedAuditHead() {
      const row = await db.selectFrom("audit_head").selectAll().orderBy("entry", "desc").limit(1).executeTakeFirst();
      return (
        row && {
          index: row.entry,
          time: row.time,
          hash: new Uint8Array(row.hash),
          signature: new Uint8Array(row.signature),
        }
      );
    },

    async sweep(now) {
      const removed = await Promise.all([
        db.deleteFrom("kms_nonces").where("expires", "<=", now).executeTakeFirst(),
        db.deleteFrom("kms_idempotency").where("expires", "<=", now).executeTakeFirst(),
        db
          .deleteFrom("kms_enrolment_parts")
          .where("enrolment", "in", (q) => q.selectFrom("kms_enrolments").select("id").where("expires", "<=", now))
          .executeTakeFirst(),
      ]);
      const enrolments = await db.deleteFrom("kms_enrolments").where("expires", "<=", now).executeTakeFirst();
      return [...removed, enrolments].reduce((sum, result) => sum + Number(result.numDeletedRows), 0);
    },

    check: () => database.ping(),
    close: () => last.then(() => database.close()),
  };
}

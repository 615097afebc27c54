/**
 * The tables of the login server: one Kysely schema for SQLite and PostgreSQL. Bytes are base64url text, times unix milliseconds.
 * There is no credential in any of them: what opens something (session cookies, names of logins, codes) is there as its hash only.
 * The audit log brings its own table, and so does OpenID.
 * @module
 */
import type { AuditTables } from "@milagro/runtime/audit-log";
import type { ColumnTypes, MigrationSet } from "@milagro/runtime/database";
import { type Kysely, sql } from "kysely";
import type { OpenIdTables } from "./openid/tables.ts";

/** `id` is random and stays: what applications know a user by. */
export interface UserRow {
  user: string;
  id: string;
  created_ms: number;
  /** 1 while an administrator keeps this user out. */
  blocked: number;
}

export interface DeviceRow {
  identity: string;
  user: string;
  device: string;
  label: string;
  /** The DVS input that was pinned at registration. */
  input: string;
  created_ms: number;
  last_login_ms: number | null;
  state: "pending" | "active" | "revoked";
}

/** Attempts since the last success, of known and unknown identities alike. */
export interface AttemptRow {
  subject: string;
  failures: number;
  blocked_until_ms: number;
  updated_ms: number;
}

/** One login on its way. `open` → `challenged` → `taken` → `accepted`; a refused one stays `taken`. */
export interface LoginRow {
  session_hash: string;
  /** Hash of the cookie of the browser that began it. */
  browser: string;
  state: "open" | "challenged" | "taken" | "accepted";
  purpose: string;
  client: string;
  payload: string | null;
  permit_epoch: number | null;
  /** Epoch of the `mpin` master when it began. */
  master: number;
  identity: string | null;
  u: string | null;
  nonce: string | null;
  expires_ms: number;
}

export interface SessionRow {
  token_hash: string;
  user: string;
  identity: string;
  authenticated_ms: number;
  expires_ms: number;
}

export interface SignatureRow {
  id: string;
  user: string;
  identity: string;
  text: string;
  proof: string;
  time_ms: number;
}

export interface ReplayRow {
  key: string;
  keep_until_ms: number;
}

/** `open` → `claimed` → `challenged` → `opened` → `approved`, or `refused`. */
export interface QuickCodeRow {
  id_hash: string;
  user: string;
  code_hash: string;
  state: "open" | "claimed" | "challenged" | "opened" | "approved" | "refused";
  claim: string | null;
  claim_hash: string | null;
  identity: string | null;
  label: string | null;
  commitment: string | null;
  /** Nonce of the device that made the code. */
  challenge: string | null;
  /** Nonce of the new device. */
  opening: string | null;
  device: string | null;
  signature: string | null;
  approval: string | null;
  expires_ms: number;
}

/** `waiting` → `accepted` → `collected`, or `refused`. */
export interface HandoverRow {
  id_hash: string;
  browser: string;
  interaction: string | null;
  client: string;
  number: string;
  choices: string;
  address: string;
  agent: string;
  state: "waiting" | "accepted" | "collected" | "refused";
  identity: string | null;
  expires_ms: number;
}

/** `key_id` says which server's key signs it: the secret itself is derived, and nowhere in here. */
export interface WebhookRow {
  id: string;
  url: string;
  types: string;
  key_id: string;
  created_ms: number;
}

export interface EventRow {
  id: string;
  time_ms: number;
  type: string;
  subject: string | null;
  data: string;
}

export interface DeliveryRow {
  event: string;
  webhook: string;
  attempts: number;
  due_ms: number;
}

export interface AuthTables extends AuditTables, OpenIdTables {
  auth_users: UserRow;
  auth_devices: DeviceRow;
  auth_attempts: AttemptRow;
  auth_logins: LoginRow;
  auth_sessions: SessionRow;
  auth_signatures: SignatureRow;
  auth_replays: ReplayRow;
  auth_quick_codes: QuickCodeRow;
  auth_handovers: HandoverRow;
  auth_webhooks: WebhookRow;
  auth_events: EventRow;
  auth_deliveries: DeliveryRow;
}

/** `!` is not null. */
type Columns = Readonly<Record<string, "key" | "text!" | "text" | "int!" | "int">>;

const TABLES: Readonly<Record<string, Columns>> = {
  auth_users: { user: "key", id: "text!", created_ms: "int!", blocked: "int!" },
  auth_devices: {
    identity: "key",
    user: "text!",
    device: "text!",
    label: "text!",
    input: "text!",
    created_ms: "int!",
    last_login_ms: "int",
    state: "text!",
  },
  auth_attempts: { subject: "key", failures: "int!", blocked_until_ms: "int!", updated_ms: "int!" },
  auth_logins: {
    session_hash: "key",
    browser: "text!",
    state: "text!",
    purpose: "text!",
    client: "text!",
    payload: "text",
    permit_epoch: "int",
    identity: "text",
    u: "text",
    nonce: "text",
    expires_ms: "int!",
  },
  auth_sessions: { token_hash: "key", user: "text!", identity: "text!", authenticated_ms: "int!", expires_ms: "int!" },
  auth_signatures: { id: "key", user: "text!", identity: "text!", text: "text!", proof: "text!", time_ms: "int!" },
  auth_replays: { key: "key", keep_until_ms: "int!" },
  auth_quick_codes: {
    id_hash: "key",
    user: "text!",
    code_hash: "text!",
    state: "text!",
    claim: "text",
    claim_hash: "text",
    identity: "text",
    label: "text",
    commitment: "text",
    challenge: "text",
    opening: "text",
    device: "text",
    signature: "text",
    approval: "text",
    expires_ms: "int!",
  },
  auth_handovers: {
    id_hash: "key",
    browser: "text!",
    interaction: "text",
    client: "text!",
    number: "text!",
    choices: "text!",
    address: "text!",
    agent: "text!",
    state: "text!",
    identity: "text",
    expires_ms: "int!",
  },
  auth_webhooks: { id: "key", url: "text!", types: "text!", key_id: "text!", created_ms: "int!" },
  auth_events: { id: "key", time_ms: "int!", type: "text!", subject: "text", data: "text!" },
};

type Index = readonly [name: string, table: string, columns: readonly string[]];

const INDICES: readonly Index[] = [
  ["auth_users_id", "auth_users", ["id"]],
  ["auth_devices_user", "auth_devices", ["user", "created_ms"]],
  ["auth_attempts_age", "auth_attempts", ["updated_ms"]],
  ["auth_logins_expiry", "auth_logins", ["expires_ms"]],
  ["auth_sessions_expiry", "auth_sessions", ["expires_ms"]],
  ["auth_sessions_user", "auth_sessions", ["user"]],
  ["auth_signatures_user", "auth_signatures", ["user", "time_ms", "id"]],
  ["auth_replays_expiry", "auth_replays", ["keep_until_ms"]],
  ["auth_quick_codes_user", "auth_quick_codes", ["user", "expires_ms"]],
  ["auth_quick_codes_claim", "auth_quick_codes", ["claim_hash"]],
  ["auth_handovers_expiry", "auth_handovers", ["expires_ms"]],
  ["auth_events_age", "auth_events", ["time_ms"]],
  ["auth_deliveries_due", "auth_deliveries", ["due_ms"]],
];

/** Byte order on both databases: SQLite compares text as bytes by default, PostgreSQL only when asked. */
const textKey = (types: ColumnTypes) => (types.bytes === "bytea" ? sql`text collate "C"` : sql`text`);

async function createTable(db: Kysely<unknown>, types: ColumnTypes, name: string, columns: Columns): Promise<void> {
  let table = db.schema.createTable(name);
  for (const [column, kind] of Object.entries(columns)) {
    const type = kind === "key" ? textKey(types) : kind.startsWith("int") ? types.integer : types.text;
    table = table.addColumn(column, type, (c) =>
      kind === "key" ? c.primaryKey() : kind.endsWith("!") ? c.notNull() : c,
    );
  }
  await table.execute();
}

async function createIndices(db: Kysely<unknown>, indices: readonly Index[]): Promise<void> {
  for (const [name, table, columns] of indices) {
    await db.schema
      .createIndex(name)
      .on(table)
      .columns([...columns])
      .execute();
  }
}

export const authMigrations: MigrationSet = {
  name: "auth",
  migrations: [
    {
      name: "devices, logins, sessions and events",
      async up(db, types) {
        for (const [name, columns] of Object.entries(TABLES)) await createTable(db, types, name, columns);
        await db.schema
          .createTable("auth_deliveries")
          .addColumn("event", textKey(types), (c) => c.notNull())
          .addColumn("webhook", textKey(types), (c) => c.notNull())
          .addColumn("attempts", types.integer, (c) => c.notNull())
          .addColumn("due_ms", types.integer, (c) => c.notNull())
          .addPrimaryKeyConstraint("auth_deliveries_key", ["event", "webhook"])
          .execute();
        await createIndices(db, INDICES);
      },
    },
    {
      name: "QuickCode: a number that both devices compute",
      // Codes live for ten minutes: those that are open are made anew.
      async up(db, types) {
        await db.schema.dropTable("auth_quick_codes").execute();
        await createTable(db, types, "auth_quick_codes", TABLES["auth_quick_codes"] ?? {});
        await createIndices(
          db,
          INDICES.filter(([, table]) => table === "auth_quick_codes"),
        );
      },
    },
    {
      name: "logins know the epoch of the mpin master",
      async up(db, types) {
        await db.schema
          .alterTable("auth_logins")
          .addColumn("master", types.integer, (c) => c.notNull().defaultTo(0))
          .execute();
      },
    },
  ],
};

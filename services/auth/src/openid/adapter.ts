/**
 * The provider's storage port on our database. Codes and refresh tokens are used up by one statement, so of two requests that
 * bring the same one at once a single one succeeds, on any number of servers.
 * @module
 */
import type { Clock } from "@milagro/runtime/clock";
import type { Database } from "@milagro/runtime/database";
import { type Adapter, type AdapterPayload, errors } from "oidc-provider";
import type { RecordSeal } from "./record-seal.ts";
import type { OpenIdTables, RecordRow } from "./tables.ts";

export interface RecordDeps {
  readonly store: Database<OpenIdTables>;
  readonly seal: RecordSeal;
  readonly clock: Clock;
}

/** Whose records end with their grant. */
const GRANTABLE = new Set([
  "AccessToken",
  "AuthorizationCode",
  "RefreshToken",
  "DeviceCode",
  "BackchannelAuthenticationRequest",
  "PreAuthorizedCode",
]);

/** @param kind - the provider's model */
export function recordAdapter({ store, seal, clock }: RecordDeps, kind: string): Adapter {
  const nameOf = (id: string) => seal.hash(kind, id);
  const grantOf = (id: string) => seal.hash("Grant", id);
  const label = (idHash: string) => `${kind}\0${idHash}`;
  const of = () => store.db.selectFrom("openid_records").selectAll().where("kind", "=", kind);

  const opened = (row: RecordRow | undefined): AdapterPayload | undefined => {
    if (!row || (row.expires_ms !== null && row.expires_ms <= clock())) return undefined;
    const payload = seal.open(label(row.id_hash), row.sealed) as AdapterPayload;
    return row.consumed_s === null ? payload : { ...payload, consumed: row.consumed_s };
  };

  return {
    upsert: async (id, payload, expiresIn) => {
      const idHash = nameOf(id);
      const values = {
        sealed: seal.seal(label(idHash), payload),
        grant_hash: GRANTABLE.has(kind) && payload.grantId !== undefined ? grantOf(payload.grantId) : null,
        uid_hash: payload.uid === undefined ? null : seal.hash(`${kind} uid`, payload.uid),
        user_code_hash: payload.userCode === undefined ? null : seal.hash(`${kind} code`, payload.userCode),
        expires_ms: expiresIn === undefined ? null : clock() + Math.ceil(expiresIn * 1000),
      };
      await store.db
        .insertInto("openid_records")
        .values({ kind, id_hash: idHash, consumed_s: null, ...values })
        .onConflict((conflict) => conflict.columns(["kind", "id_hash"]).doUpdateSet(values))
        .execute();
    },
    find: async (id) => opened(await of().where("id_hash", "=", nameOf(id)).executeTakeFirst()),
    findByUid: async (uid) =>
      opened(
        await of()
          .where("uid_hash", "=", seal.hash(`${kind} uid`, uid))
          .executeTakeFirst(),
      ),
    findByUserCode: async (code) =>
      opened(
        await of()
          .where("user_code_hash", "=", seal.hash(`${kind} code`, code))
          .executeTakeFirst(),
      ),
    consume: async (id) => {
      const { numUpdatedRows } = await store.db
        .updateTable("openid_records")
        .set({ consumed_s: Math.floor(clock() / 1000) })
        .where("kind", "=", kind)
        .where("id_hash", "=", nameOf(id))
        .where("consumed_s", "is", null)
        .executeTakeFirst();
      if (numUpdatedRows === 0n) throw new errors.InvalidGrant("used by another request");
    },
    destroy: async (id) => {
      await store.db.deleteFrom("openid_records").where("kind", "=", kind).where("id_hash", "=", nameOf(id)).execute();
    },
    revokeByGrantId: async (grantId) => {
      await store.db.deleteFrom("openid_records").where("grant_hash", "=", grantOf(grantId)).execute();
    },
  };
}

/** Everything of one kind, opened; for lists of few things. */
export async function allRecords({ store, seal, clock }: RecordDeps, kind: string): Promise<readonly AdapterPayload[]> {
  const rows = await store.db
    .selectFrom("openid_records")
    .selectAll()
    .where("kind", "=", kind)
    .where((or) => or.or([or("expires_ms", "is", null), or("expires_ms", ">", clock())]))
    .execute();
  return rows.map(({ id_hash, sealed }) => seal.open(`${kind}\0${id_hash}`, sealed) as AdapterPayload);
}

/** Deletes what has ended. */
export async function forgetEnded({ store, clock }: Pick<RecordDeps, "store" | "clock">): Promise<void> {
  await store.db.deleteFrom("openid_records").where("expires_ms", "<=", clock()).execute();
  await store.db.deleteFrom("openid_approvals").where("expires_ms", "<=", clock()).execute();
}

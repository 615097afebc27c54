/** The provider's storage on both databases, and by two servers at once. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@milagro/runtime/database";
import { systemRandom } from "@milagro/runtime/random";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  hasPostgres,
  needsPostgres,
  type PostgresServer,
  startPostgres,
} from "../../../../tests/support/postgres-server.ts";
import { allRecords, forgetEnded, type RecordDeps, recordAdapter } from "../../src/openid/adapter.ts";
import { createApprovals } from "../../src/openid/approvals.ts";
import { createRecordSeal } from "../../src/openid/record-seal.ts";
import { type OpenIdTables, openIdMigrations } from "../../src/openid/tables.ts";

function contract(name: string, makeUrl: () => Promise<string>): void {
  describe(name, () => {
    const seal = createRecordSeal(systemRandom(32), systemRandom);
    const time = { nowMs: 1_800_000_000_000 };
    let one: RecordDeps;
    let two: RecordDeps;
    beforeAll(async () => {
      const url = await makeUrl();
      const open = () => openDatabase<OpenIdTables>(url, { migrations: [openIdMigrations] });
      const clock = () => time.nowMs;
      const store = await open();
      one = { store, seal, clock };
      two = { store: name === "SQLite" ? store : await open(), seal, clock };
    }, 60_000);
    afterAll(async () => {
      await one?.store.close();
      if (two && two.store !== one?.store) await two.store.close();
    });

    test("what one server keeps, the other finds by name, uid and user code, until it ends", async () => {
      await recordAdapter(one, "Session").upsert("s1", { uid: "u1", accountId: "alice" }, 60);
      await recordAdapter(one, "DeviceCode").upsert("d1", { userCode: "BCDF" }, 60);
      expect(await recordAdapter(two, "Session").find("s1")).toMatchObject({ accountId: "alice" });
      expect(await recordAdapter(two, "Session").findByUid("u1")).toMatchObject({ accountId: "alice" });
      expect(await recordAdapter(two, "DeviceCode").findByUserCode("BCDF")).toMatchObject({ userCode: "BCDF" });
      for (const missing of [
        recordAdapter(two, "Session").find("u1"),
        recordAdapter(two, "Session").findByUid("s1"),
        recordAdapter(two, "Grant").find("s1"),
        recordAdapter(two, "DeviceCode").findByUserCode("bcdf"),
      ])
        expect(await missing).toBeUndefined();
      await recordAdapter(two, "Session").upsert("s1", { uid: "u1", accountId: "bob" }, 60);
      expect(await recordAdapter(one, "Session").find("s1")).toMatchObject({ accountId: "bob" });
      time.nowMs += 60_000;
      expect(await recordAdapter(one, "Session").find("s1")).toBeUndefined();
      await forgetEnded(one);
      expect(await one.store.db.selectFrom("openid_records").select("id_hash").execute()).toEqual([]);
    });

    test("a code is used up once, by whichever server is first", async () => {
      const codes = recordAdapter(one, "AuthorizationCode");
      await codes.upsert("c1", { clientId: "app" }, 60);
      const tries = await Promise.allSettled(
        Array.from({ length: 20 }, (_, i) => recordAdapter(i % 2 ? one : two, "AuthorizationCode").consume("c1")),
      );
      expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(await codes.find("c1")).toMatchObject({ consumed: Math.floor(time.nowMs / 1000) });
    });

    test("a grant that ends takes its codes and tokens along, and nobody else's", async () => {
      const tokens = recordAdapter(one, "AccessToken");
      await tokens.upsert("t1", { grantId: "g1" }, 60);
      await tokens.upsert("t2", { grantId: "g2" }, 60);
      await recordAdapter(two, "RefreshToken").revokeByGrantId("g1");
      expect([await tokens.find("t1"), await tokens.find("t2")]).toEqual([undefined, expect.anything()]);
    });

    test("clients do not end, and are listed", async () => {
      const clients = recordAdapter(one, "Client");
      await clients.upsert("app", { client_id: "app" });
      time.nowMs += 1e12;
      await forgetEnded(one);
      expect(await allRecords(two, "Client")).toEqual([{ client_id: "app" }]);
      await clients.destroy("app");
      expect(await allRecords(two, "Client")).toEqual([]);
    });

    test("of two answers to one approval at once a single one counts", async () => {
      const approval = { userId: "u", client: "app", message: undefined, expiresMs: time.nowMs + 1000, request: "r" };
      const id = await createApprovals(one, systemRandom).add(approval);
      expect(await createApprovals(two, systemRandom).find(id)).toEqual({ ...approval, id });
      const taken = await Promise.all(
        Array.from({ length: 10 }, (_, i) => createApprovals(i % 2 ? one : two, systemRandom).take(id)),
      );
      expect(taken.filter(Boolean)).toHaveLength(1);
    });

    test("another installation's key opens nothing, and finds nothing", async () => {
      await recordAdapter(one, "Session").upsert("s2", { accountId: "alice" }, 60);
      const stranger = { ...one, seal: createRecordSeal(systemRandom(32), systemRandom) };
      expect(await recordAdapter(stranger, "Session").find("s2")).toBeUndefined();
      await expect(allRecords(stranger, "Session")).rejects.toMatchObject({ code: "ERR_DATABASE_CORRUPT" });
    });
  });
}

const folder = mkdtempSync(join(tmpdir(), "openid-"));
afterAll(() => rmSync(folder, { recursive: true }));
contract("SQLite", async () => `sqlite:${join(folder, "db")}`);

if (hasPostgres()) {
  let server: PostgresServer;
  afterAll(() => server?.stop());
  contract("PostgreSQL", async () => {
    server = await startPostgres();
    return server.freshUrl();
  });
} else {
  needsPostgres("PostgreSQL: the provider's storage", () => {});
}

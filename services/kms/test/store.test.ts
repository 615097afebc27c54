import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import {
  hasPostgres,
  needsPostgres,
  type PostgresServer,
  startPostgres,
} from "../../../tests/support/postgres-server.ts";
import { openStore } from "../src/sql-store.ts";
import { storeContract } from "./store.contract.ts";

storeContract("SQLite", async () => {
  const folder = mkdtempSync(join(tmpdir(), "kms-store-"));
  const store = await openStore(`sqlite:${join(folder, "kms.sqlite")}`, Date.now);
  return {
    store,
    other: store, // one process owns the file
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
});

if (hasPostgres()) {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());
  storeContract("PostgreSQL", async () => {
    const url = await server.freshUrl();
    const [store, other] = [await openStore(url, Date.now), await openStore(url, Date.now)];
    return {
      store,
      other,
      async close() {
        await store.close();
        await other.close();
      },
    };
  });
} else {
  needsPostgres("PostgreSQL: the store", () => {});
}

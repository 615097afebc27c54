import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

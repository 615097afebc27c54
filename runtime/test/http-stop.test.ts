/** Handlers that outlive their client while a service stops. The time of the stop passes when the test says so. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { type Database, openDatabase } from "../src/database.ts";
import { createHttpServer } from "../src/http-server.ts";
import type { Log } from "../src/log.ts";

interface Tables {
  thing: { id: number };
}

const GRACE_MS = 7000;
const LINGER_MS = 1500;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

/** Keeps what is said, by level. */
function listening() {
  const lines: [level: string, message: string, fields: unknown][] = [];
  const at =
    (level: string) =>
    (message: string, fields?: unknown): void =>
      void lines.push([level, message, fields]);
  const log: Log = {
    ...{ fatal: at("fatal"), error: at("error"), warn: at("warn"), info: at("info"), debug: at("debug") },
    with: () => log,
    flush: () => {},
  };
  return { log, lines };
}

/** A service whose one request is held in its handler before it writes, as `main` would stop it. */
async function service() {
  const unheard: unknown[] = [];
  const onUnhandled = (reason: unknown): unknown => unheard.push(reason);
  process.on("unhandledRejection", onUnhandled);
  onTestFinished(() => void process.off("unhandledRejection", onUnhandled));
  const { log, lines } = listening();
  const path = `${await tempFolder()}/x.sqlite`;
  const migrations = [
    {
      name: "things",
      migrations: [
        {
          name: "thing",
          up: async (schema: Parameters<Parameters<Database<Tables>["transaction"]>[0]>[0]) => {
            await schema.schema
              .createTable("thing")
              .addColumn("id", "integer", (column) => column.primaryKey())
              .execute();
          },
        },
      ],
    },
  ] as never;
  const store = await openDatabase<Tables>(`file:${path}`, { migrations });
  const server = await createHttpServer({ name: "t", version: "1", log });
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const outcomes: unknown[] = [];
  let begun = 0;
  const write = (how: "transaction" | "statement"): Promise<unknown> =>
    how === "statement"
      ? store.db.insertInto("thing").values({ id: 1 }).execute()
      : store.transaction((tx) => tx.insertInto("thing").values({ id: 1 }).execute());
  server.app.post("/v1/:how", async (request) => {
    begun += 1;
    await opened;
    try {
      await write((request.params as { readonly how: "transaction" | "statement" }).how);
      outcomes.push("written");
    } catch (error) {
      outcomes.push(error);
      throw error;
    }
    return {};
  });
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const rows = async (): Promise<number> => {
    const again = await openDatabase<Tables>(`file:${path}`, { migrations });
    const found = await again.db.selectFrom("thing").selectAll().execute();
    await again.close();
    return found.length;
  };
  return {
    ...{ open, outcomes, rows, lines, unheard },
    async begin(how: string): Promise<Socket> {
      const socket = connect({ host: "127.0.0.1", port }).on("error", () => {});
      onTestFinished(() => void socket.destroy());
      await once(socket, "connect");
      socket.write(`POST /v1/${how} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`);
      await until(() => begun === 1);
      return socket.resume();
    },
    async stop() {
      await server.close();
      await store.close();
    },
  };
}

const loud = (lines: readonly (readonly [string, ...unknown[]])[]) =>
  lines.filter(([level]) => level === "error" || level === "fatal");

for (const how of ["transaction", "statement"]) {
  test(`a handler in the middle when its request is cut off: the stop waits for its ${how}, which is kept`, async () => {
    const { begin, stop, open, outcomes, rows, lines, unheard } = await service();
    const socket = await begin(how);
    let stopped = false;
    const stopping = stop().then(() => {
      stopped = true;
    });
    vi.advanceTimersByTime(GRACE_MS);
    await until(() => socket.closed);
    vi.advanceTimersByTime(LINGER_MS / 2);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(false);
    open();
    await stopping;
    expect([outcomes, loud(lines), unheard]).toEqual([["written"], [], []]);
    expect(await rows()).toBe(1);
  });

  test(`one whose client has hung up before the stop is waited for likewise (${how})`, async () => {
    const { begin, stop, open, outcomes, rows, lines, unheard } = await service();
    const socket = await begin(how);
    socket.destroy();
    const stopping = stop();
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    open();
    await stopping;
    expect([outcomes, loud(lines), unheard]).toEqual([["written"], [], []]);
    expect(await rows()).toBe(1);
  });

  test(`one that goes on after that: its ${how} is refused with a code, and is no fault in the log`, async () => {
    const { begin, stop, open, outcomes, rows, lines, unheard } = await service();
    const socket = await begin(how);
    let stopped = false;
    void stop().then(() => {
      stopped = true;
    });
    vi.advanceTimersByTime(GRACE_MS);
    await until(() => socket.closed);
    for (; !stopped; await new Promise((resolve) => setImmediate(resolve))) vi.advanceTimersByTime(LINGER_MS);
    expect(lines).toContainEqual(["warn", expect.stringContaining("still worked on"), { count: 1 }]);
    open();
    await until(() => outcomes.length === 1);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(outcomes).toMatchObject([{ code: "ERR_OVERLOADED" }]);
    expect([loud(lines), unheard]).toEqual([[], []]);
    expect(await rows()).toBe(0);
  });
}

/**
 * A real PostgreSQL server for tests: its own data folder, a free loopback port, gone afterwards. It refuses to run as root, so a root test run starts it as another user.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { findProgram, needs } from "./needs.ts";
import { PATIENT } from "./patient.ts";
import { freePorts } from "./ports.ts";
import { makeTempFolder } from "./temp-folder.ts";

/** Debian's ids of nobody and nogroup. */
const NOBODY = 65_534;

export interface PostgresServer {
  /** URL of a fresh, empty database. */
  freshUrl(): Promise<string>;
  /** Kills the server as a crash would; `start` brings it back on the same data. */
  crash(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its data. */
  stop(): Promise<void>;
}

/** `test` where PostgreSQL is installed; see `needs`. */
export const needsPostgres = needs("initdb", "postgres");

/** Whether `startPostgres` can work here. */
export function hasPostgres(): boolean {
  return findProgram("initdb") !== undefined && findProgram("postgres") !== undefined;
}

export async function startPostgres(): Promise<PostgresServer> {
  const folder = await makeTempFolder();
  const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (process.getuid?.() === 0) chownSync(folder, NOBODY, NOBODY);
  const data = join(folder, "data");
  const made = spawnSync(
    findProgram("initdb") ?? "initdb",
    ["-D", data, "-U", "milagro", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
    {
      ...asNobody,
      encoding: "utf8",
      cwd: folder,
    },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const [port = 0] = await freePorts(1);
  let server: ChildProcess | undefined;

  const url = (database: string): string => `postgres://milagro@127.0.0.1:${port}/${database}`;
  const start = async (): Promise<void> => {
    const options = [
      "-D",
      data,
      "-p",
      String(port),
      "-h",
      "127.0.0.1",
      "-k",
      folder,
      "-c",
      "fsync=off",
      "-c",
      "max_connections=60",
    ];
    server = spawn(findProgram("postgres") ?? "postgres", options, { ...asNobody, cwd: folder, stdio: "ignore" });
    await untilReady(url("postgres"), server);
  };
  const end = async (signal: "SIGQUIT" | "SIGINT"): Promise<void> => {
    const running = server;
    server = undefined;
    if (!running || running.exitCode !== null) return;
    const gone = new Promise((resolve) => running.once("exit", resolve));
    running.kill(signal);
    await gone;
  };
  await start();
  let count = 0;
  return {
    async freshUrl() {
      const name = `test_${++count}`;
      await onServer(url("postgres"), `create database ${name}`);
      return url(name);
    },
    crash: () => end("SIGQUIT"),
    start,
    async stop() {
      await end("SIGINT");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 30_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  for (const end = performance.now() + PATIENT.timeout; ; ) {
    try {
      return await onServer(url, "select 1");
    } catch (error) {
      if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode}`);
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

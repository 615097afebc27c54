/** A disk that is full: a small file system of its own, in a mount namespace that ends with the gateway. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { S3RequestPresigner, type Target } from "./presign.ts";
import { bytesOf } from "./world.ts";

const SCRIPT = fileURLToPath(new URL("gateway-process.ts", import.meta.url));
const MIB = 1024 * 1024;
/** Of the disk. */
const SIZE = 24 * MIB;
const started: ChildProcess[] = [];
const folders: string[] = [];
afterAll(async () => {
  for (const child of started) {
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.stdin?.end();
    if (child.exitCode === null) await ended;
  }
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Needs root, or user namespaces that may mount. In CI one of the two must be there. */
const canMount = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;
const onSmallDisk = canMount ? test : test.skip;
test.runIf(process.env["CI"] === "true")("CI can mount a small disk", () => expect(canMount).toBe(true));

/** A gateway whose store is a small disk. */
async function startOnSmallDisk(): Promise<Target> {
  const home = await makeTempFolder();
  folders.push(home);
  await mkdir(join(home, "store"));
  const mount = `mount -t tmpfs -o size=${SIZE},mode=0700 none "$1/store" && exec "$2" --conditions=@milagro/source "$3" "$1"`;
  const child = spawn("unshare", ["-m", "sh", "-c", mount, "sh", home, process.execPath, SCRIPT], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  started.push(child);
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("close", () => reject(new Error("the gateway did not start")));
  });
  const { url, id, secret } = JSON.parse(line) as { url: string; id: string; secret: string };
  return { running: { url }, staff: { id, secret } };
}

/** @returns the status and the body, or how the connection ended */
function sendTo(target: Target) {
  return async (method: string, key: string, body?: Uint8Array): Promise<{ status: number | string; body: Buffer }> => {
    const url = await new S3RequestPresigner(target).url(method, "disk", key, 60);
    return new Promise((resolve) => {
      const headers = method === "PUT" ? { "content-length": body?.length ?? 0 } : {};
      const request = httpRequest(url, { method, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on("data", (chunk: Buffer) => parts.push(chunk));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
        response.on("error", () => resolve({ status: "broken", body: Buffer.concat(parts) }));
      });
      request.on("error", (error: NodeJS.ErrnoException) =>
        resolve({ status: String(error.code), body: Buffer.alloc(0) }),
      );
      request.end(body);
    });
  };
}

onSmallDisk(
  "full in the middle of a body: 503, the old object stays, nothing of the new one takes up room, and what was deleted makes room",
  async () => {
    const send = sendTo(await startOnSmallDisk());
    expect((await send("PUT", "")).status).toBe(200);
    const four = (i: number) => bytesOf(4 * MIB, i + 1);
    expect((await send("PUT", "kept", four(0))).status).toBe(200);
    // Larger than the disk: twice, for the first must leave nothing behind.
    for (let i = 0; i < 2; i += 1) {
      const { status, body } = await send("PUT", "kept", bytesOf(SIZE + MIB, 7));
      expect([status, String(body)]).toEqual([503, expect.stringContaining("ServiceUnavailable")]);
      expect(Buffer.compare((await send("GET", "kept")).body, four(0))).toBe(0);
    }
    const stored: number[] = [];
    let status: number | string = 200;
    for (let i = 1; i < 9 && status === 200; i += 1) {
      ({ status } = await send("PUT", `fill/${i}`, four(i)));
      if (status === 200) stored.push(i);
    }
    expect(status).toBe(503);
    expect(stored.length).toBeGreaterThan(1);
    for (const i of stored) expect(Buffer.compare((await send("GET", `fill/${i}`)).body, four(i)), `${i}`).toBe(0);
    expect((await send("DELETE", "fill/1")).status).toBe(204);
    expect((await send("PUT", "fill/again", four(9))).status).toBe(200);
    expect(Buffer.compare((await send("GET", "fill/again")).body, four(9))).toBe(0);
  },
);

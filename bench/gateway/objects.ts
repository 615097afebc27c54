/**
 * The gateway's objects: sealing in the library beside Node's own AES-GCM, and the same HTTP client through the gateway, to the store directly, and
 * through `rclone crypt`. Everything that serves is a process of its own; the client sends and takes bytes and looks at none.
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { planRead, SEGMENT_LENGTH, sealedLength } from "../../apps/gateway/src/format/layout.ts";
import { BLOCK_LENGTH, openPlan, sealPart } from "../../apps/gateway/src/format/segments.ts";
import { S3RequestPresigner, type Target } from "../../apps/gateway/test/presign.ts";
import type { Reporter } from "../harness/reporter.ts";
import { streamingStartup } from "../harness/startup.ts";
import { hasRclone, startRclone } from "./rclone.ts";

const MIB = 1024 * 1024;
const SIZE = 128 * MIB;
const ROUNDS = 5;

export async function compareObjects(report: Reporter): Promise<void> {
  await compareSegments(report);
  await compareTransfers(report);
}

/** 16 MiB in segments of 64 KiB. */
async function compareSegments(report: Reporter): Promise<void> {
  const text = new Uint8Array(randomBytes(16 * MIB));
  const key = createSecretKey(randomBytes(32));
  const nonce = new Uint8Array(12);
  const drain = async (source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return chunks;
  };
  const pieces = Array.from({ length: text.length / SEGMENT_LENGTH }, (_, i) =>
    text.subarray(i * SEGMENT_LENGTH, (i + 1) * SEGMENT_LENGTH),
  );
  const node = () => {
    for (const piece of pieces) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.update(piece);
      cipher.final();
      cipher.getAuthTag();
    }
  };
  // As before a folder: blocks and chunks go round, and what is sealed is gone when the next is asked for.
  const block = Buffer.allocUnsafeSlow(BLOCK_LENGTH);
  const seal = async (): Promise<void> => {
    for await (const _ of sealPart(key, [text], { block: () => block, reusesChunks: true }));
  };
  await report.compare("seal segments 16 MiB", seal, { "node aes-256-gcm": node });
  const sealed = Buffer.concat(await drain(sealPart(key, [text])));
  if (sealed.length !== sealedLength(text.length)) throw new Error("another length");
  const boxes = pieces.map((piece) => {
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    return { bytes: Buffer.concat([cipher.update(piece), cipher.final()]), tag: cipher.getAuthTag() };
  });
  const open = () => {
    for (const { bytes, tag } of boxes) {
      const decipher = createDecipheriv("aes-256-gcm", key, nonce);
      decipher.setAuthTag(tag);
      decipher.update(bytes);
      decipher.final();
    }
  };
  const plan = planRead([text.length], 0, text.length);
  const openAll = async (): Promise<void> => {
    for await (const _ of openPlan(() => key, plan, [sealed]));
  };
  await report.compare("open segments 16 MiB", openAll, {
    "node aes-256-gcm": open,
  });
}

interface Served extends Target {
  readonly child: ChildProcess;
}

async function compareTransfers(report: Reporter): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "milagro-bench-"));
  const served: ChildProcess[] = [];
  // As its launcher starts a gateway.
  const { flags, environment } = streamingStartup;
  const start = async (script: string, args: readonly string[]): Promise<Served> => {
    const file = fileURLToPath(new URL(script, import.meta.url));
    const child = spawn(process.execPath, [...flags, "--conditions=@milagro/source", file, ...args], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...environment, ...process.env },
    });
    served.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const { url, id, secret } = JSON.parse(line) as { url: string; id: string; secret: string };
      return { child, running: { url }, staff: { id, secret } };
    }
    throw new Error(`${script} did not start`);
  };
  try {
    for (const name of ["store", "before-folder", "before-store"]) await mkdir(join(folder, name));
    const store = await start("store-process.ts", [join(folder, "store")]);
    const before = await start("../../apps/gateway/test/gateway-process.ts", [
      join(folder, "before-store"),
      store.running.url,
    ]);
    const alone = await start("../../apps/gateway/test/gateway-process.ts", [join(folder, "before-folder")]);
    const ways: Record<string, (method: string, key: string) => Promise<string>> = {};
    for (const [name, target] of Object.entries({ store, before, alone })) {
      await send(await new S3RequestPresigner(target).url("PUT", `bench-${name}`, "", 600), "PUT", 0);
      ways[name] = (method, key) => new S3RequestPresigner(target).url(method, `bench-${name}`, key, 600);
    }
    if (hasRclone()) {
      await mkdir(join(folder, "crypt"));
      const overStore = { endpoint: store.running.url, bucket: "bench-store" };
      const crypts = {
        crypt: await startRclone(folder, "crypt", overStore, served),
        cryptFolder: await startRclone(folder, "crypt-folder", { folder: join(folder, "crypt") }, served),
      };
      for (const [name, url] of Object.entries(crypts)) ways[name] = async (_method, key) => `${url}/${key}`;
    }
    const rates = await measure(ways, report);
    const at = (way: string, what: "put" | "get") => rates[way]?.[what] ?? 0;
    for (const what of ["put", "get"] as const) {
      const name = `${what.toUpperCase()} 128 MiB`;
      const row = (place: string, way: string, peer?: string, peerWay = "") =>
        report.add({
          name: `${name}, ${place}`,
          value: at(way, what),
          unit: "MB/s",
          ...(peer === undefined ? {} : { peer, peerValue: at(peerWay, what) }),
        });
      if ("crypt" in ways) row("folder", "alone", "rclone crypt", "cryptFolder");
      else row("folder", "alone");
      row("before s3rver", "before", "direct", "store");
      if ("crypt" in ways) row("before s3rver", "before", "rclone crypt", "crypt");
    }
    const url = await (ways["alone"] as (method: string, key: string) => Promise<string>)("GET", "object");
    const firsts: number[] = [];
    for (let i = 0; i < 50; i += 1) firsts.push(await firstByteMs(url, (i * 2_000_003) % (SIZE - 1000)));
    report.add({ name: "first byte of a range", value: median(firsts), minimum: Math.min(...firsts), unit: "ms" });
    report.add({
      name: "memory growth over 2 GiB written and read",
      value: await growthMiB(alone, ways["alone"] as never),
      unit: "MiB",
    });
  } finally {
    for (const child of served.toReversed()) {
      child.stdin?.end();
      const ended = new Promise((resolve) => child.once("close", resolve));
      const late = setTimeout(() => child.kill("SIGKILL"), 5000);
      if (child.exitCode === null && child.signalCode === null) await ended;
      clearTimeout(late);
    }
    await rm(folder, { recursive: true, force: true });
  }
}

/** MB/s of the best of some rounds, the ways in turn. */
async function measure(
  ways: Readonly<Record<string, (method: string, key: string) => Promise<string>>>,
  report: Reporter,
): Promise<Record<string, { put: number; get: number }>> {
  const rates: Record<string, { put: number; get: number }> = {};
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, urlOf] of Object.entries(ways)) {
      report.progress(`gateway: ${name}, round ${round + 1} of ${ROUNDS}`);
      const put = await rate(async () => send(await urlOf("PUT", "object"), "PUT", SIZE));
      const get = await rate(async () => send(await urlOf("GET", "object"), "GET", 0));
      const best = rates[name] ?? { put: 0, get: 0 };
      rates[name] = { put: Math.max(best.put, put), get: Math.max(best.get, get) };
    }
  }
  return rates;
}

async function rate(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return SIZE / 1e6 / ((performance.now() - started) / 1000);
}

const BLOCK = randomBytes(MIB);

/** @returns bytes that came back */
function send(url: string, method: string, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      url,
      { method, headers: length > 0 || method === "PUT" ? { "content-length": length } : {} },
      (response: IncomingMessage) => {
        let bytes = 0;
        response.on("data", (chunk: Uint8Array) => {
          bytes += chunk.length;
        });
        response.on("error", reject);
        response.on("end", () => {
          if ((response.statusCode ?? 500) < 300) resolve(bytes);
          else reject(new Error(`${method}: status ${response.statusCode}`));
        });
      },
    );
    request.on("error", reject);
    let left = length;
    const more = (): void => {
      while (left > 0) {
        left -= BLOCK.length;
        if (!request.write(BLOCK)) {
          request.once("drain", more);
          return;
        }
      }
      request.end();
    };
    more();
  });
}

function firstByteMs(url: string, from: number): Promise<number> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    httpRequest(url, { headers: { range: `bytes=${from}-${from + 999}` } }, (response) => {
      response.once("data", () => resolve(performance.now() - started));
      response.on("end", () => {});
      response.resume();
    })
      .on("error", reject)
      .end();
  });
}

/** Of the gateway's process, above what it has once it has worked a little. */
async function growthMiB(target: Served, urlOf: (method: string, key: string) => Promise<string>): Promise<number> {
  const residentMiB = async (): Promise<number> => {
    const status = await readFile(`/proc/${target.child.pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  };
  const before = await residentMiB();
  await send(await urlOf("PUT", "two-gibibytes"), "PUT", 2048 * MIB);
  await send(await urlOf("GET", "two-gibibytes"), "GET", 0);
  return (await residentMiB()) - before;
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

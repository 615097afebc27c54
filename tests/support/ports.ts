/**
 * Ports for what must be told one, and for what comes back on the port it had.
 *
 * A port that was free a moment ago is anybody's when the system picks it: each connection gets one of the same range, and so does whoever listens on
 * port 0. These come from below that range. Several test processes share them out in blocks: whoever listens at the first port of a block has the others,
 * until its process ends, and gives none of them out twice.
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

const FIRST = 12_288;
const BLOCK = 32;
/** Where the system's own range begins; Linux's default where it does not say. */
const END = Math.max(systemRangeStart(), FIRST + 64 * BLOCK);
const BLOCKS = Math.floor((END - FIRST) / BLOCK);

let next = 0;
let end = 0;
/** Runs that follow each other begin elsewhere, so that what has just ended disturbs nobody. */
let block = process.pid % BLOCKS;

/** Ports of loopback that nobody listens at, all different, of this process alone for as long as it lives. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    if (next === end) await claimBlock();
    const port = next++;
    const server = await listen(port);
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    ports.push(port);
  }
  return ports;
}

async function claimBlock(): Promise<void> {
  for (let tries = 0; tries < BLOCKS; tries++) {
    const first = FIRST + (block++ % BLOCKS) * BLOCK;
    const guard = await listen(first);
    if (guard === undefined) continue;
    guard.unref();
    [next, end] = [first + 1, first + BLOCK];
    return;
  }
  throw new Error(`no ports are left between ${FIRST} and ${END}`);
}

function listen(port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function systemRangeStart(): number {
  try {
    return Number.parseInt(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"), 10);
  } catch {
    return 32_768;
  }
}

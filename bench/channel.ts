/**
 * Channels beside mutual TLS with P-256 certificates, plain TLS of Node, stunnel and wireguard-go. The server is a process of its own.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEngine } from "@milagro/engine";
import { systemRandom } from "@milagro/runtime/random";
import { measureForward } from "./channel/forwarding.ts";
import { measureBulk, measureHandshakes, measureIdle, measureLatency } from "./channel/measures.ts";
import { makeCertificates, makeParties, openParty } from "./channel/parties.ts";
import { startServer, waysTo } from "./channel/server.ts";
import type { Reporter } from "./harness/reporter.ts";

export async function run(report: Reporter): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "milagro-bench-"));
  const engine = await createEngine({ random: systemRandom });
  const { client, server: party } = await makeParties(engine);
  const certificates = makeCertificates(folder);
  const server = await startServer({ party, certificates });
  try {
    const self = openParty(engine, client);
    const ways = waysTo(server, self, certificates);
    await measureHandshakes(report, server, ways);
    await measureBulk(report, ways);
    await measureLatency(report, ways);
    await measureForward(report, { self, responder: openParty(engine, party), target: server.ports.plain, folder });
    await measureIdle(report, server, ways);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

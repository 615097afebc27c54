/**
 * M-Pin: the check of a login alone, beside peers; logins over HTTP at a real login server, by threads of clients and by a real
 * browser; and what a browser loads for it.
 * @module
 */
import { join } from "node:path";
import { createEngine } from "@milagro/engine";
import { systemRandom } from "@milagro/runtime/random";
import { startDomain } from "./core/domain.ts";
import { hasProc } from "./core/proc.ts";
import type { Reporter } from "./harness/reporter.ts";
import { measureBrowser } from "./mpin/browser.ts";
import { DEVICES, measureLogins } from "./mpin/logging-in.ts";
import { enrolDevices, startLoginServer } from "./mpin/login-server.ts";
import { buildPages, reportSizes } from "./mpin/pages.ts";
import { compareVerification, passwordCheck } from "./mpin/verification.ts";
import { milagroLoginCheck } from "./peers/milagro.ts";

export async function run(report: Reporter): Promise<void> {
  await compareVerification(report);
  const engine = await createEngine({ random: systemRandom });
  report.progress("mpin: three D-TAs, a login server, devices");
  const bench = await startDomain({ engine, count: 3 });
  try {
    const folder = join(bench.folder, "pages");
    const pages = await buildPages(folder);
    const server = await startLoginServer(bench, folder);
    if (hasProc()) {
      const devices = await enrolDevices(bench, server, DEVICES);
      const peers = { argon2id: passwordCheck(), "milagro-crypto-js": milagroLoginCheck() };
      await measureLogins(report, server, devices, peers);
    } else report.progress("mpin: no /proc here, logins over HTTP are not measured");
    await measureBrowser(report, bench, server);
    reportSizes(report, pages);
  } finally {
    await bench.stop();
  }
}

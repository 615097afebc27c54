/**
 * A login server as a process of its own, in a domain of three D-TAs, with its database on disk; and devices that were enrolled
 * with it as a person's would be. Limits by address and user are raised in its configuration: one address plays everybody.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { login, type MpinClient, openMpinClient, parsePin } from "@milagro/client/mpin";
import { beginEnrolment, fetchLoginService } from "@milagro/client/mpin-enrol";
import { utf8 } from "@milagro/crypto/bytes";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { createHttpPort } from "@milagro/runtime/http-port";
import { type BenchDomain, DOMAIN } from "../core/domain.ts";
import { runProgram, type Service } from "../core/service.ts";
import { type Device, PIN, portsOf } from "./device.ts";

const SERVICE = "login";
const READY_TRIES = 600;

export interface LoginServer {
  readonly service: Service;
  /** As browsers reach it. */
  readonly origin: string;
  /** What it counts about itself. @returns the sum over all series of the metric that carry this text */
  metric(name: string, series?: string): Promise<number>;
}

/** @param pages - folder with the built pages */
export async function startLoginServer(bench: BenchDomain, pages: string): Promise<LoginServer> {
  const home = join(bench.folder, "auth");
  const passphrase = ["--passphrase-file", bench.passphraseFile];
  const domain = ["--domain", join(bench.folder, "domain.json")];
  await runProgram("auth", ["init", "--home", home, "--service", SERVICE, ...domain, ...passphrase]);
  const config = join(home, "config.json");
  const limits = {
    addressPerMinute: 10_000_000,
    loginsPerMinute: 1_000_000,
    registrationsPerMinute: 1_000_000,
    userPerMinute: 100_000,
  };
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, "utf8")), limits }));
  const tokens = join(home, "join-tokens");
  const identity = `milagro:${DOMAIN}/mpin-server/${SERVICE}`;
  writeFileSync(tokens, (await bench.tokensFor(identity, ["mpin-server"])).join("\n"), { mode: 0o600 });
  const where = ["--listen", "127.0.0.1:0", "--pages", pages, "--join-tokens", tokens];
  const args = ["serve", "--home", home, ...where, ...passphrase];
  const service = await bench.start("auth", args, { logFile: join(bench.folder, "auth.log") });
  const { url, origin } = service.ready as { readonly url: string; readonly origin: string };
  await untilReady(url);
  return { service, origin, metric: (name, series) => metricOf(url, name, series) };
}

/** The server secret is collected from the D-TAs while the server runs. */
async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < READY_TRIES; tries++) {
    if ((await fetch(`${url}/ready`)).ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the login server did not get its secret");
}

async function metricOf(url: string, name: string, series = ""): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .filter((line) => line.includes(series))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
}

/** Enrols devices of as many users by grants that all D-TAs take, and logs each in once. */
export async function enrolDevices(bench: BenchDomain, { origin }: LoginServer, count: number): Promise<Device[]> {
  const devices: Device[] = [];
  const http = createHttpPort();
  try {
    for (let i = 0; i < count; i++) {
      const values = new Map<string, Uint8Array>();
      const client = openMpinClient(portsOf({ origin, values, engine: bench.client.engine, http }));
      devices.push({ identity: await enrol(bench, client, `user-${i}@bench.example`), values });
    }
  } finally {
    http.close();
  }
  return devices;
}

async function enrol(bench: BenchDomain, client: MpinClient, user: string): Promise<MpinIdentity> {
  const service = await fetchLoginService(client);
  const loadEngine = async () => bench.client.engine;
  const enrolment = await beginEnrolment(client, { service, user, label: "bench", loadEngine });
  const { identity, claim } = enrolment;
  const grants = bench.grantFor(identity)(claim);
  const issued = await enrolment.submit(grants.map((evidence, i) => ({ index: i + 1, evidence })));
  if (issued.outcome !== "issued") throw new Error(`no keys: ${JSON.stringify(issued)}`);
  const chosen = await enrolment.finish(parsePin(utf8(PIN)));
  if ("outcome" in chosen) throw new Error(`the PIN is ${chosen.weakness}`);
  const { outcome } = await chosen.register();
  if (outcome !== "registered") throw new Error(`not registered: ${outcome}`);
  // From now on the device is active, and has its time permits.
  const first = await login(client, { identity, pin: parsePin(utf8(PIN)) });
  if (first.outcome !== "accepted") throw new Error(`the first login was ${first.outcome}`);
  return identity;
}

/**
 * The whole of Milagro for tests of faults: three D-TAs, the D-KMS with its bus, endpoints, a person with the client library. Each service is a real process with real files, so that it
 * can be killed; only the key derivation of the D-TAs is cheap.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClientDeps } from "@milagro/client/deps";
import { enrolRing } from "@milagro/client/enrol";
import type { KeyRing } from "@milagro/client/key-ring";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { epochAt } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { encodeIdentityKey } from "@milagro/crypto/identity-key";
import type { IdentityUsage } from "@milagro/crypto/usage";
import { createEngine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import {
  type CeremonyProposal,
  ceremonyIdOf,
  encodeCeremonyProposal,
  parseCeremonyProposal,
} from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import type { Evidence } from "@milagro/protocol/issuance-messages";
import { encodeIssuancePolicy } from "@milagro/protocol/policy";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { anonymousSelf } from "@milagro/runtime/channel/self";
import { serviceConnector } from "@milagro/runtime/channel/service-connector";
import { systemClock } from "@milagro/runtime/clock";
import { createHttpClient, type HttpClient } from "@milagro/runtime/http-client";
import { createHttpPort } from "@milagro/runtime/http-port";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom as random } from "@milagro/runtime/random";
import { homeOf } from "../../services/dta/src/config.ts";
import { initDta } from "../../services/dta/src/init.ts";
import { CHEAP, memberOf, OPEN_POLICY } from "../../services/dta/test/support.ts";
import { epochSecondsAwayFromTheEnd } from "../support/epochs.ts";
import { freePorts } from "../support/ports.ts";
import { makeTempFolder } from "../support/temp-folder.ts";

export const engine = await createEngine({ random });
export const PASSPHRASE = "the passphrase of this test, never to be printed";
export const COUNT = 3;

const SOURCES = {
  dta: "../../services/dta/src/main.ts",
  kms: "../../services/kms/src/main.ts",
  endpoint: "../../clients/endpoint/src/main.ts",
} as const;

/** Compiled code of our own sources: most of what a start costs. */
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/milagro-tests", import.meta.url));

/** A service that can be killed and started again, with the same arguments and on the same port. */
export class Service {
  readonly name: string;
  readonly #kind: keyof typeof SOURCES;
  readonly #args: () => readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #ended: Promise<number | string> = Promise.resolve(0);
  /** All that it ever wrote, to either stream. */
  output = "";

  constructor(
    name: string,
    kind: keyof typeof SOURCES,
    args: () => readonly string[],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.name = name;
    this.#kind = kind;
    this.#args = args;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /**
   * Resolves with its ready line.
   * @param fileKib - no file of it can grow past so many KiB, as on a full disk
   */
  async start(fileKib?: number): Promise<{ readonly url: string }> {
    const main = fileURLToPath(new URL(SOURCES[this.#kind], import.meta.url));
    const { PATH = "" } = process.env;
    const command = [process.execPath, "--conditions=@milagro/source", main, ...this.#args()];
    const limited =
      fileKib === undefined ? command : ["bash", "-c", `ulimit -f ${fileKib}; exec "$@"`, "bash", ...command];
    const child = spawn(limited[0] as string, limited.slice(1), {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH, ...this.#env },
    });
    this.#child = child;
    running.add(child);
    this.#ended = new Promise((resolve) =>
      // "close" and not "exit": then all that it has written has been read.
      child.once("close", (code, signal) => {
        running.delete(child);
        resolve(signal ?? code ?? -1);
      }),
    );
    let out = "";
    child.stderr?.on("data", (chunk) => {
      this.output += chunk;
    });
    return new Promise((resolve, reject) => {
      child.stdout?.on("data", (chunk) => {
        this.output += chunk;
        out += chunk;
        if (out.includes("\n")) resolve(JSON.parse(out.slice(0, out.indexOf("\n"))));
      });
      void this.#ended.then((how) => reject(new Error(`${this.name} ended with ${how}: ${this.output.slice(-2000)}`)));
    });
  }

  async end(signal: NodeJS.Signals): Promise<number | string> {
    this.#child?.kill(signal);
    return this.#ended;
  }
}

/** A test that fails half-way must not leave a process behind. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface World {
  readonly folder: string;
  readonly domain: TrustDomain;
  readonly dtas: readonly Service[];
  readonly kms: Service;
  readonly deps: ClientDeps;
  /** What was secret in it, for a search. */
  readonly secrets: string[];
  /** Private keys of persons. */
  readonly keys: Uint8Array[];
  dtaHome(index: number): string;
  admin(index: number): HttpClient;
  /** One join token of each D-TA. */
  tokens(identity: Identity): Promise<readonly string[]>;
  /** A person with `enc` and `sig` keys of this epoch. */
  person(name: string): Promise<KeyRing>;
  /** Made and started; its evidence is ready. */
  endpoint(name: string): Promise<Service>;
  close(): Promise<void>;
}

export const who = (name: string): Identity => parseIdentity(`milagro:example.org/${name}`);

export interface WorldOptions {
  /** How the D-KMS and its bus are reached: plainly, on this machine, or over channels, for which the D-KMS enrols first. Default "loopback". */
  readonly over?: "loopback" | "channels";
  /** Once the domain is founded no D-TA has a port: they connect outwards only. */
  readonly closedDtas?: boolean;
  /** What stands between all others and the bus: gets the bus's port, and gives the one to name in the descriptor. */
  busBehind?(port: number): Promise<number>;
}

export async function createWorld({
  over = "loopback",
  closedDtas = false,
  busBehind,
}: WorldOptions = {}): Promise<World> {
  const folder = await makeTempFolder();
  const secrets: string[] = [PASSPHRASE];
  const privateKeys: Uint8Array[] = [];
  const passphraseFile = join(folder, "passphrase");
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  const ports = await freePorts(COUNT + 2);
  const [kmsPort, busPort = 0] = ports.slice(COUNT);
  const env = { NODE_COMPILE_CACHE: CACHE };
  let founded = false;
  const dtaHome = (index: number): string => join(folder, `dta-${index}`);
  const admin = (index: number): HttpClient => createHttpClient({ url: `unix:${homeOf(dtaHome(index)).adminSocket}` });
  const indices = Array.from({ length: COUNT }, (_, i) => i + 1);
  const dtas = indices.map(
    (index) =>
      new Service(
        `dta-${index}`,
        "dta",
        () => [
          "serve",
          "--home",
          dtaHome(index),
          "--listen",
          founded && closedDtas ? "none" : `127.0.0.1:${ports[index - 1]}`,
          "--passphrase-file",
          passphraseFile,
        ],
        env,
      ),
  );
  for (const index of indices) {
    const { name, operator, jurisdiction } = memberOf(index);
    const passphrase = passphraseFromText(PASSPHRASE);
    await initDta({
      home: homeOf(dtaHome(index)),
      settings: { name, operator, jurisdiction },
      passphrase,
      random,
      cost: CHEAP,
    });
  }
  await Promise.all(dtas.map((dta) => dta.start()));

  const epochSeconds = epochSecondsAwayFromTheEnd(3600, 900);
  const proposal = parseCeremonyProposal({
    v: 1,
    name: "example.org",
    epochSeconds,
    members: indices.map((index) => ({ ...memberOf(index), url: `http://127.0.0.1:${ports[index - 1]}` })),
    kms: {
      url: `${over === "channels" ? "milagro" : "http"}://127.0.0.1:${kmsPort}`,
      busUrl: `${over === "channels" ? "milagro" : "mqtt"}://127.0.0.1:${(await busBehind?.(busPort)) ?? busPort}`,
    },
    nonce: encodeBase64url(random(16)),
  });
  const signed = await found(indices.map(admin), proposal);
  const domain = verifyDescriptor(engine, random, signed);
  writeFileSync(join(folder, "domain.json"), JSON.stringify(encodeSignedDescriptor(signed)));
  for (const index of indices) {
    const policy = encodeIssuancePolicy(OPEN_POLICY);
    const everybody = policy.rules.map((rule) => ({ ...rule, identities: ["milagro:example.org/*/**"] }));
    await admin(index).request({ method: "PUT", path: "/v1/policy", body: { ...policy, rules: everybody } });
  }

  founded = true;
  if (closedDtas)
    for (const dta of dtas) {
      await dta.end("SIGTERM");
      await dta.start();
    }

  const kmsHome = join(folder, "kms");
  mkdirSync(kmsHome, { mode: 0o700 });
  const rule = {
    effect: "allow",
    identities: ["milagro:example.org/person/*"],
    actions: ["put", "read", "list", "delete"],
    paths: ["**"],
  };
  writeFileSync(join(kmsHome, "policy.json"), JSON.stringify({ v: 1, version: 1, rules: [rule] }));
  const kms = new Service(
    "kms",
    "kms",
    () => [
      "serve",
      "--home",
      kmsHome,
      "--domain",
      join(folder, "domain.json"),
      "--listen",
      `127.0.0.1:${kmsPort}`,
      "--bus-listen",
      `127.0.0.1:${busPort}`,
      ...(over === "channels" ? ["--passphrase-file", passphraseFile, "--join-tokens", join(kmsHome, "evidence")] : []),
    ],
    env,
  );
  if (over === "channels")
    writeFileSync(join(kmsHome, "evidence"), (await tokens(kmsIdentity(domain))).join("\n"), { mode: 0o600 });
  await kms.start();

  const nobody = anonymousSelf({ engine, random, clock: systemClock, domain });
  const http = createHttpPort(
    over === "channels" ? { connector: serviceConnector({ domain: () => domain, self: () => nobody }) } : {},
  );
  const deps: ClientDeps = {
    engine,
    random,
    clock: systemClock,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    http,
    domain,
  };
  const endpoints: Service[] = [];

  async function tokens(identity: Identity): Promise<readonly string[]> {
    const made = await Promise.all(
      indices.map(async (index) => {
        const body = { v: 1, identities: identity, usages: ["enc", "sig"], ttlSeconds: 3600, uses: 1 };
        const call = { method: "POST", path: "/v1/join-tokens", body } as const;
        const { body: answer } = await patiently(() => admin(index).request(call));
        return (answer as { token: string }).token;
      }),
    );
    secrets.push(...made);
    return made;
  }

  return {
    folder,
    domain,
    dtas,
    kms,
    deps,
    secrets,
    keys: privateKeys,
    dtaHome,
    admin,
    tokens,
    async person(name) {
      const identity = who(`person/${name}`);
      const evidence = (await tokens(identity)).map((token): Evidence[] => [{ type: "join-token", token }]);
      const epoch = epochAt(systemClock(), epochSeconds);
      const usages: readonly IdentityUsage[] = ["enc", "sig"];
      const keys = usages.map((usage) => ({ usage, epoch }));
      const { ring } = await enrolRing(deps, { identity, keys, evidence });
      for (const { usage, epoch: at } of ring.slots())
        privateKeys.push(encodeIdentityKey(engine, ring.need(usage, at)));
      return ring;
    },
    async endpoint(name) {
      const home = join(folder, name);
      mkdirSync(home, { mode: 0o700 });
      const identity = who(`endpoint/${name}`);
      writeFileSync(join(home, "evidence"), (await tokens(identity)).join("\n"), { mode: 0o600 });
      const config = {
        identity,
        domain: "../domain.json",
        authors: ["milagro:example.org/person/*"],
        passphraseFile,
        evidenceFile: "evidence",
      };
      writeFileSync(join(home, "config.json"), JSON.stringify(config));
      const service = new Service(name, "endpoint", () => ["run", "--home", home], env);
      endpoints.push(service);
      await service.start();
      return service;
    },
    async close() {
      await Promise.all([...endpoints, kms, ...dtas].map((service) => service.end("SIGKILL")));
      http.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An operator whose D-TA does not answer tries again. At worst there is a token more. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const away = error instanceof MilagroError && error.code === "ERR_UNREACHABLE";
      if (!away || attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** The coordinator goes through the admin sockets' sister routes: the public ones, over HTTP. */
async function found(admins: readonly HttpClient[], proposal: CeremonyProposal) {
  const path = `/v1/ceremonies/${encodeBase64url(ceremonyIdOf(proposal))}`;
  const open = proposal.members.map(({ url }) => createHttpClient({ url, timeoutMs: 30_000 }));
  for (const [i, admin] of admins.entries())
    await admin.request({
      method: "POST",
      path: "/v1/ceremonies",
      body: { v: 1, proposal: encodeCeremonyProposal(proposal), index: i + 1 },
    });
  const all = (step: string, body?: unknown) =>
    Promise.all(
      open.map(async (http) => {
        const request = { method: "POST", path: `${path}/${step}`, ...(body === undefined ? {} : { body }) } as const;
        return (await http.request(request)).body;
      }),
    );
  const commitments = await all("commit");
  const reveals = await all("commitments", { v: 1, commitments });
  const signatures = await all("reveals", { v: 1, reveals });
  const [signed] = await all("signatures", { v: 1, signatures });
  for (const client of [...open, ...admins]) client.close();
  return parseSignedDescriptor(signed);
}

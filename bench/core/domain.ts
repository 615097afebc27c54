/**
 * A whole trust domain on loopback, in a temporary folder: D-TAs, on demand the D-KMS and an endpoint, each a process of
 * its own. Limits by address are raised in its configuration, as one address plays all the clients.
 * @module
 */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientDeps } from "@milagro/client/deps";
import { foundDomain } from "@milagro/client/founding";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { formatDomainId } from "@milagro/crypto/domain-id";
import type { Engine } from "@milagro/engine/engine";
import { encodeCeremonyProposal, parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import type { EvidenceBinding, EvidencePerAuthority } from "@milagro/protocol/enrolment";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { sleep, systemClock } from "@milagro/runtime/clock";
import { createHttpClient } from "@milagro/runtime/http-client";
import { createHttpPort } from "@milagro/runtime/http-port";
import { systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { runProgram, type Service, startService } from "./service.ts";

export const DOMAIN = "bench.example";
const EPOCH_SECONDS = 86_400;
const PER_MINUTE = 1_000_000;
const REGISTRAR = "bench";

export interface BenchDomain {
  readonly folder: string;
  readonly dtas: readonly Service[];
  readonly domain: TrustDomain;
  readonly client: ClientDeps;
  /** Evidence that every D-TA takes: a grant of a registrar that they trust. */
  grantFor(identity: string): (binding: Pick<EvidenceBinding, "requestKey">) => EvidencePerAuthority;
  /** One join token of each D-TA, each for one key. */
  tokensFor(identities: string, usages: readonly string[]): Promise<readonly string[]>;
  /** Whatever the services' keys rest under. */
  readonly passphraseFile: string;
  /** Starts another service, which stops with the domain. */
  start: typeof startService;
  startKms(): Promise<Service>;
  startEndpoint(
    name: string,
  ): Promise<{ readonly service: Service; readonly identity: string; readonly socket: string }>;
  stop(): Promise<void>;
}

export interface BenchDomainOptions {
  readonly engine: Engine;
  readonly count: number;
  /** For the D-TAs' own processes. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startDomain({ engine, count, env = {} }: BenchDomainOptions): Promise<BenchDomain> {
  const folder = mkdtempSync(join(tmpdir(), "milagro-bench-"));
  const services: Service[] = [];
  const http = createHttpPort();
  const stop = async (): Promise<void> => {
    http.close();
    for (const service of services.splice(0).toReversed()) await service.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const passphrase = join(folder, "passphrase");
  writeFileSync(passphrase, `${encodeBase64url(systemRandom(24))}\n`, { mode: 0o600 });
  const logFile = (name: string): string => join(folder, `${name}.log`);
  const start = async (...args: Parameters<typeof startService>): Promise<Service> => {
    const service = await startService(...args);
    services.push(service);
    return service;
  };
  try {
    const [kmsPort, busPort] = (await freePorts(2)) as [number, number];
    const dtas: Service[] = [];
    for (let index = 1; index <= count; index++) {
      const home = join(folder, `dta-${index}`);
      const about = ["--name", `dta-${index}`, "--operator", `operator-${index}`, "--jurisdiction", "CH"];
      await runProgram("dta", ["init", "--home", home, ...about, "--passphrase-file", passphrase]);
      const config = join(home, "config.json");
      const settings = { ...JSON.parse(readFileSync(config, "utf8")), requestsPerMinute: PER_MINUTE };
      writeFileSync(config, JSON.stringify(settings));
      const args = ["serve", "--home", home, "--passphrase-file", passphrase];
      dtas.push(await start("dta", args, { logFile: logFile(`dta-${index}`), env }));
    }
    const kmsUrl = `http://127.0.0.1:${kmsPort}`;
    const proposal = parseCeremonyProposal({
      v: 1,
      name: DOMAIN,
      epochSeconds: EPOCH_SECONDS,
      members: dtas.map(({ ready }, i) => ({
        index: i + 1,
        name: `dta-${i + 1}`,
        operator: `operator-${i + 1}`,
        jurisdiction: "CH",
        url: ready.url,
      })),
      kms: { url: kmsUrl, busUrl: `mqtt://127.0.0.1:${busPort}` },
      nonce: encodeBase64url(systemRandom(16)),
    });
    const registrar = generateKeyPairSync("ed25519");
    for (const [i, dta] of dtas.entries()) {
      const approval = { v: 1, index: i + 1, proposal: encodeCeremonyProposal(proposal) };
      await admin(dta, "POST", "/v1/ceremonies", approval);
      await admin(dta, "PUT", "/v1/policy", policyOf(registrar.publicKey));
    }
    const { signed, domain } = await foundDomain({ engine, random: systemRandom, http }, proposal);
    writeFileSync(join(folder, "domain.json"), JSON.stringify(encodeSignedDescriptor(signed)));
    const client: ClientDeps = {
      engine,
      random: systemRandom,
      clock: systemClock,
      sleep: (ms) => sleep(ms),
      http,
      domain,
      x25519: nativeX25519,
    };
    const tokensFor = async (identities: string, usages: readonly string[]): Promise<readonly string[]> => {
      const order = { v: 1, identities, usages, ttlSeconds: 600, uses: 1 };
      const tokens = await Promise.all(dtas.map((dta) => admin(dta, "POST", "/v1/join-tokens", order)));
      return tokens.map((body) => (body as { token: string }).token);
    };
    const writeTokens = async (file: string, identity: string): Promise<void> =>
      writeFileSync(file, (await tokensFor(identity, ["enc", "sig"])).join("\n"), { mode: 0o600 });
    return {
      folder,
      dtas,
      domain,
      client,
      stop,
      tokensFor,
      passphraseFile: passphrase,
      start,
      grantFor:
        (identity) =>
        ({ requestKey }) => {
          const jwt = grant(registrar.privateKey, {
            iss: REGISTRAR,
            sub: identity,
            aud: formatDomainId(domain.domainId),
            request_key: requestKeyThumbprint(requestKey),
            exp: Math.floor(systemClock() / 1000) + 3600,
            jti: encodeBase64url(systemRandom(16)),
          });
          return dtas.map(() => [{ type: "grant" as const, jwt }]);
        },
      async startKms() {
        const home = join(folder, "kms");
        mkdirSync(home, { mode: 0o700 });
        const limits = {
          addressPerMinute: PER_MINUTE,
          identityBurst: PER_MINUTE,
          identityPerSecond: 10_000,
          enrolmentsPerAddress: 10_000,
        };
        writeFileSync(join(home, "config.json"), JSON.stringify({ limits }));
        writeFileSync(join(home, "policy.json"), JSON.stringify(KMS_POLICY));
        await writeTokens(join(home, "tokens"), `milagro:${DOMAIN}/service/kms`);
        const where = ["--listen", `127.0.0.1:${kmsPort}`, "--bus-listen", `127.0.0.1:${busPort}`];
        const own = ["--passphrase-file", passphrase, "--join-tokens", join(home, "tokens")];
        const args = ["serve", "--home", home, "--domain", join(folder, "domain.json"), ...where, ...own];
        return start("kms", args, { logFile: logFile("kms") });
      },
      async startEndpoint(name) {
        const identity = `milagro:${DOMAIN}/endpoint/${name}`;
        const home = join(folder, name);
        mkdirSync(home, { mode: 0o700 });
        const settings = {
          identity,
          domain: join(folder, "domain.json"),
          authors: [`milagro:${DOMAIN}/person/*`],
          passphraseFile: passphrase,
          evidenceFile: "evidence",
        };
        writeFileSync(join(home, "config.json"), JSON.stringify(settings));
        await writeTokens(join(home, "evidence"), identity);
        const service = await start("endpoint", ["run", "--home", home], { logFile: logFile(name) });
        return { service, identity, socket: join(home, "endpoint.sock") };
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function admin(dta: Service, method: "POST" | "PUT", path: string, body: unknown): Promise<unknown> {
  const client = createHttpClient({ url: `unix:${dta.ready.admin}` });
  try {
    return (await client.request({ method, path, body })).body;
  } finally {
    client.close();
  }
}

function policyOf(publicKey: KeyObject): unknown {
  const everybody = [`milagro:${DOMAIN}/*/**`];
  return {
    v: 1,
    version: 1,
    rules: [
      {
        identities: everybody,
        usages: ["enc", "sig", "kex"],
        evidence: ["join-token", "grant", "renewal"],
        maxEpochsAhead: 1,
        maxEpochsBack: 30,
      },
      {
        identities: everybody,
        usages: ["mpin", "mpin-server"],
        evidence: ["join-token", "grant"],
        maxEpochsAhead: 1,
        maxEpochsBack: 1,
      },
      { identities: everybody, usages: ["permit"], evidence: [], maxEpochsAhead: 1, maxEpochsBack: 1 },
    ],
    registrars: [{ name: REGISTRAR, publicKey: publicKey.export({ format: "jwk" }), identities: everybody }],
    oidc: [],
    denied: [],
  };
}

const KMS_POLICY = {
  v: 1,
  version: 1,
  rules: [
    {
      effect: "allow",
      identities: [`milagro:${DOMAIN}/person/*`],
      actions: ["put", "import", "generate", "read", "list", "rotate", "delete"],
      paths: ["**"],
    },
  ],
};

/** A JWT as RFC 7519 has it, signed with Ed25519. */
function grant(key: KeyObject, claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "EdDSA", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => (server.address() as { readonly port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

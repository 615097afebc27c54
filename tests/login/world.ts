/**
 * Three real D-TAs, a real login server that collects its secret from them, and phones that run the client library: all on
 * loopback, each with its own files.
 * @module
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HttpPort } from "@milagro/client/http-port";
import { type MpinClient, type MpinStorage, openMpinClient } from "@milagro/client/mpin";
import { tokenUpdater } from "@milagro/client/mpin-token-update";
import { proposeRotation, rotateMaster } from "@milagro/client/rotation";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { type Pin, parsePin } from "@milagro/crypto/mpin-token";
import { createEngine } from "@milagro/engine";
import { parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { encodeRotationProposal } from "@milagro/protocol/rotation-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { createHttpPort } from "@milagro/runtime/http-client";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom as random } from "@milagro/runtime/random";
import { type Auth, startAuth } from "../../services/auth/src/auth.ts";
import { type Home as AuthHome, homeOf, readConfig } from "../../services/auth/src/config.ts";
import { type Initialised, initAuth } from "../../services/auth/src/init.ts";
import { testLog as authLog } from "../../services/auth/test/support.ts";
import type { Home } from "../../services/dta/src/config.ts";
import {
  cleanUp,
  found,
  HeldClock,
  initHome,
  joinToken,
  memberOf,
  newFolder,
  PASSPHRASE,
  post,
  setPolicy,
  startHome,
  stop,
  type TestDta,
} from "../../services/dta/test/support.ts";
import { freePorts } from "../support/ports.ts";

export { random };
export const COUNT = 3;
export const engine = await createEngine({ random });
export const pinOf = (digits: string): Pin => parsePin(utf8(digits));

/** Runs with the real one, or as far ahead of it as a test wants. */
class SystemClock extends HeldClock {
  aheadMs = 0;
  override readonly read = (): number => Date.now() + this.aheadMs;
}

/** What a phone keeps. */
export type Records = Map<string, Uint8Array>;

export interface World {
  readonly dtas: readonly TestDta[];
  readonly initialised: Initialised;
  /** The login server; call `serve` first. */
  readonly auth: Auth;
  serve(): Promise<Auth>;
  stopAuth(): Promise<void>;
  /** Until its server secret is there. */
  untilReady(): Promise<void>;
  stopDta(index: number): Promise<void>;
  startDta(index: number): Promise<void>;
  /** The domain, by its first descriptor. */
  readonly domain: TrustDomain;
  /** A rotation of the `mpin` master, approved by every operator and carried through. @param seconds - to change over */
  rotate(seconds?: number): Promise<TrustDomain>;
  /** Until the login server checks by this epoch of the master. */
  untilMaster(epoch: number): Promise<void>;
  /** An activation code for a user's device: a join token of each D-TA. */
  activation(user: string): Promise<string>;
  /** @param options - its storage, and who stands between it and everybody */
  phone(options?: { readonly records?: Records; readonly through?: (http: HttpPort) => HttpPort }): MpinClient;
  /** Of the D-TAs. */
  readonly clock: { aheadMs: number };
  close(): Promise<void>;
}

export async function foundWorld(): Promise<World> {
  const folder = newFolder();
  const ports = await freePorts(COUNT);
  const homes: Home[] = [];
  const clock = new SystemClock();
  const dtas: TestDta[] = [];
  const start = (index: number): Promise<TestDta> =>
    startHome(homes[index - 1] as Home, clock, { config: { listen: `127.0.0.1:${ports[index - 1]}` } });
  for (let index = 1; index <= COUNT; index++) {
    homes.push(await initHome(index));
    dtas.push(await start(index));
  }
  const members = dtas.map((_, i) => ({ ...memberOf(i + 1), url: `http://127.0.0.1:${ports[i]}` }));
  const nonce = encodeBase64url(random(16));
  const proposal = parseCeremonyProposal({ v: 1, name: "example.org", epochSeconds: 86_400, members, nonce });
  const signed = await found(dtas, proposal);
  const domain = verifyDescriptor(engine, random, signed);
  const domainFile = join(folder, "domain.json");
  writeFileSync(domainFile, JSON.stringify(encodeSignedDescriptor(signed)));

  const home: AuthHome = homeOf(join(folder, "auth"));
  const initialised = await initAuth({
    home,
    passphrase: passphraseFromText(PASSPHRASE),
    service: "login",
    domainFile,
    pin: undefined,
    joinTokensFile: undefined,
    settings: { listen: "127.0.0.1:0", workers: 1, descriptorSeconds: 1 },
  });
  for (const dta of dtas) await setPolicy(dta, policyFor(initialised));
  const tokens: string[] = [];
  for (const dta of dtas)
    tokens.push(await joinToken(dta, { identities: initialised.server, usages: ["mpin-server"] }));
  const joinTokensFile = join(folder, "join-tokens");
  writeFileSync(joinTokensFile, tokens.join("\n"), { mode: 0o600 });

  const http = createHttpPort({ retries: 0 });
  let auth: Auth | undefined;
  const serving = (): Auth => {
    if (!auth) throw new Error("the login server does not run");
    return auth;
  };
  return {
    dtas,
    initialised,
    get auth() {
      return serving();
    },
    async serve() {
      auth = await startAuth({
        home,
        config: readConfig(home, { joinTokensFile }, {}),
        log: authLog,
        passphrase: passphraseFromText(PASSPHRASE),
      });
      return auth;
    },
    async stopAuth() {
      await auth?.close();
      auth = undefined;
    },
    async untilReady() {
      while (!serving().context.workers.ready) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    domain,
    async rotate(seconds = 86_400) {
      const deps = { engine, random, http, domain };
      const proposal = await proposeRotation(deps, Math.floor(Date.now() / 1000) + seconds);
      for (const dta of dtas) await post(dta.admin, "/v1/rotations", encodeRotationProposal(proposal));
      return (await rotateMaster(deps, proposal)).domain;
    },
    async untilMaster(epoch) {
      while (serving().context.workers.masterEpoch !== epoch) await new Promise((resolve) => setTimeout(resolve, 20));
    },
    stopDta: (index) => stop(dtas[index - 1] as TestDta),
    startDta: async (index) => {
      dtas[index - 1] = await start(index);
    },
    async activation(user) {
      const identities = `milagro:example.org/mpin/login/${user}/*`;
      const made = await Promise.all(dtas.map((dta) => joinToken(dta, { identities, usages: ["mpin", "sig"] })));
      return made.join(" ");
    },
    clock,
    phone: ({ records = new Map(), through = (port: HttpPort) => port } = {}) =>
      openPhone(through(http), () => serving().url, serving().origin, records),
    async close() {
      http.close();
      await auth?.close();
      await cleanUp();
    },
  };
}

function policyFor({ server, approvalKey }: Initialised): IssuancePolicy {
  const rule = { maxEpochsAhead: 2, maxEpochsBack: 1 };
  const devices = [parseIdentityPattern("milagro:example.org/mpin/login/*/*")];
  return {
    v: 1,
    version: 1,
    rules: [
      { ...rule, identities: devices, usages: ["mpin", "sig"], evidence: ["device", "join-token"] },
      { ...rule, identities: devices, usages: ["permit"], evidence: [] },
      {
        ...rule,
        identities: [parseIdentityPattern(server)],
        usages: ["mpin-server"],
        evidence: ["join-token", "grant"],
      },
    ],
    registrars: [],
    oidc: [],
    loginServers: [{ name: "login", publicKey: approvalKey, services: ["login"] }],
    denied: [],
  };
}

/** Storage in memory, and a network that keeps the login server's cookie as a browser would. */
function openPhone(http: HttpPort, url: () => string, origin: string, records: Records): MpinClient {
  const storage: MpinStorage = {
    get: async (key) => records.get(key)?.slice(),
    put: async (key, value) => void records.set(key, value.slice()),
    delete: async (key) => void records.delete(key),
    keys: async (prefix) => [...records.keys()].filter((key) => key.startsWith(prefix)),
  };
  let cookie: string | undefined;
  // A database that waits for its file holds up everybody here, since all are in one process: how long a phone waits is tested elsewhere.
  const browser: HttpPort = async (asked) => {
    const request = { ...asked, timeoutMs: 120_000 };
    if (!request.url.startsWith(`${origin}/`)) return http(request);
    const headers = {
      ...request.headers,
      origin,
      host: new URL(origin).host,
      ...(cookie === undefined ? {} : { cookie }),
    };
    const response = await http({ ...request, url: url() + request.url.slice(origin.length), headers });
    cookie = /(?:^|, )(milagro=[A-Za-z0-9_-]{43})/.exec(response.headers["set-cookie"] ?? "")?.[1] ?? cookie;
    return response;
  };
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const loadUpdate = async () => tokenUpdater(async () => engine);
  return openMpinClient({ engine, random, storage, http: browser, clock: Date.now, sleep, origin, loadUpdate });
}

/**
 * What a login in a browser needs, in this process: three D-TAs that mail codes into folders, and the login server with the built
 * pages. Real files, threads, sockets and clocks.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { proposeRotation, rotateMaster } from "@milagro/client/rotation";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { parseCeremonyProposal } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { encodeRotationProposal } from "@milagro/protocol/rotation-messages";
import { verifyDescriptor } from "@milagro/protocol/trust-domain";
import { createHttpClient, createHttpPort } from "@milagro/runtime/http-client";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { build } from "vite";
import { inputsOf, settings } from "../../clients/web/vite.settings.ts";
import { type Auth, startAuth } from "../../services/auth/src/auth.ts";
import { homeOf, readConfig } from "../../services/auth/src/config.ts";
import { initAuth } from "../../services/auth/src/init.ts";
import { testLog } from "../../services/auth/test/support.ts";
import {
  cleanUp,
  engine,
  found,
  HeldClock,
  initHome,
  joinToken,
  memberOf,
  PASSPHRASE,
  post,
  random,
  setPolicy,
  startHome,
  stop,
  type TestDta,
} from "../../services/dta/test/support.ts";
import { freePorts } from "../support/ports.ts";

const COUNT = 3;
const EPOCH_SECONDS = 86_400;
const NAMES = ["alpine", "pacific", "nordic"];

/** Runs with the real one, or as far ahead of it as a test wants. */
class SystemClock extends HeldClock {
  aheadMs = 0;
  override readonly read = (): number => Date.now() + this.aheadMs;
}

export interface LoginStack {
  /** As browsers reach it. */
  readonly origin: string;
  readonly authorityOrigins: readonly string[];
  readonly auth: Auth;
  readonly folder: string;
  /** Another D-TA stands still. @param index - from 1 */
  stopDta(index: number): Promise<void>;
  startDta(index: number): Promise<void>;
  /** Of the D-TAs. */
  readonly clock: { aheadMs: number };
  /** Another `mpin` master; resolves when the login server checks by it. @param seconds - to change over */
  rotate(seconds: number): Promise<void>;
  /** What the administrator can do. */
  admin(method: "POST" | "DELETE" | "GET", path: string, body?: unknown): Promise<unknown>;
  close(): Promise<void>;
}

/** @param options.serverSettings - into the login server's configuration @param options.oidc - OpenID providers that the D-TAs believe */
export async function startLoginStack(
  options: { readonly serverSettings?: Readonly<Record<string, unknown>>; readonly oidc?: IssuancePolicy["oidc"] } = {},
): Promise<LoginStack> {
  const folder = mkdtempSync(join(tmpdir(), "login-"));
  const pages = join(folder, "pages");
  const root = fileURLToPath(new URL("../../clients/web/pages/", import.meta.url));
  await build({ ...settings({ root, outDir: pages, inputs: inputsOf(root) }), configFile: false, logLevel: "error" });

  const ports = await freePorts(COUNT);
  const clock = new SystemClock();
  const homes = await Promise.all(ports.map((_, i) => initHome(i + 1)));
  const mailFolder = (index: number) => join(folder, `mails-${index}`);
  const start = (index: number): Promise<TestDta> =>
    startHome(homes[index - 1] as (typeof homes)[number], clock, {
      config: {
        name: NAMES[index - 1] as string,
        listen: `127.0.0.1:${ports[index - 1]}`,
        mail: `folder:${mailFolder(index)}`,
      },
    });
  const dtas: TestDta[] = [];
  for (let index = 1; index <= COUNT; index++) dtas.push(await start(index));
  const signed = await found(
    dtas,
    parseCeremonyProposal({
      v: 1,
      name: "example.org",
      epochSeconds: EPOCH_SECONDS,
      members: dtas.map((_, i) => ({ ...memberOf(i + 1), name: NAMES[i], url: `http://127.0.0.1:${ports[i]}` })),
      nonce: encodeBase64url(random(16)),
    }),
  );
  const domainFile = join(folder, "domain.json");
  writeFileSync(domainFile, JSON.stringify(encodeSignedDescriptor(signed)));

  const home = homeOf(join(folder, "auth"));
  const settingsOfServer = {
    listen: "127.0.0.1:0",
    demo: true,
    pages,
    demoMail: ports.map((_, i) => mailFolder(i + 1)),
    workers: 1,
    logLevel: "warn",
    ...options.serverSettings,
  };
  const initialised = await initAuth({
    home,
    passphrase: passphraseFromText(PASSPHRASE),
    service: "login",
    domainFile,
    pin: undefined,
    joinTokensFile: undefined,
    settings: settingsOfServer,
  });
  for (const dta of dtas) await setPolicy(dta, policyFor(initialised.server, initialised.approvalKey, options.oidc));
  const tokens: string[] = [];
  for (const dta of dtas) {
    tokens.push(await joinToken(dta, { identities: initialised.server, usages: ["mpin-server"], ttlSeconds: 3600 }));
  }
  const joinTokensFile = join(folder, "join-tokens");
  writeFileSync(joinTokensFile, tokens.join("\n"), { mode: 0o600 });
  const auth = await startAuth({
    home,
    config: readConfig(home, { joinTokensFile }, {}),
    log: testLog,
    passphrase: passphraseFromText(PASSPHRASE),
  });
  const administrator = createHttpClient({ url: `unix:${auth.adminSocket}`, retries: 0, timeoutMs: 20_000 });
  await untilReady(auth.url);

  return {
    origin: auth.origin,
    authorityOrigins: ports.map((port) => `http://127.0.0.1:${port}`),
    auth,
    folder,
    stopDta: (index) => stop(dtas[index - 1] as TestDta),
    startDta: async (index) => {
      dtas[index - 1] = await start(index);
    },
    clock,
    async rotate(seconds) {
      const http = createHttpPort({ retries: 0 });
      const domain = verifyDescriptor(engine, random, signed);
      const deps = { engine, random, http, domain };
      const proposal = await proposeRotation(deps, Math.floor(Date.now() / 1000) + seconds);
      for (const dta of dtas) await post(dta.admin, "/v1/rotations", encodeRotationProposal(proposal));
      await rotateMaster(deps, proposal);
      http.close();
      while (auth.context.workers.masterEpoch !== proposal.epoch)
        await new Promise((resolve) => setTimeout(resolve, 50));
    },
    admin: async (method, path, body) =>
      (await administrator.request({ method, path, ...(body === undefined ? {} : { body }) })).body,
    close: async () => {
      administrator.close();
      await auth.close();
      await cleanUp();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What the operators of the D-TAs decide for a service with codes by e-mail and further devices. */
function policyFor(
  server: string,
  publicKey: { readonly kty: "OKP"; readonly crv: "Ed25519"; readonly x: string },
  oidc: IssuancePolicy["oidc"] = [],
): IssuancePolicy {
  const rule = { maxEpochsAhead: 2, maxEpochsBack: 1 };
  const devices = [parseIdentityPattern("milagro:example.org/mpin/login/*/*")];
  return {
    v: 1,
    version: 1,
    rules: [
      {
        ...rule,
        identities: devices,
        usages: ["mpin", "sig"],
        evidence: ["email-code", "device", "join-token", ...(oidc.length > 0 ? (["oidc"] as const) : [])],
      },
      { ...rule, identities: devices, usages: ["permit"], evidence: [] },
      {
        ...rule,
        identities: [parseIdentityPattern(server)],
        usages: ["mpin-server"],
        evidence: ["join-token", "grant"],
      },
    ],
    registrars: [],
    oidc,
    loginServers: [{ name: "login", publicKey, services: ["login"] }],
    denied: [],
  };
}

/** The server secret is collected while the server runs. */
async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    const response = await fetch(`${url}/ready`);
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the login server does not get ready");
}

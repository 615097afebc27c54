/**
 * Real D-TAs for tests: real files, SQLite, worker threads, HTTP and Unix sockets, on loopback. Only the clock is held.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { Epoch } from "@milagro/crypto/epoch";
import { epochAt } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { createNobleEngine } from "@milagro/engine/noble";
import {
  type CeremonyProposal,
  ceremonyIdOf,
  encodeCeremonyProposal,
  parseCeremonyProposal,
} from "@milagro/protocol/ceremony-messages";
import { parseSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { beginEnrolment, type Enrolment, type EvidenceSource } from "@milagro/protocol/enrolment";
import {
  encodeSealedRequest,
  type IssuanceAnswer,
  type KeyRequest,
  parseIssuanceAnswer,
  type SealedRequest,
} from "@milagro/protocol/issuance-messages";
import type { KeyUsage } from "@milagro/protocol/key-usage";
import { encodeIssuancePolicy, type IssuancePolicy } from "@milagro/protocol/policy";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { createHttpClient, type HttpClient } from "@milagro/runtime/http-client";
import type { KdfCost } from "@milagro/runtime/key-store";
import { createLogger, type Log } from "@milagro/runtime/log";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { type DtaConfig, type Home, homeOf, readConfig } from "../src/config.ts";
import { type DtaOptions, type RunningDta, startDta } from "../src/dta.ts";
import { initDta } from "../src/init.ts";

export const random = systemRandom;
export const engine = createNobleEngine({ random });
/** The least that a key store accepts: these passphrases protect nothing. */
export const CHEAP: KdfCost = { name: "argon2id", memoryKiB: 19_456, passes: 2, lanes: 1 };
export const PASSPHRASE = "a passphrase that must never be printed";
export const EPOCH_SECONDS = 3600;
/** In the middle of an epoch. */
export const NOW_MS = 1_800_001_800_000;

/** A clock that tests move. */
export class HeldClock {
  nowMs = NOW_MS;
  readonly read = (): number => this.nowMs;
  get epoch(): Epoch {
    return epochAt(this.nowMs, EPOCH_SECONDS);
  }
}

export interface TestDta {
  readonly home: Home;
  readonly running: RunningDta;
  readonly http: HttpClient;
  readonly admin: HttpClient;
}

/** What all logs of a test said, for the search for secrets. */
export const logged: string[] = [];
export const testLog: Log = createLogger({
  component: "dta",
  level: "debug",
  stream: { write: (line: string) => void logged.push(line) },
});

const folders: string[] = [];
const open: RunningDta[] = [];
const clients: HttpClient[] = [];

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "dta-"));
  folders.push(folder);
  return folder;
}

/** For `afterAll`: closes and removes everything that was made here. */
export async function cleanUp(): Promise<void> {
  for (const client of clients.splice(0)) client.close();
  for (const dta of open.splice(0)) await dta.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

export const memberOf = (index: number) => ({
  index,
  name: `dta-${index}`,
  operator: `Operator ${index}`,
  jurisdiction: ["CH", "NZ", "IS"][(index - 1) % 3] as string,
  url: `http://127.0.0.1:${9000 + index}`,
});

export async function initHome(index: number): Promise<Home> {
  const home = homeOf(join(newFolder(), "home"));
  const { name, operator, jurisdiction } = memberOf(index);
  const passphrase = passphraseFromText(PASSPHRASE);
  await initDta({ home, settings: { name, operator, jurisdiction }, passphrase, random, cost: CHEAP });
  return home;
}

export async function startHome(
  home: Home,
  clock: HeldClock,
  options: { readonly sealed?: boolean; readonly config?: Partial<DtaConfig>; readonly wrap?: DtaOptions["wrap"] } = {},
): Promise<TestDta> {
  const running = await startDta({
    home,
    config: { ...readConfig(home, {}, {}), ...options.config },
    log: testLog,
    clock: clock.read,
    random,
    ...(options.sealed ? {} : { readPassphrase: async () => passphraseFromText(PASSPHRASE) }),
    ...(options.wrap ? { wrap: options.wrap } : {}),
  });
  open.push(running);
  const http = client(running.url ?? "http://127.0.0.1:1");
  return { home, running, http, admin: client(`unix:${running.adminSocket}`) };
}

export async function stop(dta: TestDta): Promise<void> {
  const at = open.indexOf(dta.running);
  if (at >= 0) open.splice(at, 1);
  await dta.running.close();
}

export function client(url: string): HttpClient {
  const made = createHttpClient({ url, retries: 0, timeoutMs: 120_000 });
  clients.push(made);
  return made;
}

export function proposalFor(count: number): CeremonyProposal {
  const members = Array.from({ length: count }, (_, i) => memberOf(i + 1));
  return parseCeremonyProposal({
    v: 1,
    name: "example.org",
    epochSeconds: EPOCH_SECONDS,
    members,
    nonce: encodeBase64url(random(16)),
  });
}

/** A coordinator, such as the command line: it carries messages and is trusted with nothing. */
export async function post(http: HttpClient, path: string, body?: unknown): Promise<unknown> {
  return (await http.request({ method: "POST", path, ...(body === undefined ? {} : { body }) })).body;
}

export async function found(dtas: readonly TestDta[], proposal = proposalFor(dtas.length)): Promise<SignedDescriptor> {
  const path = `/v1/ceremonies/${encodeBase64url(ceremonyIdOf(proposal))}`;
  const approve = { v: 1, proposal: encodeCeremonyProposal(proposal) };
  for (const [i, dta] of dtas.entries()) await post(dta.admin, "/v1/ceremonies", { ...approve, index: i + 1 });
  const all = (step: string, body?: unknown) => Promise.all(dtas.map((dta) => post(dta.http, `${path}/${step}`, body)));
  const commitments = await all("commit");
  const reveals = await all("commitments", { v: 1, commitments });
  const signatures = await all("reveals", { v: 1, reveals });
  const [signed] = await all("signatures", { v: 1, signatures });
  return parseSignedDescriptor(signed);
}

export interface TestDomain {
  readonly clock: HeldClock;
  readonly dtas: readonly TestDta[];
  readonly domain: TrustDomain;
}

export async function foundDomain(count: number, options: Parameters<typeof startHome>[2] = {}): Promise<TestDomain> {
  const clock = new HeldClock();
  const dtas: TestDta[] = [];
  for (let index = 1; index <= count; index++) dtas.push(await startHome(await initHome(index), clock, options));
  const domain = verifyDescriptor(engine, random, await found(dtas));
  return { clock, dtas, domain };
}

export const ALICE = parseIdentity("milagro:example.org/service/alice");
export const BOB = parseIdentity("milagro:example.org/service/bob");

/** Everybody of kind `service` may have everything, for a token, a grant or a renewal. */
export const OPEN_POLICY: IssuancePolicy = {
  v: 1,
  version: 1,
  rules: [
    {
      identities: [parseIdentityPattern("milagro:example.org/service/**")],
      usages: ["enc", "sig", "kex"],
      evidence: ["join-token", "grant", "oidc", "renewal"],
      maxEpochsAhead: 1,
      maxEpochsBack: 30,
    },
  ],
  registrars: [],
  oidc: [],
  denied: [],
};

export async function setPolicy(dta: TestDta, policy: IssuancePolicy): Promise<void> {
  await dta.admin.request({ method: "PUT", path: "/v1/policy", body: encodeIssuancePolicy(policy) });
}

/** Tokens that were made, for the search for secrets. */
export const madeTokens: string[] = [];

export async function joinToken(
  dta: TestDta,
  options: {
    readonly identities?: string;
    readonly usages?: readonly KeyUsage[];
    readonly ttlSeconds?: number;
  } = {},
): Promise<string> {
  const body = {
    v: 1,
    identities: ALICE as string,
    usages: ["enc", "sig", "kex"],
    ttlSeconds: 600,
    uses: 1,
    ...options,
  };
  const { token } = (await post(dta.admin, "/v1/join-tokens", body)) as { token: string };
  madeTokens.push(token);
  return token;
}

export interface Wanted {
  readonly identity?: Identity;
  readonly keys?: readonly KeyRequest[];
  readonly evidence?: EvidenceSource;
  readonly nowMs?: number;
}

export function request(
  { domain, clock }: Pick<TestDomain, "domain" | "clock">,
  wanted: Wanted = {},
): Promise<Enrolment> {
  return beginEnrolment({
    random,
    domain,
    identity: wanted.identity ?? ALICE,
    keys: wanted.keys ?? [{ usage: "enc", epoch: clock.epoch }],
    evidence: wanted.evidence ?? domain.authorities.map(() => []),
    nowMs: wanted.nowMs ?? clock.nowMs,
  });
}

export async function ask(dta: TestDta, sealed: SealedRequest | undefined): Promise<IssuanceAnswer> {
  if (sealed === undefined) throw new TypeError("no request for this D-TA");
  return parseIssuanceAnswer(await post(dta.http, "/v1/issue", encodeSealedRequest(sealed)));
}

/** "issued", or the code of the refusal. */
export async function outcome(dta: TestDta, sealed: SealedRequest | undefined): Promise<string> {
  const answer = await ask(dta, sealed);
  return "refusal" in answer ? answer.refusal.code : "issued";
}

/** One request to the only D-TA of a domain, with a token. */
export async function requestWithToken(
  world: TestDomain,
  token: string,
  wanted: Wanted = {},
): Promise<SealedRequest | undefined> {
  return (await request(world, { ...wanted, evidence: [[{ type: "join-token", token }]] })).requests[0];
}

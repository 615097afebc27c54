/**
 * A real domain of three D-TAs, a real D-KMS on free ports, and clients that sign their requests.
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signStatement } from "@milagro/crypto/bls";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { generateHpkeKeyPair, type HpkeKeyPair } from "@milagro/crypto/hpke";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, type IdentityKey, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import type { IdentityUsage } from "@milagro/crypto/usage";
import { createEngine } from "@milagro/engine";
import { type MasterSecretShares, makeAuthority } from "@milagro/protocol/authority";
import { type CeremonyProposal, ceremonyIdOf } from "@milagro/protocol/ceremony-messages";
import {
  type DomainDescriptor,
  encodeDescriptor,
  encodeSignedDescriptor,
  type SignedDescriptor,
} from "@milagro/protocol/descriptor";
import { signRequest } from "@milagro/protocol/http-signature";
import { makeSecretRecord, openSecretRecord } from "@milagro/protocol/secret";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, parseSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import { statementBytes } from "@milagro/protocol/statement";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { SUITE } from "@milagro/protocol/versions";
import { type Log, silentLog } from "@milagro/runtime/log";
import { systemRandom as random } from "@milagro/runtime/random";
import { type Answer, send } from "../../../tests/support/send.ts";
import { parseConfig } from "../src/config.ts";
import { type Kms, startKms } from "../src/kms.ts";

export { random };
export const engine = await createEngine({ random });
export const EPOCH_SECONDS = 86_400;

export interface Member {
  readonly index: number;
  readonly masters: MasterSecretShares;
  readonly hpke: HpkeKeyPair;
}

export interface Founded {
  readonly members: readonly Member[];
  readonly signed: SignedDescriptor;
  readonly domain: TrustDomain;
}

/** A domain whose D-TAs' masters are at hand, so that tests can issue. */
export async function foundDomain(name = "example.org", count = 3, epochSeconds = EPOCH_SECONDS): Promise<Founded> {
  const members = await Promise.all(
    Array.from({ length: count }, async (_, i): Promise<Member> => {
      const make = <S extends keyof MasterSecretShares>(scheme: S) => generateMasterSecretShare(engine, scheme);
      const masters = {
        id: make("id"),
        mpin: make("mpin"),
        cp: make("cp"),
        kp: make("kp"),
        statement: make("statement"),
      };
      return { index: i + 1, masters, hpke: await generateHpkeKeyPair(random) };
    }),
  );
  const proposal: CeremonyProposal = {
    v: 1,
    name,
    epochSeconds,
    members: members.map(({ index }) => ({
      index,
      name: `dta-${index}`,
      operator: `Operator ${index}`,
      jurisdiction: "CH",
      url: `https://127.0.0.1:${index}`, // where nobody listens, as every machine says at once: no name is looked up
    })),
    nonce: random(16),
  };
  const ceremonyId = ceremonyIdOf(proposal);
  const authorities = members.map(({ index, masters, hpke }) =>
    makeAuthority(engine, masters, hpke.publicKey, proposal, ceremonyId, index),
  );
  const descriptor: DomainDescriptor = { v: 1, name, suite: SUITE, epochSeconds, sequence: 0, ceremonyId, authorities };
  const message = statementBytes("descriptor", encodeDescriptor(descriptor));
  const signed: SignedDescriptor = {
    v: 1,
    descriptor,
    signatures: members.map(({ masters }) => signStatement(engine, masters.statement, message)),
  };
  return { members, signed, domain: verifyDescriptor(engine, random, signed) };
}

export function issueKey<U extends IdentityUsage>(
  { members, domain }: Founded,
  identity: Identity,
  usage: U,
  epoch: Epoch,
): IdentityKey<U> {
  const input = identityInput(domain.domainId, usage, identity, epoch);
  return combineIdentityKeyShares(
    engine,
    members.map(({ masters }) => issueIdentityKeyShare(engine, masters.id, input, usage)),
  );
}

export const who = (name: string, domain = "example.org"): Identity => parseIdentity(`milagro:${domain}/${name}`);
export const allow = (name: string, actions: readonly string[], paths: readonly string[] = ["**"]) => ({
  effect: "allow",
  identities: [`milagro:example.org/${name}`],
  actions,
  paths,
});

/** A home folder with domain file and policy. */
export function makeHome(founded: Founded, rules: readonly object[]): { readonly home: string; remove(): void } {
  const home = mkdtempSync(join(tmpdir(), "milagro-kms-"));
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "domain.json"), JSON.stringify(encodeSignedDescriptor(founded.signed)));
  writePolicy(home, rules);
  return { home, remove: () => rmSync(home, { recursive: true, force: true }) };
}

export function writePolicy(home: string, rules: readonly object[], version = 1): void {
  writeFileSync(join(home, "policy.json"), JSON.stringify({ v: 1, version, rules }));
}

/** The arguments after `milagro-kms serve`. */
export const serveArguments = (home: string, ...more: readonly string[]): string[] => [
  "--home",
  home,
  "--domain",
  join(home, "domain.json"),
  ...(more.includes("--listen") ? [] : ["--listen", "127.0.0.1:0"]),
  ...(more.includes("--bus-listen") || more.includes("--bus-url") ? [] : ["--bus-listen", "127.0.0.1:0"]),
  ...more,
];

export function startInProcess(
  home: string,
  options: {
    readonly args?: readonly string[];
    readonly clock?: () => number;
    readonly log?: Log;
    readonly settings?: object;
  } = {},
): Promise<Kms> {
  if (options.settings) writeFileSync(join(home, "config.json"), JSON.stringify(options.settings));
  const config = parseConfig(serveArguments(home, ...(options.args ?? [])), {});
  return startKms(
    { ...config, workers: 1 },
    { log: options.log ?? silentLog, ...(options.clock ? { clock: options.clock } : {}) },
  );
}

export { type Answer, send };

export interface CallOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly nowMs?: number;
  readonly validSeconds?: number;
  readonly epoch?: Epoch;
  /** Signed for this URL, sent to the other. */
  readonly signedFor?: string;
}

/** An identity with its keys, as an endpoint or a person's CLI holds them. */
export class Client {
  readonly founded: Founded;
  readonly identity: Identity;
  readonly #keys = new Map<string, IdentityKey>();

  constructor(founded: Founded, identity: Identity) {
    this.founded = founded;
    this.identity = identity;
  }

  key<U extends IdentityUsage>(usage: U, epoch: Epoch): IdentityKey<U> {
    const name = `${usage} ${epoch}`;
    const known = this.#keys.get(name) ?? issueKey(this.founded, this.identity, usage, epoch);
    this.#keys.set(name, known);
    return known as IdentityKey<U>;
  }

  /** Signed headers and body bytes. */
  sign(
    method: string,
    url: string,
    options: CallOptions = {},
  ): { headers: Record<string, string>; body: Uint8Array | undefined } {
    const nowMs = options.nowMs ?? Date.now();
    const epoch = options.epoch ?? epochAt(nowMs, this.founded.domain.epochSeconds);
    const body =
      options.body === undefined
        ? undefined
        : typeof options.body === "string"
          ? utf8(options.body)
          : utf8(JSON.stringify(options.body));
    const fields = { ...(body ? { "content-type": "application/json" } : {}), ...options.headers };
    const signature = signRequest({
      engine,
      random,
      domain: this.founded.domain,
      author: { party: { identity: this.identity, epoch }, key: this.key("sig", epoch) },
      request: { method, targetUri: options.signedFor ?? url, headers: fields, ...(body ? { body } : {}) },
      nowMs,
      ...(options.validSeconds === undefined ? {} : { validSeconds: options.validSeconds }),
    });
    return { headers: { ...fields, ...signature }, body };
  }

  call(method: string, url: string, options: CallOptions = {}): Promise<Answer> {
    const { headers, body } = this.sign(method, url, options);
    return send(url, method, headers, body);
  }

  /** A version record of this author, as JSON. */
  record(
    path: string,
    version: number,
    recipients: readonly Identity[],
    plaintext: string,
    more: {
      readonly nowMs?: number;
      readonly epoch?: Epoch;
      readonly labels?: Record<string, string>;
      readonly contentType?: string;
    } = {},
  ): ReturnType<typeof encodeSecretRecord> {
    const nowMs = more.nowMs ?? Date.now();
    const epoch = more.epoch ?? epochAt(nowMs, this.founded.domain.epochSeconds);
    return encodeSecretRecord(
      makeSecretRecord({
        engine,
        random,
        domain: this.founded.domain,
        author: { party: { identity: this.identity, epoch }, key: this.key("sig", epoch) },
        path: parseSecretPath(path),
        version,
        recipients: recipients.map((identity) => ({ identity, epoch })),
        plaintext: utf8(plaintext),
        nowMs,
        ...more,
      }),
    );
  }

  put(
    base: string,
    path: string,
    version: number,
    recipients: readonly Identity[],
    plaintext: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const body = this.record(path, version, recipients, plaintext);
    return this.call("POST", `${base}/v1/secrets/${path}`, { body, headers });
  }

  /** Opens a record that was sent to this identity. */
  open(json: unknown): string {
    const record: SecretRecord = parseSecretRecord(json);
    const party = record.recipients.find(({ identity }) => identity === this.identity);
    if (party === undefined) throw new Error("not a recipient");
    const opened = openSecretRecord(engine, this.founded.domain, record, party, this.key("enc", party.epoch));
    return opened.use((bytes) => new TextDecoder().decode(bytes));
  }
}

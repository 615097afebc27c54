/**
 * A trust domain of three D-TAs in this process, and gateways of it on loopback.
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { issueCpKeyShare } from "@milagro/crypto/abe-cp-key";
import { approvalStatement, approveEntitlement, attributeEntitlement } from "@milagro/crypto/abe-entitlement";
import { type AbeKey, combineAbeKeyShares } from "@milagro/crypto/abe-key";
import { type AttributeSchema, parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import type { AttributeValues } from "@milagro/crypto/attribute-set";
import { signStatement } from "@milagro/crypto/bls";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { combineIdentityKeyShares, issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { combinePublicShares, derivePublicShare } from "@milagro/crypto/master-public";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { createEngine } from "@milagro/engine";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import { type Clock, systemClock } from "@milagro/runtime/clock";
import type { KeyStore } from "@milagro/runtime/key-store";
import { createLogger } from "@milagro/runtime/log";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { type AccessKey, createAccessKey, openAccessKeyStore } from "../src/access-keys.ts";
import type { Backend } from "../src/backend/backend.ts";
import { homeFiles, readGatewayConfig } from "../src/config.ts";
import { type RunningGateway, startGateway } from "../src/gateway.ts";
import { parseRules, type Rules } from "../src/policies.ts";
import type { PolicyKeys } from "../src/policy-keys.ts";

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
export const engine = await createEngine({ random });
export const GATEWAY: Identity = parseIdentity("milagro:example/gateway/g1");
export const alice: Identity = parseIdentity("milagro:example/person/alice");
export const bob: Identity = parseIdentity("milagro:example/person/bob");

export const schema: AttributeSchema = parseAttributeSchema({
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", allowed: ["DE", "FR", "US"] },
    role: { type: "text", values: "many" },
    clearance: { type: "integer", width: 4 },
  },
});

export const RULES = {
  v: 1,
  location: { region: "DE" },
  buckets: { hidden: { names: "encrypted", indexedTags: ["customer"] } },
  rules: [
    { bucket: "*", policy: "role = staff" },
    { bucket: "records", prefix: "eu/", policy: "role = staff", residency: "region in {DE, FR}" },
    { bucket: "records", prefix: "us/", policy: "role = staff", residency: "region = US" },
    { bucket: "records", prefix: "ward/", policy: "role = doctor", write: "role = doctor" },
  ],
} as const;
export const rules: Rules = parseRules(RULES, schema);

export const GATEWAY_ATTRIBUTES: AttributeValues = { region: "DE", role: ["staff", "doctor"], clearance: 15 };

/** Masters that three D-TAs would hold. */
function makeDomain() {
  const domainId = parseDomainId(random(32));
  const make = <S extends "cp" | "id" | "statement">(scheme: S) => {
    const masters = [1, 2, 3].map(() => generateMasterSecretShare(engine, scheme));
    return { masters, shares: masters.map((master) => derivePublicShare(engine, master)) };
  };
  const [cp, id, statement] = [make("cp"), make("id"), make("statement")];
  return {
    domainId,
    keys: { cp: combinePublicShares(engine, cp.shares), id: combinePublicShares(engine, id.shares) },
    /** What the D-TAs issue when all approve. */
    attributeKey(identity: Identity, values: AttributeValues, epoch: Epoch, boundToEpoch = false): AbeKey<"cp"> {
      const entitlement = attributeEntitlement({ domainId, identity, epoch, boundToEpoch }, schema, values);
      const context = new Uint8Array(0);
      const text = approvalStatement(entitlement, context);
      const approvals = statement.masters.map((master) => signStatement(engine, master, text));
      const approved = approveEntitlement(engine, random, entitlement, context, statement.shares, approvals);
      return combineAbeKeyShares(
        engine,
        cp.masters.map((master) => issueCpKeyShare(engine, master, approved)),
      );
    },
    signingKey(identity: Identity, epoch: Epoch) {
      const input = identityInput(domainId, "sig", identity, epoch);
      return combineIdentityKeyShares(
        engine,
        id.masters.map((master) => issueIdentityKeyShare(engine, master, input, "sig")),
      );
    },
  };
}
export type TestDomain = ReturnType<typeof makeDomain>;
export const domain: TestDomain = makeDomain();

/** Keys as a gateway or reader holds them; `epoch` can be moved on. */
export interface TestKeys extends PolicyKeys {
  epoch: Epoch;
  held: AbeKey<"cp">[];
}

export function keysOf(
  identity: Identity,
  values: AttributeValues,
  options: { readonly epoch?: number; readonly writes?: boolean; readonly from?: TestDomain } = {},
): TestKeys {
  const from = options.from ?? domain;
  const signing = new Map<Epoch, ReturnType<TestDomain["signingKey"]>>();
  const keys: TestKeys = {
    engine,
    random: systemRandom,
    domainId: from.domainId,
    keys: from.keys,
    schema,
    boundToEpoch: false,
    epoch: parseEpoch(options.epoch ?? 20_000),
    held: [],
    currentEpoch: () => keys.epoch,
    attributeKeys: () => keys.held,
    writer() {
      if (options.writes === false) return undefined;
      const known = signing.get(keys.epoch) ?? from.signingKey(identity, keys.epoch);
      signing.set(keys.epoch, known);
      return { identity, epoch: keys.epoch, key: known };
    },
  };
  keys.held.push(from.attributeKey(identity, values, keys.epoch));
  return keys;
}

/** As `keysOf` with this epoch's key in front, as an enrolment in it would give. */
export function renew(keys: TestKeys, identity: Identity, values: AttributeValues, epoch: number): void {
  keys.epoch = parseEpoch(epoch);
  keys.held.unshift(domain.attributeKey(identity, values, keys.epoch));
}

export interface World {
  readonly home: string;
  readonly running: RunningGateway;
  readonly keys: TestKeys;
  readonly staff: AccessKey;
  client(key?: AccessKey): S3Client;
  /** The store of the access keys, which the gateway follows. */
  accessKeys<T>(work: (store: KeyStore) => Promise<T>): Promise<T>;
  restart(): Promise<World>;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly keys?: TestKeys;
  readonly backend?: Backend;
  readonly rules?: Rules;
  readonly clock?: Clock;
  readonly staff?: AccessKey;
  readonly extra?: readonly Parameters<typeof createAccessKey>[1][];
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Who the gateway is on channels. */
  readonly self?: ChannelSelf;
}

const PASSPHRASE = "test passphrase";
/** The least that a key store takes: nobody guesses at these. */
const COST = { name: "argon2id", memoryKiB: 19_456, passes: 2, lanes: 1 } as const;

/** @param home - a folder that the caller removes */
export async function startWorld(home: string, options: WorldOptions = {}): Promise<World & { extra: AccessKey[] }> {
  const keys = options.keys ?? keysOf(GATEWAY, GATEWAY_ATTRIBUTES);
  const clock = options.clock ?? systemClock;
  const path = homeFiles(home).accessKeys;
  let staff = options.staff;
  const extra: AccessKey[] = [];
  if (!staff) {
    const store = await openAccessKeyStore(path, passphraseFromText(PASSPHRASE), COST);
    staff = await createAccessKey(store, { identity: alice, attributes: { role: ["staff"], region: "DE" } }, clock());
    for (const one of options.extra ?? []) extra.push(await createAccessKey(store, one, clock()));
    await store.close();
  }
  const running = await startGateway({
    config: readGatewayConfig(home, { listen: "127.0.0.1:0", logLevel: "silent", ...options.flags }, {}),
    policyKeys: keys,
    clock,
    log: createLogger({ component: "gateway", level: (process.env["GATEWAY_LOG"] as "info") ?? "silent" }),
    rules: options.rules ?? rules,
    accessKeysPath: path,
    passphrase: passphraseFromText(PASSPHRASE),
    ...(options.backend ? { backend: options.backend } : {}),
    self: options.self,
  });
  const accessKeys = async <T>(work: (store: KeyStore) => Promise<T>): Promise<T> => {
    const store = await openAccessKeyStore(path, passphraseFromText(PASSPHRASE), COST);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  };
  const clients: S3Client[] = [];
  const own = staff;
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    for (const client of clients) client.destroy();
    await running.close();
  };
  return {
    home,
    running,
    keys,
    staff: own,
    extra,
    client(key = own) {
      const credentials = { accessKeyId: key.id, secretAccessKey: key.secret };
      const client = new S3Client({
        endpoint: running.url,
        region: "us-east-1",
        credentials,
        forcePathStyle: true,
        maxAttempts: 1,
      });
      clients.push(client);
      return client;
    },
    accessKeys,
    async restart() {
      await close();
      return startWorld(home, { ...options, keys, staff: own });
    },
    close,
  };
}

/** Bytes that repeat nowhere. */
export function bytesOf(length: number, seed = 1): Uint8Array {
  const out = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) out.writeUInt32LE((Math.imul(i + seed, 2654435761) ^ (i >>> 7)) >>> 0, i);
  return new Uint8Array(out.buffer, out.byteOffset, length);
}

export const filesOf = (home: string): string => join(home, "store");

/**
 * Secrets end to end: encapsulated here, stored as ciphertext, believed only after the author's signature was checked.
 * @module
 */
import type { AbeEnvelope } from "@milagro/crypto/abe-envelope";
import type { AbeKey } from "@milagro/crypto/abe-key";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { epochIdentity, isEpochIdentity } from "@milagro/crypto/epoch-identity";
import { type Identity, type IdentityPattern, matchesIdentity } from "@milagro/crypto/identity";
import type { Policy } from "@milagro/crypto/policy";
import { satisfiesPolicy } from "@milagro/crypto/policy-satisfy";
import type { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import type { SecretStored } from "@milagro/protocol/kms-messages";
import {
  makeSecretRecord,
  openPolicyRecord,
  openSecretRecord,
  policyEnvelopeOf,
  verifySecretRecord,
} from "@milagro/protocol/secret";
import type { SecretPath } from "@milagro/protocol/secret-path";
import type { Party, SecretRecord } from "@milagro/protocol/secret-record";
import type { AttributeRing } from "./attribute-ring.ts";
import type { ClientDeps } from "./deps.ts";
import { fetchEpochKey } from "./epoch-key.ts";
import type { KeyRing } from "./key-ring.ts";
import { createKmsClient, type PutOperation } from "./kms-client.ts";
import { renewKeys } from "./renew.ts";

export interface NewSecret {
  readonly path: SecretPath;
  /** Whom it is encapsulated to, in this epoch; they need not have enrolled yet. */
  readonly recipients: readonly Identity[];
  /** To whoever satisfies this policy, in this epoch; the recipients are those who are told, by default the author. */
  readonly policy?: Policy | undefined;
  /** Also to this epoch itself: when it begins, whoever may read the secret can open it. */
  readonly opensAt?: Epoch | undefined;
  /** Stays the caller's to wipe. */
  readonly plaintext: Uint8Array;
  readonly contentType?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The number it must become. Default: the next one. */
  readonly version?: number | undefined;
  /** What the D-KMS's policy is asked for. Default `put`. */
  readonly operation?: PutOperation | undefined;
}

export interface OpenedSecret {
  readonly record: SecretRecord;
  readonly plaintext: Secret<"plaintext">;
}

/** What the reader insists on, beside a right signature. */
export interface ReadingRules {
  /** Whose secrets are believed; everybody's whom the D-KMS let in, when absent. */
  readonly authors?: readonly IdentityPattern[] | undefined;
  /** The newest version seen of this path: anything older is a roll-back. */
  readonly newest?: number | undefined;
}

export interface PutResult {
  readonly record: SecretRecord;
  readonly stored: SecretStored;
}

/**
 * Encapsulates, signs, stores. When another writer was faster it becomes the version after theirs.
 * @throws `ERR_VERSION_CONFLICT` when `version` is given and is not the next one, or when others are faster twice
 */
export async function putSecret(deps: ClientDeps, ring: KeyRing, secret: NewSecret): Promise<PutResult> {
  if (secret.version !== undefined) return putVersion(deps, ring, secret, secret.version);
  return againAfterConflict(async () =>
    putVersion(deps, ring, secret, (await newestVersion(deps, ring, secret.path)) + 1),
  );
}

/** A lost race is run once more, from the start: what the number stood on has changed. */
async function againAfterConflict<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_VERSION_CONFLICT") throw error;
    return work();
  }
}

async function putVersion(deps: ClientDeps, ring: KeyRing, secret: NewSecret, version: number): Promise<PutResult> {
  const epoch = currentEpoch(deps);
  const record = makeSecretRecord({
    engine: deps.engine,
    random: deps.random,
    domain: deps.domain,
    author: { party: { identity: ring.identity, epoch }, key: ring.need("sig", epoch) },
    path: secret.path,
    version,
    recipients: partiesOf(deps, secret, ring.identity, epoch),
    policy: secret.policy,
    plaintext: secret.plaintext,
    nowMs: deps.clock(),
    contentType: secret.contentType,
    labels: secret.labels,
  });
  return { record, stored: await createKmsClient(deps, ring).put(record, secret.operation) };
}

function partiesOf(
  { domain }: ClientDeps,
  { recipients, opensAt, policy }: NewSecret,
  author: Identity,
  epoch: Epoch,
): readonly Party[] {
  const told = policy !== undefined && recipients.length === 0 ? [author] : recipients;
  const parties = told.map((identity) => ({ identity, epoch }));
  return opensAt === undefined ? parties : [...parties, { identity: epochIdentity(domain.name), epoch: opensAt }];
}

/**
 * A new version for those who have the newest one, to its policy where it has one, and for the epoch that it opens at.
 * @throws `ERR_SECRET_UNKNOWN`, `ERR_VERSION_RECORD_INVALID` when the newest version is not what its author signed
 */
export async function rotateSecret(
  deps: ClientDeps,
  ring: KeyRing,
  path: SecretPath,
  plaintext: Uint8Array,
): Promise<PutResult> {
  return againAfterConflict(async () => {
    const newest = await createKmsClient(deps, ring).read(path);
    // The recipients are about to be sent a secret: the D-KMS must not be able to slip one in.
    verifySecretRecord(deps.engine, deps.domain, newest, { path });
    return putSecret(deps, ring, {
      path,
      recipients: newest.recipients.map(({ identity }) => identity).filter((identity) => !isEpochIdentity(identity)),
      policy: policyEnvelopeOf(newest)?.abe.policy,
      opensAt: newest.recipients.find(({ identity }) => isEpochIdentity(identity))?.epoch,
      plaintext,
      contentType: newest.contentType,
      labels: newest.labels,
      version: newest.version + 1,
      operation: "rotate",
    });
  });
}

/**
 * Fetches, verifies and opens. Keys of a past epoch are asked for when they are missing.
 * @param attributes - for secrets to a policy: the attribute keys of the identity
 */
export async function getSecret(
  deps: ClientDeps,
  ring: KeyRing,
  path: SecretPath,
  version?: number,
  rules: ReadingRules = {},
  attributes?: AttributeRing,
): Promise<OpenedSecret> {
  const record = await createKmsClient(deps, ring).read(path, version);
  verifyRecord(deps, record, { path, ...(version === undefined ? {} : { version }) }, rules);
  if (policyEnvelopeOf(record)) return { record, plaintext: openRecord(deps, ring, record, attributes) };
  const open = record.recipients.find(({ identity }) => isEpochIdentity(identity));
  if (open && !record.recipients.some(({ identity }) => identity === ring.identity)) {
    const key = await fetchEpochKey(deps, open.epoch);
    return { record, plaintext: openSecretRecord(deps.engine, deps.domain, record, open, key) };
  }
  const party = recipientOf(record, ring.identity);
  if (ring.find("enc", party.epoch) === undefined) await renewKeys(deps, ring, [{ usage: "enc", epoch: party.epoch }]);
  return { record, plaintext: openRecord(deps, ring, record) };
}

/**
 * @throws `ERR_VERSION_RECORD_INVALID`, `ERR_DOMAIN_MISMATCH`, `ERR_VERSION_ROLLBACK`, `ERR_AUTHOR_REFUSED`
 */
export function verifyRecord(
  deps: Pick<ClientDeps, "engine" | "domain">,
  record: SecretRecord,
  expected: { readonly path?: SecretPath; readonly version?: number },
  rules: ReadingRules,
): void {
  if (rules.newest !== undefined && record.version < rules.newest) {
    throw new MilagroError(
      "ERR_VERSION_ROLLBACK",
      `${record.path}: version ${record.version} came after version ${rules.newest}`,
    );
  }
  if (rules.authors && !rules.authors.some((pattern) => matchesIdentity(pattern, record.author.identity))) {
    throw new MilagroError(
      "ERR_AUTHOR_REFUSED",
      `${record.path}: ${record.author.identity} is not an author that is accepted here`,
    );
  }
  verifySecretRecord(deps.engine, deps.domain, record, expected);
}

/**
 * With the ring's key of the epoch that the record was encapsulated in, or the attribute key that satisfies its policy.
 * @throws `ERR_NOT_RECIPIENT`, `ERR_KEY_MISSING`, `ERR_POLICY_UNSATISFIED`, `ERR_DECAPSULATION_FAILED`
 */
export function openRecord(
  deps: Pick<ClientDeps, "engine" | "domain">,
  ring: KeyRing,
  record: SecretRecord,
  attributes?: AttributeRing,
): Secret<"plaintext"> {
  if (policyEnvelopeOf(record))
    return openPolicyRecord(deps.engine, deps.domain, record, attributeKeyFor(ring.identity, record, attributes));
  const party = recipientOf(record, ring.identity);
  return openSecretRecord(deps.engine, deps.domain, record, party, ring.need("enc", party.epoch));
}

/** Whether the key that a record needs is here; for one to a policy, any attribute key of its epoch: whether it satisfies shows when it is opened. */
export function hasKeyFor(ring: KeyRing, attributes: AttributeRing, record: SecretRecord): boolean {
  const envelope = policyEnvelopeOf(record);
  if (envelope) return attributes.inScope("cp", envelope.abe.epoch).length > 0;
  return ring.find("enc", recipientOf(record, ring.identity).epoch) !== undefined;
}

/** @throws `ERR_KEY_MISSING` without a key of the epoch, `ERR_POLICY_UNSATISFIED` when none of them satisfies */
function attributeKeyFor(
  identity: Identity,
  record: SecretRecord,
  attributes: AttributeRing | undefined,
): AbeKey<"cp"> {
  const { epoch, policy } = (policyEnvelopeOf(record) as AbeEnvelope<"cp">).abe;
  const keys = attributes?.inScope("cp", epoch) ?? [];
  if (keys.length === 0)
    throw new MilagroError("ERR_KEY_MISSING", `${identity} has no attribute key for epoch ${epoch} here`);
  const key = keys.find(({ entitlement }) => satisfiesPolicy(policy, entitlement.attributes));
  if (key) return key;
  throw new MilagroError(
    "ERR_POLICY_UNSATISFIED",
    `${record.path}: the attributes of ${identity} do not satisfy its policy`,
  );
}

/** The reader's own place in a record. @throws `ERR_NOT_RECIPIENT` */
export function recipientOf(record: SecretRecord, identity: Identity): Party {
  const party = record.recipients.find((recipient) => recipient.identity === identity);
  if (!party) throw new MilagroError("ERR_NOT_RECIPIENT", `${record.path} is not encapsulated to ${identity}`);
  return party;
}

/** The number of the last version that the D-KMS was given, deleted or not; 0 when there was none. */
export async function newestVersion(deps: ClientDeps, ring: KeyRing, path: SecretPath): Promise<number> {
  try {
    return (await createKmsClient(deps, ring).versions(path)).newest;
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_SECRET_UNKNOWN") return 0;
    throw error;
  }
}

function currentEpoch(deps: ClientDeps): Epoch {
  return epochAt(deps.clock(), deps.domain.epochSeconds);
}

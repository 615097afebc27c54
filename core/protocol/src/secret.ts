/**
 * Making, signing, verifying and opening version records of secrets.
 *
 *   envelope context = transcript("MILAGRO-V1-SECRET", domainId, path, u64 version)
 *   signed           = transcript("MILAGRO-V1-SECRET-VERSION", canonical record without signature), by the author's `sig` key
 *
 * The envelope is to the recipients, or to a policy: then whoever satisfies it can open it, and the recipients are those who are told. They have one
 * epoch, that of the attribute keys which fit.
 *
 * The context is inside the key derivation, so an envelope moved to another path or version does not open even for whoever
 * skips the signature. Against withholding and roll-back the reader remembers the newest version it has seen.
 * @module
 */
import {
  type AbeEnvelope,
  encodeAbeEnvelope,
  openAbeEnvelope,
  parseAbeEnvelope,
  sealToPolicy,
} from "@milagro/crypto/abe-envelope";
import type { AbeKey } from "@milagro/crypto/abe-key";
import { equalBytes, transcript, u64, utf8 } from "@milagro/crypto/bytes";
import type { DomainId } from "@milagro/crypto/domain-id";
import { encodeEnvelope, openEnvelope, parseEnvelope, sealEnvelope } from "@milagro/crypto/envelope";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { Policy } from "@milagro/crypto/policy";
import type { Secret } from "@milagro/crypto/secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { canonicalBytes } from "./canonical.ts";
import type { SecretPath } from "./secret-path.ts";
import {
  encodeUnsignedSecretRecord,
  MAX_ENVELOPE_BYTES,
  type Party,
  type SecretRecord,
  type UnsignedSecretRecord,
} from "./secret-record.ts";
import type { TrustDomain } from "./trust-domain.ts";

/** What an envelope of this secret is bound to. */
export const secretContext = (domainId: DomainId, path: SecretPath, version: number): Uint8Array =>
  transcript("MILAGRO-V1-SECRET", domainId, utf8(path), u64(version));

/** What the author signs. */
export function secretRecordMessage(record: UnsignedSecretRecord | SecretRecord): Uint8Array {
  const { v, domainId, path, version, recipients, envelope, author, created, contentType, labels } = record;
  const unsigned: UnsignedSecretRecord = {
    v,
    domainId,
    path,
    version,
    recipients,
    envelope,
    author,
    created,
    ...(contentType === undefined ? {} : { contentType }),
    ...(labels === undefined ? {} : { labels }),
  };
  return transcript("MILAGRO-V1-SECRET-VERSION", canonicalBytes(encodeUnsignedSecretRecord(unsigned)));
}

/** Somebody's signing key with whom and when it is for. */
export interface Author {
  readonly party: Party;
  readonly key: IdentityKey<"sig">;
}

/** Encapsulates a plaintext and signs the record. The plaintext stays the caller's to wipe. */
export function makeSecretRecord(options: {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly author: Author;
  readonly path: SecretPath;
  readonly version: number;
  readonly recipients: readonly Party[];
  /** Encapsulate to this policy instead: the recipients, all of one epoch, are those who are told. */
  readonly policy?: Policy | undefined;
  readonly plaintext: Uint8Array;
  readonly nowMs: number;
  readonly contentType?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
}): SecretRecord {
  const { engine, random, domain, author, path, version, recipients, plaintext, contentType, labels } = options;
  const { domainId, publicKey } = domain;
  const context = secretContext(domainId, path, version);
  const envelope =
    options.policy === undefined
      ? encodeEnvelope(sealEnvelope(engine, random, { domainId, publicKey, recipients, context, plaintext }))
      : sealToOneEpoch(engine, random, domain, recipients, { policy: options.policy, context, plaintext });
  return signSecretRecord(engine, random, domain, author, {
    v: 1,
    domainId,
    path,
    version,
    recipients,
    envelope,
    author: author.party,
    created: Math.floor(options.nowMs / 1000),
    ...(contentType === undefined ? {} : { contentType }),
    ...(labels === undefined ? {} : { labels }),
  });
}

function sealToOneEpoch(
  engine: Engine,
  random: RandomBytes,
  { domainId, publicKeys }: TrustDomain,
  recipients: readonly Party[],
  options: { readonly policy: Policy; readonly context: Uint8Array; readonly plaintext: Uint8Array },
): Uint8Array {
  const [first] = recipients;
  if (first === undefined || recipients.some(({ epoch }) => epoch !== first.epoch))
    throw new MilagroError("ERR_RECIPIENTS_INVALID", "who is told of a secret to a policy is told in one epoch");
  const scope = { domainId, scheme: "cp", epoch: first.epoch } as const;
  const envelope = encodeAbeEnvelope(sealToPolicy(engine, random, { publicKey: publicKeys.cp, scope, ...options }));
  if (envelope.length > MAX_ENVELOPE_BYTES)
    throw new MilagroError("ERR_ENVELOPE_TOO_LARGE", "the policy is too large for a stored secret");
  return envelope;
}

/** Signs a record. @throws TypeError when the author's key is not of the record's author */
export function signSecretRecord(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  author: Author,
  record: UnsignedSecretRecord,
): SecretRecord {
  const { identity, epoch } = author.party;
  if (record.author.identity !== identity || record.author.epoch !== epoch)
    throw new TypeError("a record is signed by its author");
  const input = identityInput(domain.domainId, "sig", identity, epoch);
  return {
    ...record,
    signature: signAs(engine, random, author.key, domain.publicKey, input, secretRecordMessage(record)),
  };
}

/** What a reader or store asked for or knows. */
export interface ExpectedRecord {
  readonly path?: SecretPath;
  readonly version?: number;
  /** The newest version seen of this path: anything older is a roll-back. */
  readonly newest?: number;
}

/**
 * Verifies that a record is what its author signed, belongs to this domain, and is the one that was asked for. Whether the
 * author may write there is policy.
 * @throws `ERR_VERSION_RECORD_INVALID`, `ERR_DOMAIN_MISMATCH`, `ERR_ENVELOPE_INVALID`
 */
export function verifySecretRecord(
  engine: Engine,
  domain: TrustDomain,
  record: SecretRecord,
  expected: ExpectedRecord = {},
): void {
  const refuse = (detail: string): never => {
    throw new MilagroError("ERR_VERSION_RECORD_INVALID", detail);
  };
  if (!equalBytes(record.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the secret belongs to another domain");
  if (expected.path !== undefined && record.path !== expected.path) refuse("this is the record of another path");
  if (expected.version !== undefined && record.version !== expected.version)
    refuse("this is the record of another version");
  if (expected.newest !== undefined && record.version < expected.newest)
    refuse("a newer version was seen before: somebody rolled back");
  checkEnvelope(record, refuse);
  const input = identityInput(domain.domainId, "sig", record.author.identity, record.author.epoch);
  if (!verifySignature(engine, domain.publicKey, input, secretRecordMessage(record), record.signature))
    refuse("the author's signature is wrong");
}

/** The first byte of envelopes to policies, and of those to attributes; `parseEnvelope` knows the others. */
const TO_POLICY = 2;

/** The envelope of a record to a policy, undefined for one to identities. @throws `ERR_ENVELOPE_INVALID` */
export function policyEnvelopeOf({ envelope }: Pick<SecretRecord, "envelope">): AbeEnvelope<"cp"> | undefined {
  return envelope[0] === TO_POLICY ? (parseAbeEnvelope(envelope) as AbeEnvelope<"cp">) : undefined;
}

/** The envelope must be well formed and to exactly the recipients that the record names, or to a policy in their epoch. */
function checkEnvelope(record: SecretRecord, refuse: (detail: string) => never): void {
  const toPolicy = policyEnvelopeOf(record);
  if (toPolicy) {
    const { domainId, abe } = toPolicy;
    const same = equalBytes(domainId, record.domainId) && record.recipients.every(({ epoch }) => epoch === abe.epoch);
    if (!same) refuse("the envelope is to a policy in another epoch or domain than the record says");
    return;
  }
  const { domainId, recipients } = parseEnvelope(record.envelope);
  const same =
    equalBytes(domainId, record.domainId) &&
    recipients.length === record.recipients.length &&
    recipients.every(
      ({ identity, epoch }, i) => identity === record.recipients[i]?.identity && epoch === record.recipients[i]?.epoch,
    );
  if (!same) refuse("the envelope is to others than the record says");
}

/**
 * Opens a verified record with the key of one of its recipients.
 * @throws `ERR_NOT_RECIPIENT`, `ERR_DECAPSULATION_FAILED`, `ERR_ENVELOPE_INVALID`
 */
export function openSecretRecord(
  engine: Engine,
  domain: TrustDomain,
  record: SecretRecord,
  recipient: Party,
  key: IdentityKey<"enc">,
): Secret<"plaintext"> {
  const { domainId, publicKey } = domain;
  const context = secretContext(domainId, record.path, record.version);
  return openEnvelope(engine, key, {
    domainId,
    publicKey,
    recipient,
    context,
    envelope: parseEnvelope(record.envelope),
  });
}

/**
 * Opens a verified record to a policy.
 * @throws `ERR_POLICY_UNSATISFIED`, `ERR_DECAPSULATION_FAILED`, `ERR_ENVELOPE_INVALID`; TypeError for a record to identities
 */
export function openPolicyRecord(
  engine: Engine,
  { publicKeys }: TrustDomain,
  record: SecretRecord,
  key: AbeKey<"cp">,
): Secret<"plaintext"> {
  const envelope = policyEnvelopeOf(record);
  if (envelope === undefined) throw new TypeError("a record to identities");
  const context = secretContext(record.domainId, record.path, record.version);
  return openAbeEnvelope(engine, key, publicKeys.cp, envelope, context);
}

/**
 * KEKs at rest: sealed to a policy, signed by the gateway that made them. One serves all objects of a bucket that are written under one policy in one epoch, so
 * that writing and reading an object costs no pairing.
 *
 *   record    = "milagro.dev/gateway-kek v1\n" ‖ len32 envelope ‖ len16 writer ‖ u64 epoch ‖ signature (96)
 *   envelope  = of KEK (32), to the policy (cp), context = transcript("MILAGRO-V1-GATEWAY-KEK", bucket, KEK id)
 *   signature = of writer in epoch, over transcript("MILAGRO-V1-GATEWAY-KEK-RECORD", bucket, KEK id, envelope)
 *
 * Anybody can encapsulate to a policy, the store too: without the signature it could put objects of its own making in the place of others.
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
import type { AbeScope } from "@milagro/crypto/abe-points";
import {
  ByteReader,
  concat,
  equalBytes,
  lengthPrefixed,
  parseUtf8,
  transcript,
  u64,
  utf8,
} from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { SIGNATURE_LENGTH, signAs, verifySignature } from "@milagro/crypto/ibs";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import type { IdentityKey } from "@milagro/crypto/identity-key";
import type { DomainPublicKey } from "@milagro/crypto/master-public";
import type { Policy } from "@milagro/crypto/policy";
import { Secret } from "@milagro/crypto/secret";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { Kek, KekId } from "./object-header.ts";

/** What both sides know of a domain. */
export interface DomainKeys {
  readonly cp: DomainPublicKey<"cp">;
  readonly id: DomainPublicKey<"id">;
}

/** Who signs. */
export interface Writer {
  readonly identity: Identity;
  readonly epoch: Epoch;
  readonly key: IdentityKey<"sig">;
}

/** A record taken apart: of the right shape; whose it is shows when it is verified. */
export interface KekRecord {
  readonly envelope: AbeEnvelope<"cp">;
  readonly writer: Identity;
  readonly epoch: Epoch;
  readonly signature: Uint8Array;
}

const MAGIC = utf8("milagro.dev/gateway-kek v1\n");

/** Makes the record of a KEK, new or known. */
export function sealKek(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly keys: DomainKeys;
    readonly scope: AbeScope<"cp">;
    readonly policy: Policy;
    readonly bucket: string;
    readonly kekId: KekId;
    readonly kek: Kek;
    readonly writer: Writer;
  },
): Uint8Array {
  const { keys, scope, policy, bucket, kekId, writer } = options;
  const plaintext = options.kek.use((bytes) => bytes.slice());
  const sealed = sealToPolicy(engine, random, {
    publicKey: keys.cp,
    scope,
    policy,
    context: contextOf(bucket, kekId),
    plaintext,
  });
  plaintext.fill(0);
  const envelope = encodeAbeEnvelope(sealed);
  const input = identityInput(scope.domainId, "sig", writer.identity, writer.epoch);
  const signature = signAs(engine, random, writer.key, keys.id, input, statementOf(bucket, kekId, envelope));
  const front = [lengthPrefixed(32, envelope), lengthPrefixed(16, utf8(writer.identity)), u64(writer.epoch)];
  return concat(MAGIC, ...front, signature);
}

/** @throws `ERR_KEK_INVALID` */
export function parseKekRecord(bytes: Uint8Array): KekRecord {
  try {
    if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) throw new Error("another file");
    const reader = new ByteReader(bytes.subarray(MAGIC.length), "ERR_KEK_INVALID");
    const envelope = parseAbeEnvelope(reader.prefixed(32));
    if (envelope.scheme !== "cp") throw new Error("another scheme");
    const writer = parseIdentity(parseUtf8(reader.prefixed(16)));
    const epoch = parseEpoch(reader.u64());
    const signature = reader.take(SIGNATURE_LENGTH);
    reader.end();
    return { envelope: envelope as AbeEnvelope<"cp">, writer, epoch, signature };
  } catch (cause) {
    throw new MilagroError("ERR_KEK_INVALID", "not the record of a gateway's KEK, or cut short", { cause });
  }
}

/** Checks that one of the writers made it, for this bucket and id. @throws `ERR_KEK_INVALID` */
export function verifyKekRecord(
  engine: Engine,
  keys: Pick<DomainKeys, "id">,
  record: KekRecord,
  bucket: string,
  kekId: KekId,
  writers: ReadonlySet<string>,
): void {
  const { envelope, writer, epoch, signature } = record;
  const input = identityInput(envelope.domainId, "sig", writer, epoch);
  const statement = statementOf(bucket, kekId, encodeAbeEnvelope(envelope));
  if (!writers.has(writer) || !verifySignature(engine, keys.id, input, statement, signature)) {
    throw new MilagroError("ERR_KEK_INVALID", "the KEK was not made by a gateway that is trusted here");
  }
}

/**
 * The KEK, for a key whose attributes satisfy the policy. Verify the record first.
 * @throws `ERR_POLICY_UNSATISFIED`, `ERR_NOT_RECIPIENT`, `ERR_DECAPSULATION_FAILED`
 */
export function openKek(
  engine: Engine,
  keys: Pick<DomainKeys, "cp">,
  record: KekRecord,
  bucket: string,
  kekId: KekId,
  key: AbeKey<"cp">,
): Kek {
  const opened = openAbeEnvelope(engine, key, keys.cp, record.envelope, contextOf(bucket, kekId));
  try {
    return opened.use((bytes) => new Secret("KEK", bytes.slice()));
  } finally {
    opened.destroy();
  }
}

function contextOf(bucket: string, kekId: KekId): Uint8Array {
  return transcript("MILAGRO-V1-GATEWAY-KEK", utf8(bucket), Buffer.from(kekId, "hex"));
}

function statementOf(bucket: string, kekId: KekId, envelope: Uint8Array): Uint8Array {
  return transcript("MILAGRO-V1-GATEWAY-KEK-RECORD", utf8(bucket), Buffer.from(kekId, "hex"), envelope);
}

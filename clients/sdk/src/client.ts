/**
 * The library in one object: everything bound to one domain and one set of ports.
 * @module
 */
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import type { ByteStream } from "@milagro/crypto/stream";
import type { EnrolmentResult } from "@milagro/protocol/enrolment";
import type { FileSignature } from "@milagro/protocol/file-signature";
import type { SecretPath } from "@milagro/protocol/secret-path";
import type { SecretRecord } from "@milagro/protocol/secret-record";
import type { ClientDeps } from "./deps.ts";
import { type CollectOptions, type EnrolOptions, enrol, enrolRing, resumeEnrol } from "./enrol.ts";
import { signFile, verifyFileSignature } from "./file-signature.ts";
import { decryptFile, encryptFile } from "./files.ts";
import type { KeyRing, KeySlot } from "./key-ring.ts";
import { createKmsClient, type KmsClient } from "./kms-client.ts";
import { renewKeys } from "./renew.ts";
import { planRenewal, type RenewalPlan, type RenewalPolicy } from "./renewal.ts";
import {
  getSecret,
  type NewSecret,
  type OpenedSecret,
  openRecord,
  putSecret,
  type ReadingRules,
  rotateSecret,
  verifyRecord,
} from "./secrets.ts";

export type Client = ReturnType<typeof createClient>;

export function createClient(deps: ClientDeps) {
  return {
    domain: deps.domain,
    currentEpoch: (): Epoch => epochAt(deps.clock(), deps.domain.epochSeconds),
    enrol: (options: EnrolOptions): Promise<EnrolmentResult> => enrol(deps, options),
    enrolRing: (options: EnrolOptions) => enrolRing(deps, options),
    resumeEnrol: (exported: Uint8Array, options?: CollectOptions) => resumeEnrol(deps, exported, options),
    planRenewal: (ring: KeyRing, policy: Omit<RenewalPolicy, "epochSeconds">): RenewalPlan =>
      planRenewal(ring, deps.clock(), { ...policy, epochSeconds: deps.domain.epochSeconds }),
    renewKeys: (ring: KeyRing, keys: readonly KeySlot[], options?: CollectOptions) =>
      renewKeys(deps, ring, keys, options),
    /** The D-KMS API as this identity. */
    kms: (ring: KeyRing): KmsClient => createKmsClient(deps, ring),
    putSecret: (ring: KeyRing, secret: NewSecret) => putSecret(deps, ring, secret),
    rotateSecret: (ring: KeyRing, path: SecretPath, plaintext: Uint8Array) => rotateSecret(deps, ring, path, plaintext),
    getSecret: (ring: KeyRing, path: SecretPath, version?: number, rules?: ReadingRules): Promise<OpenedSecret> =>
      getSecret(deps, ring, path, version, rules),
    verifyRecord: (
      record: SecretRecord,
      expected: { readonly path?: SecretPath; readonly version?: number },
      rules: ReadingRules,
    ): void => verifyRecord(deps, record, expected, rules),
    openRecord: (ring: KeyRing, record: SecretRecord) => openRecord(deps, ring, record),
    encryptFile: (recipients: readonly Identity[], epoch: Epoch, source: ByteStream, opensAt?: Epoch) =>
      encryptFile(deps, recipients, epoch, source, opensAt),
    decryptFile: (ring: KeyRing, source: ByteStream) =>
      decryptFile({ ...deps, online: true }, async () => ring, source),
    signFile: (ring: KeyRing, digest: Uint8Array): FileSignature => signFile(deps, ring, digest),
    verifyFileSignature: (signed: FileSignature, digest: Uint8Array): boolean =>
      verifyFileSignature(deps.engine, deps.domain, signed, digest),
  };
}

/**
 * Everything here that multiplies points, to be run in a worker: a pairing costs milliseconds, and `/health` must not
 * wait for it. Arguments and results are plain values that can be cloned; errors keep their codes.
 * @module
 */
import { verifyStatement } from "@milagro/crypto/bls";
import { parseUtf8, wipe } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { type SignatureClaim, signAs, verifySignature } from "@milagro/crypto/ibs";
import { parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { encodeIdentityKey, type IdentityKey, parseIdentityKey } from "@milagro/crypto/identity-key";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type BusSubject, parseBusToken, verifyBusToken } from "@milagro/protocol/bus-token";
import { canonicalText } from "@milagro/protocol/canonical";
import { type CredentialClaim, verifyCredential } from "@milagro/protocol/channel-credential";
import { finishEnrolment, resumeEnrolment } from "@milagro/protocol/enrolment";
import { signedPartOf } from "@milagro/protocol/enrolment-answers";
import { makeRenewal } from "@milagro/protocol/issuance";
import { type Evidence, parseIssuanceAnswer } from "@milagro/protocol/issuance-messages";
import { parseGenerateRequest } from "@milagro/protocol/kms-messages";
import { makeSecretRecord, verifySecretRecord } from "@milagro/protocol/secret";
import { parseSecretPath, type SecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, type Party, parseSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import { authorityAt, type TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { drawSecret } from "./draw-secret.ts";

/** A record whose author's signature holds, with the text to store and relay. */
export interface VerifiedRecord {
  readonly domainId: Uint8Array;
  readonly path: SecretPath;
  readonly version: number;
  readonly author: Party;
  readonly recipients: readonly Party[];
  readonly created: number;
  readonly contentType?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Canonical JSON of the whole record. */
  readonly text: string;
}

/** A signing key on its way to a worker; the buffer is to be transferred, and is wiped there. */
export interface SigningKeyBytes {
  readonly author: Party;
  readonly bytes: Uint8Array;
}

export interface TaskEnvironment {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
}

function toVerified(record: SecretRecord): VerifiedRecord {
  const { domainId, path, version, author, recipients, created, contentType, labels } = record;
  return {
    domainId,
    path,
    version,
    author: { ...author },
    recipients: recipients.map((party) => ({ ...party })),
    created,
    ...(contentType === undefined ? {} : { contentType }),
    ...(labels === undefined ? {} : { labels: { ...labels } }),
    text: canonicalText(encodeSecretRecord(record)),
  };
}

export type Tasks = ReturnType<typeof createTasks>;

/** The tasks of one domain. They keep nothing between calls. */
export function createTasks({ engine, random, domain }: TaskEnvironment) {
  function withKey<T>({ author, bytes }: SigningKeyBytes, use: (key: IdentityKey<"sig">, author: Party) => T): T {
    let key: IdentityKey<"sig"> | undefined;
    try {
      key = parseIdentityKey(engine, "sig", bytes);
      return use(key, { identity: parseIdentity(author.identity), epoch: parseEpoch(author.epoch) });
    } finally {
      key?.destroy();
      wipe(bytes);
    }
  }

  return {
    /** Whether one signature by an identity of this domain holds. */
    verifyClaim({ input, message, signature }: SignatureClaim): boolean {
      return verifySignature(engine, domain.publicKey, input, message, signature);
    },

    /** Whether the other end of a channel is who it says. */
    verifyCredential(claim: CredentialClaim): boolean {
      return verifyCredential(engine, domain, claim);
    },

    /** @throws `ERR_MESSAGE_INVALID`, `ERR_VERSION_RECORD_INVALID`, `ERR_ENVELOPE_INVALID`, `ERR_DOMAIN_MISMATCH` */
    verifyRecord(body: Uint8Array): VerifiedRecord {
      const record = parseSecretRecord(parseJson(parseUtf8(body)));
      verifySecretRecord(engine, domain, record);
      return toVerified(record);
    },

    /** @throws `ERR_BUS_TOKEN_INVALID` */
    verifyBusToken({ text, nowMs }: { readonly text: string; readonly nowMs: number }): {
      readonly subject: BusSubject;
      readonly nonce: Uint8Array;
      readonly expiresMs: number;
    } {
      return verifyBusToken(engine, domain, parseBusToken(text), nowMs);
    },

    /** Whether the D-TA of this index signed the answer: its receipt, its approval or its refusal. */
    isAuthenticAnswer({ index, answer }: { readonly index: number; readonly answer: string }): boolean {
      const parsed = parseIssuanceAnswer(parseJson(answer));
      const { statement } = authorityAt(domain, index).publicShares;
      if (parsed.index !== index) return false;
      if ("receipt" in parsed && parsed.receipt.index !== index) return false;
      const { message, signature } = signedPartOf(parsed);
      return verifyStatement(engine, statement, message, signature);
    },

    /** Draws a secret, seals it to the recipients, signs the record, and forgets the secret. */
    generate(order: {
      readonly body: Uint8Array;
      readonly path: string;
      readonly version: number;
      readonly key: SigningKeyBytes;
      readonly nowMs: number;
    }): VerifiedRecord {
      const { form, recipients, contentType, labels, policy } = parseGenerateRequest(parseJson(parseUtf8(order.body)));
      const plaintext = drawSecret(random, form);
      try {
        return withKey(order.key, (key, party) =>
          toVerified(
            makeSecretRecord({
              engine,
              random,
              domain,
              author: { party, key },
              path: parseSecretPath(order.path),
              version: order.version,
              recipients,
              policy: policy === undefined ? undefined : parsePolicy(policy),
              plaintext,
              nowMs: order.nowMs,
              contentType,
              labels,
            }),
          ),
        );
      } finally {
        wipe(plaintext);
      }
    },

    /** Signs with the D-KMS's own key. */
    sign({ key, message }: { readonly key: SigningKeyBytes; readonly message: Uint8Array }): Uint8Array {
      return withKey(key, (own, { identity, epoch }) => {
        const input = identityInput(domain.domainId, "sig", identity, epoch);
        return signAs(engine, random, own, domain.publicKey, input, message);
      });
    },

    /** Evidence by an earlier key of our own. */
    renewal({ key, requestHash }: { readonly key: SigningKeyBytes; readonly requestHash: Uint8Array }): Evidence {
      return withKey(key, (own, { identity, epoch }) =>
        makeRenewal({
          engine,
          random,
          key: own,
          publicKey: domain.publicKey,
          domainId: domain.domainId,
          identity,
          epoch,
          requestHash,
        }),
      );
    },

    /** Adds up the shares of our own enrolment. `enrolment` is what `exportEnrolment` gave; it is wiped. */
    async finishEnrolment(order: {
      readonly enrolment: Uint8Array;
      readonly answers: readonly string[];
    }): Promise<readonly { readonly usage: string; readonly epoch: number; readonly bytes: Uint8Array }[]> {
      const enrolment = resumeEnrolment(order.enrolment);
      wipe(order.enrolment);
      const answers = order.answers.map((text) => parseIssuanceAnswer(parseJson(text)));
      const { keys } = await finishEnrolment({ engine, random, domain, enrolment, answers, x25519: nativeX25519 });
      return keys.map(({ usage, epoch, key }) => {
        const bytes = encodeIdentityKey(engine, key);
        key.destroy();
        return { usage, epoch, bytes };
      });
    },
  };
}

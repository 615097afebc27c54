/**
 * Envelopes: small secrets sealed to identities, in one piece.
 *
 *   K          = IBE shared secret, context = transcript(KIND, context)
 *   head       = 0x01 ‖ domainId (32) ‖ recipients ‖ IBE ciphertext (96 + 32·n)
 *   commitment = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-ENVELOPE-COMMITMENT", head), 32)
 *   key        = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-ENVELOPE-KEY"), 32)
 *   body       = AES-256-GCM(key, nonce = 0, aad = head ‖ commitment, plaintext)
 *   envelope   = head ‖ commitment ‖ u32 |body| ‖ body
 *
 * Why a commitment, and a constant nonce: `committed-key.ts`.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { AEAD_OVERHEAD } from "./aead.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, transcript } from "./bytes.ts";
import { openOnce, sealOnce } from "./committed-key.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { MilagroError } from "./error.ts";
import { decapsulate, encapsulate, type IbeCiphertext, ibeCiphertextLength, parseIbeCiphertext } from "./ibe.ts";
import type { IdentityKey } from "./identity-key.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { encodeRecipients, indexOfRecipient, type Recipient, readRecipients, recipientInputs } from "./recipients.ts";
import { Secret } from "./secret.ts";

/** A parsed envelope: well-formed, nothing more. */
export interface Envelope {
  readonly domainId: DomainId;
  readonly recipients: readonly Recipient[];
  readonly ibe: IbeCiphertext;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
  /** As long as the plaintext plus 16. */
  readonly ciphertext: Uint8Array;
}

/** The longest plaintext: 1 MiB. Larger ones go into a file envelope. */
export const MAX_ENVELOPE_PLAINTEXT = 1024 * 1024;

const VERSION = 0x01;
const KIND = "MILAGRO-V1-ENVELOPE";

/**
 * Seals a plaintext to identities of one domain.
 * @param options.context - what the envelope is for; bound and not sent
 * @throws `ERR_ENVELOPE_TOO_LARGE`, `ERR_RECIPIENTS_INVALID`
 */
export function sealEnvelope(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly domainId: DomainId;
    readonly publicKey: DomainPublicKey<"id">;
    readonly recipients: readonly Recipient[];
    readonly context: Uint8Array;
    readonly plaintext: Uint8Array;
  },
): Envelope {
  const { domainId, publicKey, recipients, plaintext } = options;
  if (plaintext.length > MAX_ENVELOPE_PLAINTEXT) {
    throw new MilagroError("ERR_ENVELOPE_TOO_LARGE", "an envelope holds at most 1 MiB: use a file envelope");
  }
  const inputs = recipientInputs(domainId, recipients);
  const { ciphertext: ibe, sharedSecret } = encapsulate(
    engine,
    random,
    publicKey,
    inputs,
    bindContext(options.context),
  );
  const head = encodeHead(domainId, recipients, ibe);
  return { domainId, recipients, ibe, ...sealOnce(sharedSecret, KIND, head, plaintext) };
}

/**
 * Opens an envelope with the key of one of its recipients.
 * @throws `ERR_NOT_RECIPIENT` for another domain, identity or epoch; `ERR_DECAPSULATION_FAILED` for everything that depends on
 * the key: one code, whichever step failed
 */
export function openEnvelope(
  engine: Engine,
  key: IdentityKey<"enc">,
  options: {
    readonly domainId: DomainId;
    readonly publicKey: DomainPublicKey<"id">;
    readonly recipient: Recipient;
    readonly context: Uint8Array;
    readonly envelope: Envelope;
  },
): Secret<"plaintext"> {
  const { envelope, publicKey, domainId } = options;
  if (!equalBytes(domainId, envelope.domainId)) {
    throw new MilagroError("ERR_NOT_RECIPIENT", "sealed in another trust domain");
  }
  const index = indexOfRecipient(envelope.recipients, options.recipient);
  const inputs = recipientInputs(domainId, envelope.recipients);
  const context = bindContext(options.context);
  const sharedSecret = decapsulate(engine, key, publicKey, inputs, index, envelope.ibe, context);
  const head = encodeHead(domainId, envelope.recipients, envelope.ibe);
  return new Secret("plaintext", openOnce(sharedSecret, KIND, head, envelope));
}

/** The layout of the header comment. */
export function encodeEnvelope(envelope: Envelope): Uint8Array {
  const head = encodeHead(envelope.domainId, envelope.recipients, envelope.ibe);
  return concat(head, envelope.commitment, lengthPrefixed(32, envelope.ciphertext));
}

/** @throws `ERR_ENVELOPE_INVALID`, `ERR_ENVELOPE_TOO_LARGE` */
export function parseEnvelope(bytes: Uint8Array): Envelope {
  try {
    const reader = new ByteReader(bytes, "ERR_ENVELOPE_INVALID");
    if (reader.integer(8) !== VERSION) throw new MilagroError("ERR_ENVELOPE_INVALID", "unknown version");
    const domainId = parseDomainId(reader.take(32));
    const recipients = readRecipients(reader);
    const ibe = parseIbeCiphertext(reader.take(ibeCiphertextLength(recipients.length)));
    const commitment = reader.take(32);
    const ciphertext = reader.prefixed(32);
    reader.end();
    if (ciphertext.length < AEAD_OVERHEAD) throw new MilagroError("ERR_ENVELOPE_INVALID", "no tag");
    if (ciphertext.length > MAX_ENVELOPE_PLAINTEXT + AEAD_OVERHEAD) {
      throw new MilagroError("ERR_ENVELOPE_TOO_LARGE", "an envelope holds at most 1 MiB");
    }
    return { domainId, recipients, ibe, commitment, ciphertext };
  } catch (cause) {
    if (cause instanceof MilagroError && cause.code === "ERR_ENVELOPE_TOO_LARGE") throw cause;
    throw new MilagroError("ERR_ENVELOPE_INVALID", "not an envelope, or cut short", { cause });
  }
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript(KIND, context);
}

function encodeHead(domainId: DomainId, recipients: readonly Recipient[], ibe: IbeCiphertext): Uint8Array {
  return concat(Uint8Array.of(VERSION), domainId, encodeRecipients(recipients), ibe);
}

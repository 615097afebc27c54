/**
 * Envelopes sealed to a policy, or to attributes: a small secret in one piece, as envelope.ts does it for identities.
 *
 *   K          = ABE shared secret, context = transcript(KIND, context)
 *   head       = u8 scheme (2 cp, 3 kp) ‖ domainId (32) ‖ len32 ABE ciphertext
 *   commitment = deriveKey(K, "MILAGRO-V1-ABE-ENVELOPE-COMMITMENT", head)
 *   key        = deriveKey(K, "MILAGRO-V1-ABE-ENVELOPE-KEY")
 *   body       = AES-256-GCM(key, nonce = 0, aad = head ‖ commitment, plaintext)
 *   envelope   = head ‖ commitment ‖ u32 |body| ‖ body
 *
 * Why a commitment: `committed-key.ts`. The first byte tells these from
 * envelopes to identities (1).
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type CpCiphertext, decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "./abe-cp.ts";
import type { AbeKey } from "./abe-key.ts";
import { decapsulateWithPolicy, encapsulateToAttributes, type KpCiphertext, parseKpCiphertext } from "./abe-kp.ts";
import type { AbeScheme, AbeScope } from "./abe-points.ts";
import { AEAD_OVERHEAD } from "./aead.ts";
import type { AttributeSet } from "./attribute-set.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, transcript, u8 } from "./bytes.ts";
import { openOnce, sealOnce } from "./committed-key.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { MAX_ENVELOPE_PLAINTEXT } from "./envelope.ts";
import { MilagroError } from "./error.ts";
import type { DomainPublicKey } from "./master-public.ts";
import type { Policy } from "./policy.ts";
import { Secret } from "./secret.ts";

/** The ciphertext of a scheme. */
export type AbeCiphertext<S extends AbeScheme> = S extends "cp" ? CpCiphertext : KpCiphertext;

/** A parsed envelope: well-formed, nothing more. */
export interface AbeEnvelope<S extends AbeScheme = AbeScheme> {
  readonly scheme: S;
  readonly domainId: DomainId;
  readonly abe: AbeCiphertext<S>;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
  /** As long as the plaintext plus 16. */
  readonly ciphertext: Uint8Array;
}

/** What both ways of sealing take. */
export interface AbeSealOptions<S extends AbeScheme> {
  readonly publicKey: DomainPublicKey<S>;
  readonly scope: AbeScope<S>;
  /** What the envelope is for; bound and not sent. */
  readonly context: Uint8Array;
  readonly plaintext: Uint8Array;
}

const SCHEME_BYTES = { cp: 2, kp: 3 } as const;
const KIND = "MILAGRO-V1-ABE-ENVELOPE";

/** Seals to whoever satisfies the policy. @throws `ERR_ENVELOPE_TOO_LARGE` */
export function sealToPolicy(
  engine: Engine,
  random: RandomBytes,
  options: AbeSealOptions<"cp"> & { readonly policy: Policy },
): AbeEnvelope<"cp"> {
  const { publicKey, scope, policy, context } = options;
  const sealed = encapsulateToPolicy(engine, random, publicKey, scope, policy, bindContext(context));
  return seal("cp", options, sealed.ciphertext, sealed.sharedSecret);
}

/** Seals to whoever holds a key whose policy these attributes satisfy. @throws `ERR_ENVELOPE_TOO_LARGE`, `ERR_ATTRIBUTE_INVALID` */
export function sealToAttributes(
  engine: Engine,
  random: RandomBytes,
  options: AbeSealOptions<"kp"> & { readonly attributes: AttributeSet },
): AbeEnvelope<"kp"> {
  const { publicKey, scope, attributes, context } = options;
  const sealed = encapsulateToAttributes(engine, random, publicKey, scope, attributes, bindContext(context));
  return seal("kp", options, sealed.ciphertext, sealed.sharedSecret);
}

/**
 * Opens an envelope with an attribute key of its scheme.
 * @throws `ERR_NOT_RECIPIENT` for another domain or scheme, `ERR_POLICY_UNSATISFIED`, both public; `ERR_DECAPSULATION_FAILED` for everything that
 * depends on the key: one code, whichever step failed
 */
export function openAbeEnvelope(
  engine: Engine,
  key: AbeKey<AbeScheme>,
  publicKey: DomainPublicKey<AbeScheme>,
  envelope: AbeEnvelope,
  context: Uint8Array,
): Secret<"plaintext"> {
  const { scheme, domainId } = envelope;
  if (key.scheme !== scheme || !equalBytes(key.entitlement.scope.domainId, domainId)) {
    throw new MilagroError("ERR_NOT_RECIPIENT", "sealed in another trust domain, or under the other scheme");
  }
  const bound = bindContext(context);
  const shared =
    scheme === "cp"
      ? decapsulateWithAttributes(
          engine,
          key as AbeKey<"cp">,
          publicKey as DomainPublicKey<"cp">,
          envelope.abe as CpCiphertext,
          bound,
        )
      : decapsulateWithPolicy(
          engine,
          key as AbeKey<"kp">,
          publicKey as DomainPublicKey<"kp">,
          envelope.abe as KpCiphertext,
          bound,
        );
  const head = encodeHead(envelope);
  return new Secret("plaintext", openOnce(shared, KIND, head, envelope));
}

/** The layout of the header comment. */
export function encodeAbeEnvelope(envelope: AbeEnvelope): Uint8Array {
  return concat(encodeHead(envelope), envelope.commitment, lengthPrefixed(32, envelope.ciphertext));
}

/** @throws `ERR_ENVELOPE_INVALID`, `ERR_ENVELOPE_TOO_LARGE` */
export function parseAbeEnvelope(bytes: Uint8Array): AbeEnvelope {
  let envelope: AbeEnvelope;
  try {
    const reader = new ByteReader(bytes, "ERR_ENVELOPE_INVALID");
    const scheme = schemeOf(reader.integer(8));
    const domainId = parseDomainId(reader.take(32));
    const ciphertext = reader.prefixed(32);
    const abe = scheme === "cp" ? parseCpCiphertext(ciphertext) : parseKpCiphertext(ciphertext);
    envelope = { scheme, domainId, abe, commitment: reader.take(32), ciphertext: reader.prefixed(32) };
    reader.end();
    if (envelope.ciphertext.length < AEAD_OVERHEAD) throw new MilagroError("ERR_ENVELOPE_INVALID", "no tag");
  } catch (cause) {
    throw new MilagroError("ERR_ENVELOPE_INVALID", "not an envelope to a policy or to attributes", { cause });
  }
  if (envelope.ciphertext.length > MAX_ENVELOPE_PLAINTEXT + AEAD_OVERHEAD) tooLarge();
  return envelope;
}

function schemeOf(byte: number): AbeScheme {
  if (byte === SCHEME_BYTES.cp) return "cp";
  if (byte === SCHEME_BYTES.kp) return "kp";
  throw new MilagroError("ERR_ENVELOPE_INVALID", "unknown kind of envelope");
}

function tooLarge(): never {
  throw new MilagroError("ERR_ENVELOPE_TOO_LARGE", "an envelope holds at most 1 MiB: use a file envelope");
}

function seal<S extends AbeScheme>(
  scheme: S,
  { scope, plaintext }: AbeSealOptions<S>,
  abe: AbeCiphertext<S>,
  sharedSecret: Secret<"shared secret">,
): AbeEnvelope<S> {
  if (plaintext.length > MAX_ENVELOPE_PLAINTEXT) tooLarge();
  const { domainId } = scope;
  const head = encodeHead({ scheme, domainId, abe });
  return { scheme, domainId, abe, ...sealOnce(sharedSecret, KIND, head, plaintext) };
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript(KIND, context);
}

function encodeHead({ scheme, domainId, abe }: Pick<AbeEnvelope, "scheme" | "domainId" | "abe">): Uint8Array {
  return concat(u8(SCHEME_BYTES[scheme]), domainId, lengthPrefixed(32, abe.bytes));
}

/**
 * Signcryption: a message only B can read, and of which B knows that A wrote it to B.
 *
 *   (U ‖ V, K) = IBE encapsulation to B, context = transcript(KIND, context)
 *   signed     = transcript("MILAGRO-V1-SIGNCRYPTION-STATEMENT", ID*_A, ID*_B, U ‖ V, context, m)
 *   head       = 0x01 ‖ U ‖ V (128)
 *   commitment = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-SIGNCRYPTION-COMMITMENT", head), 32)
 *   key        = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-SIGNCRYPTION-KEY"), 32)
 *   message    = head ‖ commitment ‖ AES-256-GCM(key, nonce = 0, aad = head ‖ commitment, len16 ID*_A ‖ Sig_A(signed) (96) ‖ m)
 *
 * The sender's identity is inside the ciphertext. The signature covers B and U ‖ V: without B in it, B could re-encrypt
 * the signed message to C and pass for somebody A wrote to; without U ‖ V, to B's later self.
 * Source: PROTOCOLS of this project, after Boyen: Multipurpose Identity-Based Signcryption (CRYPTO 2003) for the goals.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, transcript, wipe } from "./bytes.ts";
import { COMMITMENT_LENGTH, openOnce, sealOnce } from "./committed-key.ts";
import { MilagroError } from "./error.ts";
import { decapsulate, encapsulate, type IbeCiphertext, ibeCiphertextLength, parseIbeCiphertext } from "./ibe.ts";
import { SIGNATURE_LENGTH, type Signature, signAs, verifySignature } from "./ibs.ts";
import { type IdentityInput, type IdentityInputParts, parseIdentityInput } from "./identity-input.ts";
import type { IdentityKey } from "./identity-key.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { Secret } from "./secret.ts";

/** Everything on the wire. */
export type Signcrypted = Brand<Uint8Array, "Signcrypted">;

/** What the receiver learns. */
export interface Unsigncrypted {
  /** Who wrote it. Whether that is somebody to listen to is the caller's to decide. */
  readonly sender: IdentityInputParts;
  readonly message: Secret<"message">;
  /** Over `signcryptionStatement`: with the message, the context and U ‖ V it convinces a third party (and discloses the message). */
  readonly signature: Signature;
  readonly ciphertext: IbeCiphertext;
}

const VERSION = 0x01;
const HEAD_LENGTH = 1 + ibeCiphertextLength(1);
const KIND = "MILAGRO-V1-SIGNCRYPTION";

/**
 * Signs and encrypts to one recipient of the same domain.
 * @param options.sender - the input the key was issued for, of usage `sig`
 * @param options.recipient - of usage `enc`
 * @param options.context - what the message is for; bound and not sent
 */
export function signcrypt(
  engine: Engine,
  random: RandomBytes,
  key: IdentityKey<"sig">,
  options: {
    readonly publicKey: DomainPublicKey<"id">;
    readonly sender: IdentityInput;
    readonly recipient: IdentityInput;
    readonly context: Uint8Array;
    readonly message: Uint8Array;
  },
): Signcrypted {
  const { publicKey, sender, recipient, context, message } = options;
  if (!sameDomain(sender, recipient)) throw new TypeError("sender and recipient are of different domains");
  const { ciphertext, sharedSecret } = encapsulate(engine, random, publicKey, [recipient], bindContext(context));
  const statement = signcryptionStatement(sender, recipient, ciphertext, context, message);
  const signature = signAs(engine, random, key, publicKey, sender, statement);
  const head = concat(Uint8Array.of(VERSION), ciphertext);
  const plaintext = concat(lengthPrefixed(16, sender), signature, message);
  const { commitment, ciphertext: body } = sealOnce(sharedSecret, KIND, head, plaintext);
  wipe(plaintext, statement);
  return concat(head, commitment, body) as Signcrypted;
}

/**
 * Decrypts, then verifies who wrote it, and to whom.
 * @throws `ERR_UNSIGNCRYPT_FAILED`: wrong key or context, changed, forwarded, or a false signature; one code for all
 */
export function unsigncrypt(
  engine: Engine,
  key: IdentityKey<"enc">,
  options: {
    readonly publicKey: DomainPublicKey<"id">;
    readonly recipient: IdentityInput;
    readonly context: Uint8Array;
    readonly signcrypted: Uint8Array;
  },
): Unsigncrypted {
  const { publicKey, recipient, context } = options;
  try {
    const reader = new ByteReader(options.signcrypted, "ERR_UNSIGNCRYPT_FAILED");
    const head = reader.take(HEAD_LENGTH);
    if (head[0] !== VERSION) throw new Error("unknown version");
    const ciphertext = parseIbeCiphertext(head.subarray(1));
    const sealed = { commitment: reader.take(COMMITMENT_LENGTH), ciphertext: reader.take(reader.remaining) };
    const shared = decapsulate(engine, key, publicKey, [recipient], 0, ciphertext, bindContext(context));
    const plaintext = openOnce(shared, KIND, head, sealed);
    const inner = new ByteReader(plaintext, "ERR_UNSIGNCRYPT_FAILED");
    const senderInput = inner.prefixed(16) as IdentityInput;
    const signature = inner.take(SIGNATURE_LENGTH) as Signature;
    const message = inner.take(inner.remaining);
    wipe(plaintext);
    const sender = parseIdentityInput(senderInput);
    const statement = signcryptionStatement(senderInput, recipient, ciphertext, context, message);
    const genuine =
      sameDomain(senderInput, recipient) && verifySignature(engine, publicKey, senderInput, statement, signature);
    wipe(statement);
    if (!genuine) {
      wipe(message);
      throw new Error("not signed by the sender it names");
    }
    return { sender, message: new Secret("message", message), signature, ciphertext };
  } catch (cause) {
    if (cause instanceof TypeError) throw cause;
    throw new MilagroError("ERR_UNSIGNCRYPT_FAILED", "not written to this key by whom it names, or changed");
  }
}

function sameDomain(a: IdentityInput, b: IdentityInput): boolean {
  return equalBytes(a.subarray(0, 33), b.subarray(0, 33));
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript(KIND, context);
}

/** What the sender signs, for a receiver who has to show it to somebody else. */
export function signcryptionStatement(
  sender: IdentityInput,
  recipient: IdentityInput,
  ciphertext: Uint8Array,
  context: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  return transcript("MILAGRO-V1-SIGNCRYPTION-STATEMENT", sender, recipient, ciphertext, context, message);
}

/**
 * Files sealed to a policy (cp) or to attributes (kp), streamed.
 *
 *   file       = line ‖ u32 |header| ‖ header ‖ STREAM segments (stream.ts)
 *   line       = "milagro.dev/policy-envelope v1\n" (cp), "milagro.dev/attribute-envelope v1\n" (kp)
 *   header     = head ‖ commitment (32)
 *   head       = domainId (32) ‖ ABE ciphertext
 *   K          = ABE shared secret, context = transcript(KIND, context)
 *   commitment = deriveKey(K, "MILAGRO-V1-ABE-FILE-COMMITMENT", head)
 *   key        = deriveKey(K, "MILAGRO-V1-ABE-FILE-KEY", head)
 *
 * The commitment authenticates the header and binds the key before the first segment is opened, as in file-envelope.ts. The scheme is inside K.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type CpCiphertext, decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "./abe-cp.ts";
import type { AbeCiphertext } from "./abe-envelope.ts";
import type { AbeKey } from "./abe-key.ts";
import { decapsulateWithPolicy, encapsulateToAttributes, type KpCiphertext, parseKpCiphertext } from "./abe-kp.ts";
import type { AbeScheme, AbeScope } from "./abe-points.ts";
import { type AeadPort, nobleAead } from "./aead.ts";
import type { AttributeSet } from "./attribute-set.ts";
import { concat, equalBytes, lengthPrefixed, transcript, utf8, wipe } from "./bytes.ts";
import { COMMITMENT_LENGTH, openStreamKey, streamKey } from "./committed-key.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { MilagroError } from "./error.ts";
import { type ChunkIterator, readFront } from "./file-front.ts";
import type { DomainPublicKey } from "./master-public.ts";
import type { Policy } from "./policy.ts";
import type { Secret } from "./secret.ts";
import { type ByteStream, openStream, sealStream } from "./stream.ts";

/** What a file says about itself before it is opened: its policy or attributes are public. */
export interface AbeFileHeader<S extends AbeScheme> {
  readonly domainId: DomainId;
  readonly abe: AbeCiphertext<S>;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}
/** Of a file sealed to a policy. */
export type PolicyFileHeader = AbeFileHeader<"cp">;
/** Of a file sealed to attributes. */
export type AttributeFileHeader = AbeFileHeader<"kp">;

/** The first line of every file sealed to a policy. */
export const POLICY_FILE_MAGIC = "milagro.dev/policy-envelope v1\n";
/** The first line of every file sealed to attributes. */
export const ATTRIBUTE_FILE_MAGIC = "milagro.dev/attribute-envelope v1\n";

const LINES = { cp: utf8(POLICY_FILE_MAGIC), kp: utf8(ATTRIBUTE_FILE_MAGIC) } as const;
const KIND = "MILAGRO-V1-ABE-FILE";

interface SealFileOptions<S extends AbeScheme> {
  readonly publicKey: DomainPublicKey<S>;
  readonly scope: AbeScope<S>;
  /** What the file is for; bound and not sent. */
  readonly context: Uint8Array;
  readonly aead?: AeadPort;
}

/** What both ways of opening take. */
export interface OpenFileOptions<S extends AbeScheme> {
  readonly publicKey: DomainPublicKey<S>;
  /** Sees the header (untrusted until opened) and finds the key; throws when there is none. */
  readonly selectKey: (header: AbeFileHeader<S>) => AbeKey<S> | Promise<AbeKey<S>>;
  readonly context: Uint8Array;
  readonly aead?: AeadPort;
}

/**
 * Seals a stream to whoever satisfies the policy. The first chunk is line and header, each further one a segment.
 * @throws `ERR_POLICY_INVALID` for a policy nobody could satisfy in this scope
 */
export async function* sealFileToPolicy(
  engine: Engine,
  random: RandomBytes,
  options: SealFileOptions<"cp"> & { readonly policy: Policy },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { publicKey, scope, policy, context } = options;
  const sealed = encapsulateToPolicy(engine, random, publicKey, scope, policy, bindContext(context));
  yield* sealFile(options, sealed.ciphertext.bytes, sealed.sharedSecret, source);
}

/** As `sealFileToPolicy`, to whoever holds a key whose policy these attributes satisfy. @throws `ERR_ATTRIBUTE_INVALID` for a set of more than 64 KiB */
export async function* sealFileToAttributes(
  engine: Engine,
  random: RandomBytes,
  options: SealFileOptions<"kp"> & { readonly attributes: AttributeSet },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { publicKey, scope, attributes, context } = options;
  const sealed = encapsulateToAttributes(engine, random, publicKey, scope, attributes, bindContext(context));
  yield* sealFile(options, sealed.ciphertext.bytes, sealed.sharedSecret, source);
}

async function* sealFile(
  { scope, aead }: SealFileOptions<AbeScheme>,
  ciphertext: Uint8Array,
  sharedSecret: Secret<"shared secret">,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const head = concat(scope.domainId, ciphertext);
  const { key, commitment } = streamKey(sharedSecret, KIND, head);
  try {
    yield concat(LINES[scope.scheme], lengthPrefixed(32, concat(head, commitment)));
    yield* sealStream(key, source, aead ?? nobleAead);
  } finally {
    wipe(key);
  }
}

/**
 * Opens a stream, segment by segment. The text is whole only when the generator ends without throwing.
 * @throws `ERR_ENVELOPE_INVALID` not such a file; `ERR_NOT_RECIPIENT` another domain; `ERR_POLICY_UNSATISFIED`;
 * `ERR_DECAPSULATION_FAILED` wrong key or changed header; `ERR_ENVELOPE_CORRUPT` changed or cut after the header
 */
export async function* openPolicyFile(
  engine: Engine,
  options: OpenFileOptions<"cp">,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { header, rest } = await readPolicyFileHeader(source);
  yield* openFile(options, header, rest, (key) =>
    decapsulateWithAttributes(engine, key, options.publicKey, header.abe, bindContext(options.context)),
  );
}

/** As `openPolicyFile`, for a file sealed to attributes, with a key that has a policy. */
export async function* openAttributeFile(
  engine: Engine,
  options: OpenFileOptions<"kp">,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { header, rest } = await readAttributeFileHeader(source);
  yield* openFile(options, header, rest, (key) =>
    decapsulateWithPolicy(engine, key, options.publicKey, header.abe, bindContext(options.context)),
  );
}

async function* openFile<S extends AbeScheme>(
  { selectKey, aead }: OpenFileOptions<S>,
  header: AbeFileHeader<S>,
  rest: ChunkIterator,
  decapsulate: (key: AbeKey<S>) => Secret<"shared secret">,
): AsyncGenerator<Uint8Array, void> {
  let key: Uint8Array | undefined;
  try {
    key = openHeader(header, await selectKey(header), decapsulate);
    yield* openStream(key, rest, aead ?? nobleAead);
  } finally {
    if (key) wipe(key);
    await rest.return();
  }
}

/** Reads line and header; the other chunks follow in `rest`, which must be read to its end, or returned. @throws `ERR_ENVELOPE_INVALID` */
export function readPolicyFileHeader(
  source: ByteStream,
): Promise<{ readonly header: PolicyFileHeader; readonly rest: ChunkIterator }> {
  return readFront(source, LINES.cp, (bytes) => parseHeader<"cp">(bytes, parseCpCiphertext));
}

/** As `readPolicyFileHeader`, of a file sealed to attributes. @throws `ERR_ENVELOPE_INVALID` */
export function readAttributeFileHeader(
  source: ByteStream,
): Promise<{ readonly header: AttributeFileHeader; readonly rest: ChunkIterator }> {
  return readFront(source, LINES.kp, (bytes) => parseHeader<"kp">(bytes, parseKpCiphertext));
}

function parseHeader<S extends AbeScheme>(
  bytes: Uint8Array,
  parseCiphertext: (bytes: Uint8Array) => AbeCiphertext<S>,
): AbeFileHeader<S> {
  try {
    const end = bytes.length - COMMITMENT_LENGTH;
    if (end < 32) throw new Error("too short");
    const domainId = parseDomainId(bytes.slice(0, 32));
    return { domainId, abe: parseCiphertext(bytes.slice(32, end)), commitment: bytes.slice(end) };
  } catch (cause) {
    throw new MilagroError("ERR_ENVELOPE_INVALID", "the header is malformed", { cause });
  }
}

function openHeader<S extends AbeScheme>(
  { domainId, abe, commitment }: AbeFileHeader<S>,
  opener: AbeKey<S>,
  decapsulate: (key: AbeKey<S>) => Secret<"shared secret">,
): Uint8Array {
  if (!equalBytes(opener.entitlement.scope.domainId, domainId)) {
    throw new MilagroError("ERR_NOT_RECIPIENT", "sealed in another trust domain");
  }
  const { bytes } = abe as CpCiphertext | KpCiphertext;
  return openStreamKey(decapsulate(opener), KIND, concat(domainId, bytes), commitment);
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript(KIND, context);
}

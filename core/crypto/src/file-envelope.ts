/**
 * File envelopes: texts of any length sealed to identities, streamed.
 *
 *   file       = "milagro.dev/envelope v1\n" ‖ u32 |header| ‖ header ‖ STREAM segments (stream.ts)
 *   header     = head ‖ commitment (32)
 *   head       = domainId (32) ‖ recipients ‖ IBE ciphertext (96 + 32·n)
 *   K          = IBE shared secret, context = transcript(KIND, context)
 *   commitment = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-FILE-COMMITMENT", head), 32)
 *   key        = HKDF-SHA-256(K, "", transcript("MILAGRO-V1-FILE-KEY", head), 32)
 *
 * The commitment authenticates the header and binds the key (see envelope.ts) before the first segment is opened.
 * Source: age-encryption.org/v1 for the shape: a text line, a header, STREAM.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type AeadPort, nobleAead } from "./aead.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, transcript, utf8, wipe } from "./bytes.ts";
import { COMMITMENT_LENGTH, openStreamKey, streamKey } from "./committed-key.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { MilagroError } from "./error.ts";
import { type ChunkIterator, readFront } from "./file-front.ts";
import { decapsulate, encapsulate, type IbeCiphertext, ibeCiphertextLength, parseIbeCiphertext } from "./ibe.ts";
import type { IdentityKey } from "./identity-key.ts";
import type { DomainPublicKey } from "./master-public.ts";
import { encodeRecipients, indexOfRecipient, type Recipient, readRecipients, recipientInputs } from "./recipients.ts";
import { type ByteStream, openStream, sealStream } from "./stream.ts";

/** What a file says about itself before it is opened. */
export interface FileHeader {
  readonly domainId: DomainId;
  readonly recipients: readonly Recipient[];
  readonly ibe: IbeCiphertext;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** A recipient's key, with the place in the list that it is for. */
export interface FileOpener {
  readonly key: IdentityKey<"enc">;
  readonly recipient: Recipient;
}

/** The first line of every file. */
export const FILE_MAGIC = "milagro.dev/envelope v1\n";

const MAGIC = utf8(FILE_MAGIC);
const KIND = "MILAGRO-V1-FILE";

/**
 * Seals a stream. The first chunk is line and header, each further one a segment.
 * @param options.context - what the file is for; bound and not sent
 * @throws `ERR_RECIPIENTS_INVALID`
 */
export async function* sealFile(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly domainId: DomainId;
    readonly publicKey: DomainPublicKey<"id">;
    readonly recipients: readonly Recipient[];
    readonly context: Uint8Array;
    readonly aead?: AeadPort;
  },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { domainId, publicKey, recipients } = options;
  const inputs = recipientInputs(domainId, recipients);
  const { ciphertext, sharedSecret } = encapsulate(engine, random, publicKey, inputs, bindContext(options.context));
  const head = encodeHead(domainId, recipients, ciphertext);
  const { key, commitment } = streamKey(sharedSecret, KIND, head);
  try {
    yield concat(MAGIC, lengthPrefixed(32, concat(head, commitment)));
    yield* sealStream(key, source, options.aead ?? nobleAead);
  } finally {
    wipe(key);
  }
}

/**
 * Opens a stream, segment by segment. The text is whole only when the generator ends without throwing.
 * @param options.selectOpener - sees the header (untrusted until opened) and finds the key; throws when there is none
 * @throws `ERR_ENVELOPE_INVALID` not such a file; `ERR_NOT_RECIPIENT`; `ERR_DECAPSULATION_FAILED` wrong key or changed header;
 * `ERR_ENVELOPE_CORRUPT` changed or cut after the header
 */
export async function* openFile(
  engine: Engine,
  options: {
    readonly domainId: DomainId;
    readonly publicKey: DomainPublicKey<"id">;
    readonly selectOpener: (header: FileHeader) => FileOpener | Promise<FileOpener>;
    readonly context: Uint8Array;
    readonly aead?: AeadPort;
  },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { header, rest } = await readFileHeader(source);
  let key: Uint8Array | undefined;
  try {
    if (!equalBytes(header.domainId, options.domainId)) {
      throw new MilagroError("ERR_NOT_RECIPIENT", "sealed in another trust domain");
    }
    key = openHeader(engine, options, header, await options.selectOpener(header));
    yield* openStream(key, rest, options.aead ?? nobleAead);
  } finally {
    if (key) wipe(key);
    await rest.return();
  }
}

/**
 * Reads line and header from the front of a stream, whose other chunks follow in `rest` (which must be read to its end, or
 * returned).
 * @throws `ERR_ENVELOPE_INVALID`
 */
export function readFileHeader(
  source: ByteStream,
): Promise<{ readonly header: FileHeader; readonly rest: ChunkIterator }> {
  return readFront(source, MAGIC, parseHeader);
}

function openHeader(
  engine: Engine,
  options: { readonly publicKey: DomainPublicKey<"id">; readonly context: Uint8Array },
  header: FileHeader,
  opener: FileOpener,
): Uint8Array {
  const { recipients, ibe, domainId } = header;
  const index = indexOfRecipient(recipients, opener.recipient);
  const inputs = recipientInputs(domainId, recipients);
  const context = bindContext(options.context);
  const shared = decapsulate(engine, opener.key, options.publicKey, inputs, index, ibe, context);
  return openStreamKey(shared, KIND, encodeHead(domainId, recipients, ibe), header.commitment);
}

function parseHeader(bytes: Uint8Array): FileHeader {
  try {
    const reader = new ByteReader(bytes, "ERR_ENVELOPE_INVALID");
    const domainId = parseDomainId(reader.take(32));
    const recipients = readRecipients(reader);
    const ibe = parseIbeCiphertext(reader.take(ibeCiphertextLength(recipients.length)));
    const commitment = reader.take(COMMITMENT_LENGTH);
    reader.end();
    return { domainId, recipients, ibe, commitment };
  } catch (cause) {
    throw new MilagroError("ERR_ENVELOPE_INVALID", "the header is malformed", { cause });
  }
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript(KIND, context);
}

function encodeHead(domainId: DomainId, recipients: readonly Recipient[], ibe: IbeCiphertext): Uint8Array {
  return concat(domainId, encodeRecipients(recipients), ibe);
}

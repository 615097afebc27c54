/**
 * Files sealed to a policy, streamed.
 *
 *   file       = "milagro.dev/policy-envelope v1\n" ‖ u32 |header| ‖ header ‖ STREAM segments (stream.ts)
 *   header     = head ‖ commitment (32)
 *   head       = domainId (32) ‖ ABE ciphertext (cp)
 *   K          = ABE shared secret, context = transcript("MILAGRO-V1-ABE-FILE", context)
 *   commitment = deriveKey(K, "MILAGRO-V1-ABE-FILE-COMMITMENT", head)
 *   key        = deriveKey(K, "MILAGRO-V1-ABE-FILE-KEY", head)
 *
 * The commitment authenticates the header and binds the key before the first segment is opened, as in file-envelope.ts.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { type CpCiphertext, decapsulateWithAttributes, encapsulateToPolicy, parseCpCiphertext } from "./abe-cp.ts";
import type { AbeKey } from "./abe-key.ts";
import type { AbeScope } from "./abe-points.ts";
import { type AeadPort, nobleAead } from "./aead.ts";
import { concat, equalBytes, lengthPrefixed, transcript, utf8, wipe } from "./bytes.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { MilagroError } from "./error.ts";
import { type ChunkIterator, readFront } from "./file-front.ts";
import { deriveKey } from "./kdf.ts";
import type { DomainPublicKey } from "./master-public.ts";
import type { Policy } from "./policy.ts";
import type { Secret } from "./secret.ts";
import { type ByteStream, openStream, sealStream } from "./stream.ts";

/** What a file says about itself before it is opened: its policy is public. */
export interface PolicyFileHeader {
  readonly domainId: DomainId;
  readonly abe: CpCiphertext;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
}

/** The first line of every file sealed to a policy. */
export const POLICY_FILE_MAGIC = "milagro.dev/policy-envelope v1\n";

const MAGIC = utf8(POLICY_FILE_MAGIC);
const COMMITMENT_LENGTH = 32;

/**
 * Seals a stream. The first chunk is line and header, each further one a segment.
 * @param options.context - what the file is for; bound and not sent
 * @throws `ERR_POLICY_INVALID` for a policy nobody could satisfy in this scope
 */
export async function* sealFileToPolicy(
  engine: Engine,
  random: RandomBytes,
  options: {
    readonly publicKey: DomainPublicKey<"cp">;
    readonly scope: AbeScope<"cp">;
    readonly policy: Policy;
    readonly context: Uint8Array;
    readonly aead?: AeadPort;
  },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { publicKey, scope, policy } = options;
  const sealed = encapsulateToPolicy(engine, random, publicKey, scope, policy, bindContext(options.context));
  const head = concat(scope.domainId, sealed.ciphertext.bytes);
  const { key, commitment } = deriveKeys(sealed.sharedSecret, head);
  try {
    yield concat(MAGIC, lengthPrefixed(32, concat(head, commitment)));
    yield* sealStream(key, source, options.aead ?? nobleAead);
  } finally {
    wipe(key);
  }
}

/**
 * Opens a stream, segment by segment. The text is whole only when the generator ends without throwing.
 * @param options.selectKey - sees the header (untrusted until opened) and finds the key; throws when there is none
 * @throws `ERR_ENVELOPE_INVALID` not such a file; `ERR_NOT_RECIPIENT` another domain; `ERR_POLICY_UNSATISFIED`;
 * `ERR_DECAPSULATION_FAILED` wrong key or changed header; `ERR_ENVELOPE_CORRUPT` changed or cut after the header
 */
export async function* openPolicyFile(
  engine: Engine,
  options: {
    readonly publicKey: DomainPublicKey<"cp">;
    readonly selectKey: (header: PolicyFileHeader) => AbeKey<"cp"> | Promise<AbeKey<"cp">>;
    readonly context: Uint8Array;
    readonly aead?: AeadPort;
  },
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { header, rest } = await readPolicyFileHeader(source);
  let key: Uint8Array | undefined;
  try {
    key = openHeader(engine, options, header, await options.selectKey(header));
    yield* openStream(key, rest, options.aead ?? nobleAead);
  } finally {
    if (key) wipe(key);
    await rest.return();
  }
}

/** Reads line and header; the other chunks follow in `rest`, which must be read to its end, or returned. @throws `ERR_ENVELOPE_INVALID` */
export function readPolicyFileHeader(
  source: ByteStream,
): Promise<{ readonly header: PolicyFileHeader; readonly rest: ChunkIterator }> {
  return readFront(source, MAGIC, parseHeader);
}

function parseHeader(bytes: Uint8Array): PolicyFileHeader {
  try {
    const end = bytes.length - COMMITMENT_LENGTH;
    if (end < 32) throw new Error("too short");
    const domainId = parseDomainId(bytes.slice(0, 32));
    return { domainId, abe: parseCpCiphertext(bytes.slice(32, end)), commitment: bytes.slice(end) };
  } catch (cause) {
    throw new MilagroError("ERR_ENVELOPE_INVALID", "the header is malformed", { cause });
  }
}

function openHeader(
  engine: Engine,
  options: { readonly publicKey: DomainPublicKey<"cp">; readonly context: Uint8Array },
  { domainId, abe, commitment: sent }: PolicyFileHeader,
  opener: AbeKey<"cp">,
): Uint8Array {
  if (!equalBytes(opener.entitlement.scope.domainId, domainId)) {
    throw new MilagroError("ERR_NOT_RECIPIENT", "sealed in another trust domain");
  }
  const shared = decapsulateWithAttributes(engine, opener, options.publicKey, abe, bindContext(options.context));
  const { key, commitment } = deriveKeys(shared, concat(domainId, abe.bytes));
  if (equalBytes(commitment, sent)) return key;
  wipe(key);
  throw new MilagroError("ERR_DECAPSULATION_FAILED", "not encapsulated to this key, or changed on the way");
}

function bindContext(context: Uint8Array): Uint8Array {
  return transcript("MILAGRO-V1-ABE-FILE", context);
}

/** Consumes the shared secret. */
function deriveKeys(sharedSecret: Secret<"shared secret">, head: Uint8Array) {
  try {
    return sharedSecret.use((secret) => ({
      key: deriveKey(secret, "MILAGRO-V1-ABE-FILE-KEY", head),
      commitment: deriveKey(secret, "MILAGRO-V1-ABE-FILE-COMMITMENT", head),
    }));
  } finally {
    sharedSecret.destroy();
  }
}

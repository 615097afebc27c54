/**
 * A request's body: aws-chunked unpacked and its signatures checked, lengths kept. What is wrong shows at the latest when the body has ended, and
 * nothing is committed before that.
 *
 *   chunk   = hex length [ ";chunk-signature=" signature ] CRLF bytes CRLF        the last one is empty
 *   trailer = name ":" value CRLF … [ "x-amz-trailer-signature:" signature CRLF ] CRLF
 *
 * Source: Amazon S3 API Reference, "Signature Calculations: Transferring Payload in Multiple Chunks", "… with trailing headers".
 * @module
 */
import { createHash } from "node:crypto";
import { S3Error } from "./errors.ts";
import type { S3Request } from "./request.ts";
import { type ChunkChain, chunkSignature, sameHex, trailerSignature, type Verified } from "./signature.ts";

export interface RequestBody {
  /** Bytes of the object, without any framing. */
  readonly length: number;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Complete once `chunks` has ended. */
  readonly trailers: ReadonlyMap<string, string>;
}

const MAX_LINE = 8192;
const MAX_TRAILERS = 16;

/** @param source - the bytes as they arrive. @throws `MissingContentLength`, `InvalidRequest` */
export function openBody(request: S3Request, verified: Verified, source: AsyncIterable<Uint8Array>): RequestBody {
  const { payload, chain } = verified;
  const trailers = new Map<string, string>();
  if (payload.kind === "chunks") {
    const length = lengthOf(request.headers.get("x-amz-decoded-content-length"), "x-amz-decoded-content-length");
    const unpacked = unpack(source, payload, chain, trailers, (request.headers.get("x-amz-trailer") ?? "").split(","));
    return { length, trailers, chunks: exactly(unpacked, length) };
  }
  const text = request.headers.get("content-length");
  if (text === undefined && request.headers.has("transfer-encoding"))
    throw new S3Error("MissingContentLength", "the length must be given");
  const length = lengthOf(text ?? "0", "content-length");
  return { length, trailers, chunks: exactly(source, length) };
}

/** A small body whole, for XML. @throws `EntityTooLarge` */
export async function readSmallBody({ chunks, length }: RequestBody, limit: number): Promise<Uint8Array> {
  if (length > limit) throw new S3Error("EntityTooLarge", "the body is larger than such a request needs");
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

function lengthOf(text: string | undefined, name: string): number {
  if (text === undefined) throw new S3Error("MissingContentLength", `${name} is missing`);
  if (!/^\d{1,15}$/.test(text)) throw new S3Error("InvalidRequest", `${name} is not a length`);
  return Number(text);
}

async function* exactly(source: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array, void> {
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.length;
    if (seen > length) break;
    yield chunk;
  }
  if (seen !== length) throw new S3Error("IncompleteBody", "the body has another length than announced");
}

async function* unpack(
  source: AsyncIterable<Uint8Array>,
  { signed, trailer }: { readonly signed: boolean; readonly trailer: boolean },
  chain: ChunkChain | undefined,
  trailers: Map<string, string>,
  expected: readonly string[],
): AsyncGenerator<Uint8Array, void> {
  const reader = new LineReader(source);
  let previous = chain?.seed ?? "";
  for (;;) {
    const line = await reader.line();
    const match = /^([0-9a-fA-F]{1,15})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(line);
    if (!match || (match[2] === undefined) === signed) malformed();
    const length = Number.parseInt(match[1] as string, 16);
    const hash = signed && chain ? createHash("sha256") : undefined;
    for await (const bytes of reader.bytes(length)) {
      hash?.update(bytes);
      yield bytes;
    }
    if (hash && chain) {
      const wanted = chunkSignature(chain, previous, hash.digest("hex"));
      if (!sameHex(wanted, match[2] as string))
        throw new S3Error("SignatureDoesNotMatch", "a chunk's signature does not match");
      previous = wanted;
    }
    if (length === 0) break;
    if ((await reader.line()) !== "") malformed();
  }
  if (trailer) await readTrailers(reader, signed ? chain : undefined, previous, trailers, expected);
  await reader.drain();
}

async function readTrailers(
  reader: LineReader,
  chain: ChunkChain | undefined,
  previous: string,
  trailers: Map<string, string>,
  expected: readonly string[],
): Promise<void> {
  let text = "";
  let signature: string | undefined;
  for (let count = 0; ; count += 1) {
    const line = (await reader.line()).replace(/\n$/, "");
    if (line === "") break;
    const at = line.indexOf(":");
    const [name, value] = [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
    if (at < 1 || count > MAX_TRAILERS) malformed();
    if (name === "x-amz-trailer-signature") {
      signature = value;
      continue;
    }
    trailers.set(name, value);
    text += `${name}:${value}\n`;
  }
  for (const name of expected)
    if (name.trim() !== "" && !trailers.has(name.trim().toLowerCase()))
      throw new S3Error("InvalidRequest", "a trailing header that was announced is missing");
  if (chain && !(signature !== undefined && sameHex(trailerSignature(chain, previous, text), signature)))
    throw new S3Error("SignatureDoesNotMatch", "the signature of the trailing headers does not match");
}

function malformed(): never {
  throw new S3Error("IncompleteBody", "the body is not aws-chunked, or cut short");
}

/** Lines and stretches of bytes from a stream. */
class LineReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }

  /** Up to the next CRLF, which is taken too. An end of the stream ends the last line. */
  async line(): Promise<string> {
    for (;;) {
      const at = Buffer.from(this.#held.buffer, this.#held.byteOffset, this.#held.length).indexOf("\r\n");
      if (at >= 0 && at <= MAX_LINE) {
        const line = Buffer.from(this.#held.subarray(0, at)).toString("latin1");
        this.#held = this.#held.subarray(at + 2);
        return line;
      }
      if (this.#held.length > MAX_LINE) malformed();
      if (!(await this.#more())) {
        if (this.#held.length > 0) malformed();
        return "";
      }
    }
  }

  async *bytes(length: number): AsyncGenerator<Uint8Array, void> {
    for (let left = length; left > 0; ) {
      if (this.#held.length === 0 && !(await this.#more())) malformed();
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      if (part.length > 0) yield part;
    }
  }

  /** Nothing may follow but the end of a line. */
  async drain(): Promise<void> {
    do {
      if (this.#held.some((byte) => byte !== 0x0d && byte !== 0x0a)) malformed();
      this.#held = new Uint8Array(0);
    } while (await this.#more());
  }
}

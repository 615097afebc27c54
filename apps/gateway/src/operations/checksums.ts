/**
 * Checksums as S3 speaks of them: headers of requests and answers, elements of its XML, and what a body has to turn out to be.
 * Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3".
 * @module
 */
import { DIGEST_ALGORITHMS, type DigestAlgorithm } from "../digest-algorithms.ts";
import type { RequestBody } from "../s3/body.ts";
import { S3Error } from "../s3/errors.ts";
import type { Payload } from "../s3/signature.ts";
import { textOf, type XmlValue } from "../s3/xml.ts";

export type ChecksumAlgorithm = Exclude<DigestAlgorithm, "md5">;
export const CHECKSUM_ALGORITHMS: readonly ChecksumAlgorithm[] = ["crc32", "crc32c", "crc64nvme", "sha1", "sha256"];
/** Of all bytes, or of the parts' checksums one after the other. */
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";
/** In base64, by algorithm. One of parts' checksums ends with `-` and their number. */
export type Checksums = Readonly<Record<string, string>>;

const CHECKSUM = "x-amz-checksum-";
/** Headers that begin like a checksum. */
const NOT_CHECKSUMS = ["algorithm", "mode", "type"];

type Headers = ReadonlyMap<string, string>;

/** What was announced about a body, and has to turn out true. */
export interface Announced {
  /** Beside MD5. */
  readonly algorithms: readonly DigestAlgorithm[];
  /** Those that the client named: kept with the object and given back. */
  readonly kept: readonly ChecksumAlgorithm[];
  /** @throws `BadDigest`, `XAmzContentSHA256Mismatch`, `InvalidDigest` */
  check(digests: Readonly<Record<string, Uint8Array>>): void;
}

/** @throws `InvalidDigest`, `NotImplemented` for a checksum that nobody here could compare */
export function announcedOf(headers: Headers, payload: Payload, body: RequestBody): Announced {
  const sent = [...headers.keys(), ...trailerNames(headers)]
    .filter((name) => name.startsWith(CHECKSUM))
    .map((name) => name.slice(CHECKSUM.length))
    .filter((name) => !NOT_CHECKSUMS.includes(name));
  if (sent.some((name) => !DIGEST_ALGORITHMS.some((known) => known === name)))
    throw new S3Error("NotImplemented", "the gateway does not know this kind of checksum");
  const named = DIGEST_ALGORITHMS.filter((name) => sent.includes(name));
  const contentMd5 = headers.get("content-md5");
  const wanted = payload.kind === "hash" ? payload.sha256 : undefined;
  const algorithms = new Set<DigestAlgorithm>([...named, ...(wanted === undefined ? [] : (["sha256"] as const))]);
  algorithms.delete("md5");
  if (contentMd5 !== undefined && Buffer.from(contentMd5, "base64").length !== 16)
    throw new S3Error("InvalidDigest", "Content-MD5 is not an MD5 in base64");
  return {
    algorithms: [...algorithms],
    kept: named.filter((name) => name !== "md5"),
    check(digests) {
      const base64 = (name: string): string => Buffer.from(digests[name] as Uint8Array).toString("base64");
      if (wanted !== undefined && Buffer.from(digests["sha256"] as Uint8Array).toString("hex") !== wanted)
        throw new S3Error("XAmzContentSHA256Mismatch", "the body is not the one whose SHA-256 was signed");
      if (contentMd5 !== undefined && base64("md5") !== contentMd5)
        throw new S3Error("BadDigest", "the body is not the one whose MD5 was sent");
      for (const name of named) {
        const announced = headers.get(CHECKSUM + name) ?? body.trailers.get(CHECKSUM + name);
        if (announced !== base64(name))
          throw new S3Error("BadDigest", `the body does not have the ${name} that was sent`);
      }
    },
  };
}

/** The algorithm that `x-amz-checksum-algorithm` asks for. @throws `InvalidRequest` */
export function algorithmOf(headers: Headers): ChecksumAlgorithm | undefined {
  const text = headers.get("x-amz-checksum-algorithm");
  if (text === undefined) return undefined;
  const algorithm = CHECKSUM_ALGORITHMS.find((name) => name === text.toLowerCase());
  if (!algorithm) throw new S3Error("InvalidRequest", "x-amz-checksum-algorithm is none that the gateway knows");
  return algorithm;
}

/** Those that stand in the headers of a request, without a body's trailers. */
export function checksumsIn(headers: Headers): readonly (readonly [ChecksumAlgorithm, string])[] {
  return CHECKSUM_ALGORITHMS.flatMap((name) => {
    const value = headers.get(CHECKSUM + name);
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** Those of an element, as `ChecksumCRC32`. */
export function checksumsInXml(
  element: Readonly<Record<string, unknown>>,
): readonly (readonly [ChecksumAlgorithm, string])[] {
  return CHECKSUM_ALGORITHMS.flatMap((name) => {
    const value = textOf(element, elementOf(name));
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** As the headers of an answer. */
export function checksumHeaders(checksums: Checksums): Record<string, string> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [CHECKSUM + name, value]));
}

/** As the headers of an answer about an object. */
export function objectChecksumHeaders(checksums: Checksums): Record<string, string> {
  const type = typeOf(checksums);
  return { ...checksumHeaders(checksums), ...(type === undefined ? {} : { "x-amz-checksum-type": type }) };
}

/** As XML has them. */
export function checksumElements(checksums: Checksums): Record<string, XmlValue> {
  return Object.fromEntries(Object.entries(checksums).map(([name, value]) => [elementOf(name), value]));
}

/** As XML about an object has them. */
export function objectChecksumElements(checksums: Checksums): Record<string, XmlValue> {
  return { ...checksumElements(checksums), ChecksumType: typeOf(checksums) };
}

/** Which kinds of checksums an object has, as XML of a listing says it. */
export interface ListedChecksums {
  readonly [name: string]: XmlValue;
  readonly ChecksumAlgorithm?: readonly string[];
  readonly ChecksumType?: ChecksumType | undefined;
}

/** The same object for the same kinds: two hundred thousand of them may be remembered, and there are some sixty. */
const listed = new Map<string, ListedChecksums>();
export function listedChecksums(checksums: Checksums): ListedChecksums {
  const type = typeOf(checksums);
  const algorithms = CHECKSUM_ALGORITHMS.filter((name) => checksums[name] !== undefined);
  const kind = `${type} ${algorithms}`;
  const known = listed.get(kind);
  if (known) return known;
  const made =
    type === undefined ? {} : { ChecksumAlgorithm: algorithms.map((name) => name.toUpperCase()), ChecksumType: type };
  listed.set(kind, made);
  return made;
}

/** Whether a checksum is of all bytes, and not of parts' checksums. Base64 has no hyphen. */
export const isOfAllBytes = (checksum: string | undefined): boolean => checksum?.includes("-") === false;

function typeOf(checksums: Checksums): ChecksumType | undefined {
  const values = Object.values(checksums);
  if (values.length === 0) return undefined;
  return values.every(isOfAllBytes) ? "FULL_OBJECT" : "COMPOSITE";
}

const elementOf = (algorithm: string): string => `Checksum${algorithm.toUpperCase()}`;

const trailerNames = (headers: Headers): readonly string[] =>
  (headers.get("x-amz-trailer") ?? "").split(",").map((name) => name.trim().toLowerCase());

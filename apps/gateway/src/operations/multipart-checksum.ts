/**
 * The checksum of an object that came in parts, made from its parts' checksums: nobody reads the parts again.
 *
 *   FULL_OBJECT = the CRC of all bytes, combined from the parts' CRCs
 *   COMPOSITE   = digest(digest of part 1 ‖ digest of part 2 ‖ …), in base64, ‖ "-" ‖ number of parts
 *
 * Source: Amazon S3 User Guide, "Checking object integrity in Amazon S3", multipart uploads; API Reference, CreateMultipartUpload, CompleteMultipartUpload.
 * @module
 */
import { type CrcAlgorithm, combineCrc } from "../crc-combine.ts";
import { createDigests } from "../digest-algorithms.ts";
import { S3Error } from "../s3/errors.ts";
import { algorithmOf, type ChecksumAlgorithm, type Checksums, type ChecksumType, checksumsIn } from "./checksums.ts";

/** What an upload was begun with. */
export interface UploadChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
}

export interface ChecksummedPart {
  readonly size: number;
  readonly checksums: Checksums;
}

type Headers = ReadonlyMap<string, string>;

const CRCS: readonly CrcAlgorithm[] = ["crc32", "crc32c", "crc64nvme"];
const isCrc = (algorithm: ChecksumAlgorithm): algorithm is CrcAlgorithm => CRCS.some((name) => name === algorithm);

/** What CreateMultipartUpload asks for. @throws `InvalidRequest` */
export function uploadChecksumOf(headers: Headers): UploadChecksum | undefined {
  const algorithm = algorithmOf(headers);
  const asked = headers.get("x-amz-checksum-type");
  if (asked !== undefined && asked !== "FULL_OBJECT" && asked !== "COMPOSITE")
    throw new S3Error("InvalidRequest", "x-amz-checksum-type is FULL_OBJECT or COMPOSITE");
  if (!algorithm) {
    if (asked !== undefined) throw new S3Error("InvalidRequest", "x-amz-checksum-type needs x-amz-checksum-algorithm");
    return undefined;
  }
  const type = asked ?? (algorithm === "crc64nvme" ? "FULL_OBJECT" : "COMPOSITE");
  if (type === "FULL_OBJECT" && !isCrc(algorithm))
    throw new S3Error("InvalidRequest", "only CRCs can be of the full object in an upload in parts");
  if (type === "COMPOSITE" && algorithm === "crc64nvme")
    throw new S3Error("InvalidRequest", "CRC64NVME is always of the full object");
  return { algorithm, type };
}

/** What stays with an object that came in parts. */
export interface CompletedChecksums {
  /** Of the object: at most one. */
  readonly whole: Checksums;
  /** Of each part, by the same algorithm; empty without one. */
  readonly ofParts: readonly string[];
}

/**
 * What CompleteMultipartUpload keeps with the object, after comparing what it says. An upload that was begun without an algorithm, all parts
 * of which came with the same CRC, has that CRC of the full object.
 * @throws `BadDigest`, `InvalidRequest`
 */
export async function completedChecksums(
  headers: Headers,
  begun: UploadChecksum | undefined,
  parts: readonly ChecksummedPart[],
): Promise<CompletedChecksums> {
  const size = headers.get("x-amz-mp-object-size");
  if (size !== undefined && size !== String(parts.reduce((sum, part) => sum + part.size, 0)))
    throw new S3Error("InvalidRequest", "the parts do not have the size that was sent");
  const checksum = begun ?? commonCrc(parts);
  const type = headers.get("x-amz-checksum-type");
  if (type !== undefined && type !== checksum?.type)
    throw new S3Error("BadDigest", "the upload does not have a checksum of this type");
  const sent = checksumsIn(headers);
  if (sent.some(([algorithm]) => algorithm !== checksum?.algorithm))
    throw new S3Error("InvalidRequest", "neither the upload nor all of its parts have this kind of checksum");
  if (!checksum) return { whole: {}, ofParts: [] };
  const ofParts = parts.map(({ checksums }) => {
    const one = checksums[checksum.algorithm];
    if (one === undefined) throw new S3Error("InvalidRequest", "a part lacks the checksum of its upload");
    return one;
  });
  const whole = await wholeChecksum(checksum, parts, ofParts);
  for (const [algorithm, value] of sent)
    if (value !== whole && !(checksum.type === "COMPOSITE" && value === whole.split("-")[0]))
      throw new S3Error("BadDigest", `the parts together do not have the ${algorithm} that was sent`);
  return { whole: { [checksum.algorithm]: whole }, ofParts };
}

function commonCrc(parts: readonly ChecksummedPart[]): UploadChecksum | undefined {
  const algorithm = CRCS.find((name) => parts.every(({ checksums }) => checksums[name] !== undefined));
  return algorithm && { algorithm, type: "FULL_OBJECT" };
}

async function wholeChecksum(
  { algorithm, type }: UploadChecksum,
  parts: readonly ChecksummedPart[],
  ofParts: readonly string[],
): Promise<string> {
  const digests = parts.map(({ size }, i) => ({
    digest: new Uint8Array(Buffer.from(ofParts[i] as string, "base64")),
    size,
  }));
  if (type === "FULL_OBJECT" && isCrc(algorithm)) {
    // The CRC of nothing is 0.
    const nothing = new Uint8Array(algorithm === "crc64nvme" ? 8 : 4);
    const whole = digests.reduce(
      (crc, { digest, size }) => combineCrc(algorithm, crc, digest, size),
      nothing as Uint8Array,
    );
    return Buffer.from(whole).toString("base64");
  }
  const outer = createDigests([algorithm]);
  for (const { digest } of digests) outer.update(digest);
  const whole = (await outer.end())[algorithm] as Uint8Array;
  return `${Buffer.from(whole).toString("base64")}-${parts.length}`;
}

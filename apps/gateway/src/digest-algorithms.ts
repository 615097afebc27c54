/**
 * The digests that S3 knows, side by side over one stream: OpenSSL's, zlib's CRC-32, and those that only Amazon's library has.
 * @module
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32cJs, Crc64NvmeJs } from "@aws-sdk/checksums/crc";

export const DIGEST_ALGORITHMS = ["md5", "sha1", "sha256", "crc32", "crc32c", "crc64nvme"] as const;
export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];

export interface Digests {
  update(bytes: Uint8Array): void;
  end(): Promise<Record<string, Uint8Array>>;
}

export function createDigests(algorithms: readonly DigestAlgorithm[]): Digests {
  const all = algorithms.map((algorithm) => [algorithm, create(algorithm)] as const);
  return {
    update: (bytes) => {
      for (const [, one] of all) one.update(bytes);
    },
    end: async () =>
      Object.fromEntries(await Promise.all(all.map(async ([algorithm, one]) => [algorithm, await one.end()] as const))),
  };
}

function create(algorithm: DigestAlgorithm): {
  update(bytes: Uint8Array): void;
  end(): Uint8Array | Promise<Uint8Array>;
} {
  switch (algorithm) {
    case "crc32": {
      let value = 0;
      return {
        update: (bytes) => {
          value = crc32(bytes, value);
        },
        end: () => {
          const out = new Uint8Array(4);
          new DataView(out.buffer).setUint32(0, value);
          return out;
        },
      };
    }
    case "crc32c":
    case "crc64nvme": {
      const checksum = algorithm === "crc32c" ? new Crc32cJs() : new Crc64NvmeJs();
      return { update: (bytes) => checksum.update(bytes), end: () => checksum.digest() };
    }
    default: {
      const hash = createHash(algorithm);
      return { update: (bytes) => void hash.update(bytes), end: () => new Uint8Array(hash.digest()) };
    }
  }
}

/**
 * Reads the published vectors in `vectors/published`.
 * @module
 */
import { readFileSync } from "node:fs";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const ROOT = new URL("../../../vectors/published/", import.meta.url);

/** Sums of multiples, modulo r. */
interface Products {
  cases: { name: string; points: string[]; scalars: string[]; sum: string }[];
}

export interface PublishedVectors {
  "cloudflare-circl/hash-to-curve.json": {
    cases: { group: "G1" | "G2"; tag: string; message: string; point: string }[];
  };
  "cloudflare-circl/signatures.json": {
    cases: { signatureGroup: "G1" | "G2"; message: string; keyMaterial: string; signature: string }[];
  };
  "zkcrypto/encodings.json": Record<
    "g1" | "g2",
    { full: { compressed: string; uncompressed: string }[]; digests: string }
  >;
  "paulmillr-noble-curves/pairings.json": { full: string[]; digests: string };
  "paulmillr-noble-curves/signatures-g1.json": { cases: { key: string; message: string; signature: string }[] };
  "paulmillr-noble-curves/signatures-g2.json": { cases: { key: string; message: string; signature: string }[] };
  "ethereum-bls12-381-tests/sign.json": { cases: { key: string; messageByte: string; signature: string }[] };
  "ethereum-eip-2537/add.json": { cases: { name: string; group: "G1" | "G2"; a: string; b: string; sum: string }[] };
  "ethereum-eip-2537/multi-scalar-g1.json": Products;
  "ethereum-eip-2537/multi-scalar-g2.json": Products;
  "ethereum-eip-2537/multiply-g2.json": Products;
  "matter-labs-eip1962/multi-scalar-g2.json": Products;
  "ethereum-eip-2537/pairing-check.json": { cases: { name: string; pairs: [string, string][]; expect: boolean }[] };
  "ethereum-eip-2537/refusals.json": {
    cases: { name: string; group: "G1" | "G2"; point: string; reason: string; expect: string }[];
  };
}

export function published<File extends keyof PublishedVectors>(file: File): PublishedVectors[File] {
  return JSON.parse(readFileSync(new URL(file, ROOT), "utf8")) as PublishedVectors[File];
}

/** The digest form of long lists: the first 8 bytes of SHA-256, as hex. */
export const digest = (...parts: Uint8Array[]): string => bytesToHex(sha256(Buffer.concat(parts))).slice(0, 16);
/** The digest of entry i in a joined list. */
export const digestAt = (digests: string, i: number): string => digests.slice(16 * i, 16 * i + 16);

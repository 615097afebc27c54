/**
 * The Content-Digest field: what binds a body to a signed header.
 * Source: RFC 9530 §2 (field), §5 (sha-256; other algorithms may be there and are ignored).
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { sha256 } from "@noble/hashes/sha2.js";
import { parseDictionary, serializeDictionary } from "structured-headers";

/** `sha-256=:…:` of a body. */
export const contentDigest = (body: Uint8Array): string =>
  serializeDictionary(new Map([["sha-256", [sha256(body), new Map()]]]));

/** Whether the field holds the right SHA-256 of the body. @throws `ERR_DIGEST_INVALID` for anything else */
export function checkContentDigest(field: string, body: Uint8Array): void {
  let value: unknown;
  try {
    value = field.length > 1024 ? undefined : parseDictionary(field).get("sha-256")?.[0];
  } catch {
    value = undefined;
  }
  if (!(value instanceof ArrayBuffer))
    throw new MilagroError("ERR_DIGEST_INVALID", "Content-Digest has no sha-256 value");
  if (!equalBytes(new Uint8Array(value), sha256(body)))
    throw new MilagroError("ERR_DIGEST_INVALID", "the body is not the one that was signed");
}

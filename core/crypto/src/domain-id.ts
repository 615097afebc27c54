/**
 * The identifier of a trust domain: SHA-256 of its canonical genesis descriptor. Names are for people; this is what
 * every hash binds.
 * @module
 */
import { encodeBase64url, parseBase64url } from "./base64url.ts";
import type { Brand } from "./brand.ts";
import { MilagroError } from "./error.ts";

/** 32 bytes. */
export type DomainId = Brand<Uint8Array, "DomainId">;

/** From 32 raw bytes or 43 characters of base64url. @throws `ERR_DOMAIN_ID_INVALID` */
export function parseDomainId(input: string | Uint8Array): DomainId {
  let bytes: Uint8Array;
  try {
    bytes = typeof input === "string" ? parseBase64url(input) : input.slice();
  } catch (cause) {
    throw new MilagroError("ERR_DOMAIN_ID_INVALID", "a domain identifier is base64url", { cause });
  }
  if (bytes.length !== 32) throw new MilagroError("ERR_DOMAIN_ID_INVALID", "a domain identifier has 32 bytes");
  return bytes as DomainId;
}

/** 43 characters of base64url. */
export function formatDomainId(domainId: DomainId): string {
  return encodeBase64url(domainId);
}

/**
 * How evidence from elsewhere names the requester's key.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { sha256 } from "@noble/hashes/sha2.js";

/** How grants and OpenID Connect tokens name the request key: base64url(SHA-256(key)), in `request_key` and in `nonce`. */
export const requestKeyThumbprint = (requestKey: Uint8Array): string => encodeBase64url(sha256(requestKey));

/**
 * The browser's secure source.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/** What `getRandomValues` fills in one call. */
const MOST = 65_536;

/** @throws `ERR_RANDOM_UNAVAILABLE` where the browser has no secure source */
export function secureRandom(length: number): Uint8Array<ArrayBuffer> {
  const source = globalThis.crypto;
  if (typeof source?.getRandomValues !== "function") {
    throw new MilagroError("ERR_RANDOM_UNAVAILABLE", "this browser has no secure random source");
  }
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += MOST) source.getRandomValues(bytes.subarray(at, at + MOST));
  return bytes;
}

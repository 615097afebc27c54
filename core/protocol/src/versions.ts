/**
 * What this software speaks. A message of another version is refused, never guessed at.
 * @module
 */

/** `v` of every message. */
export const PROTOCOL_VERSION = 1;
/** The only cipher suite of version 1: curve, hashes and encodings of docs/spec. */
export const SUITE = "MILAGRO-BLS12381-V1";
/** Prefix of every HTTP path that carries protocol messages. */
export const API_PREFIX = "/v1";
/** What requests and answers with a body are. */
export const JSON_CONTENT_TYPE = "application/json";

/**
 * Whether a client that sends this `Accept` header can read our JSON. Absent means yes (RFC 9110 §12.5.1); a range with
 * weight 0 excludes. Parameters other than `q` are ignored.
 */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === "") return true;
  if (accept.length > 1024) return false;
  const ranks = accept.split(",").map((range) => {
    const [type = "", ...parameters] = range
      .trim()
      .toLowerCase()
      .split(/\s*;\s*/);
    const precision = type === JSON_CONTENT_TYPE ? 3 : type === "application/*" ? 2 : type === "*/*" ? 1 : 0;
    const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
    return { precision, allowed: /^(?:0(?:\.\d{1,3})?|1(?:\.0{1,3})?)$/.test(weight) && Number(weight) > 0 };
  });
  const best = Math.max(...ranks.map((rank) => rank.precision));
  return best > 0 && ranks.some((rank) => rank.precision === best && rank.allowed);
}

/**
 * Every domain separation tag of hash-to-curve, in one place, so that two of them cannot be equal unnoticed.
 *
 * A tag is `MILAGRO-V1-<ROLE>-BLS12381G{1,2}_XMD:SHA-256_SSWU_RO_` (RFC 9380 §3.1, §8.8). If a proof of possession and an
 * identity shared one, the proof `s·H(…)` would be an identity key.
 * @module
 */

/** What a point hashed to is used for. */
export type HashRole =
  | "ID"
  | "PERMIT"
  | "STATEMENT"
  | "POP-ID"
  | "POP-MPIN"
  | "POP-CP"
  | "POP-KP"
  | "POP-STATEMENT"
  | "ABE";

/** The tag for a role in a group. */
export function hashTag(role: HashRole, group: "G1" | "G2"): string {
  return `MILAGRO-V1-${role}-BLS12381${group}_XMD:SHA-256_SSWU_RO_`;
}

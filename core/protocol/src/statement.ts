/**
 * What a D-TA's statement key signs. The kind is inside what is signed, so no statement can be passed off as another.
 *
 *   statement = transcript("MILAGRO-V1-STATEMENT", kind, body)      body = canonical JSON of the message without its signature
 * @module
 */
import { equalBytes, transcript, utf8 } from "@milagro/crypto/bytes";
import { canonicalBytes } from "./canonical.ts";

/** Everything a statement key may say. */
export type StatementKind =
  | "descriptor"
  | "receipt"
  | "refusal"
  | "log-head"
  | "answer"
  | "bus-token"
  | "channel"
  | "approval"
  | "attribute-schema";

/** Whether bytes are a statement of this kind: whoever signs what others have put together asks first. */
export function isStatement(kind: StatementKind, bytes: Uint8Array): boolean {
  const start = transcript("MILAGRO-V1-STATEMENT", utf8(kind));
  return equalBytes(bytes.subarray(0, start.length), start);
}

/** The bytes to sign or verify. @param body - plain JSON (the wire form), without the signature */
export const statementBytes = (kind: StatementKind, body: unknown): Uint8Array =>
  transcript("MILAGRO-V1-STATEMENT", utf8(kind), canonicalBytes(body));

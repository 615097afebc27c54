/**
 * What people type or paste, as evidence: the codes that the D-TAs have mailed, and activation codes.
 *
 * A mailed code does not say by which D-TA it was mailed: the field it is typed into does. An activation code is a join token of one
 * D-TA and says so itself; all of them may be pasted at once.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { parseEvidence } from "@milagro/protocol/issuance-messages";
import { parseJoinToken } from "@milagro/protocol/join-token";
import { parseShortCode } from "@milagro/protocol/short-code";
import type { EvidenceFor } from "./mpin-enrolment-asking.ts";

/** @throws `ERR_ENCODING_INVALID` for what cannot be a code: eight letters and digits, spaces and dashes anywhere */
export function codeEvidence(index: number, typed: string): EvidenceFor {
  const code = parseShortCode(typed);
  if (code === undefined) throw new MilagroError("ERR_ENCODING_INVALID", "a code has eight letters and digits");
  return { index, evidence: [{ type: "email-code", code }] };
}

/**
 * @param text - one or more join tokens, between any white space
 * @throws `ERR_EVIDENCE_INVALID` for no token, something else, or two of one D-TA; never quoting it
 */
export function activationEvidence(text: string): readonly EvidenceFor[] {
  const tokens = text.split(/\s+/).filter((part) => part !== "");
  const evidence = tokens.map((token): EvidenceFor => {
    try {
      return { index: parseJoinToken(token).index, evidence: [parseEvidence({ type: "join-token", token })] };
    } catch {
      throw new MilagroError("ERR_EVIDENCE_INVALID", "this is not an activation code"); // no cause: it may quote a bearer secret
    }
  });
  if (evidence.length === 0 || new Set(evidence.map(({ index }) => index)).size !== evidence.length)
    throw new MilagroError("ERR_EVIDENCE_INVALID", "there is one activation code for each D-TA");
  return evidence;
}

/** The same OpenID token for every D-TA: `submitToAll([openIdEvidence(jwt)])`. Its nonce must be the enrolment's `openIdNonce`. */
export function openIdEvidence(jwt: string) {
  return parseEvidence({ type: "oidc", jwt });
}

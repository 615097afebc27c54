/**
 * Evidence as people carry it: lines of text, each for one D-TA or for all of them.
 *
 *   mjt1_<index>_…            a join token of D-TA <index>
 *   grant:<jwt>               a registrar's grant, shown to every D-TA
 *   oidc:<jwt>                an OpenID Connect token, shown to every D-TA
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type Evidence, parseEvidence } from "@milagro/protocol/issuance-messages";
import { parseJoinToken } from "@milagro/protocol/join-token";
import type { TrustDomain } from "@milagro/protocol/trust-domain";

/**
 * @param text - one piece a line; empty lines and lines that start with `#` are skipped
 * @returns for each D-TA what to show it, in their order
 * @throws `ERR_EVIDENCE_INVALID` naming the line, never its text; `ERR_EVIDENCE_MISSING` naming the D-TAs that would get nothing
 */
export function parseEvidenceText(text: string, domain: TrustDomain): readonly (readonly Evidence[])[] {
  const { authorities } = domain.descriptor;
  const perAuthority = authorities.map((): Evidence[] => []);
  for (const [number, raw] of text.split("\n").entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const { evidence, index } = parseLine(line, number + 1);
    const targets = index === undefined ? perAuthority : perAuthority.filter((_, i) => authorities[i]?.index === index);
    if (targets.length === 0)
      throw new MilagroError("ERR_EVIDENCE_INVALID", `line ${number + 1}: the domain has no D-TA ${index}`);
    for (const target of targets) target.push(evidence);
  }
  const without = authorities
    .filter((_, i) => perAuthority[i]?.length === 0)
    .map(({ index, name }) => `D-TA ${index} (${name})`);
  if (without.length > 0)
    throw new MilagroError("ERR_EVIDENCE_MISSING", `there is no evidence for ${without.join(", ")}`);
  return perAuthority;
}

function parseLine(line: string, number: number): { readonly evidence: Evidence; readonly index: number | undefined } {
  try {
    const [, type, jwt] = /^(grant|oidc):(.+)$/.exec(line) ?? [];
    if (type !== undefined) return { evidence: parseEvidence({ type, jwt }), index: undefined };
    return { evidence: parseEvidence({ type: "join-token", token: line }), index: parseJoinToken(line).index };
  } catch {
    // No cause: it may quote the line, which is a bearer secret.
    throw new MilagroError(
      "ERR_EVIDENCE_INVALID",
      `line ${number} is neither a join token nor grant:<jwt> or oidc:<jwt>`,
    );
  }
}

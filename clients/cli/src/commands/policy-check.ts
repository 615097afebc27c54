/**
 * `milagro policy check`: whether a policy is one, and what it costs.
 * @module
 */

import { formatPolicy } from "@milagro/crypto/policy-format";
import { compilePolicy } from "@milagro/crypto/policy-rows";
import { simplifyPolicy } from "@milagro/crypto/policy-simplify";
import { SCHEMA_OPTION, schemaFor } from "../attribute-schema.ts";
import type { CommandSpec } from "../command.ts";
import { DOMAIN_OPTION } from "../options.ts";
import { POLICY_ARGUMENT, parsePolicyText, readPolicyText } from "../policy-text.ts";

export const policyCheck: CommandSpec = {
  name: "check",
  summary: "check a policy against the attribute schema, and say what it costs",
  details: "An error gives line and column. Offline.",
  arguments: [["<policy>", POLICY_ARGUMENT]],
  options: [SCHEMA_OPTION, DOMAIN_OPTION],
  examples: [{ text: "Before it is used", line: "milagro policy check 'region in {DE, FR} and clearance >= 3'" }],
  async run(context, invocation) {
    const text = await readPolicyText(context, invocation.argument(0));
    const policy = simplifyPolicy(parsePolicyText(context, text, await schemaFor(context, invocation)));
    const { rows, uses, hasNegation } = compilePolicy(policy);
    const compact = formatPolicy(policy, { compact: true });
    const points = rows.reduce((sum, { kind }) => sum + (kind === "negation" ? 2 : 1), 0);
    const bytes = 139 + new TextEncoder().encode(compact).length + 96 * uses + 48 * points;
    const data = {
      policy: formatPolicy(policy),
      compact,
      rows: rows.length,
      uses,
      negation: hasNegation,
      ciphertextBytes: bytes,
    };
    return {
      data,
      view: {
        kind: "fields",
        fields: [
          ["policy", data.policy],
          ["rows", String(rows.length)],
          ["uses", String(uses)],
          ["ciphertext", `${bytes} bytes`],
          ...(hasNegation ? [["negation", "yes: no published proof covers it in this scheme"] as const] : []),
        ],
      },
    };
  },
};

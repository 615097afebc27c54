/**
 * `milagro policy format`: a policy in its one form.
 * @module
 */
import { formatPolicy } from "@milagro/crypto/policy-format";
import { simplifyPolicy } from "@milagro/crypto/policy-simplify";
import { SCHEMA_OPTION, schemaFor } from "../attribute-schema.ts";
import type { CommandSpec } from "../command.ts";
import { DOMAIN_OPTION } from "../options.ts";
import { POLICY_ARGUMENT, parsePolicyText, readPolicyText } from "../policy-text.ts";

export const policyFormat: CommandSpec = {
  name: "format",
  summary: "print a policy in its one form: same spacing, no needless brackets",
  arguments: [["<policy>", POLICY_ARGUMENT]],
  options: [
    SCHEMA_OPTION,
    DOMAIN_OPTION,
    { flags: "--simplify", text: "also move negations inwards, and drop what says nothing" },
    { flags: "--compact", text: "as ciphertexts hold it, with the types of numbers" },
  ],
  examples: [{ text: "A file with comments", line: "milagro policy format @readers.policy" }],
  async run(context, invocation) {
    const text = await readPolicyText(context, invocation.argument(0));
    const parsed = parsePolicyText(context, text, await schemaFor(context, invocation));
    const compact = invocation.flag("compact");
    const policy = formatPolicy(invocation.flag("simplify") || compact ? simplifyPolicy(parsed) : parsed, { compact });
    return { data: { policy }, view: { kind: "text", text: policy } };
  },
};

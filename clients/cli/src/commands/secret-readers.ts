/**
 * Who will be able to open what is stored: identities, whoever satisfies a policy, everybody from some time on.
 * @module
 */
import type { NewSecret } from "@milagro/client/secrets";
import { MilagroError } from "@milagro/engine/error";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Context, Invocation } from "../command.ts";
import { OPENS_AT_OPTION, parseOpensAt } from "../opens-at.ts";
import { parseRecipients } from "../recipients.ts";
import { POLICY_OPTION, policyOption, TO_OPTION } from "./secret-value.ts";

export const READER_OPTIONS = [TO_OPTION, POLICY_OPTION, OPENS_AT_OPTION] as const;

/** @throws `ERR_USAGE` for none, and for a policy with a time */
export async function parseReaders(
  context: Context,
  invocation: Invocation,
  domain: TrustDomain,
): Promise<Pick<NewSecret, "recipients" | "policy" | "opensAt">> {
  const opensAt = parseOpensAt(context, invocation.text("opensAt"), domain.epochSeconds);
  const policy = await policyOption(context, domain, invocation.text("policy"));
  if (policy && opensAt !== undefined)
    throw new MilagroError("ERR_USAGE", "--policy and --opens-at exclude each other");
  const texts = invocation.list("to");
  const others = opensAt !== undefined || policy !== undefined;
  return { policy, opensAt, recipients: others && texts.length === 0 ? [] : parseRecipients(texts, domain.name) };
}

/**
 * Who may talk to whom. One list of rules serves both ends: each asks it with the other's name on the other side.
 *
 * A name is an identity, `dta:<index>`, or `anonymous`; a pattern is one over identities, one of these two, or `dta:*`. As with access
 * to secrets: deny by default, and a matching denial wins over every permission, wherever it stands.
 * @module
 */
import { type Identity, type IdentityPattern, matchesIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { Type } from "typebox";
import { accepts, Counter, encoderOf, type Parsed, parserOf, strict, Version } from "./wire.ts";

const isPeerPattern = (text: string): boolean =>
  text === "anonymous" || /^dta:(?:\*|[1-9][0-9]?)$/.test(text) || accepts(parseIdentityPattern)(text);

const PeerPattern = Type.Refine(
  Type.String({ minLength: 5, maxLength: 255 }),
  isPeerPattern,
  () => "must be a pattern over identities, dta:<index>, dta:* or anonymous",
);
const PeerPatterns = Type.Array(PeerPattern, { minItems: 1, maxItems: 256 });

export const ChannelRuleSchema = strict({
  effect: Type.Enum(["allow", "deny"]),
  initiators: PeerPatterns,
  responders: PeerPatterns,
});
export type ChannelRule = Parsed<typeof ChannelRuleSchema>;

export const ChannelPolicySchema = strict(
  { v: Version, version: Counter, rules: Type.Array(ChannelRuleSchema, { maxItems: 1024 }) },
  "Who may open a channel to whom",
);
export type ChannelPolicy = Parsed<typeof ChannelPolicySchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseChannelPolicy = parserOf("channel policy", ChannelPolicySchema);
export const encodeChannelPolicy = encoderOf("channel policy", ChannelPolicySchema);

/** `rule` is the place of the rule that decided; none decided when nothing matched. */
export type ChannelDecision =
  | { readonly kind: "allow"; readonly rule: number }
  | { readonly kind: "deny"; readonly code: "ERR_CHANNEL_REFUSED"; readonly rule?: number };

/** Whether a pattern covers a name as `credentialName` writes it. @param pattern - checked by the schema, or by `isPeerPattern` */
export function matchesPeer(pattern: string, name: string): boolean {
  if (pattern === name) return true;
  if (!name.startsWith("milagro:")) return pattern === "dta:*" && name.startsWith("dta:");
  return pattern.startsWith("milagro:") && matchesIdentity(pattern as IdentityPattern, name as Identity);
}

/** Pure. @param initiator, responder - names as `credentialName` writes them */
export function decideChannel(rules: readonly ChannelRule[], initiator: string, responder: string): ChannelDecision {
  const matching = (effect: ChannelRule["effect"]) =>
    rules.findIndex(
      (rule) =>
        rule.effect === effect &&
        rule.initiators.some((pattern) => matchesPeer(pattern, initiator)) &&
        rule.responders.some((pattern) => matchesPeer(pattern, responder)),
    );
  const denied = matching("deny");
  if (denied !== -1) return { kind: "deny", code: "ERR_CHANNEL_REFUSED", rule: denied };
  const allowed = matching("allow");
  return allowed === -1 ? { kind: "deny", code: "ERR_CHANNEL_REFUSED" } : { kind: "allow", rule: allowed };
}

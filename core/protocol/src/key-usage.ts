/**
 * What a D-TA can be asked for: the keys of the `id` master, M-Pin's secrets and time permits of the `mpin` master, and attribute keys of the
 * masters `cp` and `kp`.
 * @module
 */
import type { AbeScheme } from "@milagro/crypto/abe-points";
import { IDENTITY_USAGES, type IdentityUsage } from "@milagro/crypto/usage";
import { MilagroError } from "@milagro/engine/error";

/** What a request for keys may name. */
export type KeyUsage = IdentityUsage | "mpin" | "mpin-server" | AbeScheme;
/** What a rule of an issuance policy may name. */
export type RuleUsage = KeyUsage | "permit";

export const KEY_USAGES: readonly KeyUsage[] = [...IDENTITY_USAGES, "mpin", "mpin-server", "cp", "kp"];
export const RULE_USAGES: readonly RuleUsage[] = [...KEY_USAGES, "permit"];

/** @throws `ERR_USAGE_INVALID`, also for `permit`, which no evidence carries */
export const parseKeyUsage = (text: string): KeyUsage => parseOneOf(KEY_USAGES, text);

/** @throws `ERR_USAGE_INVALID` */
export const parseRuleUsage = (text: string): RuleUsage => parseOneOf(RULE_USAGES, text);

function parseOneOf<U extends RuleUsage>(usages: readonly U[], text: string): U {
  const usage = usages.find((known) => known === text);
  if (!usage) throw new MilagroError("ERR_USAGE_INVALID", `a usage is one of ${usages.join(", ")}`);
  return usage;
}

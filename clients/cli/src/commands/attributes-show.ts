/**
 * `milagro attributes show`: the attribute keys that are here.
 * @module
 */
import type { AbeEntitlement } from "@milagro/crypto/abe-entitlement";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { describeAttributes } from "../attribute-values.ts";
import type { CommandSpec } from "../command.ts";
import { ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { asIdentity } from "../session.ts";

export const attributesShow: CommandSpec = {
  name: "show",
  summary: "show the attribute keys that an identity has here",
  options: [ID_OPTION, PASSPHRASE_OPTION],
  examples: [{ text: "Mine", line: "milagro attributes show --id milagro:acme/person/alice" }],
  run: (context) =>
    asIdentity(
      context,
      async (_, { ring, attributes }) => {
        const keys = attributes.keys().map(({ entitlement }) => describeEntitlement(entitlement as AbeEntitlement));
        return {
          data: { identity: ring.identity, keys },
          view: {
            kind: "rows",
            columns: ["epoch", "kind", "holds"],
            rows: keys.map((key) => [key.bound ? String(key.epoch) : `${key.epoch}, any`, key.scheme, holds(key)]),
            empty: "no attribute keys: get some with `milagro attributes request`",
          },
        };
      },
      "offline",
    ),
};

/** What a key holds, for people and programs. */
export function describeEntitlement(entitlement: AbeEntitlement) {
  const { scope, epoch } = entitlement;
  const bound = scope.epoch !== NO_EXPIRY;
  return "attributes" in entitlement
    ? { scheme: "cp" as const, epoch, bound, attributes: describeAttributes(entitlement.attributes) }
    : { scheme: "kp" as const, epoch, bound, policy: formatPolicy(entitlement.policy) };
}

export function holds(key: ReturnType<typeof describeEntitlement>): string {
  if (key.scheme === "kp") return key.policy;
  return Object.entries(key.attributes)
    .filter(([label]) => label !== "uid" && label !== "epoch")
    .map(([label, value]) => `${label} = ${value}`)
    .join("; ");
}

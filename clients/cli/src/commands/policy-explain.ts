/**
 * `milagro policy explain`: who among some holders could open this, and what the others lack.
 * @module
 */

import { parseAttributePairs } from "@milagro/client/attribute-pairs";
import { readPolicyFileHeader } from "@milagro/crypto/abe-file";
import { type AttributeSchema, UID_LABEL } from "@milagro/crypto/attribute-schema";
import { type AttributeSet, type AttributeValues, attributesOf } from "@milagro/crypto/attribute-set";
import { matchesIdentity, parseIdentity } from "@milagro/crypto/identity";
import type { Policy } from "@milagro/crypto/policy";
import {
  explainPolicy,
  type HolderExplanation,
  type MissingCondition,
  type PolicyHolder,
} from "@milagro/crypto/policy-explain";
import { MilagroError } from "@milagro/engine/error";
import { checkAttributePolicy, parseAttributeValues } from "@milagro/protocol/attribute-policy";
import { parseIssuancePolicy } from "@milagro/protocol/policy";
import { SCHEMA_OPTION, schemaFor } from "../attribute-schema.ts";
import { inputStream } from "../byte-streams.ts";
import type { CommandSpec, Context, Invocation } from "../command.ts";
import { readJsonFile } from "../files.ts";
import { DOMAIN_OPTION, ID_OPTION, PASSPHRASE_OPTION } from "../options.ts";
import { POLICY_ARGUMENT, parsePolicyText, readPolicyText } from "../policy-text.ts";
import { asIdentity } from "../session.ts";
import { styleFor } from "../style.ts";

export const policyExplain: CommandSpec = {
  name: "explain",
  summary: "who among these could open this, and why not",
  details:
    "The policy is an argument, or that of an encrypted file (--file). Holders are named with --holder, listed in a JSON file, or taken from a\nD-TA's policy file; without any of these they are the attribute keys that you have here. A name is the holder's uid: write whole\nidentities where the policy speaks of it. Offline; it says what the arithmetic would do\nand gives nobody anything.",
  arguments: [["[policy]", POLICY_ARGUMENT]],
  options: [
    { flags: "-f, --file <file>", text: "the policy that this file is encrypted to" },
    { flags: "-H, --holder <name label=value …>", text: "somebody, with attributes; may be repeated", many: true },
    { flags: "--holders <file>", text: "JSON: {name: {label: value, …}, …}" },
    {
      flags: "--dta-policy <file>",
      text: "the identities that a D-TA's policy file names one by one, with what it says of them",
    },
    SCHEMA_OPTION,
    DOMAIN_OPTION,
    ID_OPTION,
    PASSPHRASE_OPTION,
  ],
  examples: [
    {
      text: "Two people",
      line: "milagro policy explain 'region in {DE, FR} and clearance >= 3' -H 'alice region=DE clearance=4' -H 'bob region=US clearance=4'",
    },
    { text: "Could I open this file?", line: "milagro policy explain --file plan.milagro" },
    {
      text: "Everybody a D-TA knows by name",
      line: "milagro policy explain @readers.policy --dta-policy dta-1/policy.json",
    },
  ],
  async run(context, invocation) {
    const policy = await policyOf(context, invocation);
    const { holders, ...explained } = explainPolicy(policy, await holdersOf(context, invocation));
    const style = styleFor(context.io, "stdout");
    return {
      data: { ...explained, holders: holders.map(dataOf) },
      view: {
        kind: "text",
        text: [
          `${style.dim("policy")}  ${explained.policy}`,
          ...holders.flatMap((holder) => [
            "",
            `${holder.opens ? style.green("opens") : style.red("no   ")}   ${style.bold(holder.name)}`,
            ...holder.missing.map(
              (set, i) => `        ${i === 0 ? "lacks" : "   or"}  ${set.map(textOf).join(" and ")}`,
            ),
          ]),
        ].join("\n"),
      },
      exit: holders.every(({ opens }) => opens) ? 0 : 3,
    };
  },
};

async function policyOf(context: Context, invocation: Invocation): Promise<Policy> {
  const argument = invocation.optionalArgument(0);
  const file = invocation.text("file");
  if ((argument === undefined) === (file === undefined))
    throw new MilagroError("ERR_USAGE", "name a policy, or a file with --file");
  if (argument !== undefined)
    return parsePolicyText(context, await readPolicyText(context, argument), await schemaFor(context, invocation));
  const { header, rest } = await readPolicyFileHeader(inputStream(context.io, file));
  await rest.return();
  return header.abe.policy;
}

async function holdersOf(context: Context, invocation: Invocation): Promise<readonly PolicyHolder[]> {
  const named = invocation.list("holder");
  const listed = invocation.text("holders");
  const dta = invocation.text("dtaPolicy");
  if (named.length === 0 && listed === undefined && dta === undefined) return ownKeys(context);
  const schema = await schemaFor(context, invocation);
  return [
    ...named.map((text) => holderFromText(schema, text)),
    ...(listed === undefined ? [] : await readJsonFile(context.io, listed, (json) => holdersFromJson(schema, json))),
    ...(dta === undefined ? [] : await readJsonFile(context.io, dta, (json) => holdersFromPolicy(schema, json))),
  ];
}

const ownKeys = (context: Context): Promise<readonly PolicyHolder[]> =>
  asIdentity(
    context,
    async (_, { attributes }) =>
      attributes
        .keys()
        .flatMap(({ entitlement }) =>
          "attributes" in entitlement
            ? [{ name: `${entitlement.identity}, epoch ${entitlement.epoch}`, attributes: entitlement.attributes }]
            : [],
        ),
    "offline",
  );

function holderFromText(schema: AttributeSchema, text: string): PolicyHolder {
  const [name = "", ...pairs] = text.trim().split(/\s+/);
  return { name, attributes: withUid(schema, name, parseAttributePairs(schema, pairs)) };
}

function holdersFromJson(schema: AttributeSchema, json: unknown): readonly PolicyHolder[] {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new MilagroError("ERR_VALUE_INVALID", "holders are an object: {name: {label: value}}");
  return Object.entries(json).map(([name, values]) => ({
    name,
    attributes: withUid(schema, name, parseAttributeValues(values)),
  }));
}

/** Patterns stand for people who are not named: they cannot be explained. */
function holdersFromPolicy(schema: AttributeSchema, json: unknown): readonly PolicyHolder[] {
  const { attributes } = parseIssuancePolicy(json);
  checkAttributePolicy(attributes);
  if (!attributes) throw new MilagroError("ERR_VALUE_INVALID", "this policy file says nothing of attributes");
  const names = attributes.holders.flatMap(({ identities }) => identities.filter((pattern) => !pattern.includes("*")));
  return [...new Set(names)].map((name) => {
    const identity = parseIdentity(name);
    const applying = attributes.holders.filter(({ identities }) =>
      identities.some((pattern) => matchesIdentity(pattern, identity)),
    );
    const values: Record<string, AttributeValues[string]> = {};
    for (const { attributes: more } of applying) {
      for (const [label, value] of Object.entries(more)) {
        const before = values[label];
        const many = schema.labels.get(label);
        if (before === undefined) values[label] = value;
        else if (many?.kind === "text" && many.values === "many")
          values[label] = [...new Set([before, value].flat().map(String))];
      }
    }
    return { name, attributes: withUid(schema, name, values) };
  });
}

/** Every key has its holder's `uid`: the name that was given, which is nobody else's. */
function withUid(schema: AttributeSchema, name: string, values: AttributeValues): AttributeSet {
  const uid = name.startsWith("milagro:") ? parseIdentity(name) : name;
  return attributesOf(schema, { ...values, [UID_LABEL]: uid });
}

const dataOf = ({ name, opens, missing }: HolderExplanation) => ({
  name,
  opens,
  missing: missing.map((set) => set.map(({ condition, has }) => ({ condition, has }))),
});

const textOf = ({ condition, has }: MissingCondition): string =>
  `${condition} (${has === undefined ? "has none" : `has ${has}`})`;

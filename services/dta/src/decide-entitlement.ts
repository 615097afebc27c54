/**
 * Whether an identity may have an attribute key: pure. The D-TA makes the entitlement itself, by its own schema, from what was asked for, and
 * grants it only if it comes out the same and everything in it is known of the identity: from the policy file, or from the grant that carries
 * the request.
 *
 * A label with one value has one value: the first entry of the policy file that names it decides, and only where none does the grant. Of labels
 * with many values everything that is known counts. Fewer attributes than known may be asked for.
 * @module
 */
import {
  type AbeEntitlement,
  attributeEntitlement,
  type CpEntitlement,
  encodeEntitlement,
  type KpEntitlement,
} from "@milagro/crypto/abe-entitlement";
import { type AttributeSchema, EPOCH_LABEL, parseAttributeSchema, UID_LABEL } from "@milagro/crypto/attribute-schema";
import { type Attribute, type AttributeValues, attributesOf } from "@milagro/crypto/attribute-set";
import { equalBytes } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { type Identity, matchesIdentity } from "@milagro/crypto/identity";
import type { PolicyNode } from "@milagro/crypto/policy";
import { formatPolicy } from "@milagro/crypto/policy-format";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { simplifyPolicy } from "@milagro/crypto/policy-simplify";
import { MilagroError } from "@milagro/engine/error";
import type { AttributePolicy } from "@milagro/protocol/attribute-policy";

/** What a grant says of its identity; the registrar was allowed to say it. */
export interface GrantedAttributes {
  readonly attributes?: AttributeValues | undefined;
  readonly policies?: readonly string[] | undefined;
}

/** @param policy - absent: this D-TA issues no attribute keys */
export function isEntitled(
  policy: AttributePolicy | undefined,
  entitlement: AbeEntitlement,
  granted: GrantedAttributes = {},
): boolean {
  if (policy === undefined) return false;
  if (entitlement.scope.epoch === NO_EXPIRY && policy.unbound !== true) return false;
  const schema = schemaOf(policy);
  return "attributes" in entitlement
    ? hasAttributes(policy, schema, entitlement, granted)
    : hasPolicy(policy, schema, entitlement, granted);
}

const schemas = new WeakMap<AttributePolicy, AttributeSchema>();

/** Parsed once for each policy that is loaded. */
function schemaOf(policy: AttributePolicy): AttributeSchema {
  const schema = schemas.get(policy) ?? parseAttributeSchema(policy.schema);
  schemas.set(policy, schema);
  return schema;
}

function hasAttributes(
  policy: AttributePolicy,
  schema: AttributeSchema,
  entitlement: CpEntitlement,
  granted: GrantedAttributes,
): boolean {
  const { scope, identity, epoch } = entitlement;
  const asked = entitlement.attributes.filter(({ label }) => label !== UID_LABEL && label !== EPOCH_LABEL);
  const values = Object.fromEntries(asked.map((attribute) => [attribute.label, contentOf(attribute)]));
  let own: CpEntitlement;
  try {
    own = attributeEntitlement(
      { domainId: scope.domainId, identity, epoch, boundToEpoch: scope.epoch !== NO_EXPIRY },
      schema,
      values,
    );
  } catch (error) {
    if (error instanceof MilagroError) return false; // not of this schema
    throw error;
  }
  if (!equalBytes(encodeEntitlement(own), encodeEntitlement(entitlement))) return false;
  return asked.every((attribute) => isKnown(attribute, knownOf(policy, schema, identity, attribute.label, granted)));
}

const contentOf = (attribute: Attribute): AttributeValues[string] =>
  attribute.kind === "texts" ? attribute.values : attribute.value;

function isKnown(asked: Attribute, known: readonly Attribute[]): boolean {
  return asked.kind === "number"
    ? known.some((other) => other.kind === "number" && other.value === asked.value)
    : asked.values.every((value) => known.some((other) => other.kind === "texts" && other.values.includes(value)));
}

/** What is known of one label, as attributes of the schema. */
function knownOf(
  policy: AttributePolicy,
  schema: AttributeSchema,
  identity: Identity,
  label: string,
  granted: GrantedAttributes,
): readonly Attribute[] {
  const listed = policy.holders
    .filter(({ identities }) => identities.some((pattern) => matchesIdentity(pattern, identity)))
    .flatMap(({ attributes }) => attributeIn(schema, label, attributes));
  const all = [...listed, ...attributeIn(schema, label, granted.attributes ?? {})];
  const type = schema.labels.get(label);
  return type?.kind === "text" && type.values === "many" ? all : all.slice(0, 1);
}

function attributeIn(schema: AttributeSchema, label: string, values: AttributeValues): readonly Attribute[] {
  const value = Object.hasOwn(values, label) ? values[label] : undefined;
  if (value === undefined) return [];
  try {
    return attributesOf(schema, { [label]: value });
  } catch (error) {
    if (error instanceof MilagroError) return []; // of a grant: not what this schema allows
    throw error;
  }
}

function hasPolicy(
  policy: AttributePolicy,
  schema: AttributeSchema,
  { identity, policy: asked }: KpEntitlement,
  granted: GrantedAttributes,
): boolean {
  const listed = (policy.policies ?? [])
    .filter(({ identities }) => identities.some((pattern) => matchesIdentity(pattern, identity)))
    .flatMap(({ policies }) => policies);
  const wanted = orderless(asked);
  return [...listed, ...(granted.policies ?? [])].some((text) => orderlessOf(schema, text) === wanted);
}

/** The same for policies that differ in the order of their branches only. */
function orderless(policy: PolicyNode): string {
  if (!("of" in policy)) return formatPolicy(policy, { compact: true });
  if (policy.kind === "not") return `not(${orderless(policy.of)})`;
  const branches = policy.of.map(orderless).sort().join(",");
  return `${policy.kind === "threshold" ? policy.k : policy.kind}(${branches})`;
}

function orderlessOf(schema: AttributeSchema, text: string): string | undefined {
  try {
    return orderless(simplifyPolicy(parsePolicy(text, schema)));
  } catch (error) {
    if (error instanceof MilagroError) return undefined; // of a grant: not a policy of this schema
    throw error;
  }
}

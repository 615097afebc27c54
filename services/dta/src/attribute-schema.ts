/**
 * The attribute schema that this D-TA publishes, signed. Clients believe it when all D-TAs sign the same.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { AttributePolicy } from "@milagro/protocol/attribute-policy";
import { encodeSchemaStatement, type SchemaStatement, schemaBody } from "@milagro/protocol/attribute-schema-statement";
import { type DtaContext, domainOf } from "./context.ts";

/** Signed once for each policy that is loaded. */
const signed = new WeakMap<AttributePolicy, Promise<SchemaStatement>>();

/** @throws `ERR_ATTRIBUTE_SCHEMA_UNKNOWN` when the policy holds none; `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN` */
export async function publishAttributeSchema(context: DtaContext): Promise<ReturnType<typeof encodeSchemaStatement>> {
  const { domainId } = domainOf(context);
  const { attributes } = context.policy.current;
  if (attributes === undefined)
    throw new MilagroError("ERR_ATTRIBUTE_SCHEMA_UNKNOWN", "this D-TA publishes no attribute schema");
  const known = signed.get(attributes) ?? sign(context, domainId, attributes);
  signed.set(attributes, known);
  known.catch(() => signed.delete(attributes));
  return encodeSchemaStatement(await known);
}

async function sign(
  { issuer }: DtaContext,
  domainId: SchemaStatement["domainId"],
  { version, schema }: AttributePolicy,
): Promise<SchemaStatement> {
  const body = { v: 1, domainId, version, schema } as const;
  return { ...body, signature: await issuer.call("sign", { kind: "attribute-schema", body: schemaBody(body) }) };
}

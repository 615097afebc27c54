/**
 * The attribute schema of a domain: asked of all its D-TAs, believed when all have signed the same, and never an older one than was seen.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import {
  type DomainAttributes,
  joinSchemaStatements,
  parseSchemaStatement,
  type SignedAttributeSchema,
  verifyAttributeSchema,
} from "@milagro/protocol/attribute-schema-statement";
import type { ClientDeps } from "./deps.ts";
import { apiUrl, callJson } from "./json-call.ts";

/**
 * @param known - the newest one seen, which the caller keeps
 * @throws `ERR_ATTRIBUTE_SCHEMA_DIFFERS`, `ERR_ATTRIBUTE_SCHEMA_FORGED`, and what a D-TA answers (`ERR_ATTRIBUTE_SCHEMA_UNKNOWN`) or `ERR_UNREACHABLE`,
 * with its name
 */
export async function fetchAttributeSchema(
  deps: Pick<ClientDeps, "engine" | "random" | "http" | "domain">,
  known?: SignedAttributeSchema,
): Promise<DomainAttributes> {
  const { engine, random, domain, http } = deps;
  const statements = await Promise.all(
    domain.authorities.map(async ({ entry: { url, name } }) => {
      try {
        const call = { method: "GET", url: apiUrl(url, "/v1/attributes"), idempotent: true } as const;
        return await callJson(http, call, parseSchemaStatement);
      } catch (error) {
        if (!(error instanceof MilagroError)) throw error;
        throw new MilagroError(error.code, `${name}: ${error.message}`, { cause: error });
      }
    }),
  );
  return verifyAttributeSchema(engine, random, domain, joinSchemaStatements(statements), known);
}

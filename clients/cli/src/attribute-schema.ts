/**
 * The attribute schema that commands check policies and attributes with: the newest one that all D-TAs have signed, kept in the profile.
 * @module
 */
import { fetchAttributeSchema } from "@milagro/client/attribute-schema";
import type { ClientDeps } from "@milagro/client/deps";
import { type AttributeSchema, parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { MilagroError } from "@milagro/engine/error";
import { type DomainAttributes, verifyAttributeSchema } from "@milagro/protocol/attribute-schema-statement";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { systemRandom } from "@milagro/runtime/random";
import type { Context, Invocation } from "./command.ts";
import { readJsonFile } from "./files.ts";
import type { OptionSpec } from "./option.ts";
import { findAttributeSchema, writeAttributeSchema } from "./profile.ts";
import { engineOf, openDomain } from "./session.ts";

/** For policies of a domain that is not pinned here. */
export const SCHEMA_OPTION: OptionSpec = {
  flags: "--schema <file>",
  text: "an attribute schema as JSON, instead of the pinned domain's",
};

/** From all D-TAs, kept when it is newer. @throws what `fetchAttributeSchema` throws */
export async function newestSchema(context: Context, deps: ClientDeps): Promise<DomainAttributes> {
  const { home } = context.settings;
  const { name } = deps.domain;
  const known = await findAttributeSchema(home, name);
  const newest = await fetchAttributeSchema(deps, known);
  if (known?.version !== newest.version) await writeAttributeSchema(home, name, newest.signed);
  return newest;
}

/** The one that is kept, offline. @throws `ERR_ATTRIBUTE_SCHEMA_UNKNOWN` */
export async function keptSchema(context: Context, domain: TrustDomain): Promise<AttributeSchema> {
  const signed = await findAttributeSchema(context.settings.home, domain.name);
  if (!signed)
    throw new MilagroError(
      "ERR_ATTRIBUTE_SCHEMA_UNKNOWN",
      `the attribute schema of ${domain.name} is not known here; fetch it once`,
    );
  return verifyAttributeSchema(await engineOf(), systemRandom, domain, signed).schema;
}

/** `--schema`, else that of the pinned domain. */
export async function schemaFor(context: Context, invocation: Invocation): Promise<AttributeSchema> {
  const file = invocation.text("schema");
  if (file !== undefined) return readJsonFile(context.io, file, parseAttributeSchema);
  return keptSchema(context, await openDomain(context));
}

/**
 * A pinned domain and its attribute schema from the files of a profile.
 * @module
 */
import { openKnownDomain, parseKnownDomain } from "@milagro/client/known-domain";
import type { AttributeSchema } from "@milagro/crypto/attribute-schema";
import { parseUtf8 } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { parseSignedAttributeSchema, verifyAttributeSchema } from "@milagro/protocol/attribute-schema-statement";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited } from "@milagro/runtime/atomic-file";

const MAX_BYTES = 1024 * 1024;

/** @throws what is wrong with the files, or forged */
export async function readDomainFiles(
  engine: Engine,
  random: RandomBytes,
  files: { readonly domain: string; readonly schema: string },
): Promise<{ readonly domain: TrustDomain; readonly schema: AttributeSchema }> {
  const json = async (path: string): Promise<unknown> => parseJson(parseUtf8(await readFileLimited(path, MAX_BYTES)));
  const domain = openKnownDomain(engine, random, parseKnownDomain(await json(files.domain)));
  const signed = parseSignedAttributeSchema(await json(files.schema));
  return { domain, schema: verifyAttributeSchema(engine, random, domain, signed).schema };
}

/**
 * The profile folder: pinned domains and sealed identity keys.
 *
 *   <home>/config.json                                 settings
 *   <home>/domains/<domain>.json                       pinned domain, newest descriptor seen
 *   <home>/attributes/<domain>.json                    newest attribute schema seen, signed by all D-TAs
 *   <home>/identities/<domain>/<kind>/<name>.keys      sealed key store with one identity's key ring
 * @module
 */
import { readdir, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeKnownDomain, type KnownDomain, parseKnownDomain } from "@milagro/client/known-domain";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { type Identity, identityOf, splitIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeSignedAttributeSchema,
  parseSignedAttributeSchema,
  type SignedAttributeSchema,
} from "@milagro/protocol/attribute-schema-statement";
import { parseJson } from "@milagro/protocol/wire";
import { isErrno, makePrivateFolder, readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";

/** What a domain name may be made of: no way out of the folder. The descriptor inside has the strict grammar. */
const DOMAIN_NAME = /^(?!\.)[a-z0-9.-]{1,253}$/;
const MAX_DESCRIPTOR_BYTES = 1024 * 1024;

/** Names of the pinned domains, sorted. */
export async function listDomains(home: string): Promise<readonly string[]> {
  const names = await namesIn(join(home, "domains"));
  return names
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .filter((name) => DOMAIN_NAME.test(name))
    .sort();
}

/** @throws `ERR_DOMAIN_UNKNOWN` */
export async function readKnownDomain(home: string, name: string): Promise<KnownDomain> {
  const known = await findKnownDomain(home, name);
  if (!known) throw new MilagroError("ERR_DOMAIN_UNKNOWN", `no domain ${name} is pinned in ${home}`);
  return known;
}

export async function findKnownDomain(home: string, name: string): Promise<KnownDomain | undefined> {
  try {
    return parseKnownDomain(parseJson(parseUtf8(await readFileLimited(domainFile(home, name), MAX_DESCRIPTOR_BYTES))));
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  }
}

export async function writeKnownDomain(home: string, known: KnownDomain): Promise<string> {
  const path = domainFile(home, known.genesis.descriptor.name);
  await makePrivateFolder(home);
  await makePrivateFolder(dirname(path));
  await writeFileAtomic(path, utf8(`${JSON.stringify(encodeKnownDomain(known), null, 2)}\n`));
  return path;
}

/** The attribute schema that was seen last; whether it is to be believed is for `verifyAttributeSchema` to say. */
export async function findAttributeSchema(home: string, domain: string): Promise<SignedAttributeSchema | undefined> {
  try {
    const bytes = await readFileLimited(schemaFile(home, domain), MAX_DESCRIPTOR_BYTES);
    return parseSignedAttributeSchema(parseJson(parseUtf8(bytes)));
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  }
}

export async function writeAttributeSchema(
  home: string,
  domain: string,
  signed: SignedAttributeSchema,
): Promise<string> {
  const path = schemaFile(home, domain);
  await makePrivateFolder(home);
  await makePrivateFolder(dirname(path));
  await writeFileAtomic(path, utf8(`${JSON.stringify(encodeSignedAttributeSchema(signed), null, 2)}\n`));
  return path;
}

/** When the newest descriptor of a domain was last asked for, in ms since 1970: the age of its file. */
export async function lastLookMs(home: string, name: string): Promise<number> {
  return (await stat(domainFile(home, name))).mtimeMs;
}

/** A domain was asked for, and had nothing newer. */
export async function noteLook(home: string, name: string): Promise<void> {
  const now = new Date();
  await utimes(domainFile(home, name), now, now);
}

/** Where an identity's keys rest. The grammar of names leaves no way out of the folder. */
export function keyFile(home: string, identity: Identity): string {
  const { domain, kind, name } = splitIdentity(identity);
  return join(home, "identities", domain, kind, `${name}.keys`);
}

/** Identities with a key file here, sorted. */
export async function listIdentities(home: string): Promise<readonly Identity[]> {
  const root = join(home, "identities");
  const found: Identity[] = [];
  for (const domain of await namesIn(root)) {
    for (const kind of await namesIn(join(root, domain))) {
      for (const file of await namesIn(join(root, domain, kind), true)) {
        if (file.endsWith(".keys")) found.push(identityOf({ domain, kind, name: file.slice(0, -".keys".length) }));
      }
    }
  }
  return found.sort();
}

/** Where a pinned domain lies. */
export const domainFile = (home: string, name: string): string => join(home, "domains", `${domainName(name)}.json`);
/** Where its attribute schema lies. */
export const schemaFile = (home: string, name: string): string => join(home, "attributes", `${domainName(name)}.json`);

function domainName(name: string): string {
  if (!DOMAIN_NAME.test(name))
    throw new MilagroError("ERR_IDENTITY_INVALID", "the domain is not a lower-case DNS-like name");
  return name;
}

async function namesIn(folder: string, recursive = false): Promise<readonly string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return [];
    throw error;
  }
}

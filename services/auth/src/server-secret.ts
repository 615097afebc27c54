/**
 * The server secret where it rests: in the sealed key store, beside the join tokens that are to fetch it, and, after a rotation, beside the
 * later descriptor that it is of. Both change in one write, so a crash leaves the old pair or the new one.
 * @module
 */
import { parseUtf8, utf8, wipe } from "@milagro/crypto/bytes";
import { type Identity, identityOf } from "@milagro/crypto/identity";
import { parseServerSecret, verifyServerSecret } from "@milagro/crypto/mpin-server-key";
import { Secret } from "@milagro/crypto/secret";
import type { Engine } from "@milagro/engine/engine";
import { encodeSignedDescriptor, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { parseJoinTokens } from "@milagro/protocol/join-token";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { errorFields, type Log } from "@milagro/runtime/log";
import { systemRandom } from "@milagro/runtime/random";
import type { Keys } from "./keys.ts";
import type { ServerSecretBytes } from "./workers.ts";

const SECRET = "server-secret";
const DESCRIPTOR = "descriptor";
/** An enrolment that is under way. */
export const PENDING = "enrolment";
/** Join tokens, one a line. */
export const TOKENS = "join-tokens";
const MAX_TOKENS_BYTES = 65_536;

/** `milagro:<domain>/mpin-server/<service>`. @throws `ERR_IDENTITY_INVALID` */
export const serverIdentity = (domain: string, service: string): Identity =>
  identityOf({ domain, kind: "mpin-server", name: service });

/** Seals join tokens beside the keys until they are used. @throws `ERR_JOIN_TOKEN_INVALID`, `ERR_FILE_MISSING` */
export async function keepJoinTokens(keys: Keys, file: string, count: number): Promise<void> {
  const text = parseUtf8(await readFileLimited(file, MAX_TOKENS_BYTES));
  const bytes = utf8(parseJoinTokens(text, count).join("\n"));
  await keys.store.update({ set: { [TOKENS]: bytes } });
  wipe(bytes);
}

/** The newest descriptor that this server has believed: the stored one beside the first, or the first. */
export async function storedDomain(engine: Engine, first: TrustDomain, keys: Keys, log: Log): Promise<TrustDomain> {
  const entry = keys.store.get(DESCRIPTOR);
  if (!entry) return first;
  try {
    const signed = parseSignedDescriptor(parseJson(entry.use(parseUtf8)));
    return verifyDescriptor(engine, systemRandom, signed, { newest: first });
  } catch (error) {
    log.warn("the stored descriptor is not that of the domain: it is fetched anew", errorFields(error));
    await keys.store.update({ remove: [DESCRIPTOR] });
    return first;
  } finally {
    entry.destroy();
  }
}

/** Stores a descriptor, and with it the secret that is of it, at once. @param secret - absent where the old one stays right */
export async function storeDomain(keys: Keys, domain: TrustDomain, secret?: Uint8Array): Promise<void> {
  const later = domain.descriptor.sequence > 0;
  await keys.store.update({
    set: {
      ...(later ? { [DESCRIPTOR]: utf8(JSON.stringify(encodeSignedDescriptor(domain.signed))) } : {}),
      ...(secret ? { [SECRET]: secret } : {}),
    },
    remove: secret ? [PENDING, TOKENS] : [],
  });
}

/** The secret that rests in the key store, if it is still the domain's; another one is thrown away. */
export async function storedServerSecret(
  engine: Engine,
  domain: TrustDomain,
  keys: Keys,
  log: Log,
): Promise<ServerSecretBytes | undefined> {
  const entry = keys.store.get(SECRET);
  if (!entry) return undefined;
  const bytes = entry.use((secret) => secret.slice());
  entry.destroy();
  if (isOfDomain(engine, domain, bytes)) return new Secret("server secret", bytes);
  wipe(bytes);
  log.warn("the stored server secret is not that of the domain: it is collected anew");
  await keys.store.update({ remove: [SECRET, PENDING] });
  return undefined;
}

function isOfDomain(engine: Engine, domain: TrustDomain, bytes: Uint8Array): boolean {
  const secret = parseServerSecret(engine, bytes);
  try {
    return verifyServerSecret(engine, domain.publicKeys.mpin, secret);
  } finally {
    secret.destroy();
  }
}

/**
 * Files encrypted to a policy over attributes, or to attributes for keys that hold a policy. The sender needs the descriptor and, to be told of
 * misspelt labels, the attribute schema; the receiver an attribute key. Offline.
 * @module
 */
import { openAttributeFile, openPolicyFile, sealFileToAttributes, sealFileToPolicy } from "@milagro/crypto/abe-file";
import type { AbeKey } from "@milagro/crypto/abe-key";
import type { AbeScheme, AbeScope } from "@milagro/crypto/abe-points";
import type { AeadPort } from "@milagro/crypto/aead";
import type { AttributeSet } from "@milagro/crypto/attribute-set";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Policy } from "@milagro/crypto/policy";
import { satisfiesPolicy } from "@milagro/crypto/policy-satisfy";
import type { ByteStream } from "@milagro/crypto/stream";
import { MilagroError } from "@milagro/engine/error";
import type { AttributeRing } from "./attribute-ring.ts";
import type { ClientDeps } from "./deps.ts";

/** A file says by itself whom it is for; what it is for is the reader's business. */
const CONTEXT = utf8("milagro file");

type FileDeps = Pick<ClientDeps, "engine" | "random" | "domain"> & { readonly aead?: AeadPort };

/** What keys and ciphertexts of an epoch have in common. @param epoch - `NO_EXPIRY` for keys that are not bound to one */
export const scopeOf = <S extends AbeScheme>(
  { domain }: Pick<ClientDeps, "domain">,
  scheme: S,
  epoch: Epoch,
): AbeScope<S> => ({
  domainId: domain.domainId,
  scheme,
  epoch,
});

/** @throws `ERR_POLICY_INVALID` for a policy that asks for an `epoch` of keys that are bound to one */
export function encryptFileToPolicy(
  deps: FileDeps,
  policy: Policy,
  epoch: Epoch,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { engine, random, domain } = deps;
  const options = { publicKey: domain.publicKeys.cp, scope: scopeOf(deps, "cp", epoch), policy, context: CONTEXT };
  return sealFileToPolicy(engine, random, { ...options, ...aeadOf(deps) }, source);
}

/** @throws `ERR_ATTRIBUTE_INVALID` for a set of more than 64 KiB */
export function encryptFileToAttributes(
  deps: FileDeps,
  attributes: AttributeSet,
  epoch: Epoch,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { engine, random, domain } = deps;
  const options = { publicKey: domain.publicKeys.kp, scope: scopeOf(deps, "kp", epoch), attributes, context: CONTEXT };
  return sealFileToAttributes(engine, random, { ...options, ...aeadOf(deps) }, source);
}

/**
 * The text is whole only when the generator ends without throwing.
 * @param keys - the reader's attribute keys; `fetch` may get one of an epoch that they lack
 */
export function decryptPolicyFile(
  deps: FileDeps,
  keys: AttributeKeySource,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { engine, domain } = deps;
  const options = {
    publicKey: domain.publicKeys.cp,
    context: CONTEXT,
    selectKey: async ({
      abe: { epoch, policy },
    }: {
      readonly abe: { readonly epoch: Epoch; readonly policy: Policy };
    }) => keyFor(keys, "cp", epoch, (key) => satisfiesPolicy(policy, key.entitlement.attributes)),
  };
  return openPolicyFile(engine, { ...options, ...aeadOf(deps) }, source);
}

/** As `decryptPolicyFile`, with a key that has a policy. */
export function decryptAttributeFile(
  deps: FileDeps,
  keys: AttributeKeySource,
  source: ByteStream,
): AsyncGenerator<Uint8Array, void> {
  const { engine, domain } = deps;
  const options = {
    publicKey: domain.publicKeys.kp,
    context: CONTEXT,
    selectKey: async ({ abe }: { readonly abe: { readonly epoch: Epoch; readonly attributes: AttributeSet } }) =>
      keyFor(keys, "kp", abe.epoch, (key) => satisfiesPolicy(key.entitlement.policy, abe.attributes)),
  };
  return openAttributeFile(engine, { ...options, ...aeadOf(deps) }, source);
}

/** Where a reader's attribute keys come from. */
export interface AttributeKeySource {
  readonly open: () => Promise<AttributeRing>;
  /** Asks the D-TAs for the keys of an epoch that the ring lacks, when it may. */
  readonly fetch?: ((ring: AttributeRing, epoch: Epoch) => Promise<void>) | undefined;
}

/**
 * The key of the ring that opens; which one does is public.
 * @throws `ERR_KEY_MISSING` when there is none of this epoch, `ERR_POLICY_UNSATISFIED` when none of them satisfies
 */
export async function keyFor<S extends AbeScheme>(
  source: AttributeKeySource,
  scheme: S,
  epoch: Epoch,
  opens: (key: AbeKey<S>) => boolean,
): Promise<AbeKey<S>> {
  const ring = await source.open();
  if (ring.inScope(scheme, epoch).length === 0) await source.fetch?.(ring, epoch);
  const keys = ring.inScope(scheme, epoch);
  if (keys.length === 0)
    throw new MilagroError(
      "ERR_KEY_MISSING",
      `${ring.identity} has no ${scheme === "cp" ? "attribute key" : "key with a policy"} ${epoch === NO_EXPIRY ? "without an epoch" : `for epoch ${epoch}`} here`,
    );
  const key = keys.find(opens);
  if (key) return key;
  throw new MilagroError(
    "ERR_POLICY_UNSATISFIED",
    scheme === "cp"
      ? `the attributes of ${ring.identity} do not satisfy the policy`
      : `the file's attributes do not satisfy the policies of ${ring.identity}`,
  );
}

const aeadOf = ({ aead }: FileDeps): Pick<FileDeps, "aead"> => (aead ? { aead } : {});

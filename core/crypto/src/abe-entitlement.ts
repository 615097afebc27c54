/**
 * What an attribute key is issued for, and the approval of all D-TAs that precedes it.
 *
 *   entitlement     = scope ‖ len16 identity ‖ u64 epoch ‖ len32 content      content: the attribute set (cp), the compact policy (kp)
 *   statement = transcript("MILAGRO-V1-ABE-APPROVAL", entitlement, context)   signed by each D-TA's statement key
 *
 * Shares of two requests must not add up to a key that nobody was allowed. So no D-TA issues a share before it has seen the approval of
 * *all* D-TAs of the same entitlement: whoever holds any share was approved by everybody for just that identity, epoch and content, and
 * what shares of two such entitlements open together, each of the entitlements opens alone. The type says it: shares are issued for an
 * `ApprovedEntitlement`, and only `approveEntitlement` makes one.
 *
 * The holder's identity is an attribute of every key (`uid`), and the epoch of every key that is not bound to it (`epoch`): a D-TA
 * takes neither from the requester's list.
 * @module
 */
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import type { AbeScheme, AbeScope } from "./abe-points.ts";
import { encodeScope } from "./abe-points.ts";
import { type AttributeSchema, EPOCH_LABEL, UID_LABEL } from "./attribute-schema.ts";
import {
  type AttributeSet,
  type AttributeValues,
  attributeNamed,
  attributesOf,
  encodeAttributes,
  parseAttributes,
} from "./attribute-set.ts";
import { type StatementClaim, verifyStatements } from "./bls.ts";
import type { Brand } from "./brand.ts";
import { ByteReader, concat, equalBytes, lengthPrefixed, parseUtf8, transcript, u64, utf8 } from "./bytes.ts";
import { type DomainId, parseDomainId } from "./domain-id.ts";
import { type Epoch, NO_EXPIRY, parseEpoch } from "./epoch.ts";
import { MilagroError } from "./error.ts";
import { type Identity, parseIdentity } from "./identity.ts";
import type { PublicShare } from "./master-public.ts";
import type { Policy } from "./policy.ts";
import { formatPolicy } from "./policy-format.ts";
import { parsePolicy } from "./policy-parser.ts";
import { simplifyPolicy } from "./policy-simplify.ts";

interface EntitlementHead<S extends AbeScheme> {
  readonly scope: AbeScope<S>;
  readonly identity: Identity;
  /** The epoch that the key is issued in and for. */
  readonly epoch: Epoch;
}
/** A key with attributes. */
export type CpEntitlement = Brand<EntitlementHead<"cp"> & { readonly attributes: AttributeSet }, "CpEntitlement">;
/** A key with a policy, simplified. */
export type KpEntitlement = Brand<EntitlementHead<"kp"> & { readonly policy: Policy }, "KpEntitlement">;
/** The entitlement of a scheme. */
export type EntitlementOf<S extends AbeScheme> = S extends "cp" ? CpEntitlement : KpEntitlement;
/** Either. */
export type AbeEntitlement = CpEntitlement | KpEntitlement;

/** An entitlement that all D-TAs of the domain have signed. */
export type ApprovedEntitlement<G extends AbeEntitlement = AbeEntitlement> = Brand<
  { readonly entitlement: G; readonly statement: Uint8Array },
  "ApprovedEntitlement"
>;

/** What an entitlement is made from. */
export interface EntitlementOptions {
  readonly domainId: DomainId;
  readonly identity: Identity;
  readonly epoch: Epoch;
  /** `false`: the key fits ciphertexts of any epoch, whose policies speak about the epoch. Default: of its own epoch only. */
  readonly boundToEpoch?: boolean;
}

function refuse(reason: string): never {
  throw new MilagroError("ERR_ENTITLEMENT_INVALID", reason);
}

/**
 * An entitlement of attributes.
 * @param values - without `uid` and `epoch`, which are added
 * @throws `ERR_ATTRIBUTE_INVALID`; `ERR_ENTITLEMENT_INVALID` for epoch 0 or one past 32 bits
 */
export function attributeEntitlement(
  options: EntitlementOptions,
  schema: AttributeSchema,
  values: AttributeValues,
): CpEntitlement {
  if (UID_LABEL in values || EPOCH_LABEL in values)
    refuse("uid and epoch are those of the entitlement: leave them out");
  const bound = options.boundToEpoch ?? true;
  const own = { [UID_LABEL]: options.identity, ...(bound ? {} : { [EPOCH_LABEL]: options.epoch }) };
  const attributes = attributesOf(schema, { ...values, ...own });
  return checked({ ...head(options, "cp"), attributes } as unknown as CpEntitlement);
}

/** An entitlement of a policy: the key opens what carries attributes that satisfy it. @throws `ERR_ENTITLEMENT_INVALID` */
export function policyEntitlement(options: EntitlementOptions, policy: Policy): KpEntitlement {
  return checked({ ...head(options, "kp"), policy: simplifyPolicy(policy) } as unknown as KpEntitlement);
}

function head<S extends AbeScheme>(options: EntitlementOptions, scheme: S): EntitlementHead<S> {
  const { domainId, identity, epoch, boundToEpoch = true } = options;
  return { scope: { domainId, scheme, epoch: boundToEpoch ? epoch : NO_EXPIRY }, identity, epoch };
}

function checked<G extends AbeEntitlement>(entitlement: G): G {
  const { scope, identity, epoch } = entitlement;
  if (epoch === NO_EXPIRY) refuse("an attribute key is issued for an epoch");
  if (scope.epoch !== NO_EXPIRY && scope.epoch !== epoch) refuse("bound to another epoch than its own");
  if ("attributes" in entitlement) {
    const [uid, at] = [UID_LABEL, EPOCH_LABEL].map((label) => attributeNamed(entitlement.attributes, label));
    if (uid?.kind !== "texts" || uid.values.length !== 1 || uid.values[0] !== identity)
      refuse("uid is not the identity");
    if (scope.epoch !== NO_EXPIRY) {
      if (at) refuse("a key that is bound to its epoch has no attribute for it");
    } else if (at?.kind !== "number" || at.type.kind !== "integer" || at.type.width !== 32 || at.value !== epoch) {
      refuse("the attribute epoch is not the epoch");
    }
  }
  return entitlement;
}

/** The encoding of the header comment. */
export function encodeEntitlement(entitlement: AbeEntitlement): Uint8Array {
  const content =
    "attributes" in entitlement
      ? encodeAttributes(entitlement.attributes)
      : utf8(formatPolicy(entitlement.policy, { compact: true }));
  const { scope, identity, epoch } = entitlement;
  return concat(encodeScope(scope), lengthPrefixed(16, utf8(identity)), u64(epoch), lengthPrefixed(32, content));
}

/** From untrusted bytes, the encoding of an entitlement only. @throws `ERR_ENTITLEMENT_INVALID` whatever is wrong */
export function parseEntitlement<S extends AbeScheme>(scheme: S, bytes: Uint8Array): EntitlementOf<S> {
  let entitlement: AbeEntitlement;
  try {
    entitlement = readEntitlement(scheme, bytes);
  } catch (cause) {
    throw new MilagroError("ERR_ENTITLEMENT_INVALID", "not an entitlement of this scheme", { cause });
  }
  if (!equalBytes(encodeEntitlement(entitlement), bytes)) refuse("not the one encoding of this entitlement");
  return entitlement as EntitlementOf<S>;
}

function readEntitlement(scheme: AbeScheme, bytes: Uint8Array): AbeEntitlement {
  const reader = new ByteReader(bytes, "ERR_ENTITLEMENT_INVALID");
  if (reader.integer(8) !== 0x01) refuse("unknown version");
  const domainId = parseDomainId(reader.take(32));
  if (parseUtf8(reader.prefixed(8)) !== scheme) refuse("an entitlement of the other scheme");
  const scope = { domainId, scheme, epoch: parseEpoch(reader.u64()) };
  const identity = parseIdentity(parseUtf8(reader.prefixed(16)));
  const epoch = parseEpoch(reader.u64());
  const content = reader.prefixed(32);
  reader.end();
  const body = scheme === "cp" ? { attributes: parseAttributes(content) } : { policy: parsePolicy(parseUtf8(content)) };
  return checked({ scope, identity, epoch, ...body } as unknown as AbeEntitlement);
}

/** What each D-TA signs with its statement key. @param context - what else the approval is bound to: the hash of the request */
export function approvalStatement(entitlement: AbeEntitlement, context: Uint8Array): Uint8Array {
  return transcript("MILAGRO-V1-ABE-APPROVAL", encodeEntitlement(entitlement), context);
}

/**
 * Lets a D-TA issue: checks that every D-TA of the domain has signed the approval.
 * @param approvals - one per D-TA, in the order of `authorities`
 * @throws `ERR_APPROVAL_MISSING` when one is missing or not right
 */
export function approveEntitlement<G extends AbeEntitlement>(
  engine: Engine,
  random: RandomBytes,
  entitlement: G,
  context: Uint8Array,
  authorities: readonly PublicShare<"statement">[],
  approvals: readonly Uint8Array[],
): ApprovedEntitlement<G> {
  const statement = approvalStatement(entitlement, context);
  const claims = authorities.map(
    (publicKey, i): StatementClaim => ({
      publicKey,
      message: statement,
      signature: approvals[i] ?? new Uint8Array(0),
    }),
  );
  if (approvals.length !== authorities.length || !verifyStatements(engine, random, claims)) {
    throw new MilagroError("ERR_APPROVAL_MISSING", "not approved by all D-TAs of the domain");
  }
  return { entitlement, statement } as unknown as ApprovedEntitlement<G>;
}

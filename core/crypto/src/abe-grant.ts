/**
 * What an attribute key is issued for, and the approval of all D-TAs that precedes it.
 *
 *   grant     = scope ‖ len16 identity ‖ u64 epoch ‖ len32 content      content: the attribute set (cp), the compact policy (kp)
 *   statement = transcript("MILAGRO-V1-ABE-APPROVAL", grant, context)   signed by each D-TA's statement key
 *
 * Shares of two requests must not add up to a key that nobody was granted. So no D-TA issues a share before it has seen the approval of
 * *all* D-TAs of the same grant: whoever holds any share was approved by everybody for just that identity, epoch and content, and
 * what shares of two such grants open together, each of the grants opens alone. The type says it: shares are issued for an
 * `ApprovedGrant`, and only `approveGrant` makes one.
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

interface GrantHead<S extends AbeScheme> {
  readonly scope: AbeScope<S>;
  readonly identity: Identity;
  /** The epoch that the key is issued in and for. */
  readonly epoch: Epoch;
}
/** A key with attributes. */
export type CpGrant = Brand<GrantHead<"cp"> & { readonly attributes: AttributeSet }, "CpGrant">;
/** A key with a policy, simplified. */
export type KpGrant = Brand<GrantHead<"kp"> & { readonly policy: Policy }, "KpGrant">;
/** The grant of a scheme. */
export type GrantOf<S extends AbeScheme> = S extends "cp" ? CpGrant : KpGrant;
/** Either. */
export type AbeGrant = CpGrant | KpGrant;

/** A grant that all D-TAs of the domain have signed. */
export type ApprovedGrant<G extends AbeGrant = AbeGrant> = Brand<
  { readonly grant: G; readonly statement: Uint8Array },
  "ApprovedGrant"
>;

/** What a grant is made from. */
export interface GrantOptions {
  readonly domainId: DomainId;
  readonly identity: Identity;
  readonly epoch: Epoch;
  /** `false`: the key fits ciphertexts of any epoch, whose policies speak about the epoch. Default: of its own epoch only. */
  readonly boundToEpoch?: boolean;
}

function refuse(reason: string): never {
  throw new MilagroError("ERR_GRANT_INVALID", reason);
}

/**
 * A grant of attributes.
 * @param values - without `uid` and `epoch`, which are added
 * @throws `ERR_ATTRIBUTE_INVALID`; `ERR_GRANT_INVALID` for epoch 0 or one past 32 bits
 */
export function grantAttributes(options: GrantOptions, schema: AttributeSchema, values: AttributeValues): CpGrant {
  if (UID_LABEL in values || EPOCH_LABEL in values) refuse("uid and epoch are those of the grant: leave them out");
  const bound = options.boundToEpoch ?? true;
  const own = { [UID_LABEL]: options.identity, ...(bound ? {} : { [EPOCH_LABEL]: options.epoch }) };
  const attributes = attributesOf(schema, { ...values, ...own });
  return checked({ ...head(options, "cp"), attributes } as unknown as CpGrant);
}

/** A grant of a policy: the key opens what carries attributes that satisfy it. @throws `ERR_GRANT_INVALID` */
export function grantPolicy(options: GrantOptions, policy: Policy): KpGrant {
  return checked({ ...head(options, "kp"), policy: simplifyPolicy(policy) } as unknown as KpGrant);
}

function head<S extends AbeScheme>(options: GrantOptions, scheme: S): GrantHead<S> {
  const { domainId, identity, epoch, boundToEpoch = true } = options;
  return { scope: { domainId, scheme, epoch: boundToEpoch ? epoch : NO_EXPIRY }, identity, epoch };
}

function checked<G extends AbeGrant>(grant: G): G {
  const { scope, identity, epoch } = grant;
  if (epoch === NO_EXPIRY) refuse("an attribute key is issued for an epoch");
  if (scope.epoch !== NO_EXPIRY && scope.epoch !== epoch) refuse("bound to another epoch than its own");
  if ("attributes" in grant) {
    const [uid, at] = [UID_LABEL, EPOCH_LABEL].map((label) => attributeNamed(grant.attributes, label));
    if (uid?.kind !== "texts" || uid.values.length !== 1 || uid.values[0] !== identity)
      refuse("uid is not the identity");
    if (scope.epoch !== NO_EXPIRY) {
      if (at) refuse("a key that is bound to its epoch has no attribute for it");
    } else if (at?.kind !== "number" || at.type.kind !== "integer" || at.type.width !== 32 || at.value !== epoch) {
      refuse("the attribute epoch is not the epoch");
    }
  }
  return grant;
}

/** The encoding of the header comment. */
export function encodeGrant(grant: AbeGrant): Uint8Array {
  const content =
    "attributes" in grant ? encodeAttributes(grant.attributes) : utf8(formatPolicy(grant.policy, { compact: true }));
  const { scope, identity, epoch } = grant;
  return concat(encodeScope(scope), lengthPrefixed(16, utf8(identity)), u64(epoch), lengthPrefixed(32, content));
}

/** From untrusted bytes, the encoding of a grant only. @throws `ERR_GRANT_INVALID` whatever is wrong */
export function parseGrant<S extends AbeScheme>(scheme: S, bytes: Uint8Array): GrantOf<S> {
  let grant: AbeGrant;
  try {
    grant = readGrant(scheme, bytes);
  } catch (cause) {
    throw new MilagroError("ERR_GRANT_INVALID", "not a grant of this scheme", { cause });
  }
  if (!equalBytes(encodeGrant(grant), bytes)) refuse("not the one encoding of this grant");
  return grant as GrantOf<S>;
}

function readGrant(scheme: AbeScheme, bytes: Uint8Array): AbeGrant {
  const reader = new ByteReader(bytes, "ERR_GRANT_INVALID");
  if (reader.integer(8) !== 0x01) refuse("unknown version");
  const domainId = parseDomainId(reader.take(32));
  if (parseUtf8(reader.prefixed(8)) !== scheme) refuse("a grant of the other scheme");
  const scope = { domainId, scheme, epoch: parseEpoch(reader.u64()) };
  const identity = parseIdentity(parseUtf8(reader.prefixed(16)));
  const epoch = parseEpoch(reader.u64());
  const content = reader.prefixed(32);
  reader.end();
  const body = scheme === "cp" ? { attributes: parseAttributes(content) } : { policy: parsePolicy(parseUtf8(content)) };
  return checked({ scope, identity, epoch, ...body } as unknown as AbeGrant);
}

/** What each D-TA signs with its statement key. @param context - what else the approval is bound to: the hash of the request */
export function approvalStatement(grant: AbeGrant, context: Uint8Array): Uint8Array {
  return transcript("MILAGRO-V1-ABE-APPROVAL", encodeGrant(grant), context);
}

/**
 * Lets a D-TA issue: checks that every D-TA of the domain has signed the approval.
 * @param approvals - one per D-TA, in the order of `authorities`
 * @throws `ERR_APPROVAL_MISSING` when one is missing or not right
 */
export function approveGrant<G extends AbeGrant>(
  engine: Engine,
  random: RandomBytes,
  grant: G,
  context: Uint8Array,
  authorities: readonly PublicShare<"statement">[],
  approvals: readonly Uint8Array[],
): ApprovedGrant<G> {
  const statement = approvalStatement(grant, context);
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
  return { grant, statement } as unknown as ApprovedGrant<G>;
}

/**
 * A trust domain of three D-TAs for attribute-based encryption, on the fastest engine here; its keys on demand.
 * @module
 */
import { randomBytes } from "node:crypto";
import { createEngine } from "@milagro/engine";
import type { RandomBytes } from "@milagro/engine/engine";
import { issueCpKeyShare } from "../src/abe-cp-key.ts";
import {
  type AbeEntitlement,
  type ApprovedEntitlement,
  approvalStatement,
  approveEntitlement,
  attributeEntitlement,
  type CpEntitlement,
  policyEntitlement,
} from "../src/abe-entitlement.ts";
import { type AbeKey, combineAbeKeyShares } from "../src/abe-key.ts";
import { issueKpKeyShare } from "../src/abe-kp-key.ts";
import type { AbeScheme, AbeScope } from "../src/abe-points.ts";
import { type AttributeSchema, parseAttributeSchema } from "../src/attribute-schema.ts";
import type { AttributeValues } from "../src/attribute-set.ts";
import { signStatement } from "../src/bls.ts";
import { type DomainId, parseDomainId } from "../src/domain-id.ts";
import { type Epoch, parseEpoch } from "../src/epoch.ts";
import { type Identity, parseIdentity } from "../src/identity.ts";
import {
  combinePublicShares,
  type DomainPublicKey,
  derivePublicShare,
  type PublicShare,
} from "../src/master-public.ts";
import { generateMasterSecretShare, type MasterSecretShare } from "../src/master-secret.ts";
import { parsePolicy } from "../src/policy-parser.ts";

export const random: RandomBytes = (length) => new Uint8Array(randomBytes(length));
export const engine = await createEngine({ random });
export const CONTEXT: Uint8Array = new TextEncoder().encode("a test");
export const epoch: Epoch = parseEpoch(20_000);
export const alice: Identity = parseIdentity("milagro:example/user/alice");
export const bob: Identity = parseIdentity("milagro:example/user/bob");

/** Every kind of label. `x`, `y`, `u`, `v`, `w` are plain texts for gates. */
export const schema: AttributeSchema = parseAttributeSchema({
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR", "US", "CN", "AZ", "EU"] },
    role: { type: "text", values: "one", negatable: true },
    group: { type: "text", values: "many" },
    clearance: { type: "integer", width: 4 },
    joined: { type: "date" },
    ...Object.fromEntries([..."uvwxyz"].map((label) => [label, { type: "text", values: "one" }])),
  },
});

/** One scheme's masters, beside the statement keys that approve. */
export interface AbeDomain<S extends AbeScheme> {
  readonly domainId: DomainId;
  readonly masters: readonly MasterSecretShare<S>[];
  readonly publicShares: readonly PublicShare<S>[];
  readonly publicKey: DomainPublicKey<S>;
  readonly signers: readonly MasterSecretShare<"statement">[];
  readonly statementKeys: readonly PublicShare<"statement">[];
  scope(at?: Epoch): AbeScope<S>;
}

export function makeAbeDomain<S extends AbeScheme>(scheme: S, size = 3): AbeDomain<S> {
  const domainId = parseDomainId(random(32));
  const masters = Array.from({ length: size }, () => generateMasterSecretShare(engine, scheme));
  const publicShares = masters.map((share) => derivePublicShare(engine, share));
  const signers = masters.map(() => generateMasterSecretShare(engine, "statement"));
  return {
    domainId,
    masters,
    publicShares,
    publicKey: combinePublicShares(engine, publicShares),
    signers,
    statementKeys: signers.map((share) => derivePublicShare(engine, share)),
    scope: (at = epoch) => ({ domainId, scheme, epoch: at }),
  };
}

/** All D-TAs of the domain sign. */
export function approvalsOf(
  domain: AbeDomain<AbeScheme>,
  entitlement: AbeEntitlement,
  context: Uint8Array = CONTEXT,
): Uint8Array[] {
  return domain.signers.map((signer) => signStatement(engine, signer, approvalStatement(entitlement, context)));
}

export function approve<G extends AbeEntitlement>(
  domain: AbeDomain<AbeScheme>,
  entitlement: G,
): ApprovedEntitlement<G> {
  return approveEntitlement(
    engine,
    random,
    entitlement,
    CONTEXT,
    domain.statementKeys,
    approvalsOf(domain, entitlement),
  );
}

export interface HolderOptions {
  readonly identity?: Identity;
  readonly epoch?: Epoch;
  readonly boundToEpoch?: boolean;
}

const entitlementOptions = (domain: AbeDomain<AbeScheme>, options: HolderOptions) => ({
  domainId: domain.domainId,
  identity: options.identity ?? alice,
  epoch: options.epoch ?? epoch,
  boundToEpoch: options.boundToEpoch ?? true,
});

export function cpEntitlement(
  domain: AbeDomain<"cp">,
  values: AttributeValues,
  options: HolderOptions = {},
): CpEntitlement {
  return attributeEntitlement(entitlementOptions(domain, options), schema, values);
}

export function cpKey(domain: AbeDomain<"cp">, values: AttributeValues, options: HolderOptions = {}): AbeKey<"cp"> {
  const approved = approve(domain, cpEntitlement(domain, values, options));
  return combineAbeKeyShares(
    engine,
    domain.masters.map((master) => issueCpKeyShare(engine, master, approved)),
  );
}

export function kpKey(domain: AbeDomain<"kp">, policy: string, options: HolderOptions = {}): AbeKey<"kp"> {
  const approved = approve(domain, policyEntitlement(entitlementOptions(domain, options), parsePolicy(policy, schema)));
  return combineAbeKeyShares(
    engine,
    domain.masters.map((master) => issueKpKeyShare(engine, master, approved)),
  );
}

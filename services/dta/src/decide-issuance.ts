/**
 * The decision to issue: pure, so that every branch is one row of a test table. It is made inside the transaction that writes the
 * audit record and consumes the evidence; whatever needs the network or a pairing was looked at before and arrives here as a verdict.
 *
 * Order: the deny-list beats everything, also a request that was issued before; then a known request is answered again; then
 * freshness; then policy; then evidence. Nothing is allowed that no rule allows.
 * @module
 */
import type { AbeEntitlement } from "@milagro/crypto/abe-entitlement";
import { type Epoch, epochAt, NO_EXPIRY } from "@milagro/crypto/epoch";
import { isEpochIdentity } from "@milagro/crypto/epoch-identity";
import { type Identity, type IdentityPattern, matchesIdentity } from "@milagro/crypto/identity";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import { type EvidenceType, LATE_REQUEST_SECONDS } from "@milagro/protocol/issuance-messages";
import type { KeyUsage, RuleUsage } from "@milagro/protocol/key-usage";
import type { IssuancePolicy, IssuanceRule } from "@milagro/protocol/policy";
import { type GrantedAttributes, isEntitled } from "./decide-entitlement.ts";
import { refusalByKind } from "./device-keys.ts";

/** How far a request's own time may lie from this D-TA's clock, either way. */
export const FRESHNESS_MS = 300_000;
/** How long an issued request is answered again, so that an answer lost in a crash or an outage is not lost for good. */
export const ANSWER_AGAIN_MS = 7 * 86_400_000;
/**
 * How late a request may be that one-time evidence carries. The others may have answered it while this D-TA was down, and their evidence is spent on it: a fresh request would have
 * none. Such evidence has an end of its own, goes with the first request only, and the shares are sealed to the requester, so whoever held a request back gains nothing.
 */
export const LATE_MS = LATE_REQUEST_SECONDS * 1000;
/** Keys that open what was encrypted in an epoch. */
const OPENING: readonly KeyUsage[] = ["enc", "cp", "kp"];
const ONE_TIME: readonly EvidenceType[] = ["join-token", "grant", "email-code", "device"];

/** What one piece of evidence is worth, for the identity and request it came with. */
export type EvidenceVerdict =
  | {
      readonly type: EvidenceType;
      readonly ok: true;
      /** The usages it speaks for; absent: all that the policy allows. */
      readonly usages?: readonly KeyUsage[];
      /** For renewal: the epoch of the key that signed; it may be as old as the keys which the rule still issues. */
      readonly keyEpoch?: Epoch;
      /** For a grant: what its registrar says of the identity, and may say. */
      readonly granted?: GrantedAttributes;
    }
  | { readonly type: EvidenceType; readonly ok: false; readonly code: ErrorCode };

export interface RequestedKey {
  readonly usage: KeyUsage;
  readonly epoch: Epoch;
}

/** Everything the decision may depend on. */
export interface IssuanceFacts {
  readonly identity: Identity;
  readonly keys: readonly RequestedKey[];
  /** The request's own time. */
  readonly requestTimeMs: number;
  readonly nowMs: number;
  readonly epochSeconds: number;
  readonly policy: IssuancePolicy;
  /** Patterns of the deny-list; those of the policy are added here. */
  readonly denied: readonly IdentityPattern[];
  readonly evidence: readonly EvidenceVerdict[];
  /** What a request for attribute keys names. */
  readonly entitlements?: readonly AbeEntitlement[] | undefined;
  /** When this very request was issued before: at what time. */
  readonly issuedMs?: number | undefined;
  /** Whether the device's keys without expiry went to another request. */
  readonly issuedElsewhere?: boolean | undefined;
  /** That the epoch of the `mpin` master which the request names is past. */
  readonly masterOver?: boolean | undefined;
}

export type IssuanceDecision =
  | {
      readonly kind: "issue" /** Index into `facts.evidence`: the one piece that carried the request. */;
      readonly carrier: number;
    }
  | { readonly kind: "again" }
  | { readonly kind: "refuse"; readonly code: ErrorCode };

const refuse = (code: ErrorCode): IssuanceDecision => ({ kind: "refuse", code });

/**
 * Whether the rule issues keys of this epoch now. Past epochs serve to open what was encrypted before the identity enrolled (`enc`
 * and attribute keys); signing or agreeing keys of the past would only serve to forge it. Keys without expiry are in no window: `refusalByKind` says whose they may be.
 */
export function inEpochWindow(rule: IssuanceRule, key: RequestedKey, nowMs: number, epochSeconds: number): boolean {
  if (key.epoch === NO_EXPIRY) return true;
  // The two clocks may stand on different sides of an epoch's end: the tolerance for freshness applies here too.
  const earliest = epochAt(nowMs - FRESHNESS_MS, epochSeconds) - (OPENING.includes(key.usage) ? rule.maxEpochsBack : 0);
  const latest = epochAt(nowMs + FRESHNESS_MS, epochSeconds) + rule.maxEpochsAhead;
  return key.epoch >= Math.max(1, earliest) && key.epoch <= latest;
}

/** The rules that may allow the key, given the right evidence; or why none does. */
function rulesFor(facts: IssuanceFacts, key: RequestedKey): ErrorCode | readonly IssuanceRule[] {
  const open = facts.policy.rules.filter(
    (rule) =>
      (rule.usages as readonly RuleUsage[]).includes(key.usage) &&
      rule.identities.some((pattern) => matchesIdentity(pattern, facts.identity)),
  );
  if (open.length === 0) return "ERR_POLICY_REFUSED";
  const misfit = refusalByKind(facts.identity, key);
  if (misfit !== undefined) return misfit;
  const timely = open.filter((rule) => inEpochWindow(rule, key, facts.nowMs, facts.epochSeconds));
  return timely.length === 0 ? "ERR_EPOCH_OUT_OF_WINDOW" : timely;
}

function reaches(
  facts: IssuanceFacts,
  verdict: EvidenceVerdict & { ok: true },
  rules: readonly (readonly IssuanceRule[])[],
): boolean {
  const now = epochAt(facts.nowMs, facts.epochSeconds);
  return facts.keys.every((key, at) => {
    if (verdict.usages !== undefined && !verdict.usages.includes(key.usage)) return false;
    // Whoever steals a device must not get a second client secret, with a PIN of the thief's choice, by the first one's key.
    if (verdict.type === "renewal" && key.epoch === NO_EXPIRY) return false;
    return rules[at]?.some(
      (rule) =>
        rule.evidence.includes(verdict.type) &&
        (verdict.keyEpoch === undefined || verdict.keyEpoch >= Math.max(1, now - rule.maxEpochsBack)),
    );
  });
}

/** Whether policy and evidence together entitle to all attribute keys of the request. */
const entitles = ({ policy, entitlements }: IssuanceFacts, { granted }: EvidenceVerdict & { ok: true }): boolean =>
  (entitlements ?? []).every((entitlement) => isEntitled(policy.attributes, entitlement, granted));

/** One piece of evidence must carry the whole request: pieces do not add up, so that an audit record names exactly one reason. */
export function decideIssuance(facts: IssuanceFacts): IssuanceDecision {
  // Keys of an epoch belong to everybody, once it has begun; nobody gets one earlier by enrolling as its identity.
  if (isEpochIdentity(facts.identity)) return refuse("ERR_POLICY_REFUSED");
  const denied = [...facts.denied, ...facts.policy.denied];
  if (denied.some((pattern) => matchesIdentity(pattern, facts.identity))) return refuse("ERR_IDENTITY_REVOKED");

  if (facts.masterOver) return refuse("ERR_MASTER_OVER");
  if (facts.issuedMs !== undefined && facts.nowMs - facts.issuedMs <= ANSWER_AGAIN_MS) return { kind: "again" };
  const ageMs = facts.nowMs - facts.requestTimeMs;
  if (ageMs < -FRESHNESS_MS || ageMs > LATE_MS) return refuse("ERR_REQUEST_EXPIRED");
  const late = ageMs > FRESHNESS_MS;

  const rules: (readonly IssuanceRule[])[] = [];
  for (const key of facts.keys) {
    const found = rulesFor(facts, key);
    if (typeof found === "string") return refuse(found);
    rules.push(found);
  }

  const counts = ({ type }: EvidenceVerdict): boolean => !late || ONE_TIME.includes(type);
  const carries = (verdict: EvidenceVerdict): boolean =>
    counts(verdict) && verdict.ok && reaches(facts, verdict, rules);
  const carrier = facts.evidence.findIndex((verdict) => carries(verdict) && verdict.ok && entitles(facts, verdict));
  // The evidence is right, and would carry other attributes.
  if (carrier < 0 && facts.evidence.some(carries)) return refuse("ERR_ENTITLEMENT_REFUSED");
  if (carrier >= 0) return facts.issuedElsewhere ? refuse("ERR_IDENTITY_ISSUED") : { kind: "issue", carrier };
  const failed = facts.evidence.find((verdict) => counts(verdict) && !verdict.ok);
  if (failed !== undefined && !failed.ok) return refuse(failed.code);
  if (late) return refuse("ERR_REQUEST_EXPIRED");
  return refuse(facts.evidence.length === 0 ? "ERR_EVIDENCE_MISSING" : "ERR_EVIDENCE_INVALID");
}

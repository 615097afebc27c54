/**
 * Issuing, the heart of a D-TA: parse → decide → record and consume → act. The decision, the audit entry, the spent token and the memory of the request are
 * one durable commit (which requests that wait together share); only after it the worker computes the shares. No audit record, no share; and whoever lost the answer asks again with the same request.
 * @module
 */

import type { Identity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { entitlementsOf, isAttributeKey } from "@milagro/protocol/attribute-issuance";
import { definitionOf, type ErrorCode } from "@milagro/protocol/error-codes";
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type { IssuanceAnswerWire, KeyRequest, SealedRequestWire } from "@milagro/protocol/issuance-messages";
import { masterEpochIn } from "@milagro/protocol/issue-shares";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";
import { decideIssuance, type IssuanceDecision } from "./decide-issuance.ts";
import { isDeviceRequest, isIssuedElsewhere, rememberDevice } from "./device-keys.ts";
import { type ExaminedEvidence, examineEvidence, spendEvidence, weighEvidence } from "./evidence.ts";
import { limitInFlight } from "./in-flight.ts";
import { settleShares } from "./issue-attributes.ts";
import { masterAt } from "./master-epochs.ts";
import type { IssuanceRow, StoreTransaction } from "./store.ts";

/** What the transaction settled. */
type Settled =
  | { readonly kind: "issue"; readonly row: Omit<IssuanceRow, "identity">; readonly again: boolean }
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly nowMs: number };

export interface IssuanceCounters {
  issued(again: boolean): void;
  refused(code: ErrorCode): void;
}

/**
 * The operation behind `POST /v1/issue` and the bus. A refusal is a value, signed by this D-TA; it throws for what never became a request. With `only` requests for
 * anybody else are none (`ERR_IDENTITY_INVALID`).
 * @throws `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN`, `ERR_DOMAIN_MISMATCH`, `ERR_MESSAGE_INVALID`, `ERR_OVERLOADED`, and the store's codes
 */
export function createIssuance(
  context: DtaContext,
  counters: IssuanceCounters,
): (sealed: SealedRequestWire, only?: Identity) => Promise<IssuanceAnswerWire> {
  return limitInFlight((sealed, only) => issue(context, counters, sealed, only));
}

async function issue(
  context: DtaContext,
  counters: IssuanceCounters,
  sealed: SealedRequestWire,
  only: Identity | undefined,
): Promise<IssuanceAnswerWire> {
  const domain = domainOf(context);
  if (context.issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed; its operator unseals it");
  const opened = await context.issuer.call("open", sealed);
  const { request, requestHash } = opened;
  if (only !== undefined && request.identity !== only)
    throw new MilagroError("ERR_IDENTITY_INVALID", "only the D-KMS's own keys are asked for this way");
  const call = callFor(request);
  const master = masterFor(domain, request.keys, context.clock());
  if (master === "ERR_MASTER_AHEAD") throw new MilagroError(master, "this D-TA has not adopted that master yet");
  const settled = await (call === "issueAttributes" ? byApprovals : byEvidence)(context, domain, opened);
  if (settled.kind === "refuse") {
    counters.refused(settled.code);
    context.log.info("issuance refused", { identity: request.identity, code: settled.code });
    const { code, nowMs } = settled;
    // Somebody else's server is down, say: that is no verdict, and whoever relays the request should try again.
    if (definitionOf(code).status >= 500)
      throw new MilagroError(code, "the evidence could not be checked now; try again");
    return context.issuer.call("refuse", { requestHash, code, detail: definitionOf(code).meaning, timeMs: nowMs });
  }
  counters.issued(settled.again);
  context.log.info("issuance recorded", { identity: request.identity, logIndex: settled.row.log_index });
  const { policy_version: policyVersion, time_ms: timeMs, log_index: logIndex, log_head: logHead } = settled.row;
  const mpinKey = typeof master === "object" ? master.key : undefined;
  return context.issuer.call(call, { opened, policyVersion, timeMs, logIndex, logHead, mpinKey });
}

/** Which share of the `mpin` master the request is for, if for one. Server secrets are of the newest one only. */
function masterFor(
  domain: FoundedDomain,
  keys: readonly KeyRequest[],
  nowMs: number,
): ReturnType<typeof masterAt> | undefined {
  const epoch = masterEpochIn(keys);
  if (epoch === undefined) return undefined;
  const newest = domain.masters.at(-1)?.epoch ?? 0;
  if (epoch < newest && keys.some(({ usage }) => usage === "mpin-server")) return "ERR_MASTER_OVER";
  return masterAt(domain.masters, epoch, nowMs);
}

/** What answers a request: shares at once, or, for attribute keys, approvals first and shares on the approvals of all. */
function callFor({ keys, approvals }: OpenedRequest["request"]): "issue" | "approve" | "issueAttributes" {
  if (!keys.some(isAttributeKey)) return "issue";
  return approvals === undefined ? "approve" : "issueAttributes";
}

async function byEvidence(context: DtaContext, domain: FoundedDomain, opened: OpenedRequest): Promise<Settled> {
  const evidence = await examineEvidence(context, domain, opened);
  return context.store.transaction((tx) => settle(context, tx, domain, opened, evidence));
}

async function byApprovals(context: DtaContext, domain: FoundedDomain, opened: OpenedRequest): Promise<Settled> {
  const approvedByAll = await context.issuer.call("verifyApprovals", { opened });
  return context.store.transaction((tx) => settleShares(context, tx, domain, opened, approvedByAll));
}

/** Everything that must happen together or not at all. Touches nothing but the transaction: it may run twice. */
async function settle(
  context: DtaContext,
  tx: StoreTransaction,
  domain: FoundedDomain,
  opened: OpenedRequest,
  evidence: readonly ExaminedEvidence[],
): Promise<Settled> {
  const { request, requestHash } = opened;
  const nowMs = context.clock();
  const policy = context.policy.current;
  const before = await tx
    .selectFrom("issuance")
    .selectAll()
    .where("domain_id", "=", domain.domainId)
    .where("request_hash", "=", requestHash)
    .executeTakeFirst();
  const forDevice = isDeviceRequest(request.keys);
  const verdicts = await weighEvidence(tx, domain, opened, evidence, nowMs);
  const decision = decideIssuance({
    identity: request.identity,
    keys: request.keys,
    requestTimeMs: request.time * 1000,
    nowMs,
    epochSeconds: domain.epochSeconds,
    policy,
    denied: context.now.denied,
    evidence: verdicts,
    entitlements: entitlementsOf(request),
    issuedMs: before?.time_ms,
    masterOver: masterFor(domain, request.keys, nowMs) === "ERR_MASTER_OVER",
    issuedElsewhere: forDevice && (await isIssuedElsewhere(tx, domain.domainId, request.identity, requestHash)),
  });
  if (decision.kind === "again" && before !== undefined) return { kind: "issue", row: before, again: true };

  const entry = await context.audit.append(tx, {
    action: "issue",
    outcome: decision.kind === "refuse" ? decision.code : "ok",
    subject: request.identity,
    details: {
      requestHash: Buffer.from(requestHash).toString("base64url"),
      keys: request.keys.map(nameKey).join(" "),
      policyVersion: policy.version,
      evidence: describeEvidence(decision, verdicts),
    },
  });
  if (decision.kind !== "issue")
    return { kind: "refuse", code: decision.kind === "refuse" ? decision.code : "ERR_INTERNAL", nowMs };

  await spendEvidence(tx, domain, opened, evidence[decision.carrier] as ExaminedEvidence, nowMs);
  if (forDevice) await rememberDevice(tx, domain.domainId, { identity: request.identity, requestHash, nowMs });
  const row: IssuanceRow = {
    domain_id: domain.domainId,
    request_hash: requestHash,
    identity: request.identity,
    policy_version: policy.version,
    time_ms: nowMs,
    log_index: entry.index,
    log_head: entry.hash,
  };
  await tx.insertInto("issuance").values(row).execute();
  return { kind: "issue", row, again: false };
}

/** `usage@epoch`, with the epoch of the `mpin` master behind it where it is not the founding one. */
const nameKey = (key: KeyRequest): string =>
  `${key.usage}@${key.epoch}${"master" in key && key.master !== undefined ? `/${key.master}` : ""}`;

/** The piece that carried the request; of a refused one, all that were shown. Kinds only: evidence is a bearer secret. */
function describeEvidence(decision: IssuanceDecision, verdicts: readonly { readonly type: string }[]): string {
  if (decision.kind === "issue") return verdicts[decision.carrier]?.type ?? "";
  return verdicts.map(({ type }) => type).join(" ");
}

/**
 * The operation behind `POST /v1/mpin/updates`: a device that this D-TA has issued keys to gets its part of a token update, unless it is
 * denied, as long as the time to change over lasts. Each request is recorded before anything is computed for it; the very same one again
 * gets the same answer without a record.
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { matchesIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { definitionOf, type ErrorCode } from "@milagro/protocol/error-codes";
import {
  type TokenUpdateAnswer,
  type TokenUpdateRequest,
  tokenUpdateHashOf,
} from "@milagro/protocol/token-update-messages";
import { type DtaContext, domainOf } from "./context.ts";
import { findDevice } from "./device-keys.ts";
import { limitInFlight } from "./in-flight.ts";
import { type MasterEpoch, masterAt } from "./master-epochs.ts";
import { checkRequestKey } from "./request-key.ts";

/** Recorded requests of one device for one epoch: who needs more has lost its answers too often to be honest. */
const MAX_REQUESTS = 64;

/**
 * @throws `ERR_SIGNATURE_INVALID`, `ERR_IDENTITY_REVOKED`, `ERR_POLICY_REFUSED` for a device that is not known here, `ERR_MASTER_AHEAD`,
 * `ERR_MASTER_OVER`, `ERR_DOMAIN_MISMATCH`, `ERR_MESSAGE_INVALID`, `ERR_HPKE_KEY_INVALID`, `ERR_PUBLIC_KEY_INVALID`, `ERR_RATE_LIMITED`,
 * `ERR_SEALED`, `ERR_OVERLOADED`, and the store's codes
 */
export function createTokenUpdates(
  context: DtaContext,
  count: (outcome: "issued" | "again" | ErrorCode) => void,
): (request: TokenUpdateRequest) => Promise<TokenUpdateAnswer> {
  return limitInFlight((request) => update(context, count, request));
}

async function update(
  context: DtaContext,
  count: (outcome: "issued" | "again" | ErrorCode) => void,
  request: TokenUpdateRequest,
): Promise<TokenUpdateAnswer> {
  const domain = domainOf(context);
  if (!equalBytes(request.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the request is for another domain");
  if (context.issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed; its operator unseals it");
  checkRequestKey(request.requestKey);
  const step = stepOf(domain.masters, request, context.clock());
  const refusal = typeof step === "string" ? step : await refusalFor(context, domain.domainId, request);
  if (refusal !== undefined) {
    count(refusal);
    context.log.info("token update refused", { identity: request.identity, code: refusal });
    throw new MilagroError(refusal, definitionOf(refusal).meaning);
  }
  count((await record(context, domain.domainId, request)) ? "issued" : "again");
  const { before, after } = step as Step;
  return context.issuer.call("tokenUpdate", { request, before: before.key, after: after.key });
}

interface Step {
  readonly before: MasterEpoch;
  readonly after: MasterEpoch;
}

/** Which two shares, or why not. @throws `ERR_MESSAGE_INVALID` for a step that leads nowhere */
function stepOf(masters: readonly MasterEpoch[], { from, to }: TokenUpdateRequest, nowMs: number): Step | ErrorCode {
  if (from >= to) throw new MilagroError("ERR_MESSAGE_INVALID", "an update leads to a later epoch");
  const after = masterAt(masters, to, nowMs);
  if (typeof after === "string") return after;
  const before = masterAt(masters, from, nowMs);
  return typeof before === "string" ? before : { before, after };
}

/** Cheapest first; the signature takes pairings. A stranger learns of a device what the permits tell, too. */
async function refusalFor(
  context: DtaContext,
  domainId: Uint8Array,
  request: TokenUpdateRequest,
): Promise<ErrorCode | undefined> {
  const { identity } = request;
  const denied = [...context.now.denied, ...context.policy.current.denied];
  if (denied.some((pattern) => matchesIdentity(pattern, identity))) return "ERR_IDENTITY_REVOKED";
  if ((await findDevice(context.store.db, domainId, identity)) === undefined) return "ERR_POLICY_REFUSED";
  return (await context.issuer.call("verifyTokenUpdate", request)) ? undefined : "ERR_SIGNATURE_INVALID";
}

/** Whether it is new. Two may come at once: what is new to this transaction is recorded. @throws `ERR_RATE_LIMITED` */
function record(context: DtaContext, domainId: Uint8Array, request: TokenUpdateRequest): Promise<boolean> {
  const { identity, from, to: epoch } = request;
  const requestHash = tokenUpdateHashOf(request);
  return context.store.transaction(async (tx) => {
    const rows = await tx
      .selectFrom("token_update")
      .select("request_hash")
      .where("domain_id", "=", domainId)
      .where("identity", "=", identity)
      .where("epoch", "=", epoch)
      .execute();
    if (rows.some(({ request_hash }) => equalBytes(request_hash, requestHash))) return false;
    if (rows.length >= MAX_REQUESTS) throw new MilagroError("ERR_RATE_LIMITED", "too many updates for this device");
    const details = { requestHash: encodeBase64url(requestHash), keys: `mpin ${from} to ${epoch}`, master: epoch };
    await context.audit.append(tx, { action: "token-update", outcome: "ok", subject: identity, details });
    await tx
      .insertInto("token_update")
      .values({ domain_id: domainId, identity, request_hash: requestHash, epoch })
      .execute();
    return true;
  });
}

/**
 * The operation behind `POST /v1/permits`. A permit is worth nothing without the token on the device, so nobody proves anything; but a D-TA
 * permits only devices that it has issued keys to, in epochs around the present one, and none that is denied. The first permit of a device and
 * epoch is recorded before it leaves; asked for again it is the same bytes, without a record, as long as nothing was denied since.
 * @module
 */

import { equalBytes } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { type Identity, type IdentityPattern, matchesIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { definitionOf, type ErrorCode } from "@milagro/protocol/error-codes";
import type { RuleUsage } from "@milagro/protocol/key-usage";
import type { PermitAnswer, PermitRequest } from "@milagro/protocol/permit-messages";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";
import { findDevice } from "./device-keys.ts";
import { limitInFlight } from "./in-flight.ts";
import { masterAt } from "./master-epochs.ts";
import type { Store } from "./store.ts";

/** Permits are for the epoch before the present one, up to the second after it. */
const EPOCHS_BACK = 1;
const EPOCHS_AHEAD = 2;

/** Permits before it are not issued any more, whatever a clock that is set back a little says. */
export const oldestPermitEpoch = (nowMs: number, epochSeconds: number): number =>
  Math.floor(nowMs / 1000 / epochSeconds) - 2 * EPOCHS_BACK - 1;

export interface PermitFacts {
  readonly identity: Identity;
  readonly epochs: readonly Epoch[];
  readonly now: Epoch;
  readonly policy: IssuancePolicy;
  readonly denied: readonly IdentityPattern[];
  /** Whether this D-TA has issued the device's keys. */
  readonly known: boolean;
}

/** Why not; `undefined` when it may. Deny by default; a denial says so, and everything else that is not allowed looks the same. */
export function permitRefusal(facts: PermitFacts): ErrorCode | undefined {
  const { identity, epochs, now, policy, denied, known } = facts;
  const matches = (pattern: IdentityPattern): boolean => matchesIdentity(pattern, identity);
  if ([...denied, ...policy.denied].some(matches)) return "ERR_IDENTITY_REVOKED";
  const allowed = policy.rules.some(
    (rule) => (rule.usages as readonly RuleUsage[]).includes("permit") && rule.identities.some(matches),
  );
  if (!allowed || !known) return "ERR_POLICY_REFUSED";
  const inWindow = (epoch: Epoch): boolean => epoch >= Math.max(1, now - EPOCHS_BACK) && epoch <= now + EPOCHS_AHEAD;
  return epochs.every(inWindow) ? undefined : "ERR_EPOCH_OUT_OF_WINDOW";
}

/**
 * @throws `ERR_IDENTITY_REVOKED`, `ERR_POLICY_REFUSED`, `ERR_EPOCH_OUT_OF_WINDOW`, `ERR_MASTER_OVER`, `ERR_DOMAIN_MISMATCH`, `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN`,
 * `ERR_OVERLOADED`, and the store's codes
 */
export function createPermits(
  context: DtaContext,
  count: (outcome: "issued" | "again" | ErrorCode) => void,
): (request: PermitRequest) => Promise<PermitAnswer> {
  return limitInFlight((request) => permit(context, count, request));
}

async function permit(
  context: DtaContext,
  count: (outcome: "issued" | "again" | ErrorCode) => void,
  request: PermitRequest,
): Promise<PermitAnswer> {
  const domain = domainOf(context);
  if (!equalBytes(request.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the request is for another domain");
  if (context.issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed; its operator unseals it");
  const master = masterAt(domain.masters, request.master ?? 0, context.clock());
  if (typeof master === "string") throw new MilagroError(master, definitionOf(master).meaning);
  const { identity, epochs } = request;
  const refusal = permitRefusal({
    identity,
    epochs,
    now: epochAt(context.clock(), domain.epochSeconds),
    policy: context.policy.current,
    denied: context.now.denied,
    known: (await findDevice(context.store.db, domain.domainId, identity)) !== undefined,
  });
  if (refusal !== undefined) {
    count(refusal);
    context.log.info("permit refused", { identity, code: refusal });
    throw new MilagroError(refusal, definitionOf(refusal).meaning);
  }
  const recorded = await recordedEpochs(context.store.db, domain.domainId, identity, epochs);
  const fresh = [...new Set(epochs)].filter((epoch) => !recorded.has(epoch));
  if (fresh.length > 0) await record(context, domain, identity, fresh);
  count(fresh.length > 0 ? "issued" : "again");
  return context.issuer.call("permits", { request, mpinKey: master.key });
}

async function recordedEpochs(
  db: Pick<Store["db"], "selectFrom">,
  domainId: Uint8Array,
  identity: Identity,
  epochs: readonly Epoch[],
): Promise<ReadonlySet<number>> {
  const rows = await db
    .selectFrom("permit")
    .select("epoch")
    .where("domain_id", "=", domainId)
    .where("identity", "=", identity)
    .where("epoch", "in", [...epochs])
    .execute();
  return new Set(rows.map(({ epoch }) => Number(epoch)));
}

/** Two requests may come at once: only what is new to this transaction is recorded. */
async function record(
  context: DtaContext,
  { domainId }: FoundedDomain,
  identity: Identity,
  epochs: readonly Epoch[],
): Promise<void> {
  await context.store.transaction(async (tx) => {
    const before = await recordedEpochs(tx, domainId, identity, epochs);
    const fresh = epochs.filter((epoch) => !before.has(epoch));
    if (fresh.length === 0) return;
    const { version: policyVersion } = context.policy.current;
    const keys = fresh.map((epoch) => `permit@${epoch}`).join(" ");
    await context.audit.append(tx, {
      action: "permit",
      outcome: "ok",
      subject: identity,
      details: { keys, policyVersion },
    });
    await tx
      .insertInto("permit")
      .values(fresh.map((epoch) => ({ domain_id: domainId, identity, epoch })))
      .execute();
  });
}

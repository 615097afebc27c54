/**
 * Publishing this D-TA's share of the key of an epoch that has begun, for what was encapsulated to the epoch itself. Everybody may ask;
 * the first answer of an epoch is recorded before it leaves, later ones are the same bytes again.
 * @module
 */
import type { Epoch } from "@milagro/crypto/epoch";
import { epochIdentity } from "@milagro/crypto/epoch-identity";
import { type Identity, type IdentityPattern, matchesIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { type EpochShare, hasBegun } from "@milagro/protocol/epoch-share";
import { type DtaContext, domainOf } from "./context.ts";

export interface EpochShareFacts {
  readonly identity: Identity;
  readonly epoch: Epoch;
  readonly epochSeconds: number;
  readonly nowMs: number;
  readonly denied: readonly IdentityPattern[];
  /** Whether the log has this epoch's record. */
  readonly recorded: boolean;
}

export type EpochShareDecision =
  | { readonly kind: "publish" }
  | { readonly kind: "again" }
  | { readonly kind: "refuse"; readonly code: "ERR_IDENTITY_REVOKED" | "ERR_EPOCH_OUT_OF_WINDOW" };

/** By this D-TA's own clock and without tolerance: a second early is early. A denial of the epoch's identity keeps every epoch closed. */
export function decideEpochShare(facts: EpochShareFacts): EpochShareDecision {
  const { identity, epoch, epochSeconds, nowMs, denied, recorded } = facts;
  if (denied.some((pattern) => matchesIdentity(pattern, identity)))
    return { kind: "refuse", code: "ERR_IDENTITY_REVOKED" };
  if (!hasBegun(epoch, epochSeconds, nowMs)) return { kind: "refuse", code: "ERR_EPOCH_OUT_OF_WINDOW" };
  return { kind: recorded ? "again" : "publish" };
}

/** @throws `ERR_EPOCH_OUT_OF_WINDOW` for an epoch that has not begun, `ERR_IDENTITY_REVOKED`, `ERR_SEALED`, `ERR_DOMAIN_UNKNOWN` */
export async function publishEpochShare(context: DtaContext, epoch: Epoch): Promise<EpochShare> {
  const { domainId, name, index, epochSeconds } = domainOf(context);
  const identity = epochIdentity(name);
  if (context.issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed; its operator unseals it");
  const decision = await context.store.transaction(async (tx) => {
    const before = await tx
      .selectFrom("epoch_share")
      .select("log_index")
      .where("domain_id", "=", domainId)
      .where("epoch", "=", epoch)
      .executeTakeFirst();
    const denied = [...context.now.denied, ...context.policy.current.denied];
    const recorded = before !== undefined;
    const decided = decideEpochShare({ identity, epoch, epochSeconds, nowMs: context.clock(), denied, recorded });
    if (decided.kind !== "publish") return decided;
    const details = { keys: `enc@${epoch}` };
    const entry = await context.audit.append(tx, { action: "epoch-share", outcome: "ok", subject: identity, details });
    await tx.insertInto("epoch_share").values({ domain_id: domainId, epoch, log_index: entry.index }).execute();
    return decided;
  });
  if (decision.kind === "refuse") {
    const why = decision.code === "ERR_IDENTITY_REVOKED" ? "is withheld by this D-TA" : "has not begun";
    throw new MilagroError(decision.code, `epoch ${epoch} ${why}: its key is not published`);
  }
  return { v: 1, domainId, index, epoch, share: await context.issuer.call("epochShare", { epoch }) };
}

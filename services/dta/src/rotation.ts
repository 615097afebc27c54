/**
 * Rotating the `mpin` master, seen from this D-TA.
 *
 * The fresh share is sealed on disk before this D-TA commits to it. Adopting is one transaction, which stores the signed descriptor: which
 * share counts is said by the descriptor alone, so a crash leaves the old master or the new one.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import type { CeremonyCommit, CeremonySignature } from "@milagro/protocol/ceremony-messages";
import {
  encodeSignedDescriptor,
  hashDescriptor,
  masterEpochOf,
  type SignedDescriptor,
} from "@milagro/protocol/descriptor";
import {
  adoptedDescriptor,
  encodeRotationState,
  ownRotationCommitment,
  ownRotationReveal,
  parseRotationState,
  type RotationState,
  startRotation,
} from "@milagro/protocol/rotation";
import type { RotationProposal, RotationReveal, RotationStatus } from "@milagro/protocol/rotation-messages";
import { parseJson } from "@milagro/protocol/wire";
import { createCeremonySteps } from "./ceremony-steps.ts";
import { type DtaContext, domainOf } from "./context.ts";
import type { RotationStep } from "./issuer-messages.ts";
import { usableMasters } from "./master-epochs.ts";
import { loadDomain, ownMpinKey, serveDomain } from "./served-domain.ts";
import type { StoreTransaction } from "./store.ts";

export interface Rotations {
  /** The operator says yes. @throws `ERR_CEREMONY_STATE` */
  approve(proposal: RotationProposal): Promise<RotationStatus>;
  /** The operator gives one up that is not adopted. @throws `ERR_CEREMONY_STATE` once it is */
  abandon(id: Uint8Array): Promise<void>;
  /** @throws `ERR_CEREMONY_UNKNOWN` */
  status(id: Uint8Array): Promise<RotationStatus>;
  list(): Promise<RotationStatus[]>;
  commit(id: Uint8Array): Promise<CeremonyCommit>;
  takeCommitments(id: Uint8Array, commitments: readonly CeremonyCommit[]): Promise<RotationReveal>;
  takeReveals(id: Uint8Array, reveals: readonly RotationReveal[]): Promise<CeremonySignature>;
  takeSignatures(id: Uint8Array, signatures: readonly CeremonySignature[]): Promise<SignedDescriptor>;
}

/** Shorter, nobody has changed over; longer, a stolen token stays good for updating for no reason. */
const SHORTEST_MS = 60_000;
const LONGEST_MS = 400 * 86_400_000;

export function createRotations(context: DtaContext): Rotations {
  const { store, audit, clock, issuer } = context;

  async function load(id: Uint8Array): Promise<RotationState> {
    const row = await store.db.selectFrom("rotation").select("state").where("id", "=", id).executeTakeFirst();
    if (row === undefined)
      throw new MilagroError("ERR_CEREMONY_UNKNOWN", "this D-TA's operator has not approved such a rotation");
    return parseRotationState(parseJson(row.state));
  }

  async function save(tx: StoreTransaction, state: RotationState): Promise<void> {
    const values = {
      id: state.ceremonyId,
      domain_id: state.proposal.domainId,
      phase: state.phase,
      state: JSON.stringify(encodeRotationState(state)),
      updated_ms: clock(),
    };
    await tx
      .insertInto("rotation")
      .values(values)
      .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
      .execute();
    await audit.append(tx, { action: "rotation", outcome: state.phase, details: detailsOf(state) });
  }

  const { inTurn, take } = createCeremonySteps(context, {
    name: "rotation",
    load,
    step: (state: RotationState, step: RotationStep) => issuer.call("rotation", { state, step }),
    async save(tx, state) {
      await save(tx, state);
      if (state.phase === "adopted") await adopt(context, tx, state);
    },
    details: detailsOf,
  });

  return {
    approve: (proposal) =>
      inTurn(async () => {
        const domain = domainOf(context);
        const { descriptor } = domain.signed;
        const known = { domainId: domain.domainId, descriptor, hash: hashDescriptor(descriptor) };
        const state = startRotation(known, proposal, domain.index);
        checkUntil(proposal, clock());
        await store.transaction(async (tx) => {
          const rows = await tx.selectFrom("rotation").select(["id", "phase"]).execute();
          if (rows.some(({ id }) => Buffer.compare(id, state.ceremonyId) === 0)) return;
          if (rows.some(({ phase }) => phase !== "adopted"))
            throw new MilagroError("ERR_CEREMONY_STATE", "this D-TA takes part in another rotation: give it up first");
          await save(tx, state);
        });
        return statusOf(await load(state.ceremonyId));
      }),

    abandon: (id) =>
      inTurn(async () => {
        const state = await load(id);
        if (state.phase === "adopted")
          throw new MilagroError("ERR_CEREMONY_STATE", "the rotation is over: the new master is in use");
        // What was signed may yet be adopted elsewhere: the share stays, and approving the same proposal again goes on with it.
        if (state.own !== undefined && state.phase !== "signed") {
          const oldest = domainOf(context).masters[0]?.key ?? state.own.key;
          await issuer.call("forgetMaster", { keys: [state.own.key], oldest });
        }
        await store.transaction(async (tx) => {
          await tx.deleteFrom("rotation").where("id", "=", id).execute();
          await audit.append(tx, { action: "rotation", outcome: "abandoned", details: detailsOf(state) });
        });
      }),

    status: async (id) => statusOf(await load(id)),

    list: async () => {
      const rows = await store.db.selectFrom("rotation").select("state").orderBy("updated_ms").execute();
      return rows.map((row) => statusOf(parseRotationState(parseJson(row.state))));
    },

    commit: (id) =>
      inTurn(async () => {
        const state = await load(id);
        return ownRotationCommitment(state.own === undefined ? (await take(id, { type: "commit" })).state : state);
      }),

    takeCommitments: (id, commitments) =>
      inTurn(async () => ownRotationReveal((await take(id, { type: "commitments", commitments })).state)),

    takeReveals: (id, reveals) =>
      inTurn(async () => {
        const { signature } = await take(id, { type: "reveals", reveals });
        if (signature === undefined) throw new TypeError("the issuer did not sign");
        return signature;
      }),

    takeSignatures: (id, signatures) =>
      inTurn(async () => {
        const { state } = await take(id, { type: "signatures", signatures });
        const signed = adoptedDescriptor(state);
        await serveDomain(context, await loadDomain(context));
        return signed;
      }),
  };
}

/** @throws `ERR_CEREMONY_STATE` */
function checkUntil({ until }: RotationProposal, nowMs: number): void {
  const aheadMs = until * 1000 - nowMs;
  if (aheadMs < SHORTEST_MS || aheadMs > LONGEST_MS)
    throw new MilagroError(
      "ERR_CEREMONY_STATE",
      "the time to change over ends in less than a minute or more than 400 days",
    );
}

/** The new descriptor in the place of the old one, all in the transaction that stores the rotation's end. */
async function adopt(context: DtaContext, tx: StoreTransaction, state: RotationState): Promise<void> {
  const { domainId, signed: old, index } = domainOf(context);
  const signed = adoptedDescriptor(state);
  const { sequence, until, epoch } = state.proposal;
  if (old.descriptor.sequence + 1 !== sequence)
    throw new MilagroError(
      "ERR_CEREMONY_STATE",
      "this D-TA's descriptor is another one than the rotation started from",
    );
  await tx
    .insertInto("past_descriptor")
    .values({
      domain_id: domainId,
      sequence: old.descriptor.sequence,
      signed_descriptor: JSON.stringify(encodeSignedDescriptor(old)),
    })
    .execute();
  await tx
    .insertInto("past_master")
    .values({
      domain_id: domainId,
      epoch: masterEpochOf(old.descriptor),
      public_key: ownMpinKey(old, index),
      until_ms: until * 1000,
      forgotten_ms: null,
    })
    .execute();
  await tx
    .updateTable("domain")
    .set({ sequence, signed_descriptor: JSON.stringify(encodeSignedDescriptor(signed)) })
    .where("domain_id", "=", domainId)
    .execute();
  const details = { domainId: encodeBase64url(domainId), index, master: epoch, expires: until };
  await context.audit.append(tx, { action: "rotate", outcome: "ok", subject: signed.descriptor.name, details });
}

/**
 * Forgets the shares of masters from which no token can be updated any more, on disk first, and says so in the log. A sealed D-TA does it
 * once it is unsealed.
 */
export async function forgetPastMasters(context: DtaContext): Promise<void> {
  const { now, issuer, store, audit, clock, log } = context;
  const { domain } = now;
  if (domain === undefined || issuer.sealed) return;
  const nowMs = clock();
  const usable = usableMasters(domain.masters, nowMs);
  const [oldest] = usable;
  const past = domain.masters.filter((one) => !usable.includes(one));
  if (oldest === undefined || past.length === 0) return;
  await issuer.call("forgetMaster", { keys: past.map(({ key }) => key), oldest: oldest.key });
  await store.transaction(async (tx) => {
    for (const { epoch } of past) {
      await tx
        .updateTable("past_master")
        .set({ forgotten_ms: nowMs })
        .where("domain_id", "=", domain.domainId)
        .where("epoch", "=", epoch)
        .execute();
      await tx
        .deleteFrom("token_update")
        .where("domain_id", "=", domain.domainId)
        .where("epoch", "<=", oldest.epoch)
        .execute();
      await audit.append(tx, { action: "master-forgotten", outcome: "ok", details: { master: epoch } });
    }
  });
  log.info("shares of past mpin masters forgotten");
  await serveDomain(context, await loadDomain(context));
}

const statusOf = ({ ceremonyId, index, phase, proposal }: RotationState): RotationStatus => ({
  v: 1,
  ceremonyId,
  index,
  phase,
  proposal,
});

const detailsOf = (state: RotationState) => ({
  ceremonyId: encodeBase64url(state.ceremonyId),
  domain: state.proposal.name,
  index: state.index,
  master: state.proposal.epoch,
  phase: state.phase,
});

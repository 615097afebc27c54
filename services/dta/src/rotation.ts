/**
 * Rotating the `mpin` master, seen from this D-TA.
 *
 * The fresh share is sealed on disk before this D-TA commits to it. Adopting is one transaction, which stores the signed descriptor: which
 * share counts is said by the descriptor alone, so a crash leaves the old master or the new one.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeSignedDescriptor,
  hashDescriptor,
  masterEpochOf,
  type SignedDescriptor,
} from "@milagro/protocol/descriptor";
import type { DescriptorTaken } from "@milagro/protocol/dta-messages";
import {
  adoptedDescriptor,
  encodeRotationState,
  ownRotationCommitment,
  ownRotationReveal,
  parseRotationState,
  type RotationState,
} from "@milagro/protocol/rotation";
import {
  approveRotation,
  giveUpRotation,
  highestSigned,
  isForgettable,
  type RememberedRotation,
  takeOverDescriptor,
} from "@milagro/protocol/rotation-memory";
import type { RotationProposal, RotationReveal, RotationStatus } from "@milagro/protocol/rotation-messages";
import { parseJson } from "@milagro/protocol/wire";
import { type CeremonySteps, createCeremonySteps } from "./ceremony-steps.ts";
import { type DtaContext, domainOf } from "./context.ts";
import { usableMasters } from "./master-epochs.ts";
import { loadDomain, ownMpinKey, serveDomain } from "./served-domain.ts";
import type { Store, StoreTransaction } from "./store.ts";

export interface Rotations extends CeremonySteps<RotationReveal> {
  /** The operator says yes, also to one that was given up. @throws `ERR_CEREMONY_STATE` */
  approve(proposal: RotationProposal): Promise<RotationStatus>;
  /** The operator gives one up that is not adopted. @throws `ERR_CEREMONY_STATE` once it is */
  abandon(id: Uint8Array): Promise<void>;
  /**
   * The operator gives a later descriptor that all have signed, for a D-TA that cannot finish its rotation any more.
   * @throws `ERR_CEREMONY_STATE`, `ERR_SEALED`, `ERR_DOMAIN_MISMATCH`, `ERR_DESCRIPTOR_…`
   */
  takeOver(signed: SignedDescriptor): Promise<DescriptorTaken>;
  /** Forgets those that were given up and that nobody goes back to, with their shares. */
  forgetGivenUp(): Promise<void>;
  /** @throws `ERR_CEREMONY_UNKNOWN`, also for one that was given up */
  status(id: Uint8Array): Promise<RotationStatus>;
  /** Those that were given up and are kept as well. */
  list(): Promise<RotationStatus[]>;
}

/** Shorter, nobody has changed over; longer, a stolen token stays good for updating for no reason. */
const SHORTEST_MS = 60_000;
const LONGEST_MS = 400 * 86_400_000;

export function createRotations(context: DtaContext): Rotations {
  const { store, clock, issuer } = context;

  const { inTurn, load, save, record, steps } = createCeremonySteps<RotationState, RotationReveal>(context, {
    name: "rotation",
    async find(id) {
      const row = await store.db
        .selectFrom("rotation")
        .select("state")
        .where("id", "=", id)
        .where("given_up_ms", "is", null)
        .executeTakeFirst();
      return row && parseRotationState(parseJson(row.state));
    },
    async store(tx, state) {
      const values = {
        id: state.ceremonyId,
        domain_id: state.proposal.domainId,
        phase: state.phase,
        state: JSON.stringify(encodeRotationState(state)),
        updated_ms: clock(),
        given_up_ms: null,
      };
      await tx
        .insertInto("rotation")
        .values(values)
        .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
        .execute();
    },
    step: (state, step) => issuer.call("rotation", { state, step }),
    isFinished: ({ phase }) => phase === "adopted",
    finish: (tx, state) => adopt(context, tx, adoptedDescriptor(state)),
    ownCommitment: ownRotationCommitment,
    ownReveal: ownRotationReveal,
    result: adoptedDescriptor,
    details: ({ proposal }) => ({ master: proposal.epoch }),
  });

  return {
    ...steps,

    approve: (proposal) =>
      inTurn(async () => {
        const domain = domainOf(context);
        const { descriptor } = domain.signed;
        const known = { domainId: domain.domainId, descriptor, hash: hashDescriptor(descriptor) };
        return store.transaction(async (tx) => {
          const memory = await remembered(tx);
          const state = approveRotation(known, proposal, domain.index, memory);
          const before = memory.find((one) => one.state === state);
          if (before === undefined) checkUntil(proposal, clock());
          if (before === undefined || before.givenUp) await save(tx, state);
          return statusOf({ state, givenUp: false });
        });
      }),

    abandon: (id) =>
      inTurn(async () => {
        const state = await load(id);
        giveUpRotation(state);
        await store.transaction(async (tx) => {
          await tx.updateTable("rotation").set({ given_up_ms: clock() }).where("id", "=", id).execute();
          await record(tx, state, "abandoned");
        });
        await forgetGivenUp(context);
      }),

    takeOver: (signed) =>
      inTurn(async () => {
        const { descriptor } = signed;
        const { signed: served, genesis, index } = domainOf(context);
        const over = takeOverDescriptor(served, descriptor, await remembered(store.db));
        const mpinKey = ownMpinKey(signed, index);
        const { share } = await issuer.call("verifyLater", { genesis, signed, mpinKey });
        await store.transaction(async (tx) => {
          for (const { state } of over) await tx.deleteFrom("rotation").where("id", "=", state.ceremonyId).execute();
          await adopt(context, tx, signed);
        });
        await serveDomain(context, await loadDomain(context));
        const drawn = over.flatMap(({ state }) => state.own?.key ?? []).filter((key) => !equalBytes(key, mpinKey));
        if (drawn.length > 0) await issuer.call("forgetMaster", { keys: drawn, heirs: [] });
        await forgetGivenUp(context);
        return { v: 1, sequence: descriptor.sequence, epoch: masterEpochOf(descriptor), share };
      }),

    forgetGivenUp: () => inTurn(() => forgetGivenUp(context)),

    status: async (id) => statusOf({ state: await load(id), givenUp: false }),

    list: async () => (await remembered(store.db)).map(statusOf),
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

/** The new descriptor in the place of the old one, all in one transaction. */
async function adopt(context: DtaContext, tx: StoreTransaction, signed: SignedDescriptor): Promise<void> {
  const { domainId, signed: old, index } = domainOf(context);
  const { sequence, mpin } = signed.descriptor;
  if (mpin === undefined) throw new TypeError("a later descriptor names its mpin master");
  const { epoch, until } = mpin;
  if (sequence <= old.descriptor.sequence)
    throw new MilagroError("ERR_CEREMONY_STATE", "this D-TA serves a descriptor that is as new, or newer");
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
  await issuer.call("forgetMaster", { keys: past.map(({ key }) => key), heirs: usable.map(({ key }) => key) });
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

/** Shares first, on disk: what is still in the database is tried again. A sealed D-TA does it once it is unsealed. */
async function forgetGivenUp({ now, issuer, store }: DtaContext): Promise<void> {
  const { domain } = now;
  if (domain === undefined || issuer.sealed) return;
  const { sequence } = domain.signed.descriptor;
  const gone = (await remembered(store.db)).filter((one) => isForgettable(one, sequence));
  if (gone.length === 0) return;
  const keys = gone.flatMap(({ state: { own } }) => own?.key ?? []);
  await issuer.call("forgetMaster", { keys, heirs: domain.masters.map(({ key }) => key) });
  const ids = gone.map(({ state: { ceremonyId } }) => ceremonyId);
  await store.db.deleteFrom("rotation").where("id", "in", ids).execute();
}

/** All that this D-TA remembers, what it has adopted among it, in the order in which it went on. */
async function remembered(db: Store["db"]): Promise<RememberedRotation[]> {
  const rows = await db.selectFrom("rotation").select(["state", "given_up_ms"]).orderBy("updated_ms").execute();
  return rows.map(({ state, given_up_ms }) => ({
    state: parseRotationState(parseJson(state)),
    givenUp: given_up_ms !== null,
  }));
}

/** The highest number of a descriptor that this D-TA has signed and not adopted; 0 for none. */
export async function signedAhead(db: Store["db"]): Promise<number> {
  return highestSigned((await remembered(db)).filter(({ state }) => state.phase !== "adopted"));
}

const statusOf = ({ state: { ceremonyId, index, phase, proposal }, givenUp }: RememberedRotation): RotationStatus => ({
  v: 1,
  ceremonyId,
  index,
  phase,
  proposal,
  ...(givenUp ? { givenUp } : {}),
});

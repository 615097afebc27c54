/**
 * Founding a domain, seen from this D-TA.
 *
 * The operator approves the proposal on the admin socket; after that the ceremony's id (a hash over a proposal with a random nonce) is what a coordinator must know
 * to drive it. A D-TA trusts no coordinator: it verifies commitments, proofs, keys, sum and signatures itself.
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import {
  type CeremonyState,
  encodeCeremonyState,
  foundedDescriptor,
  ownCommitment,
  ownReveal,
  parseCeremonyState,
  startCeremony,
} from "@milagro/protocol/ceremony";
import type { CeremonyProposal, CeremonyReveal, CeremonyStatus } from "@milagro/protocol/ceremony-messages";
import { encodeSignedDescriptor, hashDescriptor } from "@milagro/protocol/descriptor";
import { parseJson } from "@milagro/protocol/wire";
import { type CeremonySteps, createCeremonySteps } from "./ceremony-steps.ts";
import type { DtaContext } from "./context.ts";
import type { StoreTransaction } from "./store.ts";

export interface Ceremonies extends CeremonySteps<CeremonyReveal> {
  /** The operator says yes to a proposal in which this D-TA is member `index`. @throws `ERR_CEREMONY_STATE` */
  approve(proposal: CeremonyProposal, index: number): Promise<CeremonyStatus>;
  /** The operator gives up a ceremony in which this D-TA has shown nothing yet. @throws `ERR_CEREMONY_STATE` once it has */
  abandon(id: Uint8Array): Promise<void>;
  /** @throws `ERR_CEREMONY_UNKNOWN` */
  status(id: Uint8Array): Promise<CeremonyStatus>;
  list(): Promise<CeremonyStatus[]>;
}

export function createCeremonies(context: DtaContext): Ceremonies {
  const { store, clock, issuer } = context;

  const { inTurn, load, save, record, steps } = createCeremonySteps<CeremonyState, CeremonyReveal>(context, {
    name: "ceremony",
    async find(id) {
      const row = await store.db.selectFrom("ceremony").select("state").where("id", "=", id).executeTakeFirst();
      return row && parseCeremonyState(parseJson(row.state));
    },
    async store(tx, state) {
      const values = {
        id: state.ceremonyId,
        domain_name: state.proposal.name,
        own_index: state.index,
        phase: state.phase,
        state: JSON.stringify(encodeCeremonyState(state)),
        updated_ms: clock(),
      };
      await tx
        .insertInto("ceremony")
        .values(values)
        .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
        .execute();
    },
    step: (state, step) => issuer.call("ceremony", { state, step }),
    isFinished: ({ phase }) => phase === "founded",
    finish: (tx, state) => saveDomain(context, tx, state),
    ownCommitment,
    ownReveal,
    result: foundedDescriptor,
  });

  return {
    ...steps,

    approve: (proposal, index) =>
      inTurn(async () => {
        const state = startCeremony(proposal, index);
        checkMember(context, proposal, index);
        await store.transaction(async (tx) => {
          const rows = await tx.selectFrom("ceremony").select(["id", "own_index", "domain_name"]).execute();
          const same = rows.find((row) => Buffer.compare(row.id, state.ceremonyId) === 0);
          if (same !== undefined && same.own_index === index) return;
          const [other] = rows;
          if (other !== undefined) {
            throw new MilagroError(
              "ERR_CEREMONY_STATE",
              `this D-TA takes part in the founding of ${other.domain_name}: one home serves one domain`,
            );
          }
          await save(tx, state);
        });
        return statusOf(await load(state.ceremonyId));
      }),

    abandon: (id) =>
      inTurn(async () => {
        const state = await load(id);
        if (state.phase !== "proposed" && state.phase !== "committed") {
          throw new MilagroError(
            "ERR_CEREMONY_STATE",
            "this D-TA has shown its keys in this ceremony: initialise a new home for another one",
          );
        }
        await store.transaction(async (tx) => {
          await tx.deleteFrom("ceremony").where("id", "=", id).execute();
          await record(tx, state, "abandoned");
        });
      }),

    status: async (id) => statusOf(await load(id)),

    list: async () => {
      const rows = await store.db.selectFrom("ceremony").select("state").orderBy("updated_ms").execute();
      return rows.map((row) => statusOf(parseCeremonyState(parseJson(row.state))));
    },
  };
}

async function saveDomain(context: DtaContext, tx: StoreTransaction, state: CeremonyState): Promise<void> {
  const signed = foundedDescriptor(state);
  const domainId = hashDescriptor(signed.descriptor);
  await tx
    .insertInto("domain")
    .values({
      domain_id: domainId,
      name: signed.descriptor.name,
      own_index: state.index,
      sequence: signed.descriptor.sequence,
      signed_descriptor: JSON.stringify(encodeSignedDescriptor(signed)),
      founded_ms: context.clock(),
    })
    .execute();
  await context.audit.append(tx, {
    action: "found",
    outcome: "ok",
    subject: signed.descriptor.name,
    details: { domainId: encodeBase64url(domainId), index: state.index },
  });
}

/** The proposal must describe this D-TA as it was initialised: nobody signs under another operator's name. */
function checkMember({ config }: DtaContext, proposal: CeremonyProposal, index: number): void {
  const member = proposal.members[index - 1];
  for (const key of ["name", "operator", "jurisdiction"] as const) {
    if (member?.[key] !== config[key]) {
      throw new MilagroError("ERR_CEREMONY_STATE", `the proposal's member ${index} has another ${key} than this D-TA`);
    }
  }
}

const statusOf = ({ ceremonyId, index, phase, proposal }: CeremonyState): CeremonyStatus => ({
  v: 1,
  ceremonyId,
  index,
  phase,
  proposal,
});

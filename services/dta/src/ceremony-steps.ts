/**
 * What the founding and a rotation have in common at a D-TA: the rules are a pure state machine of the protocol, one step is taken at a
 * time, and what came of it is stored, with its audit entry, before anything of it leaves. Every step may be repeated: after a crash, an
 * outage, or because the coordinator lost its memory.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import type { CeremonyCommit, CeremonySignature } from "@milagro/protocol/ceremony-messages";
import type { SignedDescriptor } from "@milagro/protocol/descriptor";
import type { AuditRecord } from "@milagro/runtime/audit-log";
import type { DtaDetail } from "./audit.ts";
import type { DtaContext } from "./context.ts";
import type { CeremonyStep } from "./issuer-messages.ts";
import { loadDomain, serveDomain } from "./served-domain.ts";
import type { StoreTransaction } from "./store.ts";

/** The steps as a coordinator asks for them, each as often as it likes. @throws `ERR_CEREMONY_UNKNOWN`, `ERR_CEREMONY_STATE`, `ERR_CEREMONY_FAULT` */
export interface CeremonySteps<Reveal> {
  commit(id: Uint8Array): Promise<CeremonyCommit>;
  takeCommitments(id: Uint8Array, commitments: readonly CeremonyCommit[]): Promise<Reveal>;
  takeReveals(id: Uint8Array, reveals: readonly Reveal[]): Promise<CeremonySignature>;
  takeSignatures(id: Uint8Array, signatures: readonly CeremonySignature[]): Promise<SignedDescriptor>;
}

/** What is known of either state. */
interface CeremonyLike<Reveal> {
  readonly ceremonyId: Uint8Array;
  readonly index: number;
  readonly phase: string;
  readonly proposal: { readonly name: string };
  readonly own?: Reveal | undefined;
}

type Details = NonNullable<AuditRecord<string, DtaDetail>["details"]>;

/** What differs. */
export interface CeremonyKind<State, Reveal> {
  /** In the log, and the action in the audit log. */
  readonly name: "ceremony" | "rotation";
  find(id: Uint8Array): Promise<State | undefined>;
  store(tx: StoreTransaction, state: State): Promise<void>;
  /** The state machine's step, in the thread that holds the secrets. */
  step(
    before: State,
    step: CeremonyStep<Reveal>,
  ): Promise<{ readonly state: State; readonly signature?: CeremonySignature }>;
  /** What the last step means, in the transaction that stores it. */
  finish(tx: StoreTransaction, state: State): Promise<void>;
  isFinished(state: State): boolean;
  ownCommitment(state: State): CeremonyCommit;
  ownReveal(state: State): Reveal;
  result(state: State): SignedDescriptor;
  /** Beside what every ceremony has. */
  details?(state: State): Details;
}

export interface CeremonyWork<State, Reveal> {
  /** One at a time: two coordinators may drive one ceremony at once, and an operator a third. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** @throws `ERR_CEREMONY_UNKNOWN` */
  load(id: Uint8Array): Promise<State>;
  /** With an audit entry. */
  save(tx: StoreTransaction, state: State): Promise<void>;
  /** An audit entry. */
  record(tx: StoreTransaction, state: State, outcome: string, more?: Details): Promise<void>;
  readonly steps: CeremonySteps<Reveal>;
}

export function createCeremonySteps<State extends CeremonyLike<Reveal>, Reveal>(
  context: DtaContext,
  kind: CeremonyKind<State, Reveal>,
): CeremonyWork<State, Reveal> {
  const { store, audit, log } = context;
  const { name } = kind;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = last.then(work);
    last = run.catch(() => {});
    return run;
  }

  async function load(id: Uint8Array): Promise<State> {
    const state = await kind.find(id);
    if (state !== undefined) return state;
    throw new MilagroError("ERR_CEREMONY_UNKNOWN", `this D-TA's operator has not approved such a ${name}`);
  }

  async function record(tx: StoreTransaction, state: State, outcome: string, more: Details = {}): Promise<void> {
    const { ceremonyId, index, phase, proposal } = state;
    const common = { ceremonyId: encodeBase64url(ceremonyId), domain: proposal.name, index, phase };
    await audit.append(tx, { action: name, outcome, details: { ...common, ...kind.details?.(state), ...more } });
  }

  async function save(tx: StoreTransaction, state: State): Promise<void> {
    await kind.store(tx, state);
    await record(tx, state, state.phase);
  }

  /** Takes a step, stores what came of it, and only then returns it. A repeated step stores nothing. */
  async function take(id: Uint8Array, step: CeremonyStep<Reveal>): ReturnType<typeof kind.step> {
    const before = await load(id);
    try {
      const result = await kind.step(before, step);
      const { state } = result;
      if (state.phase !== before.phase) {
        await store.transaction(async (tx) => {
          await save(tx, state);
          if (kind.isFinished(state)) await kind.finish(tx, state);
        });
        log.info(`${name} advanced`, { phase: state.phase, domain: state.proposal.name });
      }
      return result;
    } catch (error) {
      if (error instanceof MilagroError && error.code === "ERR_CEREMONY_FAULT") {
        const { code, message: reason } = error;
        log.warn(`${name} fault`, { code, reason });
        await store.transaction((tx) => record(tx, before, code, { reason }));
      }
      throw error;
    }
  }

  const steps: CeremonySteps<Reveal> = {
    commit: (id) =>
      inTurn(async () => {
        const state = await load(id);
        return kind.ownCommitment(state.own === undefined ? (await take(id, { type: "commit" })).state : state);
      }),

    takeCommitments: (id, commitments) =>
      inTurn(async () => kind.ownReveal((await take(id, { type: "commitments", commitments })).state)),

    takeReveals: (id, reveals) =>
      inTurn(async () => {
        const { signature } = await take(id, { type: "reveals", reveals });
        if (signature === undefined) throw new TypeError("the issuer did not sign");
        return signature;
      }),

    takeSignatures: (id, signatures) =>
      inTurn(async () => {
        const { state } = await take(id, { type: "signatures", signatures });
        const signed = kind.result(state);
        await serveDomain(context, await loadDomain(context));
        return signed;
      }),
  };
  return { inTurn, load, save, record, steps };
}

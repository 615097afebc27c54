/**
 * What the founding and a rotation have in common at a D-TA: the rules are a pure state machine of the protocol, one step is taken at a
 * time, and what came of it is stored, with its audit entry, before anything of it leaves. Every step may be repeated: after a crash, an
 * outage, or because the coordinator lost its memory.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { AuditRecord } from "@milagro/runtime/audit-log";
import type { DtaDetail } from "./audit.ts";
import type { DtaContext } from "./context.ts";
import type { StoreTransaction } from "./store.ts";

/** What is known of either state. */
interface CeremonyLike {
  readonly phase: string;
  readonly proposal: { readonly name: string };
}

export interface CeremonySteps<State, Step, Result> {
  /** One at a time: two coordinators may drive one ceremony at once. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  /** Takes a step, stores what came of it, and only then returns it. A repeated step stores nothing. */
  take(id: Uint8Array, step: Step): Promise<Result & { readonly state: State }>;
}

export function createCeremonySteps<State extends CeremonyLike, Step, Result extends { readonly state: State }>(
  { store, audit, log }: DtaContext,
  kind: {
    /** In the log, and the action in the audit log. */
    readonly name: "ceremony" | "rotation";
    load(id: Uint8Array): Promise<State>;
    /** The state machine's step, in the thread that holds the secrets. */
    step(before: State, step: Step): Promise<Result>;
    /** In the transaction of the step: the state, and what its end means. */
    save(tx: StoreTransaction, state: State): Promise<void>;
    details(state: State): NonNullable<AuditRecord<string, DtaDetail>["details"]>;
  },
): CeremonySteps<State, Step, Result> {
  const { name } = kind;
  let last: Promise<unknown> = Promise.resolve();
  return {
    inTurn(work) {
      const run = last.then(work);
      last = run.catch(() => {});
      return run;
    },

    async take(id, step) {
      const before = await kind.load(id);
      try {
        const result = await kind.step(before, step);
        const { state } = result;
        if (state.phase !== before.phase) {
          await store.transaction((tx) => kind.save(tx, state));
          log.info(`${name} advanced`, { phase: state.phase, domain: state.proposal.name });
        }
        return result;
      } catch (error) {
        if (error instanceof MilagroError && error.code === "ERR_CEREMONY_FAULT") {
          log.warn(`${name} fault`, { code: error.code, reason: error.message });
          const details = { ...kind.details(before), reason: error.message };
          await store.transaction((tx) => audit.append(tx, { action: name, outcome: error.code, details }));
        }
        throw error;
      }
    },
  };
}

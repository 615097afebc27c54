/**
 * Errors that name the authority at fault. What a program needs to act on is in `cause`, typed here; nothing in it is secret.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { ErrorCode } from "./error-codes.ts";
import type { Receipt } from "./issuance-messages.ts";

/** A D-TA or ceremony member that broke the rules, or somebody on the way to it. */
export interface Fault {
  readonly index: number;
  readonly name: string;
  /** Signed by that D-TA: shows to others what it claims to have issued. */
  readonly receipt?: Receipt;
}
/** A D-TA that said no, and why. */
export interface Refusal extends Fault {
  readonly code: string;
  readonly detail: string;
}

/** What `cause` holds for errors about authorities. */
export interface FaultReport {
  /** Those that broke the rules. */
  readonly faults: readonly Fault[];
  /** Those that refused. */
  readonly refusals: readonly Refusal[];
  /** Indices that have not answered. */
  readonly missing: readonly number[];
}

const EMPTY: FaultReport = { faults: [], refusals: [], missing: [] };

/** An error with a report as its cause. */
export const faultError = (code: ErrorCode, message: string, report: Partial<FaultReport>): MilagroError =>
  new MilagroError(code, message, { cause: { ...EMPTY, ...report } });

/** The report of an error made by `faultError`, else an empty one. */
export function faultReportOf(error: unknown): FaultReport {
  const cause = error instanceof MilagroError ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "faults" in cause ? (cause as FaultReport) : EMPTY;
}

/** `D-TA 2 (north)`. */
export const nameOf = ({ index, name }: { readonly index: number; readonly name: string }): string =>
  `D-TA ${index} (${name})`;

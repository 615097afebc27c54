/**
 * The epochs of the `mpin` master that this D-TA has shares of, and which of them count: pure. The newest always does; an earlier one as
 * long as every step from it to the newest is open, because a token of it can be updated that long.
 * @module
 */

/** One epoch of the master. */
export interface MasterEpoch {
  readonly epoch: number;
  /** This D-TA's public key of it, 48 bytes. */
  readonly key: Uint8Array;
  /** When the step to the next epoch ends; undefined for the newest. */
  readonly untilMs: number | undefined;
}

/** Those that count now, the oldest first. @param masters - in order, the newest last */
export function usableMasters(masters: readonly MasterEpoch[], nowMs: number): readonly MasterEpoch[] {
  const closed = masters.findLastIndex(({ untilMs }) => untilMs !== undefined && untilMs <= nowMs);
  return masters.slice(closed + 1);
}

/** The epoch that a request names, or why it is not served. */
export function masterAt(
  masters: readonly MasterEpoch[],
  epoch: number,
  nowMs: number,
): MasterEpoch | "ERR_MASTER_AHEAD" | "ERR_MASTER_OVER" {
  const usable = usableMasters(masters, nowMs);
  if (epoch > (usable.at(-1)?.epoch ?? 0)) return "ERR_MASTER_AHEAD";
  return usable.find((one) => one.epoch === epoch) ?? "ERR_MASTER_OVER";
}

/**
 * `--opens-at`: a time until which something stays closed, as the epoch it is encapsulated to.
 * @module
 */
import { epochOpeningAt } from "@milagro/client/epoch-key";
import { type Epoch, epochStartMs } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import { systemClock } from "@milagro/runtime/clock";
import type { Context } from "./command.ts";
import type { OptionSpec } from "./option.ts";

export const OPENS_AT_OPTION: OptionSpec = {
  flags: "--opens-at <time>",
  text: "also (or only) to everybody, from this time on: 2027-01-01, or 2027-01-01T09:00Z; rounded up to the start of an epoch",
};

/** A date, or a time that says its zone: what a time without one means depends on the machine. */
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** @throws `ERR_USAGE` for another form, `ERR_EPOCH_OUT_OF_WINDOW` for a time that is not in the future */
export function parseOpensAt(
  context: Pick<Context, "note">,
  text: string | undefined,
  epochSeconds: number,
): Epoch | undefined {
  if (text === undefined) return undefined;
  const timeMs = TIME.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new MilagroError("ERR_USAGE", "--opens-at is a date, or a time with its zone");
  const epoch = epochOpeningAt(timeMs, epochSeconds, systemClock());
  const opens = new Date(epochStartMs(epoch, epochSeconds)).toISOString();
  context.note(`Opens to everybody when epoch ${epoch} begins: ${opens}`);
  return epoch;
}

/**
 * Which errors say "not now" rather than "no".
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

/** What may be over in a moment, so that the same request is worth repeating. */
const OUTAGES: readonly string[] = [
  "ERR_UNREACHABLE",
  "ERR_TIMEOUT",
  "ERR_SEALED",
  "ERR_OVERLOADED",
  "ERR_RATE_LIMITED",
  "ERR_PEER_INVALID",
  "ERR_INTERNAL",
  "ERR_MASTER_AHEAD",
  "ERR_STORAGE_UNAVAILABLE",
  "ERR_DATABASE_BUSY",
  "ERR_DATABASE_READ_ONLY",
];

/** Whether an error says "not now" rather than "no". */
export function isOutage(error: unknown): error is MilagroError {
  return error instanceof MilagroError && OUTAGES.includes(error.code);
}

/**
 * Where in a policy's text an error is; apart from the parser, which is loaded only where there are policies.
 * @module
 */
import type { PolicyPosition } from "@milagro/crypto/policy";
import { MilagroError } from "@milagro/engine/error";

/** Where in a policy's text an error is. */
export function positionOf(error: unknown): PolicyPosition | undefined {
  const cause = error instanceof MilagroError && error.code === "ERR_POLICY_INVALID" ? error.cause : undefined;
  if (typeof cause !== "object" || cause === null || !("line" in cause) || !("column" in cause)) return undefined;
  const { line, column } = cause;
  return typeof line === "number" && typeof column === "number" ? { line, column } : undefined;
}

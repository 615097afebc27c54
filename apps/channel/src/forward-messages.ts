/**
 * The first line in each direction of a forwarded connection; after them the channel is the connection.
 *
 *   near → far   {"v":1,"target":"db.internal:5432"}   or without a target: the far side's own
 *   far → near   {"v":1,"ok":true}                      or {"v":1,"ok":false,"code":"ERR_…"}
 *
 * Source: docs/spec/channel-services.md.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { formatTarget, parseTarget, type Target } from "./forward-target.ts";
import { parseLineObject } from "./read-line.ts";

/** The protocol inside the channel, by ALPN: two services at one port do not mix. */
export const FORWARD_PROTOCOL = "milagro-forward/1";
/** Without the line feed. */
export const MAX_FORWARD_LINE = 512;
/** Why a connection was not made. */
export const FORWARD_REFUSALS = ["ERR_TARGET_REFUSED", "ERR_TARGET_UNREACHABLE", "ERR_TARGET_INVALID"] as const;
export type ForwardRefusal = (typeof FORWARD_REFUSALS)[number];

export function encodeForwardRequest(target: Target | undefined): string {
  return `${JSON.stringify({ v: 1, ...(target ? { target: formatTarget(target) } : {}) })}\n`;
}

/** @throws `ERR_PEER_INVALID`, `ERR_TARGET_INVALID` */
export function parseForwardRequest(line: string): Target | undefined {
  const { v, target, ...rest } = parseLineObject(line);
  if (v !== 1 || Object.keys(rest).length > 0 || (target !== undefined && typeof target !== "string")) throw invalid();
  return target === undefined ? undefined : parseTarget(target);
}

export function encodeForwardAnswer(refusal: ForwardRefusal | undefined): string {
  return `${JSON.stringify(refusal === undefined ? { v: 1, ok: true } : { v: 1, ok: false, code: refusal })}\n`;
}

/** @returns the refusal, undefined when the connection stands. @throws `ERR_PEER_INVALID` */
export function parseForwardAnswer(line: string): ForwardRefusal | undefined {
  const { v, ok, code, ...rest } = parseLineObject(line);
  if (v !== 1 || typeof ok !== "boolean" || Object.keys(rest).length > 0) throw invalid();
  if (ok && code === undefined) return undefined;
  const refusal = FORWARD_REFUSALS.find((known) => known === code);
  if (ok || refusal === undefined) throw invalid();
  return refusal;
}

function invalid(): MilagroError {
  return new MilagroError("ERR_PEER_INVALID", "the peer sent something that is not a line of the forwarding protocol");
}

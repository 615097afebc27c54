/**
 * Idempotency keys: the first request under a key has its effect and its answer is kept; the same request again gets that
 * answer and no effect; another request under the key is refused. Keys belong to the identity that used them.
 *
 * Refusals are not kept: they have no effect, and what refused may be gone by the next attempt.
 * @module
 */
import { createHash } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import type { IdempotencyEntry, StoreTransaction } from "./store.ts";

/** How long an answer is kept: a client that was away for a weekend still gets it on Monday. */
export const IDEMPOTENCY_SECONDS = 3 * 86_400;

/** A printable key of 1 to 128 characters, as it stands in the header. */
const KEY = /^[!-~]{1,128}$/;

/** One use of a key by one identity. */
export interface IdempotentUse {
  readonly identity: string;
  readonly key: string;
  readonly requestHash: string;
}

export interface KeptAnswer {
  readonly status: number;
  /** JSON text. */
  readonly body: string;
}

/**
 * @param header - `Idempotency-Key` as it came
 * @throws `ERR_MESSAGE_INVALID` for a key that is empty, too long or not printable
 */
export function parseIdempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header !== "string" || !KEY.test(header))
    throw new MilagroError("ERR_MESSAGE_INVALID", "Idempotency-Key must be 1 to 128 printable ASCII characters");
  return header;
}

/** What must be equal for two requests to be the same one. Signature, nonce and time are not in it: they differ at each attempt. */
export function requestHash(method: string, target: string, body: Uint8Array): string {
  const input = transcript("milagro kms request v1", utf8(method), utf8(target), body);
  return encodeBase64url(createHash("sha256").update(input).digest());
}

/** @throws `ERR_IDEMPOTENCY_CONFLICT` when the key stands for another request */
export function answerOf(entry: IdempotencyEntry, use: IdempotentUse): KeptAnswer {
  if (entry.requestHash !== use.requestHash)
    throw new MilagroError("ERR_IDEMPOTENCY_CONFLICT", "this idempotency key was used for another request");
  return { status: entry.status, body: entry.body };
}

/**
 * Runs `effect` once per key, inside the transaction that also keeps its answer.
 * @param use - absent when the client sent no key: then the effect simply runs
 * @throws `ERR_IDEMPOTENCY_CONFLICT`
 */
export async function once(
  tx: StoreTransaction,
  use: IdempotentUse | undefined,
  now: number,
  effect: () => Promise<KeptAnswer>,
): Promise<KeptAnswer> {
  if (use === undefined) return effect();
  const claim = await tx.claimIdempotency(use.identity, use.key, use.requestHash, now + IDEMPOTENCY_SECONDS);
  if (claim.kind === "repeated") return answerOf(claim.entry, use);
  const answer = await effect();
  await tx.answerIdempotency(use.identity, use.key, answer.status, answer.body);
  return answer;
}

/**
 * M-Pin in one pass: for devices that speak first and only once, and for signing. The time takes the place of the server's nonce.
 *
 *   x = hashToScalar("MILAGRO-V1-MPIN-ONE-PASS-NONCE", token, 32 random bytes, input, permit, u64 time, origin, client, message)
 *   y = first 128 bits of digest("MILAGRO-V1-MPIN-ONE-PASS", input, permit, u64 time, origin, client, message, U)
 *   proof = u64 time ‖ U ‖ V                                                             104 bytes; time in unix seconds
 *
 * A proof holds as often as it is shown, so the server remembers each one as long as its clock would still accept it. As a
 * signature it convinces holders of the server secret only, and none of them can make one.
 * @module
 */
import type { Engine, G1Engine, RandomBytes } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { concat, u64, utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import { digest } from "./kdf.ts";
import {
  challengeScalar,
  drawExponent,
  holds,
  type LoginSubject,
  type LoginTerms,
  loginPoint,
  loginTerms,
  respond,
  subjectFields,
  subjectOf,
} from "./mpin-login.ts";
import type { MpinServerSecret } from "./mpin-server-key.ts";
import { type MpinToken, type Unlock, unlockToken } from "./mpin-token.ts";
import type { TimePermit } from "./time-permit.ts";

/** time ‖ U ‖ V: 104 bytes. */
export type OnePassProof = Brand<Uint8Array, "OnePassProof">;

/** What a proof is for. Both sides state it from their own knowledge. */
export interface OnePassContext {
  /** Where the person is: `https://login.example`. A device that has no browser names the server it means. */
  readonly origin: string;
  /** The application that the proof is for. */
  readonly client: string;
  /** What is signed; empty for a login and nothing else. */
  readonly message: Uint8Array;
}

/** A proof as the server has it. */
export interface OnePassClaim {
  readonly subject: LoginSubject;
  readonly context: OnePassContext;
  readonly proof: Uint8Array;
}

/** How far the clocks may differ. */
export interface OnePassWindow {
  /** The server's clock: milliseconds since 1970. */
  readonly nowMs: number;
  /** Seconds a proof may be old, or from the future. */
  readonly seconds: number;
}

/** Accepted means: if `replayKey` is not in the cache. Put it there, atomically, until `keepUntilMs`. */
export type OnePassVerdict =
  | { readonly kind: "accepted"; readonly replayKey: Uint8Array; readonly keepUntilMs: number }
  | { readonly kind: "refused"; readonly reason: "clock" | "proof" };

const TIME_LENGTH = 8;
const POINT_LENGTH = 48;
const PROOF_LENGTH = TIME_LENGTH + 2 * POINT_LENGTH;

/** @throws `ERR_ENCODING_INVALID` for another length; the points are looked at when it is verified */
export function parseOnePassProof(bytes: Uint8Array): OnePassProof {
  if (bytes.length !== PROOF_LENGTH) throw new MilagroError("ERR_ENCODING_INVALID", "a one-pass proof has 104 bytes");
  return bytes.slice() as OnePassProof;
}

/**
 * Logs in, or signs a message, with one message to the server.
 * @param time - unix seconds, from a clock the server agrees with
 */
export function proveOnePass(
  engine: G1Engine,
  random: RandomBytes,
  token: MpinToken,
  permit: TimePermit | undefined,
  unlock: Unlock,
  context: OnePassContext,
  time: number,
): OnePassProof {
  try {
    const subject = subjectOf(token, permit);
    const fields = fieldsOf(subject, u64(time), context);
    const x = drawExponent(engine, random, token, "MILAGRO-V1-MPIN-ONE-PASS-NONCE", fields);
    const u = engine.g1.encode(engine.g1.multiplySecret(loginPoint(engine, subject), x));
    const y = challengeScalar(engine, "MILAGRO-V1-MPIN-ONE-PASS", [...fields, u]);
    const secret = unlockToken(engine, token, unlock, permit);
    const v = engine.g1.encode(respond(engine, x, y, secret));
    engine.zeroise(x, secret);
    return concat(u64(time), u, v) as OnePassProof;
  } finally {
    unlock.pin.destroy();
  }
}

/** The terms of a claim, for `verifyLoginBatch`; undefined when it is no proof. The clock is not looked at: `isTimely` does. */
export function openOnePass(engine: Engine, { subject, context, proof }: OnePassClaim): LoginTerms | undefined {
  if (proof.length !== PROOF_LENGTH) return undefined;
  const { time, u, v } = split(proof);
  const y = challengeScalar(engine, "MILAGRO-V1-MPIN-ONE-PASS", [...fieldsOf(subject, time, context), u]);
  return loginTerms(engine, subject, y, u, v);
}

/** Whether the proof's time lies in the window. False for another length. */
export function isTimely(proof: Uint8Array, { nowMs, seconds }: OnePassWindow): boolean {
  return proof.length === PROOF_LENGTH && Math.abs(nowMs - timeOf(proof) * 1000) <= seconds * 1000;
}

/** What the replay cache must hold for an accepted proof. */
export function replayEntry(
  { subject, proof }: OnePassClaim,
  { seconds }: OnePassWindow,
): { readonly replayKey: Uint8Array; readonly keepUntilMs: number } {
  const replayKey = digest("MILAGRO-V1-MPIN-ONE-PASS-REPLAY", subject.input, split(proof).u);
  return { replayKey, keepUntilMs: (timeOf(proof) + seconds) * 1000 + 1 };
}

/** Clock first, then the equation; the verdict says what to remember. */
export function verifyOnePass(
  engine: Engine,
  serverSecret: MpinServerSecret,
  claim: OnePassClaim,
  window: OnePassWindow,
): OnePassVerdict {
  if (claim.proof.length !== PROOF_LENGTH) return { kind: "refused", reason: "proof" };
  if (!isTimely(claim.proof, window)) return { kind: "refused", reason: "clock" };
  if (!holds(engine, serverSecret, openOnePass(engine, claim))) return { kind: "refused", reason: "proof" };
  return { kind: "accepted", ...replayEntry(claim, window) };
}

function fieldsOf(subject: LoginSubject, time: Uint8Array, { origin, client, message }: OnePassContext): Uint8Array[] {
  return [...subjectFields(subject), time, utf8(origin), utf8(client), message];
}

function split(proof: Uint8Array): { readonly time: Uint8Array; readonly u: Uint8Array; readonly v: Uint8Array } {
  return {
    time: proof.slice(0, TIME_LENGTH),
    u: proof.slice(TIME_LENGTH, TIME_LENGTH + POINT_LENGTH),
    v: proof.slice(TIME_LENGTH + POINT_LENGTH),
  };
}

/** Seconds; above 2⁵³ no longer exact, and outside every window. */
function timeOf(proof: Uint8Array): number {
  return Number(new DataView(proof.buffer, proof.byteOffset, TIME_LENGTH).getBigUint64(0));
}

/**
 * M-Pin in two passes, the usual login:
 *
 *   1  client → server   U = x·A'
 *   2  server → client   nonce: 32 random bytes, drawn after U has come
 *   3  client → server   V = −(x + y)·S'
 *      x = hashToScalar("MILAGRO-V1-MPIN-LOGIN-NONCE", token, 32 random bytes, input, permit, session, origin, client, payload hash)
 *      y = first 128 bits of digest("MILAGRO-V1-MPIN-LOGIN", input, permit, session, origin, client, payload hash, U, nonce)
 *
 * The server keeps session and nonce, takes V once, and counts the attempt before it looks at V. It sends a nonce for identities it
 * does not know as well, and refuses them at the end like a wrong PIN.
 * @module
 */
import type { Engine, G1Engine, RandomBytes, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { MilagroError } from "./error.ts";
import {
  challengeScalar,
  contextFields,
  drawExponent,
  holds,
  type LoginContext,
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

/** 32 bytes that nobody knew before the server drew them. */
export type LoginNonce = Brand<Uint8Array, "LoginNonce">;

const NONCE_LENGTH = 32;

/** The client's side of one login: it holds x and answers one challenge. */
class LoginAttempt {
  /** U, 48 bytes: the first message. */
  readonly u: Uint8Array;
  readonly #engine: G1Engine;
  readonly #token: MpinToken;
  readonly #permit: TimePermit | undefined;
  readonly #fields: readonly Uint8Array[];
  #x: Scalar | undefined;

  constructor(
    engine: G1Engine,
    token: MpinToken,
    permit: TimePermit | undefined,
    fields: readonly Uint8Array[],
    x: Scalar,
  ) {
    this.#engine = engine;
    this.#token = token;
    this.#permit = permit;
    this.#fields = fields;
    this.#x = x;
    this.u = engine.g1.encode(engine.g1.multiplySecret(loginPoint(engine, subjectOf(token, permit)), x));
  }

  /** V, 48 bytes: the answer. @throws TypeError the second time, because two answers for one x give the secret away */
  answer(unlock: Unlock, nonce: LoginNonce): Uint8Array {
    const x = this.#x;
    this.#x = undefined;
    if (!x) {
      unlock.pin.destroy();
      throw new TypeError("this login attempt has answered, or was dropped");
    }
    const engine = this.#engine;
    try {
      const secret = unlockToken(engine, this.#token, unlock, this.#permit);
      const v = engine.g1.encode(respond(engine, x, challenge(engine, this.#fields, this.u, nonce), secret));
      engine.zeroise(secret);
      return v;
    } finally {
      engine.zeroise(x);
    }
  }

  /** Forgets x: the login is over. */
  destroy(): void {
    if (this.#x) this.#engine.zeroise(this.#x);
    this.#x = undefined;
  }
}

export type { LoginAttempt };

/**
 * Begins a login; needs no PIN yet.
 * @param permit - where the server demands one
 */
export function beginLogin(
  engine: G1Engine,
  random: RandomBytes,
  token: MpinToken,
  permit: TimePermit | undefined,
  context: LoginContext,
): LoginAttempt {
  const fields = [...subjectFields(subjectOf(token, permit)), ...contextFields(context)];
  const x = drawExponent(engine, random, token, "MILAGRO-V1-MPIN-LOGIN-NONCE", fields);
  return new LoginAttempt(engine, token, permit, fields, x);
}

/** The server's nonce for one U. */
export function drawLoginNonce(random: RandomBytes): LoginNonce {
  return random(NONCE_LENGTH) as LoginNonce;
}

/** @throws `ERR_ENCODING_INVALID` for another length */
export function parseLoginNonce(bytes: Uint8Array): LoginNonce {
  if (bytes.length !== NONCE_LENGTH) throw new MilagroError("ERR_ENCODING_INVALID", "a login nonce has 32 bytes");
  return bytes.slice() as LoginNonce;
}

/** One login as the server has it. */
export interface LoginClaim {
  readonly subject: LoginSubject;
  /** As the server knows it, not as the client says. */
  readonly context: LoginContext;
  readonly nonce: LoginNonce;
  readonly u: Uint8Array;
  readonly v: Uint8Array;
}

/** The terms of a claim, for `verifyLoginBatch`; undefined when U or V is no point of the group. */
export function openLogin(engine: Engine, { subject, context, nonce, u, v }: LoginClaim): LoginTerms | undefined {
  const fields = [...subjectFields(subject), ...contextFields(context)];
  return loginTerms(engine, subject, challenge(engine, fields, u, nonce), u, v);
}

/** Whether the PIN was right, and everything else too. It does not say what was wrong, and nothing here knows. */
export function verifyLogin(engine: Engine, serverSecret: MpinServerSecret, claim: LoginClaim): boolean {
  return holds(engine, serverSecret, openLogin(engine, claim));
}

function challenge(engine: G1Engine, fields: readonly Uint8Array[], u: Uint8Array, nonce: LoginNonce): Scalar {
  return challengeScalar(engine, "MILAGRO-V1-MPIN-LOGIN", [...fields, u, nonce]);
}

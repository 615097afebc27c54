/**
 * M-Pin Full: a login that ends in a key both sides share.
 *
 *   1  client → server   U = x·A',  R = r·A'
 *   2  server → client   nonce (32 random bytes),  W = w·A'
 *   3  client → server   V = −(x + y)·S',  client confirmation
 *   4  server → client   server confirmation
 *      fields = input, permit, server identity, session, origin, client, payload hash, U, R, nonce, W
 *      x, r = hashToScalar("MILAGRO-V1-MPIN-FULL-NONCE-X" and "-R", token, 32 random bytes each, fields up to payload hash)
 *      y    = first 128 bits of digest("MILAGRO-V1-MPIN-FULL", fields)
 *      h    = hashToScalar("MILAGRO-V1-MPIN-FULL-H", fields)
 *      k    = e((r + h)·S', K) ‖ x·W   on the client's side  =  e(R + h·A', s·g2) ‖ w·U   on the server's     K = g2, for DVS Pa
 *      th   = digest("MILAGRO-V1-MPIN-FULL-TRANSCRIPT", fields, V)
 *      key, client confirmation, server confirmation = deriveKey(k, "MILAGRO-V1-MPIN-FULL-KEY", "…-CLIENT", "…-SERVER", th)
 *
 * Who must know what: k takes the client secret or the server secret, and besides x or w, which both forget: so old keys stay
 * secret when all long-lived secrets are lost. The thief of a client secret cannot play the server towards that client (it lacks
 * s·g2 and r), the thief of the server secret cannot play a client towards the server (it can make k, but no V).
 *
 * Source: M-Pin Full (M. Scott), as in Apache Milagro (the shape of the key); SIGMA (Krawczyk, CRYPTO 2003) for confirming the transcript.
 * @module
 */
import type { Engine, G1, Gt, RandomBytes, Scalar } from "@milagro/engine/engine";
import { concat, equalBytes, utf8, wipe } from "./bytes.ts";
import { MilagroError } from "./error.ts";
import type { Identity } from "./identity.ts";
import { deriveKey, digest, hashToScalar } from "./kdf.ts";
import { checkingKey, isDvsInput } from "./mpin-identity.ts";
import { decodeG1 } from "./mpin-key.ts";
import {
  challengeScalar,
  contextFields,
  drawExponent,
  holds,
  type LoginContext,
  type LoginSubject,
  linesOf,
  loginPoint,
  loginTerms,
  respond,
  subjectFields,
  subjectOf,
} from "./mpin-login.ts";
import type { MpinServerSecret } from "./mpin-server-key.ts";
import { type MpinToken, type Unlock, unlockToken } from "./mpin-token.ts";
import { Secret } from "./secret.ts";
import type { TimePermit } from "./time-permit.ts";

/** What the agreement is for, with the server as a party of its own. */
export interface FullContext extends LoginContext {
  /** Whom the client means to talk to. */
  readonly server: Identity;
}

/** The server's first answer. */
export interface FullOffer {
  readonly nonce: Uint8Array;
  /** 48 bytes. */
  readonly w: Uint8Array;
}

/** What the client answers. */
export interface FullAnswer {
  /** 48 bytes. */
  readonly v: Uint8Array;
  /** 32 bytes. */
  readonly confirmation: Uint8Array;
}

/** The key of one session: 32 bytes. */
export type SessionKey = Secret<"session key">;

interface Keys {
  readonly key: SessionKey;
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** The client's side. It answers one offer, and gives the key out when the server has confirmed. */
class FullAttempt {
  /** U and R, 48 bytes each: the first message. */
  readonly u: Uint8Array;
  readonly r: Uint8Array;
  readonly #engine: Engine;
  readonly #token: MpinToken;
  readonly #permit: TimePermit | undefined;
  readonly #fields: readonly Uint8Array[];
  #exponents: { readonly x: Scalar; readonly r: Scalar } | undefined;
  #keys: Keys | undefined;

  constructor(
    engine: Engine,
    random: RandomBytes,
    token: MpinToken,
    permit: TimePermit | undefined,
    context: FullContext,
  ) {
    const subject = subjectOf(token, permit);
    const fields = fixedFields(subject, context);
    const [x, r] = ["X", "R"].map((name) =>
      drawExponent(engine, random, token, `MILAGRO-V1-MPIN-FULL-NONCE-${name}`, fields),
    ) as [Scalar, Scalar];
    const a = loginPoint(engine, subject);
    this.u = engine.g1.encode(engine.g1.multiplySecret(a, x));
    this.r = engine.g1.encode(engine.g1.multiplySecret(a, r));
    this.#engine = engine;
    this.#token = token;
    this.#permit = permit;
    this.#fields = fields;
    this.#exponents = { x, r };
  }

  /**
   * @throws TypeError the second time, because two answers for one x give the secret away
   * @throws `ERR_POINT_INVALID` for a W that is no point of the group
   */
  answer(unlock: Unlock, offer: FullOffer): FullAnswer {
    const exponents = this.#exponents;
    this.#exponents = undefined;
    try {
      if (!exponents) throw new TypeError("this attempt has answered, or was dropped");
      return this.#respond(exponents, unlock, offer);
    } finally {
      unlock.pin.destroy();
      if (exponents) this.#engine.zeroise(exponents.x, exponents.r);
    }
  }

  #respond({ x, r }: { readonly x: Scalar; readonly r: Scalar }, unlock: Unlock, offer: FullOffer): FullAnswer {
    const engine = this.#engine;
    checkNonce(offer.nonce);
    const w = decodeG1(engine, offer.w);
    const fields = [...this.#fields, this.u, this.r, offer.nonce, offer.w];
    const secret = unlockToken(engine, this.#token, unlock, this.#permit);
    const v = engine.g1.encode(respond(engine, x, challengeOf(engine, fields), secret));
    const exponent = engine.scalars.add(r, hashOf(engine, fields));
    const { input } = this.#token;
    const point = engine.g1.multiplySecret(secret, exponent);
    const gt = engine.pair(point, linesOf(engine, isDvsInput(input) ? checkingKey(engine, input) : undefined));
    this.#keys = keysOf(engine, gt, engine.g1.multiplySecret(w, x), fields, v);
    engine.zeroise(secret, exponent, point);
    return { v, confirmation: this.#keys.client.slice() };
  }

  /** The key, once, if the server has confirmed it; else undefined: then nobody with the server secret is at the other end. */
  finish(serverConfirmation: Uint8Array): SessionKey | undefined {
    const keys = this.#keys;
    this.#keys = undefined;
    if (!keys) throw new TypeError("no answer to confirm");
    if (equalBytes(keys.server, serverConfirmation)) return keys.key;
    keys.key.destroy();
    return undefined;
  }

  /** Forgets everything: the login is over. */
  destroy(): void {
    if (this.#exponents) this.#engine.zeroise(this.#exponents.x, this.#exponents.r);
    this.#keys?.key.destroy();
    this.#exponents = undefined;
    this.#keys = undefined;
  }
}

/** The server's side: it holds w for one answer. */
class FullSession {
  readonly offer: FullOffer;
  readonly #engine: Engine;
  readonly #subject: LoginSubject;
  #w: Scalar | undefined;

  constructor(engine: Engine, subject: LoginSubject, w: Scalar, offer: FullOffer) {
    this.#engine = engine;
    this.#subject = subject;
    this.#w = w;
    this.offer = offer;
  }

  /**
   * All of the session, for `takeOverFull` where the answer is checked: in another thread. It is over here.
   * @throws TypeError the second time
   */
  handOver(): HandedSession {
    const w = this.#w;
    this.#w = undefined;
    if (!w) throw spent();
    const handed = { w: this.#engine.scalars.encode(w), offer: this.offer, subject: this.#subject };
    this.#engine.zeroise(w);
    return handed;
  }

  /**
   * The key and what to confirm it with, or undefined: wrong PIN, wrong anything. Nothing is derived before V has held.
   * @throws TypeError the second time
   */
  accept(
    serverSecret: MpinServerSecret,
    context: FullContext,
    first: { readonly u: Uint8Array; readonly r: Uint8Array },
    answer: FullAnswer,
  ): { readonly key: SessionKey; readonly confirmation: Uint8Array } | undefined {
    const w = this.#w;
    this.#w = undefined;
    if (!w) throw spent();
    const engine = this.#engine;
    try {
      const { nonce, w: wBytes } = this.offer;
      const fields = [...fixedFields(this.#subject, context), first.u, first.r, nonce, wBytes];
      const terms = loginTerms(engine, this.#subject, challengeOf(engine, fields), first.u, answer.v);
      const r = decodeOrNothing(engine, first.r);
      if (!terms || !r || !holds(engine, serverSecret, terms)) return undefined;
      const sum = engine.g1.add(r, engine.g1.multiplyPublic(terms.a, hashOf(engine, fields)));
      const gt = serverSecret.use(({ lines }) => engine.pair(sum, lines));
      const keys = keysOf(engine, gt, engine.g1.multiplySecret(terms.u, w), fields, answer.v);
      if (equalBytes(keys.client, answer.confirmation)) return { key: keys.key, confirmation: keys.server };
      keys.key.destroy();
      return undefined;
    } finally {
      engine.zeroise(w);
    }
  }

  /** Forgets w: the login is over. */
  destroy(): void {
    if (this.#w) this.#engine.zeroise(this.#w);
    this.#w = undefined;
  }
}

const spent = (): TypeError => new TypeError("this session has had its answer, or was dropped");

/** A server's session as plain values, between two threads of one process and nowhere else. */
export interface HandedSession {
  /** 32 bytes, secret: whoever is done with them wipes them. */
  readonly w: Uint8Array;
  readonly offer: FullOffer;
  readonly subject: LoginSubject;
}

export type { FullAttempt, FullSession };

/** The client begins; needs no PIN yet. */
export function beginFull(
  engine: Engine,
  random: RandomBytes,
  token: MpinToken,
  permit: TimePermit | undefined,
  context: FullContext,
): FullAttempt {
  return new FullAttempt(engine, random, token, permit, context);
}

/** The server's session for one U and R. Unknown identities get one, too. */
export function offerFull(engine: Engine, random: RandomBytes, subject: LoginSubject): FullSession {
  const w = engine.scalars.reduce(random(48));
  const point = engine.g1.multiplySecret(loginPoint(engine, subject), w);
  return new FullSession(engine, subject, w, { nonce: random(32), w: engine.g1.encode(point) });
}

/** Goes on with a session that another thread has begun. */
export function takeOverFull(engine: Engine, { w, offer, subject }: HandedSession): FullSession {
  return new FullSession(engine, subject, engine.scalars.decode(w), offer);
}

function fixedFields(subject: LoginSubject, context: FullContext): Uint8Array[] {
  return [...subjectFields(subject), utf8(context.server), ...contextFields(context)];
}

function checkNonce(nonce: Uint8Array): void {
  if (nonce.length !== 32) throw new MilagroError("ERR_ENCODING_INVALID", "a login nonce has 32 bytes");
}

function challengeOf(engine: Engine, fields: readonly Uint8Array[]): Scalar {
  return challengeScalar(engine, "MILAGRO-V1-MPIN-FULL", fields);
}

function hashOf(engine: Engine, fields: readonly Uint8Array[]): Scalar {
  return hashToScalar(engine, "MILAGRO-V1-MPIN-FULL-H", ...fields);
}

function decodeOrNothing(engine: Engine, bytes: Uint8Array): G1 | undefined {
  try {
    return decodeG1(engine, bytes);
  } catch {
    return undefined;
  }
}

function keysOf(engine: Engine, gt: Gt, point: G1, fields: readonly Uint8Array[], v: Uint8Array): Keys {
  const [first, second] = [engine.gt.encode(gt), engine.g1.encode(point)];
  const k = concat(first, second);
  const th = digest("MILAGRO-V1-MPIN-FULL-TRANSCRIPT", ...fields, v);
  const keys = {
    key: new Secret("session key", deriveKey(k, "MILAGRO-V1-MPIN-FULL-KEY", th)),
    client: deriveKey(k, "MILAGRO-V1-MPIN-FULL-CLIENT", th),
    server: deriveKey(k, "MILAGRO-V1-MPIN-FULL-SERVER", th),
  };
  wipe(first, second, k);
  engine.zeroise(gt, point);
  return keys;
}

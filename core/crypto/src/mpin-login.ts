/**
 * What all variants of a login share: the context they are bound to, and the one equation that the server checks.
 *
 *   A' = A, with a time permit A + A_T          S' = T + α·A, with a permit + s·A_T (for DVS + z·s·A_T)
 *   client:  U = x·A',  V = −(x + y)·S'         server:  e(V, K)·e(U + y·A', s·g2) = 1,  K = g2, for DVS Pa
 *
 * y is the only thing that differs: a hash over U, the context, and a nonce of the server's (two passes) or the time (one pass).
 *
 * Security: `s·g1` is public, so for a y known beforehand anybody could send U = c·g1 − y·A', V = −c·(s·g1). Hence y always
 * hashes U. Two V for one x and different y give S' away; so x is hedged, and an attempt answers once.
 * Nobody computes how far a wrong PIN was off: the outcome is a boolean, and α is no small number.
 *
 * Source: M-Pin (M. Scott), as in Apache Milagro.
 * Deviation: the challenge is a hash that the client computes itself from what it sees (origin, client, payload), so that an
 * answer given to a phisher is worth nothing at the server.
 * @module
 */
import type { Engine, G1, G1Engine, G2, PreparedG2, RandomBytes, Scalar } from "@milagro/engine/engine";
import type { Brand } from "./brand.ts";
import { utf8, wipe } from "./bytes.ts";
import type { Epoch } from "./epoch.ts";
import { digest, hashToScalar } from "./kdf.ts";
import {
  checkingKey,
  hashMpin,
  hashPermit,
  isDvsInput,
  type MpinInput,
  type PermitInput,
  permitInput,
} from "./mpin-identity.ts";
import { decodeG1 } from "./mpin-key.ts";
import type { MpinServerSecret } from "./mpin-server-key.ts";
import { encodeToken, type MpinToken } from "./mpin-token.ts";
import { preparedLines } from "./precomputed.ts";
import type { TimePermit } from "./time-permit.ts";

/** What a login is for. Both sides state it from their own knowledge; it is not sent along. */
export interface LoginContext {
  /** Names this one login: 16 to 64 random bytes of the server's. Never the identity, or anybody could overwrite a victim's login. */
  readonly session: Uint8Array;
  /** Where the person is, as the browser says: `https://login.example`. */
  readonly origin: string;
  /** The application that the login is for. */
  readonly client: string;
  /** SHA-256 of what is approved with this login, or empty for a login and nothing else. */
  readonly payloadHash: Uint8Array;
}

/** Who logs in, and with which permit; from `loginSubject`. */
export type LoginSubject = Brand<
  { readonly input: MpinInput; readonly permit: PermitInput | undefined },
  "LoginSubject"
>;

/** The values of the equation, checked to be points of the group. */
export interface LoginTerms {
  readonly u: G1;
  readonly v: G1;
  readonly y: Scalar;
  /** A'. */
  readonly a: G1;
  /** Pa for a DVS user; undefined stands for g2. */
  readonly dvsKey: G2 | undefined;
}

/**
 * Who logs in, as the server knows it. Keep the object while many logins of one user are checked: it carries the hashed points.
 * @param input - for a DVS user the one that was pinned at registration, never one that came with the login
 * @param permitEpoch - where the server demands a time permit, the epoch it must be for
 * @throws `ERR_EPOCH_INVALID` for epoch 0
 */
export function loginSubject(input: MpinInput, permitEpoch?: Epoch): LoginSubject {
  const permit = permitEpoch === undefined ? undefined : permitInput(input, permitEpoch);
  return { input, permit } as LoginSubject;
}

/** The context as fields of a transcript. @throws TypeError for a session or payload hash of another length */
export function contextFields({ session, origin, client, payloadHash }: LoginContext): Uint8Array[] {
  if (session.length < 16 || session.length > 64) throw new TypeError("a session has 16 to 64 bytes");
  if (payloadHash.length !== 0 && payloadHash.length !== 32) throw new TypeError("a payload hash has 32 bytes or none");
  return [session, utf8(origin), utf8(client), payloadHash];
}

/** The identity as fields of a transcript: its input, and the permit's input or nothing. */
export function subjectFields({ input, permit }: LoginSubject): Uint8Array[] {
  return [input, permit ?? new Uint8Array(0)];
}

/** Who a token logs in as. */
export function subjectOf(token: MpinToken, permit: TimePermit | undefined): LoginSubject {
  return { input: token.input, permit: permit?.input } as LoginSubject;
}

/** A'. */
export function loginPoint(engine: G1Engine, { input, permit }: LoginSubject): G1 {
  const a = hashMpin(engine, input);
  return permit ? engine.g1.add(a, hashPermit(engine, permit)) : a;
}

/**
 * A secret number for one login: hedged by the token and the context, so that a random source which repeats itself does not
 * repeat x over two sessions.
 * @param label - of the variant and the number
 */
export function drawExponent(
  engine: G1Engine,
  random: RandomBytes,
  token: MpinToken,
  label: string,
  fields: readonly Uint8Array[],
): Scalar {
  const secret = encodeToken(engine, token);
  const seed = random(32);
  const x = hashToScalar(engine, label, secret, seed, ...fields);
  wipe(secret, seed);
  return x;
}

/** y: the first 128 bits of the hash. Public. */
export function challengeScalar(engine: G1Engine, label: string, fields: readonly Uint8Array[]): Scalar {
  const bytes = new Uint8Array(32);
  bytes.set(digest(label, ...fields).subarray(0, 16), 16);
  return engine.scalars.decode(bytes, { zero: "allow" });
}

/** V = −(x + y)·S'. */
export function respond(engine: G1Engine, x: Scalar, y: Scalar, secret: G1): G1 {
  const sum = engine.scalars.add(x, y);
  const minus = engine.scalars.negate(sum);
  const v = engine.g1.multiplySecret(secret, minus);
  engine.zeroise(sum, minus);
  return v;
}

/** The terms for U and V from outside; undefined when one is no point of the group, or the identity element. */
export function loginTerms(
  engine: Engine,
  subject: LoginSubject,
  y: Scalar,
  uBytes: Uint8Array,
  vBytes: Uint8Array,
): LoginTerms | undefined {
  try {
    const [u, v] = [decodeG1(engine, uBytes), decodeG1(engine, vBytes)];
    const dvsKey = isDvsInput(subject.input) ? checkingKey(engine, subject.input) : undefined;
    return { u, v, y, a: loginPoint(engine, subject), dvsKey };
  } catch {
    return undefined;
  }
}

/** Whether the equation holds: one product of two pairings. False for undefined terms. */
export function holds(engine: Engine, serverSecret: MpinServerSecret, terms: LoginTerms | undefined): boolean {
  if (!terms) return false;
  const right = engine.g1.add(terms.u, engine.g1.multiplyPublic(terms.a, terms.y));
  return serverSecret.use(({ lines }) =>
    engine.pairingCheck([
      [terms.v, linesOf(engine, terms.dvsKey)],
      [right, lines],
    ]),
  );
}

/** What V is paired with. A user's Pa is met too seldom to keep its lines. */
export function linesOf(engine: Engine, dvsKey: G2 | undefined): G2 | PreparedG2 {
  return dvsKey ?? preparedLines(engine, engine.g2.generator);
}

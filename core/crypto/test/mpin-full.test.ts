import type { G1, Gt, Scalar } from "@milagro/engine/engine";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../src/bytes.ts";
import { parseIdentity } from "../src/identity.ts";
import { deriveKey, digest, hashToScalar } from "../src/kdf.ts";
import { beginFull, type FullAnswer, type FullContext, type FullOffer, offerFull } from "../src/mpin-full.ts";
import { hashMpin, mpinInput } from "../src/mpin-identity.ts";
import {
  challengeScalar,
  contextFields,
  type LoginSubject,
  loginSubject,
  respond,
  subjectFields,
} from "../src/mpin-login.ts";
import type { MpinToken, Unlock } from "../src/mpin-token.ts";
import { createToken } from "../src/mpin-token-making.ts";
import type { TimePermit } from "../src/time-permit.ts";
import { codeOf, NOTHING, random } from "./fixtures.ts";
import {
  bob,
  decode,
  encode,
  engine,
  epoch,
  issuePermit,
  issueSecret,
  makeMpinDomain,
  NO_POINT,
  newContext,
  OUTSIDE,
  pin,
  register,
  registerDvs,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const { serverSecret } = domain;
const { input, token } = register(domain);
const secretPoint = issueSecret(domain, input);
const server = parseIdentity("milagro:example/service/login");
const newFull = (change: Partial<FullContext> = {}): FullContext => ({ ...newContext(), server, ...change });

interface Run {
  readonly client: string | undefined;
  readonly server: string | undefined;
}

interface Options {
  readonly token?: MpinToken;
  readonly permit?: TimePermit;
  readonly unlock?: Unlock;
  readonly subject?: LoginSubject;
  readonly serverContext?: Partial<FullContext>;
  readonly first?: { readonly u?: Uint8Array; readonly r?: Uint8Array };
  readonly offer?: Partial<FullOffer>;
  readonly answer?: Partial<FullAnswer>;
  readonly confirmation?: Uint8Array;
  readonly secret?: typeof serverSecret;
}

/** One agreement, with what an attacker in the middle changes. `undefined`: that side refused. */
function agree(o: Options = {}): Run {
  const context = newFull();
  const own = o.token ?? token;
  const attempt = beginFull(engine, random, own, o.permit, context);
  const session = offerFull(engine, random, o.subject ?? loginSubject(own.input, o.permit ? epoch : undefined));
  const answer = { ...attempt.answer(o.unlock ?? pin("1234"), { ...session.offer, ...o.offer }), ...o.answer };
  const first = { u: attempt.u, r: attempt.r, ...o.first };
  const accepted = session.accept(o.secret ?? serverSecret, { ...context, ...o.serverContext }, first, answer);
  const client = accepted && attempt.finish(o.confirmation ?? accepted.confirmation);
  const hex = (key: Uint8Array): string => key.join();
  return { client: client?.use(hex), server: accepted?.key.use(hex) };
}

test("both sides get one key of their own for each session, with a permit and by a DVS user too", () => {
  const runs = [
    agree(),
    agree(),
    agree({ permit: issuePermit(domain, input) }),
    agree({ token: registerDvs(domain).token }),
  ];
  const user = registerDvs(domain);
  runs.push(agree({ token: user.token, permit: issuePermit(domain, user.input) }));
  for (const run of runs) {
    expect(run.client).toBeDefined();
    expect(run.client).toBe(run.server);
  }
  expect(new Set(runs.map((run) => run.client)).size).toBe(runs.length);
});

const NEITHER: Run = { client: undefined, server: undefined };

describe("neither side gets a key", () => {
  const point = encode(engine.g1.generator);
  test.each<[string, Options]>([
    ["with a wrong PIN", { unlock: pin("1235") }],
    ["when a permit is demanded", { subject: loginSubject(input, epoch) }],
    ["with another user's name", { subject: loginSubject(mpinInput(domain.domainId, bob, epoch)) }],
    ["when the server is another", { serverContext: { server: parseIdentity("milagro:example/service/other") } }],
    ["in another session", { serverContext: { session: random(16) } }],
    ["at another origin", { serverContext: { origin: "https://evil.example" } }],
    ["for another payload", { serverContext: { payloadHash: random(32) } }],
    ["when U is exchanged", { first: { u: point } }],
    ["when R is exchanged", { first: { r: point } }],
    ["when R is the identity element", { first: { r: NO_POINT } }],
    ["when R is outside the subgroup", { first: { r: OUTSIDE } }],
    ["when U is the identity element", { first: { u: NO_POINT } }],
    ["when W is exchanged", { offer: { w: point } }],
    ["when the nonce is exchanged", { offer: { nonce: random(32) } }],
    ["when V is exchanged", { answer: { v: point } }],
    ["when V is the identity element", { answer: { v: NO_POINT } }],
    ["when the client's confirmation is changed", { answer: { confirmation: new Uint8Array(32) } }],
    ["when the client's confirmation is missing", { answer: { confirmation: NOTHING } }],
    ["at another domain's server", { secret: makeMpinDomain().serverSecret }],
  ])("%s", (_, options) => {
    expect(agree(options)).toEqual(NEITHER);
  });
});

test("the client keeps no key that the server has not confirmed", () => {
  for (const confirmation of [new Uint8Array(32), NOTHING]) {
    const run = agree({ confirmation });
    expect(run.client).toBeUndefined();
    expect(run.server).toBeDefined();
  }
});

test("the client refuses a W that is no point of the group, and a short nonce; the attempt is then over", () => {
  for (const [change, code] of [
    [{ w: NO_POINT }, "ERR_POINT_INVALID"],
    [{ w: OUTSIDE }, "ERR_POINT_INVALID"],
    [{ nonce: random(31) }, "ERR_ENCODING_INVALID"],
  ] as const) {
    const attempt = beginFull(engine, random, token, undefined, newFull());
    const { offer } = offerFull(engine, random, loginSubject(input));
    expect(codeOf(() => attempt.answer(pin("1234"), { ...offer, ...change }))).toBe(code);
    expect(() => attempt.answer(pin("1234"), offer)).toThrow(TypeError);
    expect(() => attempt.finish(NOTHING)).toThrow(TypeError);
  }
});

test("both sides answer once", () => {
  const context = newFull();
  const attempt = beginFull(engine, random, token, undefined, context);
  const session = offerFull(engine, random, loginSubject(input));
  const answer = attempt.answer(pin("1234"), session.offer);
  expect(() => attempt.answer(pin("1234"), session.offer)).toThrow(TypeError);
  expect(session.accept(serverSecret, context, attempt, { ...answer, v: NO_POINT })).toBeUndefined();
  expect(() => session.accept(serverSecret, context, attempt, answer)).toThrow(TypeError);
  const dropped = offerFull(engine, random, loginSubject(input));
  dropped.destroy();
  expect(() => dropped.accept(serverSecret, context, attempt, answer)).toThrow(TypeError);
  attempt.destroy();
  expect(() => attempt.finish(NOTHING)).toThrow(TypeError);
});

describe("with stolen keys", () => {
  /** An attacker's own derivation, from what it thinks the two halves of k are. */
  const derive = (k: Uint8Array, fields: Uint8Array[], v: Uint8Array, label: string): Uint8Array =>
    deriveKey(k, `MILAGRO-V1-MPIN-FULL-${label}`, digest("MILAGRO-V1-MPIN-FULL-TRANSCRIPT", ...fields, v));
  const fixed = (context: FullContext): Uint8Array[] => [
    ...subjectFields(loginSubject(input)),
    utf8(server),
    ...contextFields(context),
  ];
  const a = hashMpin(engine, input);

  test("the thief of the server secret makes the key, but no V: it cannot play a client towards the server", () => {
    const context = newFull();
    const [x, r, c] = [engine.scalars.random(), engine.scalars.random(), engine.scalars.random()];
    const first = { u: encode(engine.g1.multiplySecret(a, x)), r: encode(engine.g1.multiplySecret(a, r)) };
    const impersonate = (makeV: (y: Scalar) => G1): boolean => {
      const session = offerFull(engine, random, loginSubject(input));
      const { nonce, w } = session.offer;
      const fields = [...fixed(context), first.u, first.r, nonce, w];
      const h = hashToScalar(engine, "MILAGRO-V1-MPIN-FULL-H", ...fields);
      const sum = engine.g1.multiplySecret(a, engine.scalars.add(r, h));
      const gt = serverSecret.use(({ point }) => engine.pair(sum, point));
      const k = concat(engine.gt.encode(gt), encode(engine.g1.multiplySecret(decode(w), x)));
      const v = encode(makeV(challengeScalar(engine, "MILAGRO-V1-MPIN-FULL", fields)));
      const answer = { v, confirmation: derive(k, fields, v, "CLIENT") };
      return session.accept(serverSecret, context, first, answer) !== undefined;
    };
    expect(impersonate(() => engine.g1.multiplySecret(domain.publicKey.g1, c))).toBe(false);
    expect(impersonate((y) => respond(engine, x, y, a))).toBe(false);
    // With the client secret for V the same run is taken: k was right, and V alone stops the thief.
    expect(impersonate((y) => secretPoint.use((secret) => respond(engine, x, y, secret)))).toBe(true);
  });

  test("the thief of a client secret cannot play the server towards that client: key-compromise impersonation", () => {
    const context = newFull();
    const attempt = beginFull(engine, random, token, undefined, context);
    const w = engine.scalars.random();
    const offer = { nonce: random(32), w: encode(engine.g1.multiplySecret(a, w)) };
    const { v } = attempt.answer(pin("1234"), offer);
    const fields = [...fixed(context), attempt.u, attempt.r, offer.nonce, offer.w];
    const h = hashToScalar(engine, "MILAGRO-V1-MPIN-FULL-H", ...fields);
    const wU = encode(engine.g1.multiplySecret(decode(attempt.u), w));
    // It knows S, R, h, w, and s·g1: what it can pair, none of which is e(R + h·A, s·g2).
    const guesses = secretPoint.use((s) => [
      engine.pair(engine.g1.multiplyPublic(s, h), engine.g2.generator),
      engine.pair(engine.g1.add(decode(attempt.r), engine.g1.multiplyPublic(s, h)), engine.g2.generator),
      engine.pair(engine.g1.add(decode(attempt.r), s), engine.g2.generator),
      engine.pair(engine.g1.add(decode(attempt.r), engine.g1.multiplyPublic(a, h)), engine.g2.generator),
    ]);
    const confirm = (gt: Gt): Uint8Array => derive(concat(engine.gt.encode(gt), wU), fields, v, "SERVER");
    const sum = engine.g1.add(decode(attempt.r), engine.g1.multiplyPublic(a, h));
    const right = confirm(serverSecret.use(({ point }) => engine.pair(sum, point)));
    for (const guess of guesses) expect(confirm(guess)).not.toEqual(right);
    // With the server secret the same run is taken: it alone is missing.
    expect(attempt.finish(right)).toBeDefined();
  });

  test("forward secrecy: client secret, server secret and all D-TAs' masters do not open a recorded session", () => {
    const context = newFull();
    const attempt = beginFull(engine, random, token, undefined, context);
    const session = offerFull(engine, random, loginSubject(input));
    const answer = attempt.answer(pin("1234"), session.offer);
    const accepted = session.accept(serverSecret, context, attempt, answer);
    const fields = [...fixed(context), attempt.u, attempt.r, session.offer.nonce, session.offer.w];
    const h = hashToScalar(engine, "MILAGRO-V1-MPIN-FULL-H", ...fields);
    const sum = engine.g1.add(decode(attempt.r), engine.g1.multiplyPublic(a, h));
    const gt = engine.gt.encode(serverSecret.use(({ point }) => engine.pair(sum, point)));
    // The first half of k is open, then. The second, x·w·A, takes x or w; these are what there is instead.
    const halves = [
      attempt.u,
      session.offer.w,
      encode(engine.g1.add(decode(attempt.u), decode(session.offer.w))),
      encode(a),
    ];
    const confirmation = accepted?.confirmation as Uint8Array;
    for (const half of halves) {
      expect(derive(concat(gt, half), fields, answer.v, "SERVER")).not.toEqual(confirmation);
    }
    // With x·w·A the same derivation is the right one (w taken from a session of the attacker's own).
    const w = engine.scalars.random();
    const own = beginFull(engine, random, token, undefined, context);
    const offer = { nonce: random(32), w: encode(engine.g1.multiplySecret(a, w)) };
    const theirs = own.answer(pin("1234"), offer);
    const ownFields = [...fixed(context), own.u, own.r, offer.nonce, offer.w];
    const ownH = hashToScalar(engine, "MILAGRO-V1-MPIN-FULL-H", ...ownFields);
    const ownSum = engine.g1.add(decode(own.r), engine.g1.multiplyPublic(a, ownH));
    const ownGt = engine.gt.encode(serverSecret.use(({ point }) => engine.pair(ownSum, point)));
    const k = concat(ownGt, encode(engine.g1.multiplySecret(decode(own.u), w)));
    expect(derive(k, ownFields, theirs.v, "CLIENT")).toEqual(theirs.confirmation);
    expect(own.finish(derive(k, ownFields, theirs.v, "SERVER"))).toBeDefined();
  });
});

test("the client's numbers differ between sessions although the random source has stopped", () => {
  const stuck = (length: number): Uint8Array => new Uint8Array(length);
  const one = beginFull(engine, stuck, token, undefined, newFull());
  const two = beginFull(engine, stuck, token, undefined, newFull());
  expect(new Set([one.u, one.r, two.u, two.r].map((u) => u.join())).size).toBe(4);
});

test("a permit that is not demanded spoils the agreement, too", () => {
  const fresh = createToken(engine, issueSecret(domain, input), pin("1234"));
  const permit = issuePermit(domain, input);
  expect(agree({ token: fresh, permit, subject: loginSubject(input) })).toEqual(NEITHER);
});

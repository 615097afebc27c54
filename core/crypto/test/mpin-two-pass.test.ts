import { describe, expect, test } from "vitest";
import { digest } from "../src/kdf.ts";
import { hashMpin, hashPermit, mpinInput, permitInput } from "../src/mpin-identity.ts";
import {
  challengeScalar,
  contextFields,
  holds as holdTerms,
  type LoginContext,
  type LoginTerms,
  loginSubject,
  loginTerms,
  subjectFields,
} from "../src/mpin-login.ts";
import { issueServerSecretShare } from "../src/mpin-server-key.ts";
import { encodeToken, type MpinToken, parseToken, type Unlock } from "../src/mpin-token.ts";
import { createToken } from "../src/mpin-token-making.ts";
import {
  beginLogin,
  drawLoginNonce,
  type LoginClaim,
  type LoginNonce,
  openLogin,
  parseLoginNonce,
  verifyLogin,
} from "../src/mpin-two-pass.ts";
import { encodeTimePermit, parseTimePermit, type TimePermit } from "../src/time-permit.ts";
import { bytes, codeOf, flip, NOTHING, random } from "./fixtures.ts";
import {
  alice,
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
  nextEpoch,
  OUTSIDE,
  pin,
  pinAnd,
  register,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const { serverSecret } = domain;
const { input, token } = register(domain);
const permit = issuePermit(domain, input);
const verifyTerms = (terms: LoginTerms | undefined): boolean => holdTerms(engine, serverSecret, terms);
const holds = (claim: LoginClaim, secret = serverSecret): boolean => verifyLogin(engine, secret, claim);

/** Both sides of one login, as they go when nobody interferes. */
function login(
  options: { token?: MpinToken; unlock?: Unlock; permit?: TimePermit; context?: LoginContext; nonce?: LoginNonce } = {},
): LoginClaim {
  const context = options.context ?? newContext();
  const own = options.token ?? token;
  const attempt = beginLogin(engine, random, own, options.permit, context);
  const nonce = options.nonce ?? drawLoginNonce(random);
  const v = attempt.answer(options.unlock ?? pin("1234"), nonce);
  const at = options.permit ? epoch : undefined;
  return { subject: loginSubject(own.input, at), context, nonce, u: attempt.u, v };
}

const good = login();

test("the right PIN is accepted, with a permit and with a device factor too", () => {
  expect(holds(good)).toBe(true);
  expect(holds(login({ permit }))).toBe(true);
  const factor = new Uint8Array(32).fill(1);
  const both = createToken(engine, issueSecret(domain, input), pinAnd("1234", factor));
  expect(holds(login({ token: both, unlock: pinAnd("1234", factor) }))).toBe(true);
  expect(holds(login({ token: both }))).toBe(false);
});

test.each(["1235", "0000", "01234", "12340", "4321"])("the wrong PIN %s is refused", (digits) => {
  expect(holds(login({ unlock: pin(digits) }))).toBe(false);
});

describe("an answer is worth nothing for", () => {
  const context = newContext({ payloadHash: new Uint8Array(32).fill(1) });
  const signed = login({ context });
  test.each([
    ["another session", { session: random(16) }],
    ["another origin: a phisher's", { origin: "https://login.example.evil" }],
    ["another application", { client: "bank" }],
    ["another payload", { payloadHash: new Uint8Array(32).fill(2) }],
    ["no payload", { payloadHash: NOTHING }],
    ["fields that only run together in the same way", { origin: "https://login.examples", client: "hop" }],
  ])("%s", (_, change) => {
    expect(holds({ ...signed, context: { ...context, ...change } })).toBe(false);
  });

  test("another nonce, an overwritten challenge", () => {
    expect(holds(signed)).toBe(true);
    expect(holds({ ...signed, nonce: drawLoginNonce(random) })).toBe(false);
    expect(holds({ ...signed, nonce: flip(signed.nonce, -1) })).toBe(false);
  });

  test("another user, device epoch or domain, and another domain's server", () => {
    const other = makeMpinDomain();
    for (const wrong of [
      mpinInput(domain.domainId, bob, epoch),
      mpinInput(domain.domainId, alice, nextEpoch),
      mpinInput(other.domainId, alice, epoch),
    ]) {
      expect(holds({ ...signed, subject: loginSubject(wrong) })).toBe(false);
    }
    expect(holds(signed, other.serverSecret)).toBe(false);
  });

  test("a secret put together from the D-TAs of two domains", () => {
    const other = makeMpinDomain();
    const mixed = { ...domain, masters: [...domain.masters.slice(0, 2), ...other.masters.slice(2)] };
    expect(holds(login({ token: createToken(engine, issueSecret(mixed, input), pin("1234")) }))).toBe(false);
  });
});

describe("time permits", () => {
  const withPermit = login({ permit });
  const at = (e: typeof epoch | undefined, claim = withPermit): LoginClaim => ({
    ...claim,
    subject: loginSubject(input, e),
  });

  test("one is demanded: none, another epoch's and somebody else's do not do", () => {
    expect(holds(at(epoch))).toBe(true);
    expect(holds(at(epoch, good))).toBe(false);
    expect(holds(at(nextEpoch))).toBe(false);
    expect(holds(at(undefined))).toBe(false);
    // Somebody else's, and yesterday's, under this one's name.
    const others = issuePermit(domain, mpinInput(domain.domainId, bob, epoch));
    const stale = issuePermit(domain, input, nextEpoch);
    for (const wrong of [others, stale]) {
      const disguised = parseTimePermit(engine, permit.input, encodeTimePermit(engine, wrong));
      expect(holds(login({ permit: disguised }))).toBe(false);
    }
  });

  test("a permit that one D-TA withheld its share of is none", () => {
    const two = { ...domain, masters: domain.masters.slice(0, 2) };
    expect(holds(login({ permit: issuePermit(two, input) }))).toBe(false);
  });

  test("a permit alone logs nobody in", () => {
    const asToken = parseToken(engine, input, encodeTimePermit(engine, permit));
    expect(holds(login({ token: asToken, permit }))).toBe(false);
    expect(holds(login({ token: asToken }))).toBe(false);
  });
});

describe("points from outside", () => {
  const negated = (point: Uint8Array): Uint8Array => encode(engine.g1.negate(decode(point)));
  test.each([
    ["U the identity element", { u: NO_POINT }],
    ["V the identity element", { v: NO_POINT }],
    ["both the identity element", { u: NO_POINT, v: NO_POINT }],
    ["U and V exchanged", { u: good.v, v: good.u }],
    ["U for V", { v: good.u }],
    ["V for U", { u: good.v }],
    ["U outside the subgroup", { u: OUTSIDE }],
    ["V outside the subgroup", { v: OUTSIDE }],
    ["V negated", { v: negated(good.v) }],
    ["both negated", { u: negated(good.u), v: negated(good.v) }],
    ["U uncompressed", { u: engine.g1.encode(decode(good.u), "uncompressed") }],
    ["V with a byte more", { v: Uint8Array.of(...good.v, 0) }],
    ["V cut short", { v: good.v.slice(0, 47) }],
    ["nothing", { u: NOTHING, v: NOTHING }],
  ])("%s", (_, change) => {
    expect(holds({ ...good, ...change })).toBe(false);
  });

  test("U = −y·A with V the identity element would satisfy the equation, so both checks stand before it", () => {
    const a = hashMpin(engine, input);
    const y = challengeScalar(engine, "MILAGRO-V1-MPIN-LOGIN", [bytes("known beforehand")]);
    const u = engine.g1.negate(engine.g1.multiplyPublic(a, y));
    const right = engine.g1.add(u, engine.g1.multiplyPublic(a, y));
    const passes = serverSecret.use(({ lines }) =>
      engine.pairingCheck([
        [engine.g1.identity, engine.g2.generator],
        [right, lines],
      ]),
    );
    expect(passes).toBe(true);
    expect(loginTerms(engine, good.subject, y, encode(u), NO_POINT)).toBeUndefined();
    expect(verifyTerms(loginTerms(engine, good.subject, y, encode(u), encode(a)))).toBe(false);
  });
});

describe("forgeries with public values", () => {
  test("U = c·g1 − y·A, V = −c·(s·g1) needs y before U: y hashes U, so the guess is always of another U", () => {
    const a = hashMpin(engine, input);
    const c = engine.scalars.random();
    const v = encode(engine.g1.negate(engine.g1.multiplyPublic(domain.publicKey.g1, c)));
    // A server with a predictable nonce: the y it takes for some U, and the forged U put in its place.
    const { y } = openLogin(engine, good) as LoginTerms;
    const u = engine.g1.subtract(engine.g1.multiplyPublic(engine.g1.generator, c), engine.g1.multiplyPublic(a, y));
    expect(holds({ ...good, u: encode(u), v })).toBe(false);
    // The equation itself would have taken it: the hash is what stands in the way.
    const right = engine.g1.add(u, engine.g1.multiplyPublic(a, y));
    const passes = serverSecret.use(({ lines }) =>
      engine.pairingCheck([
        [decode(v), engine.g2.generator],
        [right, lines],
      ]),
    );
    expect(passes).toBe(true);
  });

  test("answers of past logins do not add up to a new one", () => {
    const second = login();
    const add = (p: Uint8Array, q: Uint8Array): Uint8Array => encode(engine.g1.add(decode(p), decode(q)));
    expect(holds({ ...good, u: add(good.u, second.u), v: add(good.v, second.v) })).toBe(false);
    expect(holds({ ...second, u: add(good.u, good.u), v: add(good.v, good.v) })).toBe(false);
  });

  test("the server secret logs nobody in: it lies in the other group, and its bytes are no point of this one", () => {
    const share = domain.masters.map((master) => issueServerSecretShare(engine, master))[0];
    const half = share?.use((point) => engine.g2.encode(point).subarray(0, 48));
    expect(codeOf(() => parseToken(engine, input, half as Uint8Array))).toBe("ERR_POINT_INVALID");
  });
});

describe("the thief of a token", () => {
  test("gets one guess per attempt at the server, and is refused", () => {
    const stolen = parseToken(engine, input, encodeToken(engine, token));
    for (const digits of ["0000", "1111"]) expect(holds(login({ token: stolen, unlock: pin(digits) }))).toBe(false);
    const raw = encodeToken(engine, token); // the token used as if it were the secret
    const x = engine.scalars.random();
    const y = challengeScalar(engine, "MILAGRO-V1-MPIN-LOGIN", [raw]);
    const v = engine.g1.multiplySecret(decode(raw), engine.scalars.negate(engine.scalars.add(x, y)));
    const u = engine.g1.multiplySecret(hashMpin(engine, input), x);
    expect(holds({ ...good, u: encode(u), v: encode(v) })).toBe(false);
  });

  test("who has the server secret as well tests PINs offline: the limit that the specification states", () => {
    const isRight = (digits: string): boolean => {
      const attempt = beginLogin(engine, random, token, undefined, good.context);
      const nonce = drawLoginNonce(random);
      return holds({ ...good, nonce, u: attempt.u, v: attempt.answer(pin(digits), nonce) });
    };
    expect(["1232", "1233", "1234", "1235"].filter(isRight)).toEqual(["1234"]);
  });
});

describe("x", () => {
  test("answers once: two answers for one x would give the secret away", () => {
    const attempt = beginLogin(engine, random, token, undefined, newContext());
    attempt.answer(pin("1234"), drawLoginNonce(random));
    const again = pin("1234");
    expect(() => attempt.answer(again, drawLoginNonce(random))).toThrow(TypeError);
    expect(() => again.pin.use(() => 0)).toThrow(TypeError);
    const dropped = beginLogin(engine, random, token, undefined, newContext());
    dropped.destroy();
    expect(() => dropped.answer(pin("1234"), drawLoginNonce(random))).toThrow(TypeError);
  });

  test("differs between sessions, users and PINs although the random source has stopped", () => {
    const stuck = (length: number): Uint8Array => new Uint8Array(length);
    const context = newContext();
    const u = (t: MpinToken, c = context): string => beginLogin(engine, stuck, t, undefined, c).u.join();
    const others = [u(token, newContext()), u(token, { ...context, origin: "https://other.example" })];
    const changed = createToken(engine, issueSecret(domain, input), pin("4321"));
    const all = [u(token), ...others, u(changed), u(register(domain, bob).token)];
    expect(new Set(all).size).toBe(all.length);
    expect(u(token)).toBe(all[0]);
  });
});

test("what is not even a question", () => {
  expect(codeOf(() => parseLoginNonce(new Uint8Array(31)))).toBe("ERR_ENCODING_INVALID");
  expect(parseLoginNonce(good.nonce)).toEqual(good.nonce);
  for (const change of [{ session: random(15) }, { session: random(65) }, { payloadHash: random(20) }]) {
    expect(() => beginLogin(engine, random, token, undefined, newContext(change))).toThrow(TypeError);
    expect(() => holds({ ...good, context: newContext(change) })).toThrow(TypeError);
  }
});

test("A and the permit's point enter as the specification says", () => {
  const wanted = permitInput(input, epoch);
  const a = engine.g1.add(hashMpin(engine, input), hashPermit(engine, wanted));
  const claim = login({ permit });
  const fields = [...subjectFields(claim.subject), ...contextFields(claim.context), claim.u, claim.nonce];
  const y = digest("MILAGRO-V1-MPIN-LOGIN", ...fields).subarray(0, 16);
  const scalar = engine.scalars.decode(Uint8Array.of(...new Uint8Array(16), ...y));
  const right = engine.g1.add(decode(claim.u), engine.g1.multiplyPublic(a, scalar));
  const passes = serverSecret.use(({ point }) =>
    engine.gt.isOne(engine.gt.multiply(engine.pair(decode(claim.v), engine.g2.generator), engine.pair(right, point))),
  );
  expect(passes).toBe(true);
});

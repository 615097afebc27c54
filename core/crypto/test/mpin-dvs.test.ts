import { describe, expect, test } from "vitest";
import { concat } from "../src/bytes.ts";
import { type DvsKey, encodeDvsKey, generateDvsKey, parseDvsKey, proveDvsKey, verifyDvsKey } from "../src/mpin-dvs.ts";
import {
  type DvsInput,
  type DvsPublicKey,
  dvsInput,
  hashMpin,
  hashPermit,
  type MpinInput,
  mpinInput,
  parseDvsPublicKey,
  permitInput,
} from "../src/mpin-identity.ts";
import { challengeScalar, contextFields, loginSubject, respond, subjectFields } from "../src/mpin-login.ts";
import { createToken } from "../src/mpin-token-making.ts";
import { beginLogin, drawLoginNonce, type LoginClaim, verifyLogin } from "../src/mpin-two-pass.ts";
import { bytes, codeOf, flip, NOTHING, random } from "./fixtures.ts";
import {
  alice,
  bob,
  collude,
  encode,
  engine,
  epoch,
  issuePermit,
  issueSecret,
  makeMpinDomain,
  newContext,
  nextEpoch,
  pin,
  register,
  registerDvs,
  type User,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const user = registerDvs(domain);
const holds = (claim: LoginClaim): boolean => verifyLogin(engine, domain.serverSecret, claim);

function login({ input, token }: User, digits = "1234", permit?: ReturnType<typeof issuePermit>): LoginClaim {
  const context = newContext();
  const attempt = beginLogin(engine, random, token, permit, context);
  const nonce = drawLoginNonce(random);
  const subject = loginSubject(input, permit ? epoch : undefined);
  return { subject, context, nonce, u: attempt.u, v: attempt.answer(pin(digits), nonce) };
}

/** A login by somebody who has `secret` for the point of `subject`, and fabricates the rest. */
function forge(input: MpinInput, secret: ReturnType<typeof hashMpin>): LoginClaim {
  const [context, nonce, subject] = [newContext(), drawLoginNonce(random), loginSubject(input)];
  const x = engine.scalars.random();
  const u = encode(engine.g1.multiplySecret(hashMpin(engine, input), x));
  const fields = [...subjectFields(subject), ...contextFields(context), u, nonce];
  const y = challengeScalar(engine, "MILAGRO-V1-MPIN-LOGIN", fields);
  return { subject, context, nonce, u, v: encode(respond(engine, x, y, secret)) };
}

test("a user with a key of their own logs in, with a permit too; a wrong PIN does not", () => {
  expect(holds(login(user))).toBe(true);
  expect(holds(login(user, "1234", issuePermit(domain, user.input)))).toBe(true);
  expect(holds(login(user, "1235"))).toBe(false);
});

describe("all D-TAs together", () => {
  const s = collude(domain);

  test("log in as a plain user: the limit that the specification states", () => {
    const plain = register(domain);
    const secret = engine.g1.multiplySecret(hashMpin(engine, plain.input), s);
    expect(holds(forge(plain.input, secret))).toBe(true);
  });

  test("do not log in as a DVS user: they lack z", () => {
    const a = hashMpin(engine, user.input);
    const secret = engine.g1.multiplySecret(a, s);
    expect(holds(forge(user.input, secret))).toBe(false);
    expect(holds(forge(user.input, a))).toBe(false);
    // A key of their own instead of the user's: then it is another input, and the server has pinned the first.
    const own = generateDvsKey(engine);
    const z = own.use((scalar) => engine.scalars.add(scalar, engine.scalars.zero));
    expect(holds(forge(user.input, engine.g1.multiplySecret(secret, z)))).toBe(false);
    const other = dvsInput(domain.domainId, alice, epoch, own.input);
    const whole = engine.g1.multiplySecret(engine.g1.multiplySecret(hashMpin(engine, other), s), z);
    const replaced = forge(other, whole);
    expect(holds(replaced)).toBe(true);
    expect(holds({ ...replaced, subject: loginSubject(user.input) })).toBe(false);
  });

  test("nor from recorded logins: answers of the past add up to no new one", () => {
    const [one, two] = [login(user), login(user)];
    const add = (p: Uint8Array, q: Uint8Array): Uint8Array =>
      encode(engine.g1.add(engine.g1.decode(p), engine.g1.decode(q)));
    expect(holds({ ...one, u: add(one.u, two.u), v: add(one.v, two.v) })).toBe(false);
    expect(holds({ ...one, v: two.v, u: two.u })).toBe(false);
  });

  test("nor do they pass the user's plain name off for the registered one", () => {
    const plain = mpinInput(domain.domainId, alice, epoch);
    const secret = engine.g1.multiplySecret(hashMpin(engine, plain), s);
    expect(holds({ ...forge(plain, secret), subject: loginSubject(user.input) })).toBe(false);
  });
});

test("a login counts for the pinned key alone: not as plain, not under another key, no permit exchanged", () => {
  const claim = login(user);
  const others = [
    mpinInput(domain.domainId, alice, epoch),
    registerDvs(domain).input,
    dvsInput(domain.domainId, alice, nextEpoch, user.key.input),
    dvsInput(domain.domainId, bob, epoch, user.key.input),
  ];
  for (const input of others) expect(holds({ ...claim, subject: loginSubject(input) })).toBe(false);
  const permitted = login(user, "1234", issuePermit(domain, user.input));
  expect(holds({ ...permitted, subject: loginSubject(user.input) })).toBe(false);
  expect(holds({ ...permitted, subject: loginSubject(user.input, nextEpoch) })).toBe(false);
  expect(holds({ ...claim, subject: loginSubject(user.input, epoch) })).toBe(false);
  expect(encode(hashPermit(engine, permitInput(user.input, epoch)))).not.toEqual(encode(hashMpin(engine, user.input)));
});

test("a token without z, made by hand, is refused", () => {
  const secret = issueSecret(domain, user.input);
  const bare = secret.use((point) => engine.g1.add(point, engine.g1.identity));
  expect(holds(forge(user.input, bare))).toBe(false);
  expect(() => createToken(engine, secret, pin("1234"))).toThrow(TypeError);
});

describe("proof of the key", () => {
  const proof = proveDvsKey(engine, user.key, user.input);

  test("holds for the input it was made for, and is deterministic", () => {
    expect(proof).toHaveLength(128);
    expect(verifyDvsKey(engine, user.input, proof)).toBe(true);
    expect(proveDvsKey(engine, user.key, user.input)).toEqual(proof);
  });

  test("is refused for another name, epoch, domain or key, changed or malformed", () => {
    const key = user.key.input;
    for (const input of [
      dvsInput(domain.domainId, bob, epoch, key),
      dvsInput(domain.domainId, alice, nextEpoch, key),
      dvsInput(makeMpinDomain().domainId, alice, epoch, key),
      registerDvs(domain).input,
      mpinInput(domain.domainId, alice, epoch) as DvsInput,
    ]) {
      expect(verifyDvsKey(engine, input, proof)).toBe(false);
    }
    const bad = [
      flip(proof, 0, 7),
      flip(proof, -1),
      concat(engine.g2.encode(engine.g2.identity), proof.subarray(96)),
      concat(proof.subarray(0, 96), new Uint8Array(32)),
      concat(proof.subarray(0, 96), new Uint8Array(32).fill(0xff)),
      proof.subarray(1),
      NOTHING,
    ];
    for (const wrong of bad) expect(verifyDvsKey(engine, user.input, wrong)).toBe(false);
  });

  test("is not to be had for Pa = c·s·g2, with which a holder of the server secret could log in as anybody", () => {
    const c = engine.scalars.random();
    const rogue = domain.serverSecret.use(({ point }) => engine.g2.encode(engine.g2.multiplySecret(point, c)));
    const input = dvsInput(domain.domainId, alice, epoch, parseDvsPublicKey(engine, rogue));
    const inverse = engine.scalars.invert(c);
    // No D-TA was asked for this secret, and yet the equation holds: so the key must be proved before it is pinned.
    expect(holds(forge(input, engine.g1.multiplySecret(hashMpin(engine, input), inverse)))).toBe(true);
    expect(verifyDvsKey(engine, input, proof)).toBe(false);
    const pretended = parseDvsKey(engine, engine.scalars.encode(inverse));
    expect(() => proveDvsKey(engine, pretended, input)).toThrow(TypeError);
  });
});

test("a key survives storage; zero, one and no scalar are refused", () => {
  const stored = encodeDvsKey(engine, user.key);
  const parsed: DvsKey = parseDvsKey(engine, stored);
  expect(parsed.input).toEqual(user.key.input as DvsPublicKey);
  const one = engine.scalars.encode(engine.scalars.one);
  expect(codeOf(() => parseDvsKey(engine, one))).toBe("ERR_PUBLIC_KEY_INVALID");
  for (const bad of [new Uint8Array(32), new Uint8Array(32).fill(0xff), stored.slice(1), bytes("")]) {
    expect(codeOf(() => parseDvsKey(engine, bad))).toBe("ERR_SCALAR_INVALID");
  }
});

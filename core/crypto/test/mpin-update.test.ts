import { describe, expect, test } from "vitest";
import { parseIdentity } from "../src/identity.ts";
import { derivePublicShare, type PublicShare } from "../src/master-public.ts";
import { parseMasterSecretShare } from "../src/master-secret.ts";
import { beginFull, offerFull } from "../src/mpin-full.ts";
import { type MpinInput, mpinInput } from "../src/mpin-identity.ts";
import { combineClientSecretShares, issueClientSecretShare } from "../src/mpin-key.ts";
import { loginSubject } from "../src/mpin-login.ts";
import { combineServerSecretShares, issueServerSecretShare, verifyServerSecret } from "../src/mpin-server-key.ts";
import { encodeToken, type MpinToken, type Unlock } from "../src/mpin-token.ts";
import { changePin, createToken, updateToken } from "../src/mpin-token-making.ts";
import { beginLogin, drawLoginNonce, verifyLogin } from "../src/mpin-two-pass.ts";
import {
  combineTokenUpdateShares,
  encodeTokenUpdateShare,
  issueTokenUpdateShare,
  parseTokenUpdateShare,
  type TokenUpdate,
  verifyTokenUpdateShare,
} from "../src/mpin-update.ts";
import type { TimePermit } from "../src/time-permit.ts";
import { codeOf, flip, random } from "./fixtures.ts";
import {
  alice,
  bob,
  engine,
  epoch,
  issuePermit,
  type MpinDomain,
  makeMpinDomain,
  NO_POINT,
  newContext,
  OUTSIDE,
  pin,
  pinAnd,
  register,
  registerDvs,
} from "./mpin-fixtures.ts";

const before = makeMpinDomain();
/** The same domain under new masters. */
const after: MpinDomain = { ...makeMpinDomain(), domainId: before.domainId };
const pairs = before.masters.map((old, i) => ({ before: old, after: after.masters[i] as typeof old }));
const keys = before.publicShares.map((old, i) => ({
  before: old,
  after: after.publicShares[i] as PublicShare<"mpin">,
}));

const updateFor = (input: MpinInput): TokenUpdate =>
  combineTokenUpdateShares(
    engine,
    pairs.map((pair) => issueTokenUpdateShare(engine, pair, input).share),
  );

function accepted(domain: MpinDomain, token: MpinToken, unlock: Unlock, permit?: TimePermit): boolean {
  const context = newContext();
  const attempt = beginLogin(engine, random, token, permit, context);
  const nonce = drawLoginNonce(random);
  const v = attempt.answer(unlock, nonce);
  const subject = loginSubject(token.input, permit ? epoch : undefined);
  return verifyLogin(engine, domain.serverSecret, { subject, context, u: attempt.u, nonce, v });
}

describe("a token under new masters", () => {
  const { token } = register(before);
  const updated = updateToken(engine, token, updateFor(token.input));

  test("logs in with the same PIN at a server that has the new secret, and with the new masters' permits", () => {
    expect(accepted(after, updated, pin("1234"))).toBe(true);
    expect(accepted(after, updated, pin("1234"), issuePermit(after, token.input))).toBe(true);
  });

  test("is refused with another PIN, at the old server, and with an old permit; the old token at the new server", () => {
    expect(accepted(after, updated, pin("1235"))).toBe(false);
    expect(accepted(before, updated, pin("1234"))).toBe(false);
    expect(accepted(after, updated, pin("1234"), issuePermit(before, token.input))).toBe(false);
    expect(accepted(after, token, pin("1234"))).toBe(false);
    expect(accepted(before, token, pin("1234"))).toBe(true); // control: it was good
  });

  test("is what issuing by the new masters makes: two updates in a row, a change of PIN between them", () => {
    const third: MpinDomain = { ...makeMpinDomain(), domainId: before.domainId };
    const changed = changePin(engine, updated, pin("1234"), pin("8068"));
    const shares = after.masters.map(
      (old, i) =>
        issueTokenUpdateShare(engine, { before: old, after: third.masters[i] as typeof old }, token.input).share,
    );
    const twice = updateToken(engine, changed, combineTokenUpdateShares(engine, shares));
    expect(accepted(third, twice, pin("8068"))).toBe(true);
    expect(encodeToken(engine, twice)).toEqual(encodeToken(engine, register(third, alice, "8068").token));
  });

  test("keeps the user's own key, and a device factor", () => {
    const dvs = registerDvs(before);
    const moved = updateToken(engine, dvs.token, updateFor(dvs.input));
    expect(accepted(after, moved, pin("1234"))).toBe(true);
    expect(accepted(after, moved, pin("1234"), issuePermit(after, dvs.input))).toBe(true);
    expect(accepted(before, moved, pin("1234"))).toBe(false);
    const factor = random(32);
    const bound = updateToken(
      engine,
      changePin(engine, token, pin("1234"), pinAnd("1234", factor)),
      updateFor(token.input),
    );
    expect(accepted(after, bound, pinAnd("1234", factor))).toBe(true);
    expect(accepted(after, bound, pin("1234"))).toBe(false);
  });

  test("another identity's update is not taken, and does not help with a stolen token", () => {
    const foreign = updateFor(mpinInput(before.domainId, bob, epoch));
    expect(() => updateToken(engine, token, foreign)).toThrow(TypeError);
  });

  test("with one D-TA's part missing it is good for nobody", () => {
    const shares = pairs.slice(1).map((pair) => issueTokenUpdateShare(engine, pair, token.input).share);
    const partial = updateToken(engine, token, combineTokenUpdateShares(engine, shares));
    expect([accepted(after, partial, pin("1234")), accepted(before, partial, pin("1234"))]).toEqual([false, false]);
  });
});

test("shares of some D-TAs before and of the others after make no whole secret; with the one update in between they would, so it goes to the device alone", () => {
  const { token, input } = { token: register(before).token, input: register(before).token.input };
  const secretOf = (masters: readonly MpinDomain["masters"][number][]) =>
    combineClientSecretShares(
      engine,
      masters.map((master) => issueClientSecretShare(engine, master, input).share),
    );
  const mixed = [...before.masters.slice(0, -1), ...after.masters.slice(-1)];
  const made = createToken(engine, secretOf(mixed), pin("1234"));
  expect([accepted(before, made, pin("1234")), accepted(after, made, pin("1234"))]).toEqual([false, false]);
  // What is missing is exactly what the other D-TAs would hand out: the first ones' updates.
  const shares = pairs.slice(0, -1).map((pair) => issueTokenUpdateShare(engine, pair, input).share);
  const completed = updateToken(engine, made, combineTokenUpdateShares(engine, shares));
  expect(accepted(after, completed, pin("1234"))).toBe(true);
  expect(accepted(before, token, pin("1234"))).toBe(true); // control
});

test("M-Pin Full agrees after both have moved, and not while one of them is behind", () => {
  const { token } = register(before);
  const updated = updateToken(engine, token, updateFor(token.input));
  const agrees = (domain: MpinDomain, with_: MpinToken): boolean => {
    const context = { ...newContext(), server: parseIdentity("milagro:example.org/service/login") };
    const attempt = beginFull(engine, random, with_, undefined, context);
    const session = offerFull(engine, random, loginSubject(with_.input, undefined));
    const answer = attempt.answer(pin("1234"), session.offer);
    return session.accept(domain.serverSecret, context, { u: attempt.u, r: attempt.r }, answer) !== undefined;
  };
  expect([agrees(before, token), agrees(after, updated)]).toEqual([true, true]);
  expect([agrees(before, updated), agrees(after, token)]).toEqual([false, false]);
});

test("the server's new secret is collected like the first, and the old one is none of the new key", () => {
  const fresh = combineServerSecretShares(
    engine,
    after.masters.map((master) => issueServerSecretShare(engine, master)),
  );
  expect(verifyServerSecret(engine, after.publicKey, fresh)).toBe(true);
  expect(verifyServerSecret(engine, after.publicKey, before.serverSecret)).toBe(false);
});

describe("a D-TA's part of an update", () => {
  const input = mpinInput(before.domainId, alice, epoch);
  const [pair, otherPair] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
  const [key, otherKey] = keys as [(typeof keys)[0], (typeof keys)[0]];
  const { share, proof } = issueTokenUpdateShare(engine, pair, input);
  const bytes = encodeTokenUpdateShare(engine, share);

  test("is proved against the difference of its keys, the same bytes each time", () => {
    expect(verifyTokenUpdateShare(engine, key, share, proof)).toBe(true);
    const again = issueTokenUpdateShare(engine, pair, input);
    expect([encodeTokenUpdateShare(engine, again.share), again.proof]).toEqual([bytes, proof]);
    expect(verifyTokenUpdateShare(engine, key, parseTokenUpdateShare(engine, input, bytes), proof)).toBe(true);
  });

  test.each<[string, () => boolean]>([
    ["a proof with a bit flipped", () => verifyTokenUpdateShare(engine, key, share, flip(proof, 5))],
    ["a proof that is too short", () => verifyTokenUpdateShare(engine, key, share, proof.subarray(1))],
    ["another D-TA's keys", () => verifyTokenUpdateShare(engine, otherKey, share, proof)],
    [
      "the keys exchanged",
      () => verifyTokenUpdateShare(engine, { before: key.after, after: key.before }, share, proof),
    ],
    [
      "another identity",
      () =>
        verifyTokenUpdateShare(
          engine,
          key,
          parseTokenUpdateShare(engine, mpinInput(before.domainId, bob, epoch), bytes),
          proof,
        ),
    ],
    [
      "another D-TA's share",
      () => verifyTokenUpdateShare(engine, key, issueTokenUpdateShare(engine, otherPair, input).share, proof),
    ],
  ])("does not hold with %s", (_, holds) => {
    expect(holds()).toBe(false);
  });

  test("is no point outside the group, none at infinity, and of no other length", () => {
    for (const bad of [NO_POINT, OUTSIDE, bytes.subarray(1), new Uint8Array(0)])
      expect(codeOf(() => parseTokenUpdateShare(engine, input, bad))).toBe("ERR_POINT_INVALID");
  });

  test("there is none for a master that did not change", () => {
    const same = pair.before.use((scalar) => parseMasterSecretShare(engine, "mpin", engine.scalars.encode(scalar)));
    expect(() => issueTokenUpdateShare(engine, { before: pair.before, after: same }, input)).toThrow(TypeError);
    expect(derivePublicShare(engine, same).g1).toBeDefined();
  });
});

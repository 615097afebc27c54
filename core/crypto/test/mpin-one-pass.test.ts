import { describe, expect, test } from "vitest";
import { concat, u64 } from "../src/bytes.ts";
import { hashMpin, mpinInput } from "../src/mpin-identity.ts";
import { type LoginTerms, loginSubject } from "../src/mpin-login.ts";
import {
  type OnePassClaim,
  type OnePassContext,
  type OnePassVerdict,
  openOnePass,
  parseOnePassProof,
  proveOnePass,
  verifyOnePass,
} from "../src/mpin-one-pass.ts";
import { bytes, codeOf, flip, NOTHING, random } from "./fixtures.ts";
import {
  alice,
  bob,
  decode,
  encode,
  engine,
  epoch,
  issuePermit,
  makeMpinDomain,
  NO_POINT,
  nextEpoch,
  pin,
  register,
  registerDvs,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const { input, token } = register(domain);
const time = 1_800_000_000;
const seconds = 30;
const context: OnePassContext = {
  origin: "https://login.example",
  client: "bank",
  message: bytes("pay 10 to bob"),
};
const proof = proveOnePass(engine, random, token, undefined, pin("1234"), context, time);
const good: OnePassClaim = { subject: loginSubject(input), context, proof };
const verify = (claim: OnePassClaim, nowMs = time * 1000): OnePassVerdict =>
  verifyOnePass(engine, domain.serverSecret, claim, { nowMs, seconds });
const REFUSED = { kind: "refused", reason: "proof" };
const LATE = { kind: "refused", reason: "clock" };

test("a proof is accepted, with a permit and by a DVS user too", () => {
  expect(proof).toHaveLength(104);
  expect(verify(good).kind).toBe("accepted");
  const permit = issuePermit(domain, input);
  const permitted = proveOnePass(engine, random, token, permit, pin("1234"), context, time);
  expect(verify({ ...good, subject: loginSubject(input, epoch), proof: permitted }).kind).toBe("accepted");
  const user = registerDvs(domain);
  const theirs = proveOnePass(engine, random, user.token, undefined, pin("1234"), context, time);
  expect(verify({ ...good, subject: loginSubject(user.input), proof: theirs }).kind).toBe("accepted");
});

test("the verdict says what to remember, and until when: then the clock refuses it", () => {
  const verdict = verify(good, (time + 10) * 1000);
  if (verdict.kind !== "accepted") throw new Error("refused");
  expect(verdict.replayKey).toHaveLength(32);
  expect(verify(good, verdict.keepUntilMs - 1).kind).toBe("accepted");
  expect(verify(good, verdict.keepUntilMs)).toEqual(LATE);
  const again = verify(good);
  expect(again).toEqual(verdict);
  // Another message has another key, also under a random source that has stopped.
  const stuck = (length: number): Uint8Array => new Uint8Array(length);
  const proofs = ["a", "b"].map((text) =>
    proveOnePass(engine, stuck, token, undefined, pin("1234"), { ...context, message: bytes(text) }, time),
  );
  expect(proofs[0]?.subarray(8, 56)).not.toEqual(proofs[1]?.subarray(8, 56));
});

describe("refused", () => {
  test.each([
    ["a second too old", time + seconds, 1],
    ["a second too new", time - seconds, -1],
    ["a day old", time + 86_400, 0],
  ])("%s", (_, now, extra) => {
    expect(verify(good, now * 1000 + extra)).toEqual(LATE);
  });

  test("no clock, and times beyond all clocks", () => {
    expect(verify(good, Number.NaN)).toEqual(LATE);
    const late = concat(new Uint8Array(8).fill(0xff), proof.subarray(8));
    expect(verify({ ...good, proof: late })).toEqual(LATE);
  });

  test("a proof made younger", () => {
    const fresh = concat(u64(time + 20), proof.subarray(8));
    expect(verify({ ...good, proof: fresh }, (time + 40) * 1000)).toEqual(REFUSED);
  });

  test.each([
    ["another message", { message: bytes("pay 1000 to bob") }],
    ["no message", { message: NOTHING }],
    ["another origin", { origin: "https://evil.example" }],
    ["another application", { client: "shop" }],
    ["fields that only run together in the same way", { client: "bankpay", message: bytes(" 10 to bob") }],
  ])("%s", (_, change) => {
    expect(verify({ ...good, context: { ...context, ...change } })).toEqual(REFUSED);
  });

  test("another user, epoch, domain, and a permit that is demanded", () => {
    const other = makeMpinDomain();
    for (const wrong of [
      mpinInput(domain.domainId, bob, epoch),
      mpinInput(domain.domainId, alice, nextEpoch),
      mpinInput(other.domainId, alice, epoch),
    ]) {
      expect(verify({ ...good, subject: loginSubject(wrong) })).toEqual(REFUSED);
    }
    expect(verify({ ...good, subject: loginSubject(input, epoch) })).toEqual(REFUSED);
  });

  test("the wrong PIN", () => {
    const wrong = proveOnePass(engine, random, token, undefined, pin("1243"), context, time);
    expect(verify({ ...good, proof: wrong })).toEqual(REFUSED);
  });

  test("changed, exchanged and malformed points", () => {
    const [t, u, v] = [proof.subarray(0, 8), proof.subarray(8, 56), proof.subarray(56)];
    const bad = [
      concat(t, v, u),
      concat(t, NO_POINT, v),
      concat(t, u, NO_POINT),
      concat(t, NO_POINT, NO_POINT),
      concat(t, u, encode(engine.g1.negate(decode(v)))),
      flip(proof, 8, 7),
      flip(proof, -1),
      proof.subarray(0, 103),
      concat(proof, Uint8Array.of(0)),
      NOTHING,
    ];
    for (const wrong of bad) expect(verify({ ...good, proof: wrong })).toEqual(REFUSED);
  });

  test("a forgery from public values that guesses y before it has U", () => {
    const a = hashMpin(engine, input);
    const c = engine.scalars.random();
    const { y } = openOnePass(engine, good) as LoginTerms;
    const u = engine.g1.subtract(engine.g1.multiplyPublic(engine.g1.generator, c), engine.g1.multiplyPublic(a, y));
    const v = engine.g1.negate(engine.g1.multiplyPublic(domain.publicKey.g1, c));
    expect(verify({ ...good, proof: concat(u64(time), encode(u), encode(v)) })).toEqual(REFUSED);
  });
});

test("the PIN is destroyed, also when the time is none", () => {
  const used = pin("1234");
  expect(() => proveOnePass(engine, random, token, undefined, used, context, -1)).toThrow(TypeError);
  expect(() => used.pin.use(() => 0)).toThrow(TypeError);
});

test("a proof from outside has 104 bytes", () => {
  expect(parseOnePassProof(proof)).toEqual(proof);
  for (const wrong of [proof.slice(1), NOTHING]) {
    expect(codeOf(() => parseOnePassProof(wrong))).toBe("ERR_ENCODING_INVALID");
  }
});

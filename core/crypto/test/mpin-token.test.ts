import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashMpin, mpinInput } from "../src/mpin-identity.ts";
import {
  deviceFactor,
  encodeToken,
  type MpinToken,
  parsePin,
  parseToken,
  type Unlock,
  unlockToken,
} from "../src/mpin-token.ts";
import { changePin, createToken } from "../src/mpin-token-making.ts";
import { bytes, codeOf } from "./fixtures.ts";
import {
  bob,
  encode,
  engine,
  epoch,
  issuePermit,
  issueSecret,
  makeMpinDomain,
  NO_POINT,
  OUTSIDE,
  pin,
  pinAnd,
  register,
  registerDvs,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const { input, token } = register(domain, undefined, "0123");
const secretPoint = issueSecret(domain, input).use(encode);
const unlocked = (t: MpinToken, unlock: Unlock): Uint8Array => encode(unlockToken(engine, t, unlock, undefined));

test("law: the PIN that made a token, and no other, gives the client secret back", () => {
  const digits = fc.stringMatching(/^[0-9]{4,8}$/);
  fc.assert(
    fc.property(digits, digits, (right, wrong) => {
      fc.pre(right !== wrong);
      const made = createToken(engine, issueSecret(domain, input), pin(right));
      expect(unlocked(made, pin(right))).toEqual(secretPoint);
      expect(unlocked(made, pin(wrong))).not.toEqual(secretPoint);
    }),
  );
});

test("leading zeros count", () => {
  for (const near of ["00123", "1230", "01230"]) expect(unlocked(token, pin(near))).not.toEqual(secretPoint);
});

test("neighbouring PINs are no further apart than others: no difference tells how near a guess was", () => {
  // With α = PIN the differences of consecutive PINs would all be the same point, A.
  const points = ["1000", "1001", "1002"].map((digits) => unlockToken(engine, token, pin(digits), undefined));
  const [a, b, c] = points as [(typeof points)[0], (typeof points)[0], (typeof points)[0]];
  const steps = [engine.g1.subtract(b, a), engine.g1.subtract(c, b), hashMpin(engine, input)].map((p) =>
    encode(p).join(),
  );
  expect(new Set(steps).size).toBe(3);
});

test("one PIN is unrelated on two devices", () => {
  const other = register(domain, bob, "0123");
  const alpha = (t: MpinToken): Uint8Array =>
    encode(
      engine.g1.subtract(
        unlockToken(engine, t, pin("0123"), undefined),
        t.use(({ point }) => point),
      ),
    );
  const point = engine.g1.subtract(hashMpin(engine, other.input), hashMpin(engine, input));
  expect(alpha(other.token)).not.toEqual(alpha(token));
  expect(encode(engine.g1.subtract(engine.g1.decode(alpha(other.token)), engine.g1.decode(alpha(token))))).not.toEqual(
    encode(point),
  );
});

describe("device factor", () => {
  const factor = new Uint8Array(32).fill(5);
  const made = createToken(engine, issueSecret(domain, input), pinAnd("1234", factor));

  test("is needed beside the PIN", () => {
    expect(unlocked(made, pinAnd("1234", factor))).toEqual(secretPoint);
    expect(unlocked(made, pin("1234"))).not.toEqual(secretPoint);
    expect(unlocked(made, pinAnd("1234", new Uint8Array(32)))).not.toEqual(secretPoint);
    expect(unlocked(made, pinAnd("1235", factor))).not.toEqual(secretPoint);
    expect(unlocked(made, pinAnd("1234", factor.slice(0, 31)))).not.toEqual(secretPoint);
  });

  test("has 16 to 64 bytes, and the buffer that held it is empty", () => {
    for (const length of [0, 15, 65]) expect(() => deviceFactor(new Uint8Array(length))).toThrow(TypeError);
    const given = new Uint8Array(16).fill(9);
    deviceFactor(given);
    expect(given).toEqual(new Uint8Array(16));
  });
});

describe("change of PIN", () => {
  test("on the device alone; the old PIN is then wrong", () => {
    const changed = changePin(engine, token, pin("0123"), pin("987654"));
    expect(unlocked(changed, pin("987654"))).toEqual(secretPoint);
    expect(unlocked(changed, pin("0123"))).not.toEqual(secretPoint);
    expect(changePin(engine, changed, pin("987654"), pin("0123")).use(({ point }) => encode(point))).toEqual(
      token.use(({ point }) => encode(point)),
    );
  });

  test("with a wrong old PIN nothing is learnt and neither PIN is right; the same mistake backwards repairs it", () => {
    const broken = changePin(engine, token, pin("0124"), pin("9876"));
    for (const digits of ["0123", "0124", "9876"]) expect(unlocked(broken, pin(digits))).not.toEqual(secretPoint);
    expect(unlocked(changePin(engine, broken, pin("9876"), pin("0124")), pin("0123"))).toEqual(secretPoint);
  });

  test("adds a device factor, and keeps a DVS key", () => {
    const user = registerDvs(domain);
    const before = unlocked(user.token, pin("1234"));
    const changed = changePin(engine, user.token, pin("1234"), pinAnd("1234", new Uint8Array(16)));
    user.token.destroy();
    expect(unlocked(changed, pinAnd("1234", new Uint8Array(16)))).toEqual(before);
    expect(encodeToken(engine, changed)).toHaveLength(80);
  });
});

test.each(["123", "123456789", "", "12a4", "12 4", "１２３４", "-123", "1234\n"])("no PIN: %j", (text) => {
  const given = bytes(text);
  expect(codeOf(() => parsePin(given))).toBe("ERR_PIN_INVALID");
  expect(given.every((byte) => byte === 0)).toBe(true);
});

test("a PIN's buffer is emptied, and the PIN destroyed by whatever used it, success or not", () => {
  const given = bytes("1234");
  const first = parsePin(given);
  expect(given).toEqual(new Uint8Array(4));
  unlockToken(engine, token, { pin: first }, undefined);
  const [second, third, fourth, fifth] = ["1234", "1234", "1234", "1234"].map((text) => parsePin(bytes(text)));
  const secret = issueSecret(domain, input);
  createToken(engine, secret, { pin: second as typeof first });
  changePin(engine, token, { pin: third as typeof first }, { pin: fourth as typeof first });
  secret.destroy();
  expect(() => createToken(engine, secret, { pin: fifth as typeof first })).toThrow(TypeError);
  for (const used of [first, second, third, fourth, fifth]) expect(() => used?.use(() => 0)).toThrow(TypeError);
});

test("a DVS input goes with the key it names, a plain one with none", () => {
  const user = registerDvs(domain);
  const make = (of: typeof input, key?: typeof user.key) => () =>
    createToken(engine, issueSecret(domain, of), pin("1234"), key);
  expect(make(user.input)).toThrow(TypeError);
  expect(make(user.input, registerDvs(domain).key)).toThrow(TypeError);
  expect(make(input, user.key)).toThrow(TypeError);
});

test("a permit of another identity is refused, and the PIN destroyed", () => {
  const permit = issuePermit(domain, mpinInput(domain.domainId, bob, epoch));
  const used = pin("0123");
  expect(() => unlockToken(engine, token, used, permit)).toThrow(TypeError);
  expect(() => used.pin.use(() => 0)).toThrow(TypeError);
});

test("tokens survive storage: 48 bytes, with a DVS key 80; anything else is refused", () => {
  const user = registerDvs(domain);
  for (const { input: of, token: t } of [{ input, token }, user]) {
    const stored = encodeToken(engine, t);
    expect(stored).toHaveLength(of === input ? 48 : 80);
    expect(encodeToken(engine, parseToken(engine, of, stored))).toEqual(stored);
    for (const bad of [stored.slice(1), new Uint8Array(stored.length), NO_POINT, OUTSIDE]) {
      expect(codeOf(() => parseToken(engine, of, bad))).toMatch(/^ERR_(POINT|SCALAR)_INVALID$/);
    }
  }
  const stored = encodeToken(engine, user.token);
  expect(codeOf(() => parseToken(engine, input, stored))).toBe("ERR_POINT_INVALID");
  expect(codeOf(() => parseToken(engine, user.input, stored.slice(0, 48)))).toBe("ERR_SCALAR_INVALID");
});

import { describe, expect, test } from "vitest";
import { type BatchEntry, type BatchResult, verifyLoginBatch } from "../src/mpin-batch.ts";
import { type LoginTerms, loginSubject } from "../src/mpin-login.ts";
import { openOnePass, proveOnePass } from "../src/mpin-one-pass.ts";
import { beginLogin, drawLoginNonce, openLogin } from "../src/mpin-two-pass.ts";
import { bytes, random } from "./fixtures.ts";
import {
  alice,
  bob,
  encode,
  engine,
  epoch,
  issuePermit,
  makeMpinDomain,
  NO_POINT,
  newContext,
  pin,
  register,
  registerDvs,
  type User,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const users = [register(domain, alice), register(domain, bob)] as const;

function loginOf({ input, token }: User, digits = "1234", permit?: ReturnType<typeof issuePermit>): LoginTerms {
  const context = newContext();
  const attempt = beginLogin(engine, random, token, permit, context);
  const nonce = drawLoginNonce(random);
  const v = attempt.answer(pin(digits), nonce);
  const subject = loginSubject(input, permit ? epoch : undefined);
  return openLogin(engine, { subject, context, nonce, u: attempt.u, v }) as LoginTerms;
}

const rights = Array.from({ length: 8 }, (_, i) => loginOf(users[i % 2] as User));
const wrongs = Array.from({ length: 8 }, (_, i) => loginOf(users[i % 2] as User, "9999"));
const entry = (terms: LoginTerms | undefined, source = "one"): BatchEntry => ({ source, terms });
const run = (entries: readonly BatchEntry[], limit = 100): BatchResult =>
  verifyLoginBatch(engine, random, domain.serverSecret, entries, limit);
const right = rights[0] as LoginTerms;
const wrong = wrongs[0] as LoginTerms;

test("right ones pass together in one product: of several users, repeated, with permits, one-pass and DVS", () => {
  const [a] = users;
  const context = { origin: "https://login.example", client: "shop", message: bytes("m") };
  const proof = proveOnePass(engine, random, a.token, undefined, pin("1234"), context, 1000);
  const onePass = openOnePass(engine, { subject: loginSubject(a.input), context, proof });
  const [dvs, other] = [registerDvs(domain), registerDvs(domain, bob)];
  const all = [
    ...rights,
    right,
    loginOf(a, "1234", issuePermit(domain, a.input)),
    onePass,
    loginOf(dvs),
    loginOf(dvs),
    loginOf(other),
  ];
  const { outcomes, products } = run(all.map((terms) => entry(terms)));
  expect(outcomes).toEqual(all.map(() => "accepted"));
  expect(products).toBe(1);
  expect(run([entry(loginOf(dvs, "4321")), entry(loginOf(other))]).outcomes).toEqual(["refused", "accepted"]);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])("one forged at %i is found, and nobody else suffers", (at) => {
  const entries = rights.map((terms, i) => entry(i === at ? wrong : terms));
  const { outcomes, products } = run(entries);
  expect(outcomes).toEqual(entries.map((_, i) => (i === at ? "refused" : "accepted")));
  expect(products).toBeLessThanOrEqual(7); // 1 + 2·log₂ 8
});

test("two errors that cancel in the plain sum do not pass", () => {
  const [a, b] = rights as [LoginTerms, LoginTerms];
  const g = engine.g1.generator;
  const shifted = [
    { ...a, v: engine.g1.add(a.v, g) },
    { ...b, v: engine.g1.subtract(b.v, g) },
  ];
  // Without weights they would.
  const sum = (points: readonly LoginTerms["v"][]): LoginTerms["v"] => engine.g1.sum(points);
  const rightSide = sum([a, b].map(({ u, a: point, y }) => engine.g1.add(u, engine.g1.multiplyPublic(point, y))));
  const passes = domain.serverSecret.use(({ lines }) =>
    engine.pairingCheck([
      [sum(shifted.map(({ v }) => v)), engine.g2.generator],
      [rightSide, lines],
    ]),
  );
  expect(passes).toBe(true);
  expect(run(shifted.map((terms) => entry(terms))).outcomes).toEqual(["refused", "refused"]);
});

test("answers exchanged between two logins do not pass, in one batch either", () => {
  const [a, b] = rights as [LoginTerms, LoginTerms];
  expect(run([entry({ ...a, v: b.v }), entry({ ...b, v: a.v })]).outcomes).toEqual(["refused", "refused"]);
});

test("any pattern of right and wrong comes out as it is", () => {
  for (const pattern of [0b1111_1111, 0b1010_0110, 0b0111_1111]) {
    const isWrong = (i: number): boolean => ((pattern >> i) & 1) === 1;
    const entries = rights.map((terms, i) => entry(isWrong(i) ? (wrongs[i] as LoginTerms) : terms));
    expect(run(entries).outcomes).toEqual(entries.map((_, i) => (isWrong(i) ? "refused" : "accepted")));
  }
});

test("an empty batch costs nothing; one login alone is checked alone", () => {
  expect(run([])).toEqual({ outcomes: [], products: 0 });
  expect(run([entry(right)])).toEqual({ outcomes: ["accepted"], products: 1 });
  expect(run([entry(wrong)])).toEqual({ outcomes: ["refused"], products: 1 });
});

test("no point of the group: refused without a product", () => {
  const [user] = users;
  const claim = { subject: loginSubject(user.input), context: newContext(), nonce: drawLoginNonce(random) };
  const opened = openLogin(engine, { ...claim, u: NO_POINT, v: encode(right.v) });
  expect(opened).toBeUndefined();
  expect(run([entry(opened)])).toEqual({ outcomes: ["refused"], products: 0 });
  expect(run([entry(opened), entry(right)]).outcomes).toEqual(["refused", "accepted"]);
});

describe("a source that sends many false ones", () => {
  const flood = wrongs.map((terms) => entry(terms, "flood"));
  const honest = rights.map((terms, i) => entry(terms, `user ${i}`));
  const mixed = honest.flatMap((own, i) => [own, flood[i] as BatchEntry]);

  test("is put off once it has used up its refusals; all others are accepted", () => {
    const limited = run(mixed, 2);
    const own = limited.outcomes.filter((_, i) => i % 2 === 1);
    expect(limited.outcomes.filter((_, i) => i % 2 === 0)).toEqual(honest.map(() => "accepted"));
    expect(own.filter((outcome) => outcome === "refused")).toHaveLength(2);
    expect(own.filter((outcome) => outcome === "unchecked")).toHaveLength(6);
    expect(limited.products).toBeLessThan(run(mixed).products / 2);
  });

  test("gets no login of its own accepted unchecked", () => {
    const entries = [...flood, entry(right, "flood")];
    const { outcomes } = run(entries, 1);
    expect(outcomes.filter((outcome) => outcome === "refused")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "accepted").length).toBeLessThanOrEqual(1);
    expect(outcomes.slice(0, -1)).not.toContain("accepted");
  });

  test("malformed ones count as well", () => {
    const { outcomes, products } = run([entry(undefined, "flood"), entry(right, "flood"), entry(right, "user")], 1);
    expect(outcomes).toEqual(["refused", "unchecked", "accepted"]);
    expect(products).toBe(1);
  });

  test("the limit is 1 or more", () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) expect(() => run([entry(right)], limit)).toThrow(TypeError);
  });
});

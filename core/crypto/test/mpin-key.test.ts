import { describe, expect, test } from "vitest";
import type { IdentityInput } from "../src/identity-input.ts";
import { type PublicShare, publishInG2 } from "../src/master-public.ts";
import { generateMasterSecretShare, type MasterSecretShare } from "../src/master-secret.ts";
import { hashMpin, mpinInput, permitInput } from "../src/mpin-identity.ts";
import {
  combineClientSecretShares,
  encodeClientSecretShare,
  issueClientSecretShare,
  type MpinClientSecret,
  type MpinClientSecretShare,
  parseClientSecretShare,
  verifyClientSecretShare,
} from "../src/mpin-key.ts";
import {
  combineServerSecretShares,
  encodeServerSecret,
  encodeServerSecretShare,
  issueServerSecretShare,
  type MpinServerSecret,
  parseServerSecret,
  parseServerSecretShare,
  verifyServerSecret,
  verifyServerSecretShare,
} from "../src/mpin-server-key.ts";
import { type MpinToken, unlockToken } from "../src/mpin-token.ts";
import { createToken } from "../src/mpin-token-making.ts";
import {
  combineTimePermitShares,
  encodeTimePermit,
  encodeTimePermitShare,
  issueTimePermitShares,
  parseTimePermit,
  parseTimePermitShare,
  type TimePermit,
  verifyTimePermitShares,
} from "../src/time-permit.ts";
import { codeOf, flip } from "./fixtures.ts";
import {
  alice,
  bob,
  collude,
  encode,
  engine,
  epoch,
  makeMpinDomain,
  NO_POINT,
  nextEpoch,
  OUTSIDE,
  pin,
} from "./mpin-fixtures.ts";

const domain = makeMpinDomain();
const other = makeMpinDomain();
const input = mpinInput(domain.domainId, alice, epoch);
const issued = domain.masters.map((master) => issueClientSecretShare(engine, master, input));
const shares = issued.map(({ share }) => share);

describe("client secret", () => {
  test("is the sum of the shares, each of which its D-TA's proof vouches for", () => {
    const secret = combineClientSecretShares(engine, shares);
    const expected = engine.g1.multiplySecret(hashMpin(engine, input), collude(domain));
    expect(secret.use(encode)).toEqual(encode(expected));
    issued.forEach(({ share, proof }, i) => {
      const publicShare = domain.publicShares[i] as PublicShare<"mpin">;
      expect(verifyClientSecretShare(engine, publicShare, share, proof)).toBe(true);
    });
  });

  test("the D-TA that lies is named, alone", () => {
    const liar = generateMasterSecretShare(engine, "mpin");
    const answers = issued.map((own, i) => (i === 1 ? issueClientSecretShare(engine, liar, input) : own));
    const wrong = answers.flatMap(({ share, proof }, i) =>
      verifyClientSecretShare(engine, domain.publicShares[i] as PublicShare<"mpin">, share, proof) ? [] : [i],
    );
    expect(wrong).toEqual([1]);
  });

  test("a proof is none for another share, identity, epoch, domain, D-TA or permit", () => {
    const [first, second] = issued as [(typeof issued)[0], (typeof issued)[0]];
    const own = domain.publicShares[0] as PublicShare<"mpin">;
    const bytes = encodeClientSecretShare(engine, first.share);
    const holds = (share: MpinClientSecretShare, proof: Uint8Array = first.proof, key = own): boolean =>
      verifyClientSecretShare(engine, key, share, proof);
    expect(holds(first.share)).toBe(true);
    expect(holds(second.share)).toBe(false);
    expect(holds(first.share, second.proof)).toBe(false);
    expect(holds(first.share, flip(first.proof, 40))).toBe(false);
    expect(holds(first.share, first.proof, domain.publicShares[1])).toBe(false);
    expect(holds(first.share, first.proof, other.publicShares[0])).toBe(false);
    for (const wrong of [
      mpinInput(domain.domainId, bob, epoch),
      mpinInput(domain.domainId, alice, nextEpoch),
      mpinInput(other.domainId, alice, epoch),
    ]) {
      expect(holds(parseClientSecretShare(engine, wrong, bytes))).toBe(false);
    }
    const permit = permitInput(input, epoch);
    const [master] = domain.masters as [MasterSecretShare<"mpin">];
    const answer = issueTimePermitShares(engine, master, [permit]);
    const disguised = parseClientSecretShare(
      engine,
      input,
      encodeTimePermitShare(engine, answer.shares[0] as (typeof answer.shares)[0]),
    );
    expect(holds(disguised, answer.proof)).toBe(false);
  });

  test("shares of different identities, epochs or domains, opposite ones and none do not add up", () => {
    const [first] = shares as [MpinClientSecretShare];
    const bytes = encodeClientSecretShare(engine, first);
    const add = (...all: MpinClientSecretShare[]): string => codeOf(() => combineClientSecretShares(engine, all));
    for (const wrong of [
      mpinInput(domain.domainId, bob, epoch),
      mpinInput(domain.domainId, alice, nextEpoch),
      mpinInput(other.domainId, alice, epoch),
    ]) {
      expect(add(first, parseClientSecretShare(engine, wrong, bytes))).toBe("ERR_SHARE_INVALID");
    }
    const opposite = encode(engine.g1.negate(engine.g1.decode(bytes)));
    expect(add(first, parseClientSecretShare(engine, input, opposite))).toBe("ERR_SHARE_INVALID");
    expect(add()).toBe("ERR_SHARE_INVALID");
  });

  test("bytes from outside are one point of the group, compressed, not the identity element", () => {
    const [first] = shares as [MpinClientSecretShare];
    const good = encodeClientSecretShare(engine, first);
    expect(encodeClientSecretShare(engine, parseClientSecretShare(engine, input, good))).toEqual(good);
    const uncompressed = first.use((point) => engine.g1.encode(point, "uncompressed"));
    for (const bad of [NO_POINT, OUTSIDE, uncompressed, good.slice(1), new Uint8Array(48)]) {
      expect(codeOf(() => parseClientSecretShare(engine, input, bad))).toBe("ERR_POINT_INVALID");
    }
  });
});

describe("server secret", () => {
  const parts = domain.masters.map((master) => issueServerSecretShare(engine, master));

  test("is the domain's, checked by one product; a lying D-TA fails it and is named", () => {
    expect(verifyServerSecret(engine, domain.publicKey, combineServerSecretShares(engine, parts))).toBe(true);
    const lie = issueServerSecretShare(engine, generateMasterSecretShare(engine, "mpin"));
    const answers = parts.map((part, i) => (i === 2 ? lie : part));
    expect(verifyServerSecret(engine, domain.publicKey, combineServerSecretShares(engine, answers))).toBe(false);
    const named = answers.map((share, i) =>
      verifyServerSecretShare(engine, domain.publicShares[i] as PublicShare<"mpin">, share),
    );
    expect(named).toEqual([true, true, false]);
  });

  test("is not another domain's, nor complete without every share", () => {
    expect(verifyServerSecret(engine, other.publicKey, domain.serverSecret)).toBe(false);
    const two = combineServerSecretShares(engine, parts.slice(0, 2));
    expect(verifyServerSecret(engine, domain.publicKey, two)).toBe(false);
    expect(codeOf(() => combineServerSecretShares(engine, []))).toBe("ERR_SHARE_INVALID");
  });

  test("encodes to 96 bytes and refuses what is no point of the group", () => {
    const [first] = parts as [(typeof parts)[0]];
    const share = encodeServerSecretShare(engine, first);
    expect(encodeServerSecretShare(engine, parseServerSecretShare(engine, share))).toEqual(share);
    const whole = encodeServerSecret(engine, domain.serverSecret);
    expect(encodeServerSecret(engine, parseServerSecret(engine, whole))).toEqual(whole);
    for (const bad of [engine.g2.encode(engine.g2.identity), share.slice(1), flip(share, 0, 7), new Uint8Array(96)]) {
      expect(codeOf(() => parseServerSecretShare(engine, bad))).toBe("ERR_POINT_INVALID");
      expect(codeOf(() => parseServerSecret(engine, bad))).toBe("ERR_POINT_INVALID");
    }
  });
});

describe("time permit", () => {
  const inputs = [epoch, nextEpoch].map((at) => permitInput(input, at));
  const answers = domain.masters.map((master) => issueTimePermitShares(engine, master, inputs));
  const [first] = answers as [(typeof answers)[0]];
  const own = domain.publicShares[0] as PublicShare<"mpin">;

  test("one proof covers the shares of several epochs, which add up per epoch", () => {
    answers.forEach(({ shares: all, proof }, i) => {
      expect(verifyTimePermitShares(engine, domain.publicShares[i] as PublicShare<"mpin">, all, proof)).toBe(true);
    });
    const permit = combineTimePermitShares(
      engine,
      answers.map(({ shares: all }) => all[1] as (typeof all)[0]),
    );
    expect(permit.input).toEqual(inputs[1]);
    const stored = encodeTimePermit(engine, permit);
    expect(encodeTimePermit(engine, parseTimePermit(engine, permit.input, stored))).toEqual(stored);
  });

  test("refused: exchanged epochs, another D-TA's key, another proof, another order, shares that do not match", () => {
    const [now, next] = first.shares as [(typeof first.shares)[0], (typeof first.shares)[0]];
    const exchanged = [
      parseTimePermitShare(engine, now.input, encodeTimePermitShare(engine, next)),
      parseTimePermitShare(engine, next.input, encodeTimePermitShare(engine, now)),
    ];
    const holds = (all: (typeof first)["shares"], proof: Uint8Array = first.proof, key = own): boolean =>
      verifyTimePermitShares(engine, key, all, proof);
    expect(holds(exchanged)).toBe(false);
    expect(holds([next, now])).toBe(false);
    expect(holds([now])).toBe(false);
    expect(holds([])).toBe(false);
    expect(holds(first.shares, first.proof, domain.publicShares[1])).toBe(false);
    expect(holds(first.shares, (answers[1] as typeof first).proof)).toBe(false);
    expect(codeOf(() => combineTimePermitShares(engine, [now, next]))).toBe("ERR_SHARE_INVALID");
    for (const bad of [NO_POINT, OUTSIDE, new Uint8Array(47)]) {
      expect(codeOf(() => parseTimePermitShare(engine, now.input, bad))).toBe("ERR_POINT_INVALID");
      expect(codeOf(() => parseTimePermit(engine, now.input, bad))).toBe("ERR_POINT_INVALID");
    }
  });
});

test("secrets cannot be printed or used after their end", () => {
  const secret = combineClientSecretShares(engine, shares);
  const token = createToken(engine, secret, pin("1234"));
  for (const owned of [
    secret,
    token,
    combineServerSecretShares(engine, [issueServerSecretShare(engine, domain.masters[0] as MasterSecretShare<"mpin">)]),
  ]) {
    expect(JSON.stringify(owned)).toBe(`"[M-Pin ${owned.kind}]"`);
    expect(`${owned}`).toBe(`[M-Pin ${owned.kind}]`);
    owned.destroy();
    owned.destroy();
    expect(() => owned.use(() => 0)).toThrow(TypeError);
  }
});

test("types: nothing of M-Pin takes another's place, and nothing in G2 is published", () => {
  // Never called: the compiler is the judge, and an unused @ts-expect-error is its error.
  const never = (client: MpinClientSecret, server: MpinServerSecret, token: MpinToken, permit: TimePermit): void => {
    const master = domain.masters[0] as MasterSecretShare<"mpin">;
    // @ts-expect-error an mpin share has no public key in G2
    publishInG2(engine, master);
    // @ts-expect-error an mpin public share has no point in G2
    const published: PublicShare<"mpin">["g2"] = undefined;
    // @ts-expect-error a server secret is no public key
    const key: PublicShare<"statement"> = server;
    // @ts-expect-error an id master issues no M-Pin secrets
    issueClientSecretShare(engine, generateMasterSecretShare(engine, "id"), input);
    // @ts-expect-error an id master issues no server secrets
    issueServerSecretShare(engine, generateMasterSecretShare(engine, "id"));
    // @ts-expect-error a token is no client secret
    createToken(engine, token, pin("1234"));
    // @ts-expect-error a permit is no client secret
    createToken(engine, permit, pin("1234"));
    // @ts-expect-error a share is not the whole
    createToken(engine, shares[0] as MpinClientSecretShare, pin("1234"));
    // @ts-expect-error a client secret is no token
    unlockToken(engine, client, pin("1234"), undefined);
    // @ts-expect-error a client secret is no permit
    unlockToken(engine, token, pin("1234"), client);
    // @ts-expect-error a client secret share is no permit share
    combineTimePermitShares(engine, shares);
    // @ts-expect-error a client secret is no server secret
    verifyServerSecret(engine, domain.publicKey, client);
    // @ts-expect-error a server secret share is not sealed to a client
    encodeClientSecretShare(engine, issueServerSecretShare(engine, master));
    // @ts-expect-error an M-Pin input is none of the id master's
    const foreign: IdentityInput = input;
    // @ts-expect-error a permit is not issued for a login's input
    issueTimePermitShares(engine, master, [input]);
    // @ts-expect-error a client secret is not issued for a permit's input
    issueClientSecretShare(engine, master, permitInput(input, epoch));
    void [published, key, foreign];
  };
  expect(never).toBeTypeOf("function");
  // Without types the leak is stopped as well.
  expect(() => publishInG2(engine, domain.masters[0] as unknown as MasterSecretShare<"id">)).toThrow(TypeError);
});

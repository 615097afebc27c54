/** Addresses that may be mailed to, and codes that people type. */

import { parseDomainId } from "@milagro/crypto/domain-id";
import { generateHpkeKeyPair } from "@milagro/crypto/hpke";
import { beforeAll, describe, expect, test } from "vitest";
import { isEmailAddress, mailboxOf } from "../src/email-address.ts";
import {
  type EmailCodeRequest,
  emailCodeDigest,
  openEmailCodeRequest,
  sealEmailCodeRequest,
} from "../src/email-code.ts";
import { openIssuanceRequest } from "../src/issuance.ts";
import { generateShortCode, parseShortCode } from "../src/short-code.ts";
import { ALICE, BOB, flip, NOW_MS, random } from "./fixture.ts";

describe("addresses", () => {
  test.each(["a@example.org", "first.last+tag@mail.example.co", "x_y-z@1-2.example", `${"a".repeat(64)}@example.org`])(
    "%s may be mailed to",
    (address) => expect(isEmailAddress(address)).toBe(true),
  );

  test.each([
    "",
    "@",
    "alice",
    "alice@",
    "@example.org",
    "alice@example",
    "alice@localhost",
    "Alice@example.org",
    "alice@Example.org",
    "alice@@example.org",
    "alice@bob@example.org",
    ".alice@example.org",
    "alice.@example.org",
    "al..ice@example.org",
    "alice@-example.org",
    "alice@example-.org",
    "alice@example..org",
    "alice@example.org.",
    "alice@[127.0.0.1]",
    "alice@127.0.0.1",
    '"alice"@example.org',
    "alice@example.org,bob@example.org",
    "alice@example.org bob@example.org",
    "alice@example.org\r\nBcc: bob@example.org",
    "alice\r\n@example.org",
    "alice@example.org\n",
    "alice@example.org\u2028",
    "alice%bob@example.org",
    "alice!bob@example.org",
    "<alice@example.org>",
    "alice(comment)@example.org",
    "zoë@example.org",
    "alice@exämple.org",
    `${"a".repeat(65)}@example.org`,
    `a@${"b.".repeat(130)}example`,
    `a@${"b".repeat(64)}.org`,
  ])("%j may not", (address) => expect(isEmailAddress(address)).toBe(false));

  test("spellings of one mailbox count as one", () => {
    for (const other of ["al.ice@example.org", "alice+1@example.org", "a.l.ice+x.y@example.org"])
      expect(mailboxOf(other)).toBe("alice@example.org");
    expect(mailboxOf("+x@example.org")).toBe("+x@example.org");
  });
});

describe("codes", () => {
  test("are eight characters that cannot be mistaken for each other, and different each time", () => {
    const codes = new Set(Array.from({ length: 200 }, () => generateShortCode(random)));
    expect(codes.size).toBe(200);
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  });

  test.each(["ABCD-1O2L", "abcd 1o2l", " abcd1021 ", "ABCD–1021", "a b c d 1 0 2 i"])(
    "%j is read as it was meant",
    (typed) => expect(parseShortCode(typed)).toBe("ABCD-1021"),
  );

  test.each(["", "ABCD-102", "ABCD-10211", "ABCD-102U", "ÄBCD-1021", "0".repeat(100), "ABCD_1021"])(
    "%j is no code",
    (typed) => expect(parseShortCode(typed)).toBeUndefined(),
  );

  test("have another digest for another domain, identity or request key", () => {
    const [domainId, other] = [parseDomainId(new Uint8Array(32)), parseDomainId(new Uint8Array(32).fill(1))];
    const key = new Uint8Array(32).fill(7);
    const digests = [
      emailCodeDigest(domainId, ALICE, key, "ABCD-1021"),
      emailCodeDigest(other, ALICE, key, "ABCD-1021"),
      emailCodeDigest(domainId, BOB, key, "ABCD-1021"),
      emailCodeDigest(domainId, ALICE, flip(key), "ABCD-1021"),
      emailCodeDigest(domainId, ALICE, key, "ABCD-1022"),
    ].map((digest) => Buffer.from(digest).toString("hex"));
    expect(new Set(digests).size).toBe(5);
  });
});

describe("requests for a code", () => {
  const domainId = parseDomainId(new Uint8Array(32).fill(3));
  const request: EmailCodeRequest = {
    v: 1,
    domainId,
    identity: ALICE,
    requestKey: new Uint8Array(32).fill(7),
    time: NOW_MS / 1000,
    language: "ja",
  };
  let pair: Awaited<ReturnType<typeof generateHpkeKeyPair>>;
  let sealed: Awaited<ReturnType<typeof sealEmailCodeRequest>>;
  beforeAll(async () => {
    pair = await generateHpkeKeyPair(random);
    sealed = await sealEmailCodeRequest({ random, hpkeKey: pair.publicKey, index: 2, request });
  });
  const open = (changes: Partial<Parameters<typeof openEmailCodeRequest>[0]> = {}) =>
    openEmailCodeRequest({ privateKey: pair.privateKey, domainId, index: 2, sealed, ...changes });

  test("are opened by the D-TA they are for", async () => {
    expect(await open()).toEqual(request);
  });

  test("and by no other, nor as something else", async () => {
    const other = parseDomainId(new Uint8Array(32).fill(4));
    await expect(open({ index: 1 })).rejects.toMatchObject({ code: "ERR_DOMAIN_MISMATCH" });
    await expect(open({ domainId: other })).rejects.toMatchObject({ code: "ERR_DOMAIN_MISMATCH" });
    const moved = { ...sealed, index: 1 };
    await expect(open({ index: 1, sealed: moved })).rejects.toMatchObject({ code: "ERR_HPKE_OPEN_FAILED" });
    const changed = { ...sealed, ciphertext: flip(sealed.ciphertext) };
    await expect(open({ sealed: changed })).rejects.toMatchObject({ code: "ERR_HPKE_OPEN_FAILED" });
    const asIssuance = openIssuanceRequest({ privateKey: pair.privateKey, domainId, index: 2, sealed });
    await expect(asIssuance).rejects.toMatchObject({ code: "ERR_HPKE_OPEN_FAILED" });
    const inside = { ...request, domainId: other };
    const lying = {
      ...(await sealEmailCodeRequest({ random, hpkeKey: pair.publicKey, index: 2, request: inside })),
      domainId,
    };
    await expect(open({ sealed: lying })).rejects.toMatchObject({ code: "ERR_HPKE_OPEN_FAILED" });
  });
});

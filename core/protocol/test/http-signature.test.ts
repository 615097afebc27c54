import { transcript, utf8 } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { signAs, verifySignature } from "@milagro/crypto/ibs";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import fc from "fast-check";
import { httpbis } from "http-message-signatures";
import { beforeAll, describe, expect, test } from "vitest";
import { contentDigest } from "../src/content-digest.ts";
import {
  checkRequest,
  formatKeyId,
  parseKeyId,
  parseRequestSignature,
  signRequest,
  verifyRequest,
} from "../src/http-signature.ts";
import type { Author } from "../src/secret.ts";
import type { HttpRequestParts } from "../src/signature-base.ts";
import {
  ALICE,
  BOB,
  codeOf,
  EPOCH,
  EPOCH_SECONDS,
  engine,
  type Founded,
  foundDomain,
  issueKey,
  NOW_MS,
  random,
} from "./fixture.ts";

const body = new TextEncoder().encode('{"v":1}');
const bare: HttpRequestParts = {
  method: "POST",
  targetUri: "https://kms.example.org/v1/secrets/db/password?version=2",
  headers: { "Idempotency-Key": "k-1", "Content-Type": "application/json" },
  body,
};
let founded: Founded;
let author: Author;
let signed: HttpRequestParts;

const sign = (
  request: HttpRequestParts,
  options: { nowMs?: number; validSeconds?: number; by?: Author } = {},
): HttpRequestParts => {
  const { by = author, nowMs = NOW_MS, ...rest } = options;
  const fields = signRequest({ engine, random, domain: founded.domain, author: by, request, nowMs, ...rest });
  return { ...request, headers: { ...request.headers, ...fields } };
};
const verify = (request: HttpRequestParts, nowMs = NOW_MS) => verifyRequest(engine, founded.domain, request, nowMs);
const withHeader = (name: string, value: string | undefined, of = signed): HttpRequestParts => ({
  ...of,
  headers: { ...of.headers, [name]: value },
});
const input = () => signed.headers["signature-input"] as string;

beforeAll(async () => {
  founded = await foundDomain(1);
  author = { party: { identity: ALICE, epoch: EPOCH }, key: issueKey(founded, ALICE, "sig") };
  signed = sign(bare);
});

test("a signed request verifies as its author's", () => {
  expect(verify(signed)).toMatchObject({ identity: ALICE, epoch: EPOCH, expiresMs: NOW_MS + 120_000 });
  expect(parseRequestSignature(signed.headers).components).toEqual([
    "@method",
    "@target-uri",
    "content-digest",
    "idempotency-key",
  ]);
});

test("a request without body covers method and target, and no two signatures share a nonce", () => {
  const get: HttpRequestParts = { method: "GET", targetUri: "https://kms.example.org/v1/events", headers: {} };
  const [one, two] = [sign(get), sign(get)];
  expect(parseRequestSignature(one.headers).components).toEqual(["@method", "@target-uri"]);
  expect(verify(one).nonce).not.toBe(verify(two).nonce);
});

describe("whatever is covered cannot be changed", () => {
  test.each<[string, (r: HttpRequestParts) => HttpRequestParts, string]>([
    ["method", (r) => ({ ...r, method: "PUT" }), "ERR_SIGNATURE_INVALID"],
    ["path", (r) => ({ ...r, targetUri: r.targetUri.replace("password", "passwore") }), "ERR_SIGNATURE_INVALID"],
    ["query", (r) => ({ ...r, targetUri: r.targetUri.replace("=2", "=3") }), "ERR_SIGNATURE_INVALID"],
    ["host", (r) => ({ ...r, targetUri: r.targetUri.replace("kms.", "kms2.") }), "ERR_SIGNATURE_INVALID"],
    ["scheme", (r) => ({ ...r, targetUri: r.targetUri.replace("https", "http") }), "ERR_SIGNATURE_INVALID"],
    ["body", (r) => ({ ...r, body: utf8('{"v":2}') }), "ERR_DIGEST_INVALID"],
    ["body, taken away", (r) => ({ ...r, body: undefined }), "ERR_DIGEST_INVALID"],
    [
      "body and digest",
      (r) => withHeader("content-digest", contentDigest(utf8("{}")), { ...r, body: utf8("{}") }),
      "ERR_SIGNATURE_INVALID",
    ],
    ["idempotency key", (r) => withHeader("Idempotency-Key", "k-2", r), "ERR_SIGNATURE_INVALID"],
    ["idempotency key, taken away", (r) => withHeader("Idempotency-Key", undefined, r), "ERR_SIGNATURE_INVALID"],
    ["a second idempotency key", (r) => withHeader("idempotency-key", "k-2", r), "ERR_SIGNATURE_INVALID"],
  ])("%s", (_, change, code) => expect(codeOf(() => verify(change(signed)))).toBe(code));

  test("nor any parameter", () => {
    const bob = formatKeyId(BOB, EPOCH);
    const nonce = parseRequestSignature(signed.headers).nonce;
    const changes: [string, string][] = [
      [`created=${NOW_MS / 1000}`, `created=${NOW_MS / 1000 + 1}`],
      [`expires=${NOW_MS / 1000 + 60}`, `expires=${NOW_MS / 1000 + 61}`],
      [nonce, `${nonce.startsWith("A") ? "B" : "A"}${nonce.slice(1)}`],
      [formatKeyId(ALICE, EPOCH), bob],
      [`"@method" "@target-uri"`, `"@target-uri" "@method"`],
      [`;tag="milagro"`, `;tag="milagro";extra`],
    ];
    for (const [from, to] of changes) {
      expect(input()).toContain(from);
      expect(codeOf(() => verify(withHeader("signature-input", input().replace(from, to))))).toBe(
        "ERR_SIGNATURE_INVALID",
      );
    }
  });

  test("white space and other labels do not matter: what is signed is the canonical form", () => {
    const respelt = {
      ...signed.headers,
      "signature-input": `other=();tag="proxy", ${input().replace("sig1=", "mine=")}`,
      signature: `other=:AAAA:,  ${(signed.headers["signature"] as string).replace("sig1=", "mine=")}`,
    };
    expect(verify({ ...signed, headers: respelt }).identity).toBe(ALICE);
  });
});

describe("coverage is not the client's choice", () => {
  /** Signs properly, but only what the attacker wants covered. */
  const covering = (components: string, request: HttpRequestParts = bare) => {
    const value = `(${components});created=${NOW_MS / 1000};expires=${NOW_MS / 1000 + 60};nonce="AAAAAAAAAAAAAAAAAAAAAA";keyid="${formatKeyId(ALICE, EPOCH)}";alg="milagro-ibs-v1";tag="milagro"`;
    return {
      ...request,
      headers: {
        ...request.headers,
        "content-digest": contentDigest(body),
        "signature-input": `sig1=${value}`,
        signature: `sig1=:${Buffer.alloc(96).toString("base64")}:`,
      },
    };
  };
  test.each([
    "",
    '"@method"',
    '"@method" "@target-uri"',
    '"@method" "@target-uri" "content-digest"',
    '"@target-uri" "content-digest" "idempotency-key"',
  ])("(%s) is not enough", (components) => {
    expect(codeOf(() => checkRequest(founded.domain, covering(components), NOW_MS))).toBe("ERR_SIGNATURE_INVALID");
  });
  test("more than enough is allowed", () => {
    expect(
      codeOf(() =>
        checkRequest(
          founded.domain,
          covering('"@method" "@target-uri" "content-digest" "idempotency-key" "content-type"'),
          NOW_MS,
        ),
      ),
    ).toBe("ok");
  });
  test("a body must come with a digest", () => {
    const stripped = withHeader("content-digest", undefined);
    expect(codeOf(() => verify(stripped))).toBe("ERR_SIGNATURE_INVALID");
  });
});

describe("time", () => {
  test.each([
    [0, "ok"],
    [59, "ok"],
    [119, "ok"],
    [120, "ERR_SIGNATURE_EXPIRED"],
    [-60, "ok"],
    [-61, "ERR_SIGNATURE_EXPIRED"],
    [3600, "ERR_SIGNATURE_EXPIRED"],
  ])("%s s later: %s", (seconds, code) =>
    expect(codeOf(() => checkRequest(founded.domain, signed, NOW_MS + seconds * 1000))).toBe(code),
  );

  test("no signature is valid for more than five minutes, or for no time", () => {
    for (const validSeconds of [0, 301, Number.NaN]) expect(() => sign(bare, { validSeconds })).toThrow(TypeError);
    for (const expires of [NOW_MS / 1000 + 301, NOW_MS / 1000, NOW_MS / 1000 - 1])
      expect(
        codeOf(() => verify(withHeader("signature-input", input().replace(/expires=\d+/, `expires=${expires}`)))),
      ).toBe("ERR_SIGNATURE_INVALID");
  });

  test("the key must be of the running epoch, give or take five minutes", () => {
    const endMs = (EPOCH + 1) * EPOCH_SECONDS * 1000;
    expect(codeOf(() => checkRequest(founded.domain, sign(bare, { nowMs: endMs + 299_000 }), endMs + 299_000))).toBe(
      "ok",
    );
    expect(codeOf(() => checkRequest(founded.domain, sign(bare, { nowMs: endMs + 301_000 }), endMs + 301_000))).toBe(
      "ERR_SIGNATURE_EXPIRED",
    );
  });
});

describe("malformed", () => {
  test.each<[string, string | undefined, string | undefined, string]>([
    ["nothing", undefined, undefined, "ERR_SIGNATURE_MISSING"],
    ["no signature", "keep", undefined, "ERR_SIGNATURE_MISSING"],
    ["no input", undefined, "keep", "ERR_SIGNATURE_MISSING"],
    ["no tag of ours", 'sig1=("@method");tag="other"', "keep", "ERR_SIGNATURE_MISSING"],
    ["an item instead of a list", 'sig1="x";tag="milagro"', "keep", "ERR_SIGNATURE_INVALID"],
    ["a component with parameters", 'sig1=("@method";req);tag="milagro"', "keep", "ERR_SIGNATURE_INVALID"],
    ["a component that is no string", 'sig1=(method);tag="milagro"', "keep", "ERR_SIGNATURE_INVALID"],
    ["no parameters", 'sig1=("@method");tag="milagro"', "keep", "ERR_SIGNATURE_INVALID"],
    ["not a dictionary", "((((", "keep", "ERR_SIGNATURE_INVALID"],
    ["a very long field", `sig1=("${"a".repeat(5000)}")`, "keep", "ERR_SIGNATURE_INVALID"],
    ["a signature under another label", "keep", "sig2=:AAAA:", "ERR_SIGNATURE_INVALID"],
    ["a signature that is no byte string", "keep", 'sig1="AAAA"', "ERR_SIGNATURE_INVALID"],
    ["a short signature", "keep", "sig1=:AAAA:", "ERR_SIGNATURE_INVALID"],
    ["a signature of zeros", "keep", `sig1=:${Buffer.alloc(96).toString("base64")}:`, "ERR_SIGNATURE_INVALID"],
  ])("%s", (_, newInput, newSignature, code) => {
    const pick = (value: string | undefined, name: string) => (value === "keep" ? signed.headers[name] : value);
    const headers = {
      ...signed.headers,
      "signature-input": pick(newInput, "signature-input"),
      signature: pick(newSignature, "signature"),
    };
    expect(codeOf(() => verify({ ...signed, headers }))).toBe(code);
  });

  test("two signatures that both claim to be ours", () => {
    const twice = withHeader("signature-input", `${input()}, ${input().replace("sig1", "sig2")}`);
    expect(codeOf(() => verify(twice))).toBe("ERR_SIGNATURE_INVALID");
  });

  test.each(["alg", "keyid", "nonce", "created", "expires"])("without %s", (name) => {
    const without = input().replace(new RegExp(`;${name}=(?:"[^"]*"|\\d+)`), "");
    expect(without).not.toContain(`;${name}=`);
    expect(codeOf(() => verify(withHeader("signature-input", without)))).toBe("ERR_SIGNATURE_INVALID");
  });

  test.each([
    ["alg", '"ed25519"'],
    ["alg", "1"],
    ["nonce", '"AAAA"'],
    ["nonce", '"!!!!!!!!!!!!!!!!!!!!!!"'],
    ["nonce", ":AAAA:"],
    ["created", '"1"'],
    ["created", "1.5"],
    ["expires", "@1"],
  ])("%s=%s", (name, value) => {
    const changed = input().replace(new RegExp(`;${name}=(?:"[^"]*"|\\d+)`), `;${name}=${value}`);
    expect(codeOf(() => verify(withHeader("signature-input", changed)))).toBe("ERR_SIGNATURE_INVALID");
  });
});

describe("keyid", () => {
  const names = ["alice", "zoë", "東京/駅", "a.b_c@d+e-f", "дом"];
  test("any identity survives, in ASCII", () =>
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), (name, number) => {
        const identity: Identity = parseIdentity(`milagro:example.org/person/${name}`);
        const text = formatKeyId(identity, parseEpoch(number));
        expect(text).toMatch(/^[!-~]+$/);
        expect(parseKeyId(text)).toEqual({ identity, epoch: number });
      }),
    ));
  test.each([
    "",
    "#",
    "#1",
    ALICE,
    `${ALICE}#`,
    `${ALICE}#01`,
    `${ALICE}#-1`,
    `${ALICE}#1#2`,
    `${ALICE}#9999999999999999`,
    `${ALICE}%00#1`,
    `${ALICE}%6c#1`,
    `${ALICE.replace("l", "%6C")}#1`,
    "milagro:example.org/person/zo%C3%ab#1",
    "milagro:example.org/person/%ff#1",
    "milagro:example.org/person/a%#1",
  ])("%j is refused", (text) => expect(codeOf(() => parseKeyId(text))).toBe("ERR_SIGNATURE_INVALID"));
});

test("a key of another domain, though of the same name, does not sign here", async () => {
  const twin = await foundDomain(1);
  const by: Author = { ...author, key: issueKey(twin, ALICE, "sig") };
  expect(codeOf(() => verify(sign(bare, { by })))).toBe("ERR_SIGNATURE_INVALID");
});

/** Our algorithm under the hands of somebody else's implementation of the RFC. */
describe("the peer `http-message-signatures`", () => {
  const message = (data: Buffer) => transcript("MILAGRO-V1-HTTP", utf8(data.toString("utf8")));
  const own = () => identityInput(founded.domain.domainId, "sig", ALICE, EPOCH);

  test("verifies what we sign", async () => {
    const headers = Object.fromEntries(Object.entries(signed.headers).map(([name, value]) => [name, value as string]));
    const verified = await httpbis.verifyMessage(
      {
        notAfter: new Date(NOW_MS + 1000),
        tolerance: 10 ** 9,
        keyLookup: async ({ keyid, alg }) => ({
          id: keyid as string,
          algs: [alg as string],
          verify: async (data, signature) =>
            verifySignature(engine, founded.domain.publicKey, own(), message(data), new Uint8Array(signature)),
        }),
      },
      { method: signed.method, url: signed.targetUri, headers },
    );
    expect(verified).toBe(true);
  });

  test("signs what we verify", async () => {
    const { headers } = await httpbis.signMessage(
      {
        name: "theirs",
        key: {
          id: formatKeyId(ALICE, EPOCH),
          alg: "milagro-ibs-v1",
          sign: async (data) =>
            Buffer.from(signAs(engine, random, author.key, founded.domain.publicKey, own(), message(data))),
        },
        fields: ["@method", "@target-uri", "content-digest", "idempotency-key", "content-type"],
        params: ["created", "expires", "nonce", "keyid", "alg", "tag"],
        paramValues: {
          created: new Date(NOW_MS),
          expires: new Date(NOW_MS + 60_000),
          nonce: "AAAAAAAAAAAAAAAAAAAAAA",
          tag: "milagro",
        },
      },
      {
        method: "POST",
        url: bare.targetUri,
        headers: {
          "Idempotency-Key": "k-1",
          "Content-Type": "application/json",
          "Content-Digest": contentDigest(body),
        },
      },
    );
    expect(verify({ ...bare, headers }).identity).toBe(ALICE);
    expect(codeOf(() => verify({ ...bare, headers, method: "PUT" }))).toBe("ERR_SIGNATURE_INVALID");
  });
});

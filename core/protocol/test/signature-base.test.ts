import { createHmac, createPublicKey, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { checkContentDigest, contentDigest } from "../src/content-digest.ts";
import { fieldValue, type HttpRequestParts, signatureBase } from "../src/signature-base.ts";
import { codeOf } from "./fixture.ts";

/** RFC 9421 §B.2: test-request. */
const request: HttpRequestParts = {
  method: "POST",
  targetUri: "https://example.com/foo?param=Value&Pet=dog",
  headers: {
    Host: "example.com",
    Date: "Tue, 20 Apr 2021 02:07:55 GMT",
    "Content-Type": "application/json",
    "Content-Digest":
      "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
    "Content-Length": "18",
  },
  body: new TextEncoder().encode('{"hello": "world"}'),
};

test("RFC 9421 §B.2.5: HMAC over date, authority and content type", () => {
  const parameters = new Map<string, string | number>([
    ["created", 1618884473],
    ["keyid", "test-shared-secret"],
  ]);
  const base = signatureBase(request, ["date", "@authority", "content-type"], parameters);
  expect(base).toBe(
    '"date": Tue, 20 Apr 2021 02:07:55 GMT\n"@authority": example.com\n"content-type": application/json\n"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
  );
  const secret = Buffer.from(
    "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
    "base64",
  );
  expect(createHmac("sha256", secret).update(base).digest("base64")).toBe(
    "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=",
  );
});

test("RFC 9421 §B.2.6: Ed25519 over method, path, authority and fields", () => {
  const parameters = new Map<string, string | number>([
    ["created", 1618884473],
    ["keyid", "test-key-ed25519"],
  ]);
  const base = signatureBase(
    request,
    ["date", "@method", "@path", "@authority", "content-type", "content-length"],
    parameters,
  );
  const key = createPublicKey({
    key: { kty: "OKP", crv: "Ed25519", x: "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs" },
    format: "jwk",
  });
  const signature = Buffer.from(
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
    "base64",
  );
  expect(verify(null, Buffer.from(base), key, signature)).toBe(true);
});

describe("components", () => {
  const line = (name: string, of: Partial<HttpRequestParts> = {}) =>
    signatureBase({ ...request, ...of }, [name], new Map()).split("\n")[0];
  test.each([
    ["@method", { method: "get" }, '"@method": GET'],
    ["@target-uri", {}, '"@target-uri": https://example.com/foo?param=Value&Pet=dog'],
    ["@authority", { targetUri: "https://EXAMPLE.com:443/" }, '"@authority": example.com'],
    ["@authority", { targetUri: "http://example.com:80/" }, '"@authority": example.com'],
    ["@authority", { targetUri: "http://[::1]:8080/x" }, '"@authority": [::1]:8080'],
    ["@authority", { targetUri: "milagro://kms.example:7401/x" }, '"@authority": kms.example:7401'],
    ["@authority", { targetUri: "milagro://kms.example:7400/x" }, '"@authority": kms.example'],
    ["@scheme", { targetUri: "milagro://kms.example" }, '"@scheme": milagro'],
    ["@scheme", { targetUri: "http://example.com" }, '"@scheme": http'],
    ["@path", { targetUri: "https://example.com" }, '"@path": /'],
    ["@path", { targetUri: "https://example.com?x" }, '"@path": /'],
    ["@query", {}, '"@query": ?param=Value&Pet=dog'],
    ["@query", { targetUri: "https://example.com/" }, '"@query": ?'],
    ["@query", { targetUri: "https://example.com/?" }, '"@query": ?'],
    ["@request-target", {}, '"@request-target": /foo?param=Value&Pet=dog'],
    ["x-empty", { headers: { "X-Empty": "" } }, '"x-empty": '],
    ["x-many", { headers: { "X-Many": [" one ", "two"] } }, '"x-many": one, two'],
    ["x-fold", { headers: { "X-Fold": "one\r\n  two" } }, '"x-fold": one two'],
  ])("%s of %o", (name, of, expected) => expect(line(name, of)).toBe(expected));

  test.each<[string, readonly string[], Partial<HttpRequestParts>]>([
    ["a field that is not there", ["x-missing"], {}],
    ["a field with a line break", ["x"], { headers: { x: "a\nb: c" } }],
    ["a field that is not ASCII", ["x"], { headers: { x: "é" } }],
    ["a component twice", ["date", "date"], {}],
    ["an unknown component", ["@status"], {}],
    ["the parameters themselves", ["@signature-params"], {}],
    ["a name in capitals", ["Date"], {}],
    ["a name with a quote", ['date"'], {}],
    ["no name", [""], {}],
    ["a relative target", ["@path"], { targetUri: "/foo" }],
    ["a target of another scheme", ["@target-uri"], { targetUri: "ftp://example.com/" }],
    ["a target of a scheme that begins like ours", ["@target-uri"], { targetUri: "milagros://example.com/" }],
    ["a target with a fragment", ["@target-uri"], { targetUri: "https://example.com/#a" }],
    ["a target with a user", ["@authority"], { targetUri: "https://user@example.com/" }],
    ["a target with a line break", ["@target-uri"], { targetUri: 'https://example.com/\n"date": x' }],
    ["a target with a space in its query", ["@target-uri"], { targetUri: "https://example.com/?a b" }],
    ["a method with a space", ["@method"], { method: "GET x" }],
  ])("%s is refused", (_, components, of) => {
    expect(codeOf(() => signatureBase({ ...request, ...of }, components, new Map()))).toBe("ERR_SIGNATURE_INVALID");
  });

  test("folds and spaces inside cost no more than their length", () => {
    const spaces = " ".repeat(60_000);
    const started = performance.now();
    expect(fieldValue({ x: ` a${spaces}b ` }, "x")).toBe(`a${spaces}b`);
    expect(fieldValue({ x: `a${spaces}\r\n${spaces}b` }, "x")).toBe("a b");
    expect(fieldValue({ x: "a\r\nb" }, "x")).toBe("a\r\nb");
    // The square of the length took ten seconds and more.
    expect(performance.now() - started).toBeLessThan(1000);
  });

  test("a field's name is found in any case, an inherited one never", () => {
    expect(fieldValue({ DATE: "now" }, "date")).toBe("now");
    expect(fieldValue({}, "constructor")).toBeUndefined();
    expect(fieldValue({ date: undefined }, "date")).toBeUndefined();
  });
});

describe("Content-Digest", () => {
  const body = new TextEncoder().encode('{"hello": "world"}');
  test("RFC 9530 §B.3: sha-256 of the same body", () => {
    expect(contentDigest(body)).toBe("sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
  });
  test("other algorithms may stand beside it", () => {
    expect(codeOf(() => checkContentDigest(`md5=:AAAA:, ${contentDigest(body)}`, body))).toBe("ok");
  });
  test.each([
    "",
    "sha-512=:AAAA:",
    "sha-256=1",
    "sha-256",
    "sha-256=:AAAA:",
    "sha-256=X48E9q",
    "SHA-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
    "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:".repeat(40),
    "(((",
  ])("%j is refused", (field) => expect(codeOf(() => checkContentDigest(field, body))).toBe("ERR_DIGEST_INVALID"));
  test("another body is refused", () =>
    expect(codeOf(() => checkContentDigest(contentDigest(body), body.slice(1)))).toBe("ERR_DIGEST_INVALID"));
});

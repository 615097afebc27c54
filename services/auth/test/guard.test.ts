import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Auth } from "../src/auth.ts";
import { type EnrolledDevice, enrolDevice, type Founded, foundDomain } from "./domain.ts";
import { Browser, cleanUp, flood, logged, PASSPHRASE, send, start } from "./support.ts";

let founded: Founded;
let auth: Auth;
let alice: EnrolledDevice;
beforeAll(async () => {
  founded = await foundDomain();
  auth = await start(founded, {
    redirectOrigins: ["https://shop.example"],
    limits: { loginsPerMinute: 200, addressPerMinute: 600 },
    openIdProvider: { name: "Example ID", issuer: "https://id.example", clientId: "here" },
  });
  alice = enrolDevice(founded);
  await new Browser(auth).register(alice);
});
afterAll(cleanUp);

const BEGIN = { v: 1, purpose: { type: "session" } };

describe("another site cannot act in a user's name", () => {
  test.each([
    ["no Origin", { origin: undefined }],
    ["another Origin", { origin: "https://evil.example" }],
    ["the Origin null, as of a sandboxed frame", { origin: "null" }],
    ["our host with another port", { origin: "http://localhost:1" }],
    ["our origin as a prefix", { origin: "http://localhost.evil.example" }],
    ["a cross-site fetch", { "sec-fetch-site": "cross-site" }],
    ["a fetch from a sibling of our site", { "sec-fetch-site": "same-site" }],
  ])("with %s nothing that changes something is answered", async (_, headers) => {
    const browser = new Browser(auth);
    await browser.login(alice, "2580");
    const me = (await browser.call("GET", "/v1/me")).json;
    const device = (me.identity as string).split("/").at(-1);
    const answers = [
      await browser.call("POST", "/v1/logins", BEGIN, headers),
      await browser.call("POST", "/v1/logout", { v: 1 }, headers),
      await browser.call("PATCH", `/v1/devices/${device}`, { v: 1, label: "Taken over" }, headers),
      await browser.call("DELETE", `/v1/devices/${device}`, undefined, headers),
      await browser.call("POST", "/v1/quick-codes", { v: 1 }, headers),
      await browser.call("POST", `/v1/quick-codes/${"A".repeat(43)}/refusals`, { v: 1 }, headers),
      await browser.call("POST", `/v1/quick-codes/claims/${"A".repeat(43)}/openings`, { v: 1 }, headers),
      await browser.call("POST", "/v1/openid/codes", { v: 1 }, headers),
    ];
    expect(answers.map(({ status, json }) => [status, json.code])).toEqual(
      answers.map(() => [403, "ERR_ORIGIN_REFUSED"]),
    );
    expect((await browser.call("GET", "/v1/me")).json).toEqual(me);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", undefined])(
    "a body as forms send it (%s) is refused",
    async (type) => {
      const answer = await new Browser(auth).call("POST", "/v1/logins", JSON.stringify(BEGIN), {
        "content-type": type,
      });
      expect([answer.status, answer.json.code]).toEqual([415, "ERR_CONTENT_TYPE_INVALID"]);
    },
  );

  test("no other origin may read an answer: there are no CORS headers", async () => {
    const answer = await send(`${auth.url}/v1/service`, "GET", {
      host: new URL(auth.origin).host,
      origin: "https://evil.example",
    });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(answer.headers["cross-origin-resource-policy"]).toBe("same-origin");
  });
});

test.each(["evil.example", "127.0.0.1:1", "localhost", "localhost:1", ""])("the host %j is not ours", async (host) => {
  const answer = await send(`${auth.url}/v1/service`, "GET", { host });
  expect([answer.status, answer.json.code]).toEqual([421, "ERR_HOST_UNKNOWN"]);
});

test("every answer forbids framing, guessing of types, foreign scripts and referrers", async () => {
  const browser = new Browser(auth);
  for (const path of ["/v1/service", "/v1/me", "/nowhere", "/health"]) {
    const { headers } = await browser.call("GET", path);
    expect(headers).toMatchObject({
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
    });
    const policy = String(headers["content-security-policy"]);
    expect(policy.split("; ")).toEqual([
      "default-src 'none'",
      "script-src 'self' 'wasm-unsafe-eval'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self' https://dta1.example.org https://dta2.example.org https://dta3.example.org",
      "form-action 'self' https://shop.example",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]);
    expect(headers["strict-transport-security"]).toBeUndefined();
  }
});

test("on https the cookie is for this host alone, and the browser is told to stay there", async () => {
  const secure = await start(founded, { origin: "https://login.example.org" });
  const answer = await new Browser(secure).call("POST", "/v1/logins", BEGIN);
  expect(answer.headers["set-cookie"]).toEqual([
    expect.stringMatching(/^__Host-milagro=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure$/),
  ]);
  expect(answer.headers["strict-transport-security"]).toMatch(/^max-age=\d{8}/);
});

test("session fixation: a planted cookie is worth nothing after the login", async () => {
  const planted = "A".repeat(43);
  const victim = new Browser(auth, planted);
  expect((await victim.login(alice, "2580")).json.outcome).toBe("accepted");
  expect(victim.cookie).not.toBe(planted);
  expect((await new Browser(auth, planted).call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
  // And the session before this login is over.
  const before = victim.cookie;
  await victim.login(alice, "2580");
  expect((await new Browser(auth, before).call("GET", "/v1/me")).json.code).toBe("ERR_SESSION_MISSING");
});

test.each([
  ["two cookies of our name", (value: string) => `milagro=${value}; milagro=${value}`],
  ["a cookie that is too long", (value: string) => `milagro=${value}A`],
  ["a cookie with another name", (value: string) => `Milagro=${value}`],
])("%s is no session", async (_, cookieOf) => {
  const browser = new Browser(auth);
  await browser.login(alice, "2580");
  const answer = await new Browser(auth).call("GET", "/v1/me", undefined, { cookie: cookieOf(browser.cookie ?? "") });
  expect(answer.json.code).toBe("ERR_SESSION_MISSING");
});

describe("malformed input", () => {
  test.each([
    ["not JSON", "{"],
    ["an array", "[]"],
    ["another version", JSON.stringify({ ...BEGIN, v: 2 })],
    ["a property too much", JSON.stringify({ ...BEGIN, admin: true })],
    ["__proto__", '{"v":1,"purpose":{"type":"session"},"__proto__":{"x":1}}'],
    ["an unknown purpose", JSON.stringify({ v: 1, purpose: { type: "root" } })],
    [
      "line breaks where a header might be made of them",
      JSON.stringify({ v: 1, purpose: { type: "interaction", uid: "a\r\nset-cookie: x=y" } }),
    ],
  ])("%s is refused", async (_, body) => {
    const answer = await new Browser(auth).call("POST", "/v1/logins", body);
    expect(answer.status).toBe(400);
    expect(answer.json.code).toMatch(/^ERR_(MESSAGE_INVALID|VERSION_UNSUPPORTED)$/);
    expect(answer.headers["set-cookie"]).toBeUndefined();
  });

  test("a body over the limit is refused before it is read to its end", async () => {
    const answer = await new Browser(auth).call("POST", "/v1/logins", `{"v":1,"x":"${"a".repeat(70_000)}"}`);
    expect([answer.status, answer.json.code]).toEqual([413, "ERR_BODY_TOO_LARGE"]);
  });

  test("a raw line break in a path or header ends the connection, not a header", async () => {
    const { port } = new URL(auth.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () =>
        socket.write(
          `GET /h/x%0d%0aset-cookie:%20a=b HTTP/1.1\r\nhost: ${new URL(auth.origin).host}\r\nconnection: close\r\n\r\n`,
        ),
      );
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk;
      });
      socket.on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 404/);
    expect(answer.toLowerCase()).not.toContain("set-cookie");
  });
});

test("a flood of one address is turned away after the allowed requests, unlogged, before any work", async () => {
  const flooded = await start(founded, { limits: { addressPerMinute: 50 } });
  const lines = logged.length;
  const statuses = await flood(flooded, 1000);
  expect(statuses.get(429)).toBeGreaterThanOrEqual(950);
  expect([...statuses.keys()].sort()).toEqual([400, 429]);
  const noisy = logged.slice(lines).filter((line) => JSON.parse(line).level !== "debug");
  expect(noisy.length).toBeLessThan(120);
});

test("no log line holds a cookie, a PIN, a proof or the passphrase", async () => {
  const browser = new Browser(auth);
  const begun = await browser.begin(alice);
  const { json } = await browser.commit(alice, begun);
  const visitor = browser.cookie ?? "-";
  await browser.prove(begun, json.nonce, "2580");
  const text = logged.join("\n");
  for (const secret of [visitor, browser.cookie ?? "-", begun.session, json.nonce, '2580"', PASSPHRASE])
    expect(text).not.toContain(secret);
});

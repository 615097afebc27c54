/** Login for an application by code and PKCE, driven by `openid-client`: what it gets, what is refused, what ends when. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import * as client from "openid-client";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ACR } from "../../src/openid/provider.ts";
import { ALICE, BOB, Browser, type Harness, resultFor, startHarness } from "./harness.ts";

const REDIRECT = "https://app.example/callback";
let folder: string;
let harness: Harness;
let app: client.Configuration;
let secret: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "openid-"));
  harness = await startHarness(`sqlite:${join(folder, "db")}`, folder);
  secret =
    (await harness.openId.clients.add({
      id: "app",
      name: "An application",
      flow: "web",
      redirectUris: [REDIRECT],
      postLogoutRedirectUris: ["https://app.example/bye"],
    })) ?? "";
  app = await discover("app", secret);
});
afterAll(async () => {
  await harness?.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  harness.users.set(ALICE.id, ALICE);
});

const discover = (id: string, clientSecret?: string) =>
  client.discovery(
    new URL(harness.origin),
    id,
    clientSecret,
    clientSecret ? client.ClientSecretBasic(clientSecret) : client.None(),
    {
      execute: [client.allowInsecureRequests],
    },
  );

interface Begun {
  readonly url: URL;
  readonly verifier: string;
}

async function begin(parameters: Record<string, string> = {}, config = app): Promise<Begun> {
  const verifier = client.randomPKCECodeVerifier();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    scope: "openid email profile",
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state: "the-state",
    nonce: "the-nonce",
    ...parameters,
  });
  return { url, verifier };
}

const uidAt = (url: URL) => /^\/interaction\/(.+)$/.exec(url.pathname)?.[1];

/** From the application to the login page, through the PIN, and back. */
async function login(browser: Browser, begun: Begun, user = ALICE): Promise<URL> {
  const { url } = await browser.follow(begun.url.href);
  const uid = uidAt(url);
  if (uid === undefined) return url;
  expect(await harness.openId.find(uid, "browser")).toMatchObject({ client: "app" });
  return (await browser.follow(await harness.openId.finish(uid, resultFor(user)))).url;
}

const redeem = (url: URL, { verifier }: Begun, config = app) =>
  client.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: verifier,
    expectedState: "the-state",
    expectedNonce: "the-nonce",
  });

describe("what an application gets", () => {
  test("an ID token that says who, how and when, and the same from userinfo", async () => {
    const begun = await begin();
    const tokens = await redeem(await login(new Browser(harness.origin), begun), begun);
    const claims = tokens.claims();
    expect(claims).toMatchObject({
      iss: harness.origin,
      aud: "app",
      sub: ALICE.id,
      acr: ACR,
      amr: ["pin", "pop", "mfa"],
    });
    expect(Math.abs(Number(claims?.["auth_time"]) - Date.now() / 1000)).toBeLessThan(60);
    expect(await client.fetchUserInfo(app, tokens.access_token, ALICE.id)).toMatchObject({
      sub: ALICE.id,
      email: "alice@example.org",
      email_verified: true,
      preferred_username: "alice@example.org",
    });
    expect(tokens.refresh_token).toBeUndefined();
  });

  test("the second application needs no PIN, unless it insists", async () => {
    const browser = new Browser(harness.origin);
    await login(browser, await begin());
    const again = await begin();
    const { url } = await browser.follow(again.url.href);
    expect(url.href.startsWith(REDIRECT)).toBe(true);
    expect((await redeem(url, again)).claims()?.sub).toBe(ALICE.id);
    for (const parameters of [{ prompt: "login" }, { max_age: "0" }, { prompt: "consent" }]) {
      const { url } = await browser.follow((await begin(parameters as unknown as Record<string, string>)).url.href);
      expect(uidAt(url)).toBeDefined();
    }
  });

  test("prompt=none without a session is an error for the application, not a page", async () => {
    const { url } = await new Browser(harness.origin).follow((await begin({ prompt: "none" })).url.href);
    expect(url.searchParams.get("error")).toBe("login_required");
  });

  test("a login as somebody else ends the session of the one before", async () => {
    const browser = new Browser(harness.origin);
    await login(browser, await begin());
    const begun = await begin({ prompt: "login" });
    const tokens = await redeem(await login(browser, begun, BOB), begun);
    expect(tokens.claims()?.sub).toBe(BOB.id);
  });
});

describe("refresh tokens", () => {
  const offline = { scope: "openid offline_access", prompt: "consent" };
  test("come when they are asked for with consent; each works once; the whole family ends when one is used twice", async () => {
    const begun = await begin(offline);
    const first = await redeem(await login(new Browser(harness.origin), begun), begun);
    const second = await client.refreshTokenGrant(app, first.refresh_token ?? "");
    expect(second.refresh_token).not.toBe(first.refresh_token);
    await expect(client.refreshTokenGrant(app, first.refresh_token ?? "")).rejects.toMatchObject({
      error: "invalid_grant",
    });
    await expect(client.refreshTokenGrant(app, second.refresh_token ?? "")).rejects.toMatchObject({
      error: "invalid_grant",
    });
  });
  test("of two requests with the same one at once, at most one succeeds", async () => {
    const begun = await begin(offline);
    const { refresh_token = "" } = await redeem(await login(new Browser(harness.origin), begun), begun);
    const tries = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.refreshTokenGrant(app, refresh_token)),
    );
    expect(tries.filter(({ status }) => status === "fulfilled").length).toBeLessThanOrEqual(1);
  });
  test("a blocked user gets no new tokens", async () => {
    const begun = await begin(offline);
    const { refresh_token = "" } = await redeem(await login(new Browser(harness.origin), begun), begun);
    harness.users.set(ALICE.id, { ...ALICE, blocked: true });
    await expect(client.refreshTokenGrant(app, refresh_token)).rejects.toMatchObject({ error: "invalid_grant" });
  });
});

describe("refusals", () => {
  test.each<[string, Record<string, string>, string]>([
    ["another redirect URI", { redirect_uri: "https://evil.example/callback" }, "invalid_redirect_uri"],
    ["a redirect URI with something behind it", { redirect_uri: `${REDIRECT}/../evil` }, "invalid_redirect_uri"],
    ["an unknown application", { client_id: "nobody" }, "invalid_client"],
  ])("%s: an error page, and nobody is sent anywhere", async (_name, parameters, error) => {
    const { url, response } = await new Browser(harness.origin).follow((await begin(parameters)).url.href);
    expect([url.origin, response.status]).toEqual([harness.origin, 400]);
    const page = await response.text();
    expect(page).toContain(error);
    expect(page).not.toContain("evil");
  });
  test.each<[string, Record<string, string>]>([
    ["no PKCE", { code_challenge: "", code_challenge_method: "" }],
    ["PKCE in the clear", { code_challenge_method: "plain" }],
    ["the implicit flow", { response_type: "id_token" }],
    ["the hybrid flow", { response_type: "code id_token" }],
  ])("%s", async (_name, parameters) => {
    const { url } = await begin(parameters);
    for (const [name, value] of [...url.searchParams]) if (value === "") url.searchParams.delete(name);
    const ended = (await new Browser(harness.origin).follow(url.href)).url;
    const error = ended.searchParams.get("error") ?? new URLSearchParams(ended.hash.slice(1)).get("error");
    expect(error).toMatch(/invalid_request|unsupported_response_type|unauthorized_client/);
  });
  test("another verifier, another application, another secret, the same code twice", async () => {
    await harness.openId.clients.add({
      id: "other",
      name: "Another",
      flow: "web",
      redirectUris: [REDIRECT],
      postLogoutRedirectUris: [],
    });
    const begun = await begin();
    const url = await login(new Browser(harness.origin), begun);
    await expect(redeem(url, { ...begun, verifier: client.randomPKCECodeVerifier() })).rejects.toMatchObject({
      error: "invalid_grant",
    });
    await expect(redeem(url, begun, await discover("app", "x".repeat(43)))).rejects.toMatchObject({ status: 401 });
    const again = await begin();
    const fresh = await login(new Browser(harness.origin), again);
    const tokens = await redeem(fresh, again);
    await expect(redeem(fresh, again)).rejects.toMatchObject({ error: "invalid_grant" });
    // And what the first exchange has given is taken back: one of the two was a thief.
    await expect(client.fetchUserInfo(app, tokens.access_token, ALICE.id)).rejects.toThrow();
  });
  test("an interaction belongs to the browser that began it", async () => {
    const victim = new Browser(harness.origin);
    const attacker = new Browser(harness.origin);
    const { url } = await attacker.follow((await begin()).url.href);
    const uid = uidAt(url) ?? "";
    // The link alone, in another browser: the page is refused, and so is a login for it.
    expect((await victim.request(url.href)).status).toBe(404);
    expect(await harness.openId.find(uid, "browser of the victim")).toBeUndefined();
    expect(await harness.openId.find(uid, "browser")).toBeDefined();
    expect(await harness.openId.find("nothing", "browser")).toBeUndefined();
  });
  test("the Host header is not reflected", async () => {
    const { port } = new URL(harness.origin);
    const response = await fetch(`http://127.0.0.1:${port}/.well-known/openid-configuration`, {
      headers: { "x-forwarded-host": "evil.example", "x-forwarded-proto": "https" },
    });
    const text = await response.text();
    expect(JSON.parse(text).token_endpoint).toBe(`${harness.origin}/oidc/token`);
    expect(text).not.toMatch(/evil|127\.0\.0\.1/);
  });
});

describe("logging out", () => {
  test("asks first; then sessions are over, and every application with a back channel is told", async () => {
    const told: string[] = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += chunk));
      request.on("end", () => {
        told.push(new URLSearchParams(body).get("logout_token") ?? "");
        response.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`;
    const other = await harness.openId.clients.add({
      id: "told",
      name: "Told",
      flow: "web",
      redirectUris: [REDIRECT],
      postLogoutRedirectUris: ["https://app.example/bye"],
      backchannelLogoutUri: uri,
    });
    const config = await discover("told", other);
    const browser = new Browser(harness.origin);
    await login(browser, await begin());
    const begun = await begin({}, config);
    const tokens = await redeem((await browser.follow(begun.url.href)).url, begun, config);
    const out = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token ?? "",
      post_logout_redirect_uri: "https://app.example/bye",
    });
    const { response: page } = await browser.follow(out.href);
    expect((await browser.follow((await begin({ prompt: "none" })).url.href)).url.searchParams.has("code")).toBe(true);
    const { url } = await browser.submit(page, { logout: "yes" });
    expect(url.href).toBe("https://app.example/bye");
    expect(told).toHaveLength(1);
    expect(decodeJwt(told[0] ?? "")).toMatchObject({ sub: ALICE.id, aud: "told", iss: harness.origin });
    const after = await browser.follow((await begin({ prompt: "none" })).url.href);
    expect(after.url.searchParams.get("error")).toBe("login_required");
    server.close();
  });
});

describe("at rest", () => {
  test("the database holds no cookie, code, token or secret in the clear, and rows cannot be exchanged", async () => {
    const begun = await begin({ scope: "openid offline_access", prompt: "consent" });
    const url = await login(new Browser(harness.origin), begun);
    const tokens = await redeem(url, begun);
    const secrets = [url.searchParams.get("code"), tokens.access_token, tokens.refresh_token, secret];
    const held = ["db", "db-wal"].map((name) => readFileSync(join(folder, name), "latin1")).join("");
    expect(held).toContain("openid_records");
    for (const value of secrets) {
      expect(value?.length).toBeGreaterThan(20);
      expect(held).not.toContain(value);
    }
    expect(held).not.toContain(ALICE.user);
    const [one, two] = await harness.store.db
      .selectFrom("openid_records")
      .selectAll()
      .where("kind", "=", "Client")
      .execute();
    if (!one || !two) throw new Error("two clients are needed");
    await harness.store.db
      .updateTable("openid_records")
      .set({ sealed: two.sealed })
      .where("kind", "=", "Client")
      .where("id_hash", "=", one.id_hash)
      .execute();
    await expect(harness.openId.clients.list()).rejects.toMatchObject({ code: "ERR_DATABASE_CORRUPT" });
    await harness.store.db
      .updateTable("openid_records")
      .set({ sealed: one.sealed })
      .where("kind", "=", "Client")
      .where("id_hash", "=", one.id_hash)
      .execute();
    expect((await harness.openId.clients.list()).map(({ id }) => id)).toContain("app");
  });

  test("new signing keys take over at once, and what the old ones signed still verifies", async () => {
    const begun = await begin();
    const old = await redeem(await login(new Browser(harness.origin), begun), begun);
    const before = decodeProtectedHeader(old.id_token ?? "").kid;
    const kids = await harness.openId.rotateKeys();
    const next = await begin();
    const tokens = await redeem(await login(new Browser(harness.origin), next), next);
    const after = decodeProtectedHeader(tokens.id_token ?? "").kid;
    expect(after).not.toBe(before);
    expect(kids).toEqual(expect.arrayContaining([before, after]));
    const jwks = (await (await fetch(`${harness.origin}/oidc/jwks`)).json()) as { keys: Record<string, unknown>[] };
    expect(jwks.keys.map(({ kid }) => kid)).toEqual(expect.arrayContaining([before, after]));
    expect(jwks.keys.some((key) => "d" in key || "p" in key)).toBe(false);
  });

  test("a second server with the same database and keys goes on where the first one was", async () => {
    const second = await startHarness(`sqlite:${join(folder, "db")}`, folder, harness.keyStore);
    const begun = await begin();
    const url = await login(new Browser(harness.origin), begun);
    expect(await second.openId.clients.nameOf("app")).toBe("An application");
    await second.close();
    expect((await redeem(url, begun)).claims()?.sub).toBe(ALICE.id);
  });
});

test.each([
  ["plain http elsewhere", { redirectUris: ["http://app.example/callback"] }],
  ["a fragment", { redirectUris: ["https://app.example/#x"] }],
  ["a password in it", { redirectUris: ["https://u:p@app.example/"] }],
  ["no URL", { redirectUris: ["app"] }],
  ["none", { redirectUris: [] }],
  ["a logout address on plain http", { backchannelLogoutUri: "http://app.example/" }],
])("an application is not registered with %s", async (_name, change) => {
  await expect(
    harness.openId.clients.add({
      id: "wrong",
      name: "Wrong",
      flow: "web",
      redirectUris: [REDIRECT],
      postLogoutRedirectUris: [],
      ...change,
    }),
  ).rejects.toMatchObject({ code: "ERR_VALUE_INVALID" });
});

/** Logins whose application is not in this browser: a device that shows a code, and a request that the user approves (CIBA). */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import * as client from "openid-client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ACR } from "../../src/openid/provider.ts";
import { ALICE, BOB, Browser, type Harness, resultFor, startHarness } from "./harness.ts";

let folder: string;
let harness: Harness;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "openid-"));
  harness = await startHarness(`sqlite:${join(folder, "db")}`, folder);
});
afterAll(async () => {
  await harness?.close();
  rmSync(folder, { recursive: true });
});

const nothing = { redirectUris: [], postLogoutRedirectUris: [] };
const discover = (id: string, authentication: client.ClientAuth) =>
  client.discovery(new URL(harness.origin), id, undefined, authentication, { execute: [client.allowInsecureRequests] });
describe("a device that shows a code", () => {
  let tv: client.Configuration;
  beforeAll(async () => {
    await harness.openId.clients.add({ id: "tv", name: "The <TV>", flow: "device", ...nothing });
    tv = await discover("tv", client.None());
  });
  const uidAt = (url: URL) => /^\/interaction\/(.+)$/.exec(url.pathname)?.[1] ?? "";

  test("the user types it, compares it, enters the PIN; then the device is logged in", async () => {
    const started = await client.initiateDeviceAuthorization(tv, { scope: "openid email" });
    expect(started.user_code).toMatch(/^[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}$/);
    const browser = new Browser(harness.origin);
    const { response: page } = await browser.follow(started.verification_uri);
    const { response: wrong } = await browser.submit(page, { user_code: "BBBB-BBBB" });
    const html = await wrong.clone().text();
    expect(html).toContain('role="alert"');
    const { response: confirm } = await browser.submit(wrong, { user_code: started.user_code.toLowerCase() });
    const shown = await confirm.clone().text();
    expect(shown).toContain(started.user_code);
    expect(shown).toContain("The &lt;TV&gt;");
    const { url } = await browser.submit(confirm, {});
    expect(await harness.openId.find(uidAt(url), "browser")).toMatchObject({ client: "tv" });
    const done = await browser.follow(await harness.openId.finish(uidAt(url), resultFor(ALICE)));
    expect(await done.response.text()).toContain("go on at the device");
    const tokens = await client.pollDeviceAuthorizationGrant(tv, { ...started, interval: 0 });
    expect(tokens.claims()).toMatchObject({ sub: ALICE.id, acr: ACR });
  });

  test("a user who cancels, and a code that was used", async () => {
    const started = await client.initiateDeviceAuthorization(tv, { scope: "openid" });
    const browser = new Browser(harness.origin);
    const { response: page } = await browser.follow(started.verification_uri);
    const { response: confirm } = await browser.submit(page, { user_code: started.user_code });
    await browser.submit(confirm, { abort: "yes" });
    await expect(client.pollDeviceAuthorizationGrant(tv, { ...started, interval: 0 })).rejects.toMatchObject({
      error: "access_denied",
    });
    const { response: again } = await browser.follow(started.verification_uri);
    const { response } = await browser.submit(again, { user_code: started.user_code });
    expect(await response.text()).toContain('role="alert"');
  });

  test.each([
    ["de", "Ein Gerät verbinden", 'lang="de"'],
    ["ja", "デバイスを接続", 'lang="ja"'],
    ["ar", "توصيل جهاز", 'lang="ar" dir="rtl"'],
    ["fr", "Connect a device", 'lang="en"'],
  ])("its pages speak %s, and run no script", async (language, title, root) => {
    const html = await (
      await fetch(`${harness.origin}/oidc/device`, { headers: { "accept-language": language } })
    ).text();
    expect(html).toContain(`<title>${title}</title>`);
    expect(html).toContain(`<html ${root}>`);
    expect(html).not.toMatch(/<script|<style|style=|\son[a-z]+=|https?:\/\/(?!localhost)/);
  });
});

describe("a request that the user approves", () => {
  let bank: client.Configuration;
  let authorization: string;
  beforeAll(async () => {
    const secret = await harness.openId.clients.add({ id: "bank", name: "A bank", flow: "backchannel", ...nothing });
    bank = await discover("bank", client.ClientSecretBasic(secret ?? ""));
    authorization = `Basic ${Buffer.from(`bank:${secret}`).toString("base64")}`;
  });
  const ask = (parameters: Record<string, string> = {}) =>
    client.initiateBackchannelAuthentication(bank, {
      scope: "openid",
      login_hint: ALICE.user,
      binding_message: "Pay 10 € to Bob",
      ...parameters,
    });
  /** One question: `openid-client` would ask until somebody has decided. */
  const poll = async ({ auth_req_id }: Awaited<ReturnType<typeof ask>>) => {
    const response = await fetch(`${harness.origin}/oidc/token`, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams({ grant_type: "urn:openid:params:grant-type:ciba", auth_req_id }),
    });
    return (await response.json()) as { readonly error?: string; readonly id_token?: string };
  };

  test("waits for the user, shows the message, and gives tokens once it was approved", async () => {
    const request = await ask();
    expect(await poll(request)).toMatchObject({ error: "authorization_pending" });
    const [approval] = await harness.openId.waiting(ALICE.id);
    expect(approval).toMatchObject({ client: "bank", message: "Pay 10 € to Bob" });
    expect(harness.told).toContain(approval?.id);
    const id = approval?.id ?? "";
    expect(await harness.openId.find(id, "any browser")).toEqual({
      client: "bank",
      payload: { type: "message", text: "Pay 10 € to Bob" },
    });
    await expect(harness.openId.finish(id, resultFor(BOB))).rejects.toMatchObject({ code: "ERR_INTERACTION_UNKNOWN" });
    await harness.openId.finish(id, resultFor(ALICE));
    expect(decodeJwt((await poll(request)).id_token ?? "")).toMatchObject({ sub: ALICE.id, acr: ACR });
    await expect(harness.openId.finish(id, resultFor(ALICE))).rejects.toMatchObject({
      code: "ERR_INTERACTION_UNKNOWN",
    });
    expect(await poll(request)).toMatchObject({ error: "invalid_grant" });
  });

  test("a user who says no; nobody else can", async () => {
    const request = await ask();
    const id = (await harness.openId.waiting(ALICE.id))[0]?.id ?? "";
    expect(await harness.openId.deny(id, BOB.id)).toBe(false);
    expect(await harness.openId.deny(id, ALICE.id)).toBe(true);
    expect(await harness.openId.deny(id, ALICE.id)).toBe(false);
    expect(await poll(request)).toMatchObject({ error: "access_denied" });
  });

  test("many requests do not fill the screen: the oldest give way", async () => {
    for (let i = 0; i < 12; i++) await ask({ binding_message: `request ${i}` });
    const waiting = await harness.openId.waiting(ALICE.id);
    expect(waiting).toHaveLength(8);
  });

  test.each([
    ["an unknown user", { login_hint: "nobody@example.org" }, "unknown_user_id"],
    ["a message with a line break", { binding_message: "Pay\n10" }, "invalid_binding_message"],
    ["a message with invisible characters", { binding_message: "Pay \u202e01" }, "invalid_binding_message"],
    ["a message that is too long", { binding_message: "x".repeat(121) }, "invalid_binding_message"],
    ["a user code", { user_code: "1234" }, "invalid_request"],
  ])("%s is refused", async (_name, parameters, error) => {
    await expect(ask(parameters as unknown as Record<string, string>)).rejects.toMatchObject({ error });
  });

  test("a blocked user is asked nothing", async () => {
    harness.users.set(ALICE.id, { ...ALICE, blocked: true });
    await expect(ask()).rejects.toMatchObject({ error: "unknown_user_id" });
    harness.users.set(ALICE.id, ALICE);
  });
});

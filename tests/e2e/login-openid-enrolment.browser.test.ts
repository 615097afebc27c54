/**
 * A device set up with a login at an OpenID provider elsewhere: real provider, real login server, three D-TAs that check the token by
 * the provider's keys, in each browser.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../clients/web/test/browsers/browser.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid-provider.ts";
import { freePorts } from "../support/ports.ts";
import { choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";

const PIN = "4071";
const folder = mkdtempSync(join(tmpdir(), "login-openid-"));
/** An application that says hello to whoever is sent to it. */
const app = { origin: "", server: createServer((_, response) => response.end("hello")) };
let provider: OpenIdProvider;
let stack: LoginStack;
beforeAll(async () => {
  await new Promise<void>((resolve) => app.server.listen(0, "127.0.0.1", resolve));
  app.origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const [port] = await freePorts(1);
  provider = await startOpenIdProvider(`http://localhost:${port}/openid`);
  const clientSecretFile = join(folder, "client-secret");
  writeFileSync(clientSecretFile, `${provider.clientSecret}\n`, { mode: 0o600 });
  const { issuer, clientId, jwksUrl } = provider;
  stack = await startLoginStack({
    serverSettings: {
      listen: `127.0.0.1:${port}`,
      enrolment: ["email", "openid"],
      openIdProvider: { name: "Example ID", issuer, clientId, clientSecretFile },
    },
    oidc: [{ issuer, audience: clientId, jwksUrl, identityFrom: "milagro:example.org/mpin/login/{email}/*" }],
  });
}, 120_000);
afterAll(async () => {
  app.server.closeAllConnections();
  app.server.close();
  await stack.close();
  await provider.close();
  rmSync(folder, { recursive: true, force: true });
});

inEachBrowser("an existing login at an OpenID provider", (open, { name }) => {
  let person: Visit;
  beforeAll(async () => {
    person = visit(await open());
    await person.page.resize(320, 700);
  }, 60_000);

  /** Up to the provider's page, and through it. */
  async function goThere(user: string, as: string, person: Visit): Promise<void> {
    await person.fill("#user", user);
    await person.click("[data-way=openid]");
    await until(
      person.page,
      `location.origin === ${JSON.stringify(provider.issuer)} && !!document.querySelector("[name=login]")`,
      20_000,
    );
    // No address of ours reaches the provider but the one that it knows.
    expect(await person.page.evaluate("document.referrer")).toBe("");
    await person.page.evaluate(`(() => {
      document.querySelector("[name=login]").value = ${JSON.stringify(as)};
      document.querySelector("[name=password]").value = "any";
      document.querySelector("form").submit();
    })()`);
    await until(
      person.page,
      `!!document.querySelector("input[name=prompt][value=consent]") || location.origin === ${JSON.stringify(stack.origin)}`,
      20_000,
    );
    await person.page.evaluate(`document.querySelector("input[name=prompt][value=consent]")?.form.submit()`);
    await until(person.page, `location.origin === ${JSON.stringify(stack.origin)}`, 20_000);
  }

  test("somebody else's is refused by the D-TAs, and the page says what to do", async () => {
    await person.page.goto(`${stack.origin}/login`);
    await person.page.evaluate(`document.documentElement.lang = "en"`);
    await person.click("[data-enrol]");
    await person.see("[data-way=openid]");
    await person.read("Your login at Example ID");
    expect(await person.audit()).toEqual([]);
    await goThere(`${name}@example.org`, "mallory@example.org", person);
    await person.read("This was not accepted.");
    expect(await person.audit()).toEqual([]);
  }, 90_000);

  test("one's own sets up the device, without a mail; nothing of it stays in the address bar", async () => {
    const user = `${name}@example.org`;
    await goThere(user, user, person);
    await person.read("Choose a PIN");
    expect(await person.page.evaluate<string>("location.href")).toBe(`${stack.origin}/login`);
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.read(user);
    expect(await person.page.evaluate(`!!${find("milagro-enrol-codes")}`)).toBe(false);
  }, 90_000);

  test("for an application's login, it goes on to the application", async () => {
    const redirectUri = `${app.origin}/callback`;
    await stack.admin("POST", "/v1/clients", {
      v: 1,
      id: `shop-${name}`,
      name: "A shop",
      flow: "browser",
      redirectUris: [redirectUri],
      postLogoutRedirectUris: [],
    });
    const fresh = visit(await open());
    const query = new URLSearchParams({
      client_id: `shop-${name}`,
      response_type: "code",
      scope: "openid",
      redirect_uri: redirectUri,
      state: "of the shop",
      code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
      code_challenge_method: "S256",
    });
    await fresh.page.goto(`${stack.origin}/oidc/auth?${query}`);
    await fresh.page.evaluate(`document.documentElement.lang = "en"`);
    await fresh.click("[data-enrol]");
    const user = `shop-${name}@example.org`;
    await goThere(user, user, fresh);
    await fresh.read("Choose a PIN");
    expect(await fresh.page.evaluate<string>("location.pathname")).toMatch(/^\/interaction\//);
    await choosePin(fresh, PIN);
    await until(fresh.page, `location.origin === ${JSON.stringify(app.origin)}`, 20_000);
    const back = new URL(await fresh.page.evaluate<string>("location.href"));
    expect(back.pathname).toBe("/callback");
    expect(back.searchParams.get("state")).toBe("of the shop");
    expect(back.searchParams.get("code")).toMatch(/./);
  }, 90_000);

  test("a forged way back leads nowhere: nothing is exchanged, nothing set up", async () => {
    await person.page.goto(
      `${stack.origin}/openid?code=stolen&state=forged&iss=${encodeURIComponent(provider.issuer)}`,
    );
    await person.read("This was not accepted.");
    expect(await person.page.evaluate<string>("location.href")).toBe(`${stack.origin}/login`);
  }, 60_000);
});

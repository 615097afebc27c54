/**
 * A device set up with a login at an OpenID provider elsewhere: real provider, real login server, three D-TAs that check the token by
 * the provider's keys, in each browser.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../../clients/web/test/browsers/browser.ts";
import { inEachBrowser } from "../../clients/web/test/browsers/engines.ts";
import { find, type Visit, visit } from "../../clients/web/test/browsers/visit.ts";
import { type OpenIdProvider, startOpenIdProvider } from "../support/openid-provider.ts";
import { choosePin } from "./login-person.ts";
import { type LoginStack, startLoginStack } from "./login-stack.ts";
import { freePorts } from "./milagro.ts";

const PIN = "4071";
const folder = mkdtempSync(join(tmpdir(), "login-openid-"));
let provider: OpenIdProvider;
let stack: LoginStack;
beforeAll(async () => {
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
  async function goThere(user: string, as: string): Promise<void> {
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
    await goThere(`${name}@example.org`, "mallory@example.org");
    await person.read("This was not accepted.");
    expect(await person.audit()).toEqual([]);
  }, 90_000);

  test("one's own sets up the device, without a mail; nothing of it stays in the address bar", async () => {
    const user = `${name}@example.org`;
    await goThere(user, user);
    await person.read("Choose a PIN");
    expect(await person.page.evaluate<string>("location.href")).toBe(`${stack.origin}/login`);
    await choosePin(person, PIN);
    await person.see("milagro-you");
    await person.read(user);
    expect(await person.page.evaluate(`!!${find("milagro-enrol-codes")}`)).toBe(false);
  }, 90_000);

  test("a forged way back leads nowhere: nothing is exchanged, nothing set up", async () => {
    await person.page.goto(
      `${stack.origin}/openid?code=stolen&state=forged&iss=${encodeURIComponent(provider.issuer)}`,
    );
    await person.read("This was not accepted.");
    expect(await person.page.evaluate<string>("location.href")).toBe(`${stack.origin}/login`);
  }, 60_000);
});

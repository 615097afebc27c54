/** A site behind a real Apache httpd with mod_auth_openidc, by the configuration in examples/: REMOTE_USER, logout, refusals. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";
import { ALICE, Browser, type Harness, resultFor, startHarness } from "../../services/auth/test/openid/harness.ts";
import { freePorts } from "../support/ports.ts";
import { type Apache, needsApache, startApache } from "./apache.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/login-behind-apache/milagro.conf", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "apache-"));
let harness: Harness | undefined;
let apache: Apache | undefined;
afterAll(async () => {
  await apache?.stop();
  await harness?.close();
  rmSync(folder, { recursive: true });
});

async function start(): Promise<{ readonly login: Harness; readonly site: Apache }> {
  const login = await startHarness(`sqlite:${join(folder, "db")}`, folder);
  harness = login;
  const [port = 0] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  const secret = await login.openId.clients.add({
    id: "app",
    name: "A site behind httpd",
    flow: "web",
    redirectUris: [`${origin}/milagro/callback`],
    postLogoutRedirectUris: [`${origin}/`],
    backchannelLogoutUri: `${origin}/milagro/callback?logout=backchannel`,
  });
  const secrets = join(folder, "secrets.conf");
  writeFileSync(secrets, `OIDCClientSecret ${secret}\nOIDCCryptoPassphrase ${"p".repeat(32)}\n`, { mode: 0o600 });
  const site = await startApache(
    folder,
    port,
    ["auth_openidc"],
    [
      `Define MILAGRO_ORIGIN ${login.origin}`,
      `Define APP_ORIGIN ${origin}`,
      "Define APP_ID app",
      `Define APP_SECRETS ${secrets}`,
      `Include ${EXAMPLE}`,
      // What a program behind httpd would be given.
      'Header always set x-remote-user "expr=%{REMOTE_USER}"',
    ].join("\n"),
  );
  apache = site;
  return { login, site };
}

needsApache(
  "a login sets REMOTE_USER; logging out at the login server ends the session at the site; headers of the client count for nothing",
  async () => {
    chmodSync(folder, 0o755);
    const { login, site } = await start();
    const inside = new Browser(site.origin);
    const outside = new Browser(login.origin);

    const logIn = async (path: string): Promise<Response> => {
      const { url: away } = await inside.follow(path);
      expect(away.origin).toBe(login.origin);
      const { url: page } = await outside.follow(away.href);
      const uid = /^\/interaction\/(.+)$/.exec(page.pathname)?.[1] ?? "";
      const { url: back } = await outside.follow(await login.openId.finish(uid, resultFor(ALICE)));
      expect(back.href.startsWith(`${site.origin}/milagro/callback?`)).toBe(true);
      return (await inside.follow(back.href)).response;
    };

    const anonymous = await inside.request("/", {
      headers: { remote_user: "root", oidc_claim_email: "root@example.org" },
    });
    expect([anonymous.status, anonymous.headers.get("location")]).toEqual([
      302,
      expect.stringContaining(`${login.origin}/oidc/auth?`),
    ]);

    const page = await logIn("/");
    expect([page.status, page.headers.get("x-remote-user")]).toEqual([200, ALICE.user]);
    expect(await page.text()).toContain("Inside");
    const again = await inside.request("/", { headers: { "x-remote-user": "root", remote_user: "root" } });
    expect([again.status, again.headers.get("x-remote-user")]).toEqual([200, ALICE.user]);

    // A code that was taken from somebody else's redirect has no state here.
    const forged = await new Browser(site.origin).request("/milagro/callback?code=abc&state=def");
    expect(forged.status).toBeGreaterThanOrEqual(300);
    expect(forged.headers.get("x-remote-user") ?? "").not.toContain(ALICE.user);

    const { response: ask } = await outside.follow(`${login.origin}/oidc/session/end?client_id=app`);
    await outside.submit(ask, { logout: "yes" });
    const after = await inside.request("/");
    expect(after.status).toBe(302);
    expect(site.log()).not.toContain(readFileSync(join(folder, "secrets.conf"), "utf8").split(/\s/)[1]);
  },
  60_000,
);

/**
 * From a site behind a real Apache httpd to the PIN and back: three D-TAs and the login server as processes, mod_auth_openidc as the
 * application. REMOTE_USER is whom the D-TAs have admitted.
 */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type HttpPort, login } from "@milagro/client/mpin";
import { beginEnrolment, fetchLoginService } from "@milagro/client/mpin-enrol";
import { afterAll, expect } from "vitest";
import { Browser } from "../../services/auth/test/openid/harness.ts";
import { type Apache, needsApache, startApache } from "../interop/apache.ts";
import { freePorts } from "../support/ports.ts";
import { loadEngine, openBrowser, pinOf, Stage } from "./mpin-stage.ts";

const EXAMPLE = fileURLToPath(new URL("../../examples/login-behind-apache/milagro.conf", import.meta.url));
const LIMIT_MS = 180_000;
const ALICE = "alice@example.org";
const PIN = "80685317";

let stage: Stage | undefined;
let apache: Apache | undefined;
afterAll(async () => {
  await apache?.stop();
  await stage?.close();
  if (stage) await rm(stage.folder, { recursive: true, force: true });
}, LIMIT_MS);

/** What the scripts of a page send, from the browser that has the page open. */
function portOf(pages: Browser, origin: string): HttpPort {
  return async ({ method, url, headers, body }) => {
    const text = body === undefined ? undefined : new TextDecoder().decode(body);
    const init = { method, headers: { ...headers, origin }, ...(text === undefined ? {} : { body: text }) };
    const script = { "sec-fetch-mode": "cors", "sec-fetch-dest": "empty", "sec-fetch-site": "same-origin" };
    const response = url.startsWith(`${origin}/`)
      ? await pages.request(url, { ...init, headers: { ...init.headers, ...script } })
      : await fetch(url, init);
    const answer = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, headers: Object.fromEntries(response.headers), body: answer };
  };
}

async function startSite(on: Stage): Promise<Apache> {
  const [port = 0] = await freePorts(1);
  const origin = `http://localhost:${port}`;
  const callback = `${origin}/milagro/callback`;
  const added = await on.run(
    `auth client add site --redirect ${callback} --post-logout ${origin}/ --backchannel-logout ${callback}?logout=backchannel --home auth --format json`,
  );
  const { secret } = JSON.parse(added) as { readonly secret: string };
  const folder = on.path("httpd");
  mkdirSync(folder);
  chmodSync(on.path(), 0o755);
  const secrets = on.path("httpd-secrets.conf");
  writeFileSync(secrets, `OIDCClientSecret ${secret}\nOIDCCryptoPassphrase ${"p".repeat(32)}\n`, { mode: 0o600 });
  const definitions = [
    `Define MILAGRO_ORIGIN ${on.origin}`,
    `Define APP_ORIGIN ${origin}`,
    "Define APP_ID site",
    `Define APP_SECRETS ${secrets}`,
    `Include ${EXAMPLE}`,
    'Header always set x-remote-user "expr=%{REMOTE_USER}"',
  ];
  return startApache(folder, port, ["auth_openidc"], definitions.join("\n"));
}

needsApache(
  "a login with the right PIN sets REMOTE_USER; a wrong one, or another browser, does not",
  async () => {
    const opened = await Stage.open({ kty: "OKP", crv: "Ed25519", x: "A".repeat(43) });
    stage = opened;
    const site = await startSite(opened);
    apache = site;
    const outside = new Browser(opened.origin);
    const { client } = await openBrowser(opened.origin, new Map(), portOf(outside, opened.origin));

    const service = await fetchLoginService(client);
    const enrolment = await beginEnrolment(client, { service, user: ALICE, label: "Laptop", loadEngine });
    await enrolment.requestCodes();
    expect(await enrolment.submit(await opened.codes(ALICE))).toMatchObject({ outcome: "issued" });
    const chosen = await enrolment.finish(pinOf(PIN));
    if (!("register" in chosen)) throw new Error("a weak PIN");
    const registered = await chosen.register();
    if (registered.outcome !== "registered") throw new Error("not registered");
    const { identity } = registered.account;

    const inside = new Browser(site.origin);
    const { url: away } = await inside.follow("/");
    const { url: page } = await outside.follow(away.href);
    const uid = /^\/interaction\/(.+)$/.exec(page.pathname)?.[1] ?? "";
    const purpose = { type: "interaction", uid } as const;

    const stranger = await openBrowser(opened.origin, new Map());
    await expect(fetch(`${opened.origin}/interaction/${uid}`).then(({ status }) => status)).resolves.toBe(404);
    await expect(login(stranger.client, { identity, pin: pinOf(PIN), purpose })).rejects.toThrow();
    expect(await login(client, { identity, pin: pinOf("80685318"), purpose })).toMatchObject({ outcome: "refused" });
    expect((await inside.request("/")).status).toBe(302);

    const accepted = await login(client, { identity, pin: pinOf(PIN), purpose });
    if (accepted.outcome !== "accepted" || accepted.next === undefined) throw new Error(`it was ${accepted.outcome}`);
    const { url: back } = await outside.follow(accepted.next);
    expect(back.href.startsWith(`${site.origin}/milagro/callback?`)).toBe(true);
    const { response } = await inside.follow(back.href);
    expect([response.status, response.headers.get("x-remote-user")]).toEqual([200, ALICE]);
  },
  LIMIT_MS,
);

/**
 * The OpenID provider with its real database, keys and HTTP, and a browser that follows redirects. Whoever begins a login here has
 * entered the right PIN already; the login itself has tests of its own.
 * @module
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { openDatabase } from "@milagro/runtime/database";
import { createKeyStore, type KeyStore } from "@milagro/runtime/key-store";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { createOpenId, type OpenId } from "../../src/openid/openid.ts";
import type { OpenIdUser } from "../../src/openid/provider.ts";
import { type OpenIdTables, openIdMigrations } from "../../src/openid/tables.ts";

export const ALICE: OpenIdUser = { id: "user-of-alice", user: "alice@example.org", blocked: false };
export const BOB: OpenIdUser = { id: "user-of-bob", user: "bob", blocked: false };

export interface Harness {
  readonly origin: string;
  readonly openId: OpenId;
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly keyStore: KeyStore;
  /** Users can be blocked while it runs. */
  readonly users: Map<string, OpenIdUser>;
  /** Approvals that the user was told of. */
  readonly told: string[];
  close(): Promise<void>;
}

const openStore = (url: string) => openDatabase<OpenIdTables>(url, { migrations: [openIdMigrations] });

/** @param keys - of another harness: a second server of the same installation */
export async function startHarness(url: string, folder: string, keys?: KeyStore): Promise<Harness> {
  const store = await openStore(url);
  const keyStore =
    keys ??
    (await createKeyStore(join(folder, `keys-${Math.random()}`), {
      kind: "login-server",
      passphrase: passphraseFromText("of a test"),
      random: systemRandom,
    }));
  const users = new Map([ALICE, BOB].map((user) => [user.id, user]));
  const told: string[] = [];
  const state = { origin: "http://localhost" };
  const openId = await createOpenId({
    store,
    keyStore,
    random: systemRandom,
    clock: Date.now,
    origin: () => state.origin,
    users: {
      byId: async (id) => users.get(id),
      byName: async (name) => [...users.values()].find(({ user }) => user === name),
    },
    // Applications of a test are on this machine, where the provider's own dispatcher lets nobody connect to.
    fetch: (to, { method, headers, body }) =>
      fetch(to, { ...(method ? { method } : {}), ...(headers ? { headers } : {}), ...(body ? { body } : {}) }),
    onApproval: async (_user, id) => {
      told.push(id);
    },
  });
  const server = createServer((request, response) => void route(openId, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  state.origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  return {
    origin: state.origin,
    openId,
    store,
    keyStore,
    users,
    told,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await store.close();
      if (!keys) await keyStore.close();
    },
  };
}

async function route(openId: OpenId, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? "/";
  const uid = /^\/interaction\/([^/?]+)$/.exec(path)?.[1];
  if (uid === undefined) return openId.handle(request, response, "127.0.0.1");
  const browser = String(request.headers["x-test-browser"] ?? "browser");
  const open = await openId.open(uid, request, response, browser);
  response.writeHead(open ? 200 : 404, { "content-type": "text/plain" }).end(open ? uid : "not yours");
}

/** What a browser says when a person follows a link; `fetch` would say that a program asks. */
const NAVIGATION = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

function navigate(url: URL, init: RequestInit): Promise<Response> {
  const body = init.body === undefined || init.body === null ? undefined : String(init.body);
  const form = body === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" };
  return new Promise((resolve, reject) => {
    const options = { method: init.method ?? "GET", headers: { ...form, ...(init.headers as Record<string, string>) } };
    const request = httpRequest(url, options, async (incoming) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      const headers = new Headers();
      for (const [name, values] of Object.entries(incoming.headersDistinct))
        for (const value of values ?? []) headers.append(name, value);
      const status = incoming.statusCode ?? 500;
      resolve(new Response(chunks.length === 0 ? null : Buffer.concat(chunks), { status, headers }));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Keeps cookies, follows redirects on this origin, and stops where an application is called. */
export class Browser {
  readonly #origin: string;
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async request(url: string, init: RequestInit = {}): Promise<Response> {
    const { pathname } = new URL(url, this.#origin);
    const cookie = [...this.#cookies]
      .filter(([, { path }]) => path === "/" || pathname === path || pathname.startsWith(`${path}/`))
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ");
    const headers = { ...NAVIGATION, ...(init.headers as Record<string, string>), ...(cookie ? { cookie } : {}) };
    const response = await navigate(new URL(url, this.#origin), { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split("; ");
      const at = pair.indexOf("=");
      const path = attributes.find((text) => text.toLowerCase().startsWith("path="))?.slice(5) ?? "/";
      const gone = attributes.some((text) => /^expires=Thu, 01 Jan 1970/i.test(text));
      if (gone) this.#cookies.delete(pair.slice(0, at));
      else this.#cookies.set(pair.slice(0, at), { value: pair.slice(at + 1), path });
    }
    return response;
  }

  /** @returns where it ended: a page of this server, or an application's address that was not called */
  async follow(url: string, init?: RequestInit): Promise<{ readonly url: URL; readonly response: Response }> {
    let at = new URL(url, this.#origin);
    for (let response = await this.request(at.href, init); ; response = await this.request(at.href)) {
      const location = response.headers.get("location");
      if (location === null) {
        const html = await response.clone().text();
        // The provider's own way of sending a browser on by POST.
        if (html.includes("document.forms[0].submit()")) return this.submit(response, {});
        return { url: at, response };
      }
      at = new URL(location, at);
      if (at.origin !== this.#origin) return { url: at, response };
    }
  }

  /** Sends the form of a page of this server, with some fields of our own. */
  async submit(page: Response, fields: Readonly<Record<string, string>>): Promise<{ url: URL; response: Response }> {
    const html = (await page.text()).replaceAll("&amp;", "&");
    const action = /<form method="post" action="([^"]*)"/.exec(html)?.[1] ?? "";
    const hidden = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)].map(
      ([, name, value]) => [name as string, value as string] as const,
    );
    return this.follow(action, {
      method: "POST",
      body: new URLSearchParams({ ...Object.fromEntries(hidden), ...fields }),
    });
  }

  get cookies(): readonly string[] {
    return [...this.#cookies.keys()];
  }
}

export const resultFor = (user: OpenIdUser) => ({
  userId: user.id,
  user: user.user,
  identity: parseIdentity(`milagro:example.org/mpin/login/${user.user}/device0001`),
  authenticatedMs: Date.now(),
});

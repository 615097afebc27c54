/**
 * A real login server on a free port, and browsers that log in with what `domain.ts` issues.
 * @module
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { parseEpoch } from "@milagro/crypto/epoch";
import { proveOnePass } from "@milagro/crypto/mpin-one-pass";
import { beginLogin, type LoginAttempt, parseLoginNonce } from "@milagro/crypto/mpin-two-pass";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { loginPayloadHash, parseLoginPayload } from "@milagro/protocol/login-messages";
import { encodeRegistration } from "@milagro/protocol/registration-messages";
import { signedTextMessage } from "@milagro/protocol/signature-messages";
import { createHttpClient, type HttpClient } from "@milagro/runtime/http-client";
import type { KdfCost } from "@milagro/runtime/key-store";
import { createLogger, type Log } from "@milagro/runtime/log";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { type Answer, send } from "../../../tests/support/send.ts";
import { type Auth, type AuthEnvironment, startAuth } from "../src/auth.ts";
import { type Home, homeOf, readConfig } from "../src/config.ts";
import { createKeys } from "../src/keys.ts";
import {
  type EnrolledDevice,
  engine,
  type Founded,
  permitFor,
  pinOf,
  random,
  SERVICE,
  serverSecretOf,
} from "./domain.ts";

/** The least that a key store accepts: these passphrases protect nothing. */
export const CHEAP: KdfCost = { name: "argon2id", memoryKiB: 19_456, passes: 2, lanes: 1 };
export const PASSPHRASE = "a passphrase that must never be printed";

const folders: string[] = [];
const running: Auth[] = [];
const clients: HttpClient[] = [];
/** Everything that servers of these tests have logged. */
export const logged: string[] = [];
export const testLog: Log = createLogger({
  component: "auth",
  level: "debug",
  stream: { write: (line: string) => void logged.push(line) },
});

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "auth-"));
  folders.push(folder);
  return folder;
}

/** For `afterAll`. */
export async function cleanUp(): Promise<void> {
  for (const client of clients.splice(0)) client.close();
  for (const auth of running.splice(0)) await auth.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A home with configuration and keys. @param secret - absent for a server that has yet to collect it */
export async function makeHome(
  founded: Founded,
  settings: Readonly<Record<string, unknown>> = {},
  secret: Uint8Array | undefined = serverSecretOf(founded),
): Promise<Home> {
  const home = homeOf(newFolder());
  const domain = join(home.folder, "domain.json");
  writeFileSync(domain, JSON.stringify(encodeSignedDescriptor(founded.signed)));
  writeFileSync(
    home.config,
    JSON.stringify({ v: 1, service: SERVICE, domain, listen: "127.0.0.1:0", workers: 1, ...settings }),
  );
  const keys = await createKeys(home.keys, passphraseFromText(PASSPHRASE), CHEAP);
  if (secret) await keys.store.update({ set: { "server-secret": secret } });
  await keys.close();
  return home;
}

export async function startHome(home: Home, options: Partial<AuthEnvironment> = {}): Promise<Auth> {
  const auth = await startAuth({
    home,
    config: readConfig(home, {}, {}),
    log: testLog,
    passphrase: passphraseFromText(PASSPHRASE),
    ...options,
  });
  running.push(auth);
  return auth;
}

export async function stop(auth: Auth): Promise<void> {
  const at = running.indexOf(auth);
  if (at >= 0) running.splice(at, 1);
  await auth.close();
}

/** Home and server at once. */
export async function start(
  founded: Founded,
  settings: Readonly<Record<string, unknown>> = {},
  options: Partial<AuthEnvironment> = {},
): Promise<Auth> {
  return startHome(await makeHome(founded, settings), options);
}

export function adminOf(auth: Auth): HttpClient {
  const client = createHttpClient({ url: `unix:${auth.adminSocket}`, retries: 0, timeoutMs: 120_000 });
  clients.push(client);
  return client;
}

export { type Answer, send };

/** Garbage over sixteen connections. @returns how often each status was the answer */
export async function flood(auth: Auth, count: number): Promise<Map<number, number>> {
  const headers = { host: new URL(auth.origin).host, "content-type": "application/json", origin: auth.origin };
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const statuses = new Map<number, number>();
  const once = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const outgoing = httpRequest(`${auth.url}/v1/registrations`, { method: "POST", headers, agent }, (incoming) => {
        const { statusCode = 0 } = incoming;
        statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
        incoming.resume();
        incoming.on("end", resolve);
      });
      outgoing.on("error", reject);
      outgoing.end('{"v":1,"garbage":true}');
    });
  for (let sent = 0; sent < count; sent += 100) await Promise.all(Array.from({ length: 100 }, once));
  agent.destroy();
  return statuses;
}

/** A login on its way. */
export interface Begun {
  readonly session: string;
  // biome-ignore lint/suspicious/noExplicitAny: the answer of the server as it is
  readonly started: any;
  readonly attempt: LoginAttempt;
}

/** What a browser of ours does: keeps the cookie, says its origin, and computes as a client does. */
export class Browser {
  readonly auth: Auth;
  /** The value of the cookie, as the browser has it. */
  cookie: string | undefined;

  constructor(auth: Auth, cookie?: string) {
    this.auth = auth;
    this.cookie = cookie;
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Answer> {
    const { origin, url } = this.auth;
    const all: Record<string, string | undefined> = {
      host: new URL(origin).host,
      ...(method === "GET" ? {} : { origin }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(this.cookie === undefined ? {} : { cookie: `milagro=${this.cookie}` }),
      ...headers,
    };
    const given = Object.fromEntries(Object.entries(all).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]])));
    const text = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const answer = await send(`${url}${path}`, method, given, text);
    const [line] = [answer.headers["set-cookie"] ?? []].flat();
    const value = /^milagro=([^;]*);/.exec(line ?? "")?.[1];
    if (value !== undefined) this.cookie = value === "" ? undefined : value;
    return answer;
  }

  register(device: EnrolledDevice): Promise<Answer> {
    return this.call("POST", "/v1/registrations", encodeRegistration(device.registration));
  }

  /** The first pass. @param purpose - on the wire */
  async begin(device: EnrolledDevice, purpose: object = { type: "session" }): Promise<Begun> {
    const { json: started } = await this.call("POST", "/v1/logins", { v: 1, purpose });
    const payload = started.payload === undefined ? undefined : parseLoginPayload(started.payload);
    const permit = started.permitEpoch === undefined ? undefined : permitFor(device, parseEpoch(started.permitEpoch));
    const attempt = beginLogin(engine, random, device.token, permit, {
      session: parseBase64url(started.session),
      origin: this.auth.origin,
      client: started.client,
      payloadHash: loginPayloadHash(payload),
    });
    return { session: started.session, started, attempt };
  }

  commit(device: EnrolledDevice, { session, attempt }: Begun): Promise<Answer> {
    const body = { v: 1, identity: device.identity, u: encodeBase64url(attempt.u) };
    return this.call("POST", `/v1/logins/${session}/commitments`, body);
  }

  prove({ session, attempt }: Begun, nonce: string, pin: string): Promise<Answer> {
    const v = attempt.answer({ pin: pinOf(pin) }, parseLoginNonce(parseBase64url(nonce)));
    return this.call("POST", `/v1/logins/${session}/proofs`, { v: 1, response: encodeBase64url(v) });
  }

  /** A whole login. */
  async login(device: EnrolledDevice, pin: string, purpose?: object): Promise<Answer> {
    const begun = await this.begin(device, purpose);
    const { json } = await this.commit(device, begun);
    return this.prove(begun, json.nonce, pin);
  }

  sign(
    device: EnrolledDevice,
    pin: string,
    text: string,
    more: { readonly nowMs?: number; readonly said?: string } = {},
  ): Promise<Answer> {
    return this.call("POST", "/v1/signatures", {
      v: 1,
      identity: device.identity,
      text: more.said ?? text,
      proof: encodeBase64url(this.proofOf(device, pin, text, more.nowMs ?? Date.now())),
    });
  }

  proofOf(device: EnrolledDevice, pin: string, text: string, nowMs: number): Uint8Array {
    const time = Math.floor(nowMs / 1000);
    const { epochSeconds } = device.founded.domain;
    const permit = this.auth.context.config.permits
      ? permitFor(device, parseEpoch(Math.floor(time / epochSeconds)))
      : undefined;
    const context = { origin: this.auth.origin, client: SERVICE, message: signedTextMessage(text) };
    return proveOnePass(engine, random, device.token, permit, { pin: pinOf(pin) }, context, time);
  }
}

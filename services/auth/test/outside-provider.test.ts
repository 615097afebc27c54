import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { systemRandom as random } from "@milagro/runtime/random";
import { sha256 } from "@noble/hashes/sha2.js";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createOutsideProvider, type OutsideProvider } from "../src/outside-provider.ts";

const ORIGIN = "https://login.example.org";
const text43 = () => encodeBase64url(random(32));

/** A provider that answers the token endpoint as it is told; the real one is in tests/e2e and tests/login. */
let answer: () => Promise<{ readonly status: number; readonly body: unknown }>;
let asked: URLSearchParams[] = [];
let issuer = "";
const keys = await generateKeyPair("ES256", { extractable: true });
const server = createServer(async (request, response) => {
  const json = (status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  if (request.url === "/.well-known/openid-configuration")
    return json(200, {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      id_token_signing_alg_values_supported: ["ES256"],
      authorization_response_iss_parameter_supported: true,
    });
  if (request.url === "/jwks") return json(200, { keys: [{ ...(await exportJWK(keys.publicKey)), alg: "ES256" }] });
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  asked.push(new URLSearchParams(Buffer.concat(chunks).toString()));
  const { status, body } = await answer();
  json(status, body);
});

const settings = () => ({
  name: "Example ID",
  issuer,
  clientId: "here",
  clientSecretFile: undefined,
  scope: "openid email",
});
const context = { origin: () => ORIGIN, clock: Date.now };
const tokenFor = (claims: Record<string, unknown>) => async () => ({
  status: 200,
  body: {
    access_token: "a",
    token_type: "Bearer",
    id_token: await new SignJWT({ sub: "alice", ...claims })
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer(String(claims["iss"] ?? issuer))
      .setAudience(String(claims["aud"] ?? "here"))
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(keys.privateKey),
  },
});

let provider: OutsideProvider;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  issuer = `http://localhost:${(server.address() as AddressInfo).port}`;
  provider = createOutsideProvider(settings(), context);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

describe("an OpenID provider elsewhere", () => {
  test("is described by its own discovery, with the way back to this server and nowhere else", async () => {
    expect(await provider.client()).toEqual({
      v: 1,
      name: "Example ID",
      issuer,
      authorizationEndpoint: `${issuer}/auth`,
      clientId: "here",
      scope: "openid email",
      redirectUri: `${ORIGIN}/openid`,
    });
  });

  test("gets the code with the device's verifier, and what it signs is handed on as it is", async () => {
    asked = [];
    const [nonce, verifier] = [text43(), text43()];
    answer = tokenFor({ nonce });
    const jwt = await provider.exchange({ v: 1, code: "a code", verifier, nonce, issuer });
    expect(JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString())).toMatchObject({ nonce });
    expect(Object.fromEntries(asked[0] ?? [])).toEqual({
      grant_type: "authorization_code",
      code: "a code",
      code_verifier: verifier,
      redirect_uri: `${ORIGIN}/openid`,
      client_id: "here",
    });
    expect(encodeBase64url(sha256(new TextEncoder().encode(verifier)))).toHaveLength(43);
  });

  test.each<[string, string, Record<string, unknown>]>([
    ["a token for another request's nonce", "ERR_EVIDENCE_INVALID", { nonce: text43() }],
    ["a token for another application", "ERR_EVIDENCE_INVALID", { aud: "another" }],
    ["a token of another issuer", "ERR_EVIDENCE_INVALID", { iss: "https://elsewhere.example" }],
  ])("%s is not handed on", async (_, code, claims) => {
    const nonce = text43();
    answer = tokenFor({ nonce, ...claims });
    expect(await codeOf(provider.exchange({ v: 1, code: "c", verifier: text43(), nonce, issuer }))).toBe(code);
  });

  test("an answer that names another issuer, or none where there must be one, is not exchanged", async () => {
    asked = [];
    const own = { v: 1, code: "c", verifier: text43(), nonce: text43() } as const;
    expect(await codeOf(provider.exchange({ ...own, issuer: "https://elsewhere.example" }))).toBe("ERR_PEER_INVALID");
    expect(await codeOf(provider.exchange(own))).toBe("ERR_PEER_INVALID");
    expect(asked).toEqual([]);
  });

  test("a code that it does not take is refused, without what it says", async () => {
    answer = async () => ({ status: 400, body: { error: "invalid_grant", error_description: "code 1234 of alice" } });
    const work = provider.exchange({ v: 1, code: "1234", verifier: text43(), nonce: text43(), issuer });
    await expect(work).rejects.toMatchObject({ code: "ERR_EVIDENCE_INVALID" });
    await expect(work).rejects.not.toThrow(/1234|alice/);
  });

  test.each<[string, () => Promise<{ status: number; body: unknown }>, string]>([
    ["an error of its own", async () => ({ status: 503, body: { error: "server_error" } }), "ERR_PEER_INVALID"],
    ["no token", async () => ({ status: 200, body: { access_token: "a", token_type: "Bearer" } }), "ERR_PEER_INVALID"],
    ["nonsense", async () => ({ status: 200, body: [] }), "ERR_PEER_INVALID"],
  ])("that answers with %s is said to be unwell", async (_, how, code) => {
    answer = how;
    expect(await codeOf(provider.exchange({ v: 1, code: "c", verifier: text43(), nonce: text43(), issuer }))).toBe(
      code,
    );
  });

  test("that is away can be tried again: nothing of the failure is kept", async () => {
    const later = createServer((_, response) => response.writeHead(500).end());
    await new Promise<void>((resolve) => later.listen(0, "127.0.0.1", resolve));
    const { port } = later.address() as AddressInfo;
    await new Promise((resolve) => later.close(resolve));
    const away = createOutsideProvider({ ...settings(), issuer: `http://localhost:${port}` }, context);
    expect(await codeOf(away.client())).toBe("ERR_UNREACHABLE");
    const back = createServer((_, response) => response.writeHead(500).end());
    await new Promise<void>((resolve) => back.listen(port, "127.0.0.1", resolve));
    expect(await codeOf(away.client())).toBe("ERR_PEER_INVALID");
    back.closeAllConnections();
    back.close();
  });

  test("that calls itself otherwise than it is configured is not used", async () => {
    const port = (server.address() as AddressInfo).port;
    const other = createOutsideProvider({ ...settings(), issuer: `http://127.0.0.1:${port}` }, context);
    expect(await codeOf(other.client())).toBe("ERR_PEER_INVALID");
  });
});

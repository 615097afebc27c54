import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { pkceChallenge } from "@milagro/protocol/openid-enrolment-messages";
import { beforeAll, describe, expect, test } from "vitest";
import { type Founded, foundDomain } from "../../../core/protocol/test/fixture.ts";
import { resumeEnrolment } from "../src/mpin-enrolment.ts";
import { beginOpenIdLogin, finishOpenIdLogin, isOpenIdAnswerFor } from "../src/mpin-openid.ts";
import { loadEngine, MemoryStorage, pinOf, World } from "./mpin-world.ts";

let founded: Founded;
beforeAll(async () => {
  founded = await foundDomain(2);
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

async function begun() {
  const world = new World(founded);
  const storage = new MemoryStorage();
  const client = world.device(storage);
  const enrolment = await world.begin(client);
  const address = new URL(await beginOpenIdLogin(client, enrolment));
  const state = address.searchParams.get("state") ?? "";
  return { world, storage, client, enrolment, address, state, answer: { state, code: "good" } };
}

describe("a login at an OpenID provider", () => {
  test("asks for this request's nonce, with PKCE and a state of its own", async () => {
    const { address, enrolment } = await begun();
    const { verifier = "" } = enrolment.openId ?? {};
    expect(address.origin + address.pathname).toBe("https://id.example/auth");
    expect(Object.fromEntries(address.searchParams)).toEqual({
      tenant: "1",
      response_type: "code",
      client_id: "login",
      redirect_uri: "https://login.example.org/openid",
      scope: "openid email",
      state: enrolment.openId?.state,
      nonce: enrolment.openIdNonce,
      code_challenge: pkceChallenge(verifier),
      code_challenge_method: "S256",
      prompt: "login",
      login_hint: enrolment.user,
    });
    expect(address.href).not.toContain(verifier);
    // RFC 7636, appendix B.
    expect(pkceChallenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe(
      "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
  });

  test("goes on in the page that comes back, and every D-TA issues on the token", async () => {
    const { world, storage, enrolment, answer } = await begun();
    const client = world.device(storage);
    const resumed = await resumeEnrolment(client, enrolment.identity, loadEngine);
    if (resumed?.stage !== "asking") throw new Error("another stage");
    expect(isOpenIdAnswerFor(resumed, answer)).toBe(true);
    const { verifier } = resumed.openId ?? {};
    expect(await finishOpenIdLogin(client, resumed, { ...answer, iss: "https://id.example" })).toEqual({
      outcome: "issued",
    });
    expect(world.server.exchanged).toEqual([
      { v: 1, code: "good", verifier, nonce: enrolment.openIdNonce, issuer: "https://id.example" },
    ]);
    expect(world.dtas.every((dta) => dta.mails.length === 0)).toBe(true);
    expect(await resumed.finish(pinOf("8068"))).toHaveProperty("register");
  });

  test.each<[string, (state: string) => object]>([
    ["another state", () => ({ state: encodeBase64url(new Uint8Array(32)), code: "good" })],
    ["no state", () => ({ code: "good" })],
    ["a state that is longer", (state) => ({ state: `${state}A`, code: "good" })],
  ])("an answer with %s is not exchanged, and the right one still counts", async (_, forge) => {
    const { world, client, enrolment, state, answer } = await begun();
    expect(await codeOf(finishOpenIdLogin(client, enrolment, forge(state)))).toBe("ERR_LOGIN_MISMATCH");
    expect(world.server.exchanged).toEqual([]);
    expect(await finishOpenIdLogin(client, enrolment, answer)).toEqual({ outcome: "issued" });
  });

  test("an answer counts once, and a new login makes the one before void", async () => {
    const { client, enrolment, answer } = await begun();
    await beginOpenIdLogin(client, enrolment);
    expect(await codeOf(finishOpenIdLogin(client, enrolment, answer))).toBe("ERR_LOGIN_MISMATCH");
    const again = { state: enrolment.openId?.state, code: "bad" };
    expect(await codeOf(finishOpenIdLogin(client, enrolment, again))).toBe("ERR_EVIDENCE_INVALID");
    expect(await codeOf(finishOpenIdLogin(client, enrolment, { ...again, code: "good" }))).toBe("ERR_LOGIN_MISMATCH");
  });

  test("who says no there has spent nothing", async () => {
    const { world, client, enrolment, state } = await begun();
    expect(await finishOpenIdLogin(client, enrolment, { state, error: "access_denied" })).toEqual({
      outcome: "declined",
    });
    expect(world.server.exchanged).toEqual([]);
    expect(enrolment.openId).toBeUndefined();
  });

  test.each<[string, object]>([
    ["another way back", { redirectUri: "https://evil.example/openid" }],
    ["a way back that begins like its own", { redirectUri: "https://login.example.org.evil.example/openid" }],
    ["a provider without https", { authorizationEndpoint: "http://id.example/auth" }],
    ["a provider that only looks like this machine", { authorizationEndpoint: "http://localhost.evil.example/auth" }],
    ["a script in the place of a provider", { authorizationEndpoint: "javascript:alert(1)" }],
    ["an address with a fragment", { authorizationEndpoint: "https://id.example/auth#x" }],
  ])("a server that names %s sends nobody anywhere", async (_, change) => {
    const world = new World(founded);
    const client = world.device();
    const enrolment = await world.begin(client);
    world.server.openId = { ...world.server.openId, ...change };
    expect(await codeOf(beginOpenIdLogin(client, enrolment))).toMatch(/^ERR_(LOGIN_MISMATCH|PEER_INVALID)$/);
    expect(enrolment.openId).toBeUndefined();
  });

  test("a login server that keeps the token, or brings another, gets nothing for it: the nonce is the device's key", async () => {
    const { world, client, enrolment, answer } = await begun();
    const thief = await world.begin(world.device());
    world.server.tokenFor = () => `a.${encodeBase64url(utf8(thief.openIdNonce))}.c`;
    expect(await finishOpenIdLogin(client, enrolment, answer)).toMatchObject({
      outcome: "refused",
      refusals: [{}, {}],
    });
    const kept = `a.${encodeBase64url(utf8(enrolment.openIdNonce))}.c`;
    expect(await thief.submitToAll([{ type: "oidc", jwt: kept }])).toMatchObject({ outcome: "refused" });
  });
});

/** Evidence made elsewhere (registrars, an OpenID provider) and requests that come over the bus. One D-TA, real keys, a real broker, a real key server. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { equalBytes } from "@milagro/crypto/bytes";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import {
  answersTopic,
  type BusAnswer,
  encodeBusRequest,
  parseBusAnswer,
  requestsTopic,
} from "@milagro/protocol/bus-messages";
import { decideTopic, formatBusSubject, parseBusToken, verifyBusToken } from "@milagro/protocol/bus-token";
import type { SealedRequest } from "@milagro/protocol/issuance-messages";
import { type IssuancePolicy, parseIssuancePolicy } from "@milagro/protocol/policy";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { type Broker, createBroker } from "@milagro/runtime/broker";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../../../tests/support/ports.ts";
import { identityFromClaims, isIdentityOf } from "../src/oidc.ts";
import {
  ALICE,
  BOB,
  cleanUp,
  engine,
  foundDomain,
  joinToken,
  NOW_MS,
  OPEN_POLICY,
  outcome,
  PASSPHRASE,
  post,
  request,
  requestWithToken,
  setPolicy,
  startHome,
  stop,
  type TestDomain,
  type TestDta,
  testLog,
  type Wanted,
} from "./support.ts";

const registrar = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const stranger = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
const provider = await generateKeyPair("ES256", { extractable: true });

let world: TestDomain | undefined;
let dta: TestDta;
let broker: Broker;
let keyServer: Server;
let keyServerUp = true;
let policy: IssuancePolicy;

async function startBroker(port: number): Promise<Broker> {
  const subjectOf = (text: string) => (text === "dta:1" ? ({ kind: "dta", index: 1 } as const) : undefined);
  return createBroker({
    host: "127.0.0.1",
    port,
    log: testLog,
    authenticate: (subject, token) => {
      if (world === undefined) return false;
      const verified = verifyBusToken(engine, world.domain, parseBusToken(token), world.clock.nowMs);
      return formatBusSubject(verified.subject) === subject;
    },
    authorise: (subject, action, topic) => {
      const known = subjectOf(subject);
      return world !== undefined && known !== undefined && decideTopic(world.domain, known, action, topic);
    },
  });
}

beforeAll(async () => {
  keyServer = createServer(async (_request, response) => {
    if (!keyServerUp) return void response.writeHead(500).end();
    const key = { ...(await exportJWK(provider.publicKey)), kid: "1", alg: "ES256" };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keys: [key] }));
  });
  await new Promise<void>((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
  const [port = 0] = await freePorts(1); // it comes back on it
  broker = await startBroker(port);
  world = await foundDomain(1, { config: { busUrl: broker.url } });
  dta = world.dtas[0] as TestDta;
  const keyServerPort = (keyServer.address() as AddressInfo).port;
  policy = parseIssuancePolicy({
    ...OPEN_POLICY,
    registrars: [
      {
        name: "people desk",
        publicKey: await exportJWK(registrar.publicKey),
        identities: [parseIdentityPattern("milagro:example.org/service/a*")],
      },
    ],
    oidc: [
      {
        issuer: "https://login.example.org",
        audience: "milagro",
        jwksUrl: `http://127.0.0.1:${keyServerPort}/keys`,
        identityFrom: "milagro:example.org/service/{sub}",
      },
    ],
  });
  await setPolicy(dta, policy);
});
afterAll(async () => {
  await cleanUp();
  await broker.close();
  keyServer.close();
});

const NOW_SECONDS = Math.floor(NOW_MS / 1000);
const here = (): TestDomain => world as TestDomain;

/** A request with a JWT as evidence, made from claims that know the request key. */
async function withJwt(
  type: "grant" | "oidc",
  make: (requestKey: Uint8Array) => Promise<string>,
  wanted: Wanted = {},
): Promise<SealedRequest | undefined> {
  const evidence = async ({ requestKey }: { requestKey: Uint8Array }) => [[{ type, jwt: await make(requestKey) }]];
  return (await request(here(), { ...wanted, evidence })).requests[0];
}

test("keys of a provider over plain HTTP from another machine are in no policy", async () => {
  const plain = policy.oidc.map((provider) => ({ ...provider, jwksUrl: "http://login.example.org/keys" }));
  await expect(setPolicy(dta, { ...policy, version: policy.version + 1, oidc: plain })).rejects.toMatchObject({
    code: "ERR_PLAIN_REFUSED",
  });
});

describe("grants", () => {
  const grant =
    (changes: JWTPayload = {}, key = registrar.privateKey) =>
    (requestKey: Uint8Array) =>
      new SignJWT({
        iss: "people desk",
        sub: ALICE,
        aud: formatDomainId(here().domain.domainId),
        exp: NOW_SECONDS + 600,
        jti: crypto.randomUUID(),
        request_key: requestKeyThumbprint(requestKey),
        ...changes,
      })
        .setProtectedHeader({ alg: "EdDSA" })
        .sign(key);

  test("a registrar's grant carries the request it was made for", async () => {
    expect(await outcome(dta, await withJwt("grant", grant()))).toBe("issued");
    expect(await outcome(dta, await withJwt("grant", grant({ usages: ["enc"] })))).toBe("issued");
  });

  test.each<[string, JWTPayload]>([
    ["for another identity", { sub: BOB }],
    ["for another domain", { aud: "A".repeat(43) }],
    ["for another request key", { request_key: requestKeyThumbprint(new Uint8Array(32)) }],
    ["expired", { exp: NOW_SECONDS - 61 }],
    ["without an identifier", { jti: "" }],
    ["for other usages", { usages: ["sig"] }],
    ["with usages that are none", { usages: ["everything"] }],
    ["by an unknown registrar", { iss: "nobody" }],
  ])("%s: refused", async (_what, changes) => {
    expect(await outcome(dta, await withJwt("grant", grant(changes)))).toBe("ERR_EVIDENCE_INVALID");
  });

  test("signed by somebody else, unsigned, or for an identity that the registrar has no say over: refused", async () => {
    expect(await outcome(dta, await withJwt("grant", grant({}, stranger.privateKey)))).toBe("ERR_EVIDENCE_INVALID");
    const unsigned = async (key: Uint8Array) => {
      const [, claims] = (await grant()(key)).split(".");
      return `${Buffer.from('{"alg":"none"}').toString("base64url")}.${claims}.AA`;
    };
    expect(await outcome(dta, await withJwt("grant", unsigned))).toBe("ERR_EVIDENCE_INVALID");
    expect(await outcome(dta, await withJwt("grant", grant({ sub: BOB }), { identity: BOB }))).toBe(
      "ERR_EVIDENCE_INVALID",
    );
  });

  test("one grant, one request: the second with its identifier is refused, the first may come again", async () => {
    const jti = crypto.randomUUID();
    const first = await withJwt("grant", grant({ jti }));
    expect(await outcome(dta, first)).toBe("issued");
    expect(await outcome(dta, await withJwt("grant", grant({ jti })))).toBe("ERR_EVIDENCE_INVALID");
    expect(await outcome(dta, first)).toBe("issued");
  });
});

describe("OpenID Connect", () => {
  const idToken =
    (changes: JWTPayload = {}, kid = "1") =>
    (requestKey: Uint8Array) =>
      new SignJWT({
        iss: "https://login.example.org",
        sub: "alice",
        aud: "milagro",
        iat: NOW_SECONDS,
        exp: NOW_SECONDS + 600,
        nonce: requestKeyThumbprint(requestKey),
        ...changes,
      })
        .setProtectedHeader({ alg: "ES256", kid })
        .sign(provider.privateKey);

  test("while the provider's keys cannot be had the request can be retried: no verdict, no token spent", async () => {
    keyServerUp = false;
    const sealed = await withJwt("oidc", idToken());
    await expect(outcome(dta, sealed)).rejects.toMatchObject({ code: "ERR_UNREACHABLE" });
    keyServerUp = true;
    expect(await outcome(dta, sealed)).toBe("issued");
  });

  test.each<[string, JWTPayload]>([
    ["for another audience", { aud: "somebody" }],
    ["with the nonce of another request", { nonce: requestKeyThumbprint(new Uint8Array(32)) }],
    ["expired", { exp: NOW_SECONDS - 61 }],
    ["of an old session", { iat: NOW_SECONDS - 3700 }],
    ["of another person", { sub: "bob" }],
    ["whose claim would add a segment", { sub: "alice/laptop" }],
    ["by an unknown issuer", { iss: "https://login.example.com" }],
  ])("%s: refused", async (_what, changes) => {
    expect(await outcome(dta, await withJwt("oidc", idToken(changes)))).toBe("ERR_EVIDENCE_INVALID");
  });

  test("a template takes a claim as one segment, and an e-mail address only when it was verified", () => {
    const of = (identityFrom: string, claims: JWTPayload) => identityFromClaims({ identityFrom }, claims);
    expect(of("milagro:example.org/person/{sub}", { sub: "x" })).toBe("milagro:example.org/person/x");
    expect(of("milagro:example.org/person/{email}", { email: "a@b", email_verified: true })).toBe(
      "milagro:example.org/person/a@b",
    );
    expect(of("milagro:example.org/person/{email}", { email: "a@b" })).toBeUndefined();
    expect(of("milagro:example.org/person/{sub}", { sub: "x/y" })).toBeUndefined();
    expect(of("milagro:example.org/person/{sub}", {})).toBeUndefined();
    expect(of("milagro:example.org/person/{constructor}", {})).toBeUndefined();
  });
});

test("a template may leave the device open, and nothing but the device", () => {
  const identityFrom = "milagro:example.org/mpin/login.example.org/{email}/*";
  const speaks = (identity: string, claims: JWTPayload, from = identityFrom) =>
    isIdentityOf({ identityFrom: from }, claims, parseIdentity(identity));
  const alice = { email: "Alice@example.org", email_verified: true };
  const devices = "milagro:example.org/mpin/login.example.org/alice@example.org";
  expect(speaks(`${devices}/k7w2m9x4ab`, alice)).toBe(true);
  expect(speaks(`${devices}/another123`, alice)).toBe(true);
  expect(speaks("milagro:example.org/mpin/login.example.org/bob@example.org/k7w2m9x4ab", alice)).toBe(false);
  expect(speaks("milagro:example.org/mpin/shop.example.org/alice@example.org/k7w2m9x4ab", alice)).toBe(false);
  expect(speaks(`${devices}/k7w2m9x4ab/more`, alice)).toBe(false);
  expect(speaks(devices, alice)).toBe(false);
  expect(speaks(`${devices}/k7w2m9x4ab`, { ...alice, email_verified: false })).toBe(false);
  expect(speaks(`${devices}/k7w2m9x4ab`, {})).toBe(false);
  // A claim is never a pattern.
  const closed = "milagro:example.org/person/{sub}";
  for (const sub of ["*", "**", "x/*"]) expect(speaks("milagro:example.org/person/alice", { sub }, closed)).toBe(false);
  expect(
    speaks(
      "milagro:example.org/mpin/login.example.org/x/y",
      { sub: "*" },
      "milagro:example.org/mpin/login.example.org/{sub}/*",
    ),
  ).toBe(false);
});

describe("bus", () => {
  const answers: BusAnswer[] = [];
  const waitFor = async <T>(look: () => T | undefined): Promise<T> => {
    for (let i = 0; i < 1000; i++) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error("nothing came");
  };
  const listen = () =>
    broker.bus.subscribe(answersTopic(here().domain.domainId, 1), (payload) => {
      answers.push(parseBusAnswer(JSON.parse(new TextDecoder().decode(payload))));
    });
  const send = (id: string, sealed: SealedRequest) =>
    broker.bus.publish(
      requestsTopic(here().domain.domainId, 1),
      new TextEncoder().encode(JSON.stringify(encodeBusRequest({ v: 1, id, request: sealed }))),
    );
  /** Sends until there is an answer, as whoever relays requests does: the bus may lose any message. */
  const ask = async (id: string, sealed: SealedRequest | undefined) => {
    for (let i = 0; i < 40; i++) {
      await send(id, sealed as SealedRequest);
      for (let j = 0; j < 20; j++) {
        const answer = answers.find((candidate) => candidate.id === id);
        if (answer !== undefined) return answer;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
    throw new Error("no answer came");
  };
  const connected = (count: number) => waitFor(() => (broker.connections() === count ? true : undefined));

  test("a request is answered over the D-TA's own outbound connection, with shares, a refusal or a problem", async () => {
    await connected(1);
    await listen();
    const sealed = (await requestWithToken(here(), await joinToken(dta))) as SealedRequest;
    const issued = await ask("1", sealed);
    expect("answer" in issued && "receipt" in issued.answer).toBe(true);
    const refused = await ask("2", (await request(here())).requests[0]);
    expect("answer" in refused && "refusal" in refused.answer && refused.answer.refusal.code).toBe(
      "ERR_EVIDENCE_MISSING",
    );
    const problem = await ask("3", { ...sealed, encapsulatedKey: new Uint8Array(32).fill(9) });
    expect("problem" in problem && problem.problem.code).toBe("ERR_HPKE_OPEN_FAILED");
  });

  test("nonsense on its topic is ignored", async () => {
    const topic = requestsTopic(here().domain.domainId, 1);
    for (const text of ["", "{", "null", '{"v":1}', "\ud800"])
      await broker.bus.publish(topic, new TextEncoder().encode(text));
    const after = await ask("4", await requestWithToken(here(), await joinToken(dta)));
    expect("answer" in after).toBe(true);
  });

  test("it comes back after the bus was down, and answers what is sent again with the same bytes", async () => {
    const sealed = (await requestWithToken(here(), await joinToken(dta))) as SealedRequest;
    const first = await ask("5", sealed);
    const { port } = broker;
    await broker.close();
    broker = await startBroker(port);
    await connected(1);
    await listen();
    answers.length = 0;
    expect(await ask("5", sealed)).toEqual(first);
  });

  test("sealed it leaves the bus, unsealed it returns", async () => {
    await post(dta.admin, "/v1/seal");
    await connected(0);
    await post(dta.admin, "/v1/unseal", { v: 1, passphrase: PASSPHRASE });
    await connected(1);
  });

  test("with no port open at all it answers all the same", async () => {
    const token = await joinToken(dta);
    await stop(dta);
    const config = { listen: "none", busUrl: broker.url };
    const closed = await startHome(dta.home, here().clock, { config });
    expect(closed.running.url).toBeUndefined();
    const issued = await ask("6", await requestWithToken(here(), token));
    expect("answer" in issued && "receipt" in issued.answer).toBe(true);
    await stop(closed);
    dta = await startHome(dta.home, here().clock, { config: { busUrl: broker.url } });
    await connected(1);
  });

  test("its token names this domain and place", async () => {
    const token = parseBusToken(await dta.running.context.issuer.call("busToken", { nowMs: NOW_MS }));
    expect(token.subject).toBe("dta:1");
    expect(equalBytes(token.domainId, here().domain.domainId)).toBe(true);
    expect(() => verifyBusToken(engine, here().domain, token, NOW_MS + 61_000)).toThrow();
  });
});

test("identities that the policy's rule does not name are refused, however good the evidence", async () => {
  const person = parseIdentity("milagro:example.org/person/alice");
  const token = await joinToken(dta, { identities: person });
  expect(await outcome(dta, await requestWithToken(here(), token, { identity: person }))).toBe("ERR_POLICY_REFUSED");
});

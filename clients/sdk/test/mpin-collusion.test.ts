/**
 * All D-TAs together against a user: they know every master share, so the whole master, every client secret and the server secret.
 * What they do not know is z, which never left the device.
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { hashMpin, type MpinIdentity, type MpinInput, mpinInput } from "@milagro/crypto/mpin-identity";
import { combineClientSecretShares, issueClientSecretShare } from "@milagro/crypto/mpin-key";
import { challengeScalar, contextFields, loginSubject, respond, subjectFields } from "@milagro/crypto/mpin-login";
import { parseLoginNonce } from "@milagro/crypto/mpin-two-pass";
import type { G1 } from "@milagro/engine/engine";
import { parseLoginChallenge, parseLoginOutcome, parseLoginStarted } from "@milagro/protocol/login-messages";
import { parseJson } from "@milagro/protocol/wire";
import { beforeAll, expect, test } from "vitest";
import { engine, type Founded, foundDomain } from "../../../core/protocol/test/fixture.ts";
import { ORIGIN } from "./mpin-server.ts";
import { World } from "./mpin-world.ts";

let founded: Founded;
let world: World;
let identity: MpinIdentity;
beforeAll(async () => {
  founded = await foundDomain(3);
  world = new World(founded);
  ({ identity } = await world.enrolled());
});

/** The client secret that all masters together give for an input. */
function colluded(input: MpinInput): G1 {
  const shares = founded.members.map(({ masters }) => issueClientSecretShare(engine, masters.mpin, input).share);
  return combineClientSecretShares(engine, shares).use((point) => point);
}

/** A login in somebody's name with a client secret instead of token and PIN. */
function enter(input: MpinInput, secret: G1): string {
  const post = (path: string, body: object): unknown => {
    const request = { method: "POST", url: `${ORIGIN}${path}`, headers: {}, body: utf8(JSON.stringify(body)) } as const;
    return parseJson(parseUtf8(world.server.handle({ ...request, timeoutMs: 1000, idempotent: false }).body));
  };
  const { session, client } = parseLoginStarted(post("/v1/logins", { v: 1, purpose: { type: "session" } }));
  const path = `/v1/logins/${encodeBase64url(session)}`;
  const x = engine.scalars.random();
  const u = engine.g1.encode(engine.g1.multiplySecret(hashMpin(engine, input), x));
  const challenge = parseLoginChallenge(post(`${path}/commitments`, { v: 1, identity, u: encodeBase64url(u) }));
  const nonce = parseLoginNonce(challenge.nonce);
  const context = { session, origin: ORIGIN, client, payloadHash: new Uint8Array(0) };
  const fields = [...subjectFields(loginSubject(input)), ...contextFields(context), u, nonce];
  const y = challengeScalar(engine, "MILAGRO-V1-MPIN-LOGIN", fields);
  const v = engine.g1.encode(respond(engine, x, y, secret));
  return parseLoginOutcome(post(`${path}/proofs`, { v: 1, response: encodeBase64url(v) })).outcome;
}

test("all D-TAs colluding are refused: without z their client secret is not the user's", () => {
  const device = world.server.devices.get(identity);
  if (!device) throw new Error("no device");
  const { input } = device;
  const secret = colluded(input);
  const guess = engine.g1.multiplySecret(secret, engine.scalars.random());
  const plain = colluded(mpinInput(founded.domain.domainId, identity, NO_EXPIRY));
  for (const attempt of [secret, guess, plain]) {
    device.attempts = 0;
    expect(enter(input, attempt)).toBe("refused");
  }
});

test("control: the very same attack lets them in as a user without a key of their own", () => {
  const input = mpinInput(founded.domain.domainId, identity, NO_EXPIRY);
  world.server.devices.set(identity, { input, label: "Laptop", attempts: 0 });
  expect(enter(input, colluded(input))).toBe("accepted");
});

/** Approval of a further device (QuickCode) at a real D-TA: neither a stolen device nor a rogue login server gets anything alone. */
import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { identityInput } from "@milagro/crypto/identity-input";
import { issueIdentityKeyShare } from "@milagro/crypto/identity-key";
import { generateMasterSecretShare } from "@milagro/crypto/master-secret";
import { signDeviceApproval } from "@milagro/protocol/device-approval";
import type { MpinEnrolment, MpinKeys } from "@milagro/protocol/mpin-issuance";
import { parseIssuancePolicy } from "@milagro/protocol/policy";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { exportJWK, SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { beginDevice, device, enrolDevice, LAPTOP, LOGIN_POLICY, outcomeOf, PHONE, SERVICE } from "./mpin-support.ts";
import {
  cleanUp,
  engine,
  foundDomain,
  NOW_MS,
  post,
  random,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "./support.ts";

const loginServer = generateKeyPairSync("ed25519");
const other = generateKeyPairSync("ed25519");

let world: TestDomain;
let dta: TestDta;
let laptop: MpinKeys;
let fresh: MpinEnrolment;
let count = 0;

beforeAll(async () => {
  world = await foundDomain(1);
  dta = world.dtas[0] as TestDta;
  const key = await exportJWK(loginServer.publicKey);
  const policy = {
    ...LOGIN_POLICY,
    loginServers: [
      { name: "login", publicKey: key, services: [SERVICE] },
      { name: "elsewhere", publicKey: await exportJWK(other.publicKey), services: ["shop*"] },
    ],
  };
  await setPolicy(dta, parseIssuancePolicy(JSON.parse(JSON.stringify(policy))));
  laptop = await enrolDevice(world, LAPTOP);
});
beforeEach(async () => {
  world.clock.nowMs = NOW_MS;
  fresh = await beginDevice(world, device(`phone${++count}`));
});
afterAll(cleanUp);

const nowSeconds = () => Math.floor(world.clock.nowMs / 1000);
const signature = (enrolment = fresh, key = laptop.signing.key, as = LAPTOP) => {
  const { domainId, publicKey } = world.domain;
  const { requestHash } = enrolment;
  return signDeviceApproval({ engine, random, domainId, publicKey, device: as, key, requestHash });
};
function approval(
  changes: Readonly<Record<string, unknown>> = {},
  key: KeyObject = loginServer.privateKey,
  enrolment = fresh,
): Promise<string> {
  return new SignJWT({
    iss: "login",
    sub: enrolment.claim.identity,
    aud: encodeBase64url(world.domain.domainId),
    request_hash: encodeBase64url(enrolment.requestHash),
    device: LAPTOP,
    exp: nowSeconds() + 600,
    jti: randomUUID(),
    ...changes,
  })
    .setProtectedHeader({ alg: "EdDSA" })
    .sign(key);
}
const show = (jwt: string, signed = signature(), as: string = LAPTOP, enrolment = fresh) =>
  outcomeOf(world, enrolment, [{ type: "device", device: as as typeof LAPTOP, signature: signed, approval: jwt }]);

test("the user's other device and the login server together let a device in", async () => {
  expect(await show(await approval())).toBe("issued");
  const { audit, store } = dta.running.context;
  const { index } = await audit.head(store.db);
  expect((await audit.read(store.db, index - 1, 1))[0]).toMatchObject({
    action: "issue",
    outcome: "ok",
    subject: fresh.claim.identity,
    details: { evidence: "device" },
  });
});

test("a rogue login server alone gets nothing: it has no signature of the device", async () => {
  const rogue = generateMasterSecretShare(engine, "id");
  const input = identityInput(world.domain.domainId, "sig", LAPTOP, NO_EXPIRY);
  const forged = issueIdentityKeyShare(engine, rogue, input, "sig");
  const key = { ...forged, kind: "key", use: forged.use.bind(forged) } as unknown as MpinKeys["signing"]["key"];
  const strange = await beginDevice(world, device("stranger12"));
  const attempts = [new Uint8Array(96), new Uint8Array(96).fill(0xff), signature(fresh, key), signature(strange)];
  for (const signed of attempts) expect(await show(await approval(), signed)).toBe("ERR_EVIDENCE_INVALID");
});

test("a rogue login server gets nothing by other means either", async () => {
  const jwt = await approval();
  for (const piece of [
    { type: "grant", jwt } as const,
    { type: "oidc", jwt } as const,
    { type: "email-code", code: "ABCD-EFGH" } as const,
    {
      type: "grant",
      jwt: await approval({ request_key: requestKeyThumbprint(fresh.claim.requestKey), usages: ["mpin", "sig"] }),
    } as const,
  ])
    expect(await outcomeOf(world, fresh, [piece])).not.toBe("issued");
});

test("a stolen device alone gets nothing: nobody but the login server approves", async () => {
  const { privateKey: thief } = generateKeyPairSync("ed25519");
  expect(await show(await approval({}, thief))).toBe("ERR_EVIDENCE_INVALID");
  // Nor does its signing key renew anything that a PIN protects.
  const renewal = { type: "renewal", epoch: NO_EXPIRY, signature: signature(fresh) } as const;
  expect(await outcomeOf(world, fresh, [renewal])).toBe("ERR_EVIDENCE_INVALID");
});

const REFUSED: [string, () => Promise<string>][] = [
  ["by a login server for other services", () => approval({ iss: "elsewhere" }, other.privateKey)],
  ["by a login server that the policy does not know", () => approval({ iss: "nobody" })],
  ["in the name of another login server", () => approval({ iss: "elsewhere" })],
  ["for another device", () => approval({ sub: PHONE })],
  ["for another domain", () => approval({ aud: encodeBase64url(new Uint8Array(32)) })],
  ["for another request", () => approval({ request_hash: encodeBase64url(new Uint8Array(32)) })],
  ["that names another approving device", () => approval({ device: device("someother1") })],
  ["that has expired", () => approval({ exp: nowSeconds() - 61 })],
  ["that is good for too long", () => approval({ exp: nowSeconds() + 3600 })],
  ["without an end", () => approval({ exp: undefined })],
  ["that cannot be spent", () => approval({ jti: undefined })],
  ["that is no token", async () => "eyJhbGciOiJub25lIn0.e30.AAAA"],
];
test.each(REFUSED)("an approval %s is refused", async (_, make) => {
  expect(await show(await make())).toBe("ERR_EVIDENCE_INVALID");
});

test("one approval lets one request in, also when the device signs another", async () => {
  const jti = randomUUID();
  expect(await show(await approval({ jti }))).toBe("issued");
  const second = await beginDevice(world, device(`phone${++count}`));
  const again = await approval({ jti }, loginServer.privateKey, second);
  expect(await show(again, signature(second), LAPTOP, second)).toBe("ERR_EVIDENCE_INVALID");
});

test("devices of other users and services, the device itself, and devices nobody knows approve nothing", async () => {
  const strangers = [
    device("k7w2m9x4ab", "bob@example.org"),
    device("k7w2m9x4ab", "alice@example.org", "shop.example.org"),
    fresh.claim.identity,
    "milagro:example.org/service/alice",
  ];
  for (const stranger of strangers)
    expect(await show(await approval({ device: stranger }), signature(), stranger)).toBe("ERR_EVIDENCE_INVALID");
  // Its key is right, but this D-TA has no record that it made one.
  const { db } = dta.running.context.store;
  const row = await db.deleteFrom("device").where("identity", "=", LAPTOP).returningAll().executeTakeFirstOrThrow();
  expect(await show(await approval())).toBe("ERR_EVIDENCE_INVALID");
  await db.insertInto("device").values(row).execute();
  expect(await show(await approval())).toBe("issued");
});

test("a device that is denied approves nothing any more", async () => {
  const pattern = parseIdentityPattern(LAPTOP);
  await post(dta.admin, "/v1/deny", { v: 1, pattern });
  expect(await show(await approval())).toBe("ERR_EVIDENCE_INVALID");
  await dta.admin.request({ method: "DELETE", path: "/v1/deny", body: { v: 1, pattern } });
  expect(await show(await approval())).toBe("issued");
});

/** Identities outside the grammar, by every way in: each is refused with a code, named nowhere, and leaves nothing behind. */
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { concat, u16, utf8 } from "@milagro/crypto/bytes";
import { hpkeSeal } from "@milagro/crypto/hpke";
import { canonicalBytes } from "@milagro/protocol/canonical";
import { encodeIssuancePolicy } from "@milagro/protocol/policy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { run } from "../../clients/cli/test/run-cli.ts";
import { readEndpointConfig } from "../../clients/endpoint/src/config.ts";
import {
  cleanUp,
  foundDomain,
  joinToken,
  newFolder,
  OPEN_POLICY,
  setPolicy,
  type TestDomain,
  type TestDta,
} from "../../services/dta/test/support.ts";
import type { Kms } from "../../services/kms/src/kms.ts";
import {
  allow,
  Client,
  type Founded,
  foundDomain as foundFor,
  makeHome,
  random,
  startInProcess,
  who,
} from "../../services/kms/test/support.ts";

const HOSTILE: readonly (readonly [what: string, identity: string])[] = [
  ["empty", ""],
  ["a NUL inside", "milagro:example.org/person/ali\u0000ce"],
  ["a line break", "milagro:example.org/person/alice\n"],
  ["256 bytes", `milagro:example.org/person/${"a".repeat(229)}`],
  ["255 characters, more bytes", `milagro:example.org/person/${"é".repeat(228)}`],
  ["a megabyte", `milagro:example.org/person/${"a".repeat(100_000)}`],
  ["a way out of the folder", "milagro:example.org/person/../../alice"],
  ["an empty segment", "milagro:example.org/person//alice"],
  ["a slash at the end", "milagro:example.org/person/alice/"],
  ["no name", "milagro:example.org/person"],
  ["another scheme", "https://example.org/person/alice"],
  ["capitals in the domain", "milagro:Example.org/person/alice"],
  ["decomposed letters", "milagro:example.org/person/e\u0301va"],
  ["a compatibility letter's mark in front", "milagro:example.org/person/\u0301a"],
  ["text that turns direction", "milagro:example.org/person/\u202eecila"],
  ["an isolate", "milagro:example.org/person/a\u2066b\u2069"],
  ["an invisible letter", "milagro:example.org/person/al\u3164ice"],
  ["a zero-width joiner", "milagro:example.org/person/al\u200dice"],
  ["a soft hyphen", "milagro:example.org/person/al\u00adice"],
  ["half a surrogate pair", "milagro:example.org/person/\ud83d"],
  ["an emoji", "milagro:example.org/person/😀"],
  ["a space", "milagro:example.org/person/al ice"],
  ["a per cent sign", "milagro:example.org/person/al%69ce"],
  ["MQTT wildcards", "milagro:example.org/person/+/#"],
];

let world: TestDomain;
let dta: TestDta;
let founded: Founded;
let home: ReturnType<typeof makeHome>;
let kms: Kms;
let alice: Client;
beforeAll(async () => {
  world = await foundDomain(1);
  [dta] = world.dtas as [TestDta];
  await setPolicy(dta, OPEN_POLICY);
  founded = await foundFor("example.org", 1);
  home = makeHome(founded, [allow("user/alice", ["put", "generate", "list"])]);
  kms = await startInProcess(home.home, { settings: { limits: { identityBurst: 1000 } } });
  alice = new Client(founded, who("user/alice"));
});
afterAll(async () => {
  await kms?.close();
  home?.remove();
  await cleanUp();
});

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );
const logLength = async (): Promise<number> =>
  ((await dta.http.request({ path: "/v1/dta" })).body as { log: { index: number } }).log.index;

/** As a client would that checks nothing. */
async function askRaw(identity: string): Promise<string> {
  const { domain, clock } = world;
  const token = await joinToken(dta, { identities: "milagro:example.org/service/**" });
  const body = {
    v: 1,
    domainId: encodeBase64url(domain.domainId),
    identity,
    keys: [{ usage: "enc", epoch: clock.epoch }],
    requestKey: encodeBase64url(domain.authorities[0]?.hpkeKey ?? new Uint8Array()),
    nonce: encodeBase64url(random(16)),
    time: Math.floor(clock.nowMs / 1000),
    evidence: [{ type: "join-token", token }],
  };
  const [authority] = domain.authorities;
  if (!authority) throw new Error("no D-TA");
  const sealed = await hpkeSeal({
    random,
    publicKey: authority.hpkeKey,
    info: utf8("milagro issuance v1"),
    aad: concat(domain.domainId, u16(1)),
    plaintext: identity.isWellFormed() ? canonicalBytes(body) : utf8(JSON.stringify(body)),
  });
  const wire = {
    v: 1,
    domainId: encodeBase64url(domain.domainId),
    index: 1,
    encapsulatedKey: encodeBase64url(sealed.encapsulatedKey),
    ciphertext: encodeBase64url(sealed.ciphertext),
  };
  return codeOf(dta.http.request({ method: "POST", path: "/v1/issue", body: wire }));
}

describe.each(HOSTILE)("%s", (_, identity) => {
  test("at a D-TA: sealed request, join token, deny-list, policy", async () => {
    expect(await askRaw(identity)).toBe("ERR_MESSAGE_INVALID");
    const before = await logLength();
    const admin = (method: "POST" | "PUT", path: string, body: object) =>
      codeOf(dta.admin.request({ method, path, body, idempotent: false }));
    const token = { v: 1, identities: identity, usages: ["enc"], ttlSeconds: 60, uses: 1 };
    expect(await admin("POST", "/v1/join-tokens", token)).toBe("ERR_MESSAGE_INVALID");
    expect(await admin("POST", "/v1/deny", { v: 1, pattern: identity })).toBe("ERR_MESSAGE_INVALID");
    const policy = encodeIssuancePolicy(OPEN_POLICY);
    expect(await admin("PUT", "/v1/policy", { ...policy, version: 9, denied: [identity] })).toBe("ERR_MESSAGE_INVALID");
    expect(await logLength()).toBe(before);
  });

  test("at the D-KMS: recipient of a record, recipient to generate for, key of a signature", async () => {
    const record = alice.record("a/b", 1, [alice.identity], "x");
    const [recipient] = record.recipients;
    const recipients = [{ ...recipient, identity }];
    const put = await alice.call("POST", `${kms.url}/v1/secrets/a/b`, { body: { ...record, recipients } });
    expect([put.status, put.json.code]).toEqual([400, "ERR_MESSAGE_INVALID"]);
    const body = { v: 1, recipients, form: { type: "bytes", length: 16 } };
    const generated = await alice.call("POST", `${kms.url}/v1/generate/a/b`, { body });
    expect([generated.status, generated.json.code]).toEqual([400, "ERR_MESSAGE_INVALID"]);
    const { headers } = alice.sign("GET", `${kms.url}/v1/secrets`);
    const keyid = `keyid="${encodeURIComponent(identity.toWellFormed())}#20000"`;
    const input = (headers["signature-input"] ?? "").replace(/keyid="[^"]*"/, keyid);
    const { json } = await alice.call("GET", `${kms.url}/v1/versions/a/b`);
    expect(json.code).toBe("ERR_SECRET_UNKNOWN");
    if (input.length < 16_000) {
      const refused = await fetch(`${kms.url}/v1/secrets`, { headers: { ...headers, "signature-input": input } });
      expect(refused.status).toBe(401);
      expect(((await refused.json()) as { code: string }).code).toBe("ERR_SIGNATURE_INVALID");
    }
    for (const answer of [put.text, generated.text])
      if (identity.length > 8) expect(answer).not.toContain(identity.slice(0, 60));
  });

  test("at the command line and in an endpoint's configuration", async () => {
    const folder = newFolder();
    for (const words of [
      ["enrol", "--id", identity, "--evidence", "-"],
      ["sign", "x", "--id", identity],
    ]) {
      const { status, stderr } = await run([...words, "--home", "home"], { cwd: folder });
      expect(status).toBe(1);
      expect(stderr).toMatch(/\(ERR_(IDENTITY_INVALID|KEY_MISSING|DOMAIN_UNKNOWN|CONFIG_INVALID)\)/);
    }
    mkdirSync(join(folder, "endpoint"));
    for (const config of [{ identity }, { identity: "milagro:example.org/endpoint/web", authors: [identity] }]) {
      writeFileSync(join(folder, "endpoint", "config.json"), JSON.stringify(config));
      expect(() => readEndpointConfig(join(folder, "endpoint"), {}, {})).toThrow(/milagro:<domain>|identity/);
    }
  });
});

test("as user name of the bus: closed without an answer that tells more", async () => {
  const url = new URL(kms.busUrl);
  for (const [, identity] of HOSTILE.filter(([, text]) => text.length < 1000)) {
    const field = (text: string): Buffer => {
      const bytes = Buffer.from(text.toWellFormed());
      return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
    };
    const rest = Buffer.concat([
      field("MQTT"),
      Buffer.from([4, 0xc2, 0, 30]),
      field("AAAAAAAAAAAAAAAA-x"),
      field(identity),
      field("e30"),
    ]);
    const length = rest.length < 128 ? [rest.length] : [(rest.length & 0x7f) | 0x80, rest.length >> 7];
    const socket = connect(Number(url.port), url.hostname);
    socket.write(Buffer.concat([Buffer.from([0x10, ...length]), rest]));
    const answer: Buffer[] = [];
    socket.on("data", (chunk) => answer.push(chunk));
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
    // Nothing, or CONNACK with "bad user name or password".
    expect(["", "20020004"]).toContain(Buffer.concat(answer).toString("hex"));
  }
});

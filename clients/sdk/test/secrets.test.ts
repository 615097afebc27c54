import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import type { Epoch } from "@milagro/crypto/epoch";
import { parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { verifyRequest } from "@milagro/protocol/http-signature";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, parseSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import { parseJson } from "@milagro/protocol/wire";
import { sha512 } from "@noble/hashes/sha2.js";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  BOB,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  NOW_MS,
} from "../../../core/protocol/test/fixture.ts";
import { createClient } from "../src/client.ts";
import { decryptFile } from "../src/files.ts";
import { KeyRing } from "../src/key-ring.ts";
import { createNetwork, json, type Network, problem } from "./network.ts";

let founded: Founded;
let network: Network;
let alice: KeyRing;
let bob: KeyRing;
/** What the D-KMS would answer to a read. */
let stored: SecretRecord | undefined;
/** The number of the last version, which a deletion leaves. */
let last: number;
/** How many writers are faster. */
let losesRaces: number;
let puts: number;
const PATH = parseSecretPath("app/db/password");
const VALUE = utf8("correct horse battery staple");

beforeAll(async () => {
  founded = await foundDomain(1);
  const ring = (identity: typeof ALICE) => {
    const made = new KeyRing(founded.domain.domainId, identity);
    made.add(
      (["enc", "sig"] as const).map((usage) => ({ usage, epoch: EPOCH, key: issueKey(founded, identity, usage) })),
    );
    return made;
  };
  alice = ring(ALICE);
  bob = ring(BOB);
});

beforeEach(() => {
  network = createNetwork(founded);
  stored = undefined;
  last = 0;
  losesRaces = 0;
  puts = 0;
  network.other = async (request) => {
    if (request.url.endsWith("/v1/enrolments")) throw new MilagroError("ERR_UNREACHABLE", "this D-KMS does not relay");
    verifyRequest(
      engine,
      founded.domain,
      { method: request.method, targetUri: request.url, headers: request.headers, body: request.body },
      network.nowMs,
    );
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname.startsWith("/v1/secrets/")) {
      puts++;
      if (losesRaces > 0 && stored) {
        losesRaces--;
        last++;
        stored = { ...stored, version: last };
        return problem("ERR_VERSION_CONFLICT");
      }
      stored = parseSecretRecord(parseJson(parseUtf8(request.body ?? new Uint8Array())));
      last = stored.version;
      return json(201, { v: 1, path: stored.path, version: stored.version, sequence: 1 });
    }
    if (pathname.startsWith("/v1/versions/") && last > 0 && !stored)
      return json(200, { v: 1, path: PATH, versions: [], newest: last, deleted: true });
    if (!stored) return problem("ERR_SECRET_UNKNOWN");
    if (pathname.startsWith("/v1/versions/")) {
      const { path, version, author, created } = encodeSecretRecord(stored);
      const versions = [{ path, version, author, recipients: [BOB], created }];
      return json(200, { v: 1, path, versions, newest: version, deleted: false });
    }
    return json(200, encodeSecretRecord(stored));
  };
});
const client = () => createClient({ ...network.deps, kmsUrl: "http://kms.example.org" });
const put = (version?: number) =>
  client().putSecret(alice, { path: PATH, recipients: [BOB], plaintext: VALUE, version });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );

describe("a secret", () => {
  test("put by Alice is opened by Bob, and the plaintext never travels", async () => {
    await put();
    const { plaintext, record } = await client().getSecret(bob, PATH);
    expect(plaintext.use((bytes) => parseUtf8(bytes))).toBe(parseUtf8(VALUE));
    expect(record).toMatchObject({ version: 1, author: { identity: ALICE } });
    expect(JSON.stringify(encodeSecretRecord(record))).not.toContain(
      Buffer.from(VALUE).toString("base64url").slice(4, 20),
    );
  });

  test("the next version is one more than the D-KMS knows", async () => {
    await put(4);
    expect((await put()).record.version).toBe(5);
  });

  test("after a deletion numbers go on", async () => {
    await put(4);
    stored = undefined;
    expect((await put()).record.version).toBe(5);
  });

  test("a lost race is run once more, with the number after the winner's", async () => {
    await put(4);
    losesRaces = 1;
    expect((await put()).record.version).toBe(6);
    losesRaces = 2;
    puts = 0;
    expect([await codeOf(put()), puts]).toEqual(["ERR_VERSION_CONFLICT", 2]);
  });

  test("a number that was asked for is not replaced by another", async () => {
    await put(4);
    losesRaces = 1;
    puts = 0;
    expect([await codeOf(put(5)), puts]).toEqual(["ERR_VERSION_CONFLICT", 1]);
  });

  test("rotation keeps the recipients", async () => {
    await put();
    const { record } = await client().rotateSecret(alice, PATH, utf8("new"));
    expect(record).toMatchObject({ version: 2, recipients: [{ identity: BOB, epoch: EPOCH }] });
  });

  test("a key of a past epoch is asked for when a secret needs it", async () => {
    const later = (EPOCH + 1) as Epoch;
    await put();
    network.nowMs = NOW_MS + 86_400_000;
    const ring = new KeyRing(founded.domain.domainId, BOB);
    ring.add([{ usage: "sig", epoch: later, key: issueKey(founded, BOB, "sig", later) }]);
    const { plaintext } = await client().getSecret(ring, PATH);
    expect(plaintext.use((bytes) => bytes.length)).toBe(VALUE.length);
    expect(ring.find("enc", EPOCH)).toBeDefined();
  });
});

describe("refused by the reader", () => {
  const read = (record: SecretRecord, rules = {}) => {
    stored = record;
    return codeOf(client().getSecret(bob, PATH, undefined, rules));
  };
  test("an envelope that was changed", async () => {
    const { record } = await put();
    expect(await read({ ...record, envelope: flip(record.envelope, -1) })).toBe("ERR_VERSION_RECORD_INVALID");
  });
  test("a version number that was changed", async () => {
    const { record } = await put();
    expect(await read({ ...record, version: 2 })).toBe("ERR_VERSION_RECORD_INVALID");
  });
  test("the record of another path", async () => {
    const { record } = await put();
    expect(await read({ ...record, path: parseSecretPath("other") })).toBe("ERR_VERSION_RECORD_INVALID");
  });
  test("an author in another's name", async () => {
    const { record } = await put();
    expect(await read({ ...record, author: { identity: BOB, epoch: EPOCH } })).toBe("ERR_VERSION_RECORD_INVALID");
  });
  test("an author who is not accepted", async () => {
    const { record } = await put();
    expect(await read(record, { authors: [parseIdentityPattern("milagro:example.org/service/*")] })).toBe(
      "ERR_AUTHOR_REFUSED",
    );
    expect(await read(record, { authors: [parseIdentityPattern("milagro:example.org/person/*")] })).toBe("ok");
  });
  test("an older version than the newest that was seen", async () => {
    const { record } = await put();
    expect(await read(record, { newest: 2 })).toBe("ERR_VERSION_ROLLBACK");
  });
  test("a secret that is for somebody else", async () => {
    await put();
    expect(await codeOf(client().getSecret(alice, PATH))).toBe("ERR_NOT_RECIPIENT");
  });
  test("without a signing key of this epoch no request is made", async () => {
    network.nowMs = NOW_MS + 86_400_000;
    expect(await codeOf(client().getSecret(bob, PATH))).toBe("ERR_KEY_MISSING");
  });
});

describe("files", () => {
  const collect = async (source: AsyncIterable<Uint8Array>) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  test("encrypted to a name, opened with its key", async () => {
    const sealed = await collect(client().encryptFile([BOB], EPOCH, [utf8("hello")]));
    expect((await collect(client().decryptFile(bob, [sealed]))).toString()).toBe("hello");
    await expect(collect(client().decryptFile(alice, [sealed]))).rejects.toMatchObject({ code: "ERR_NOT_RECIPIENT" });
  });
  test("offline, a key that is not here is not asked for", async () => {
    const ring = new KeyRing(founded.domain.domainId, BOB);
    const sealed = await collect(client().encryptFile([BOB], EPOCH, [utf8("hello")]));
    await expect(
      collect(decryptFile({ ...network.deps, online: false }, async () => ring, [sealed])),
    ).rejects.toMatchObject({
      code: "ERR_KEY_MISSING",
    });
    expect(network.dtas[0]?.bodies).toEqual([]);
  });
});

describe("file signatures", () => {
  const digest = sha512(utf8("the file"));
  test("verify with the descriptor alone", () => {
    const signed = client().signFile(alice, digest);
    expect(client().verifyFileSignature(signed, digest)).toBe(true);
    expect(client().verifyFileSignature(signed, sha512(utf8("another file")))).toBe(false);
    expect(client().verifyFileSignature({ ...signed, identity: BOB }, digest)).toBe(false);
    expect(client().verifyFileSignature({ ...signed, time: signed.time + 1 }, digest)).toBe(false);
  });
  test("a time outside the key's epoch is refused", () => {
    const signed = client().signFile(alice, digest);
    expect(() => client().verifyFileSignature({ ...signed, time: signed.time + 86_400 }, digest)).toThrow(
      "outside the epoch",
    );
  });
});

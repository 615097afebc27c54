/** Clients over channels: who they are is what the channel has proven, whatever their requests are signed with. */
import { rm } from "node:fs/promises";
import { request as httpRequest, type RequestOptions } from "node:http";
import type { AddressInfo } from "node:net";
import * as S3 from "@aws-sdk/client-s3";
import { S3Client } from "@aws-sdk/client-s3";
import { channelAgent, connect } from "@milagro/channel";
import { listenNear, openForward } from "@milagro/channel/forward";
import { FORWARD_PROTOCOL } from "@milagro/channel/forward-messages";
import type { Identity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import { createTicketCache } from "@milagro/runtime/channel/tickets";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { makeWorld, nobody, party } from "../../channel/test/fixture.ts";
import { admitPeer, listAccessKeys, revokeAccessKey } from "../src/access-keys.ts";
import { presign } from "../src/presign.ts";
import { alice, bob, GATEWAY, startWorld, type World } from "./world.ts";

const Bucket = "channels";
const people = await makeWorld("example");
let home: string;
let world: World;
beforeAll(async () => {
  home = await makeTempFolder();
  world = await startWorld(home, { self: party(GATEWAY, people), flags: { channelListen: "127.0.0.1:0" } });
  await world.accessKeys((store) => admitPeer(store, { identity: alice, attributes: { role: ["staff"] } }, Date.now()));
  await untilIn(alice);
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

/** The gateway looks at its file once a second, and for longer where there is much to do. */
const LOOKED = { timeout: 20_000, interval: 100 };
const untilIn = (identity: Identity) => {
  const dial = () => connect({ self: party(identity, people), to: GATEWAY, ...address() });
  return vi.waitFor(async () => (await dial()).destroy(), LOOKED);
};
const address = () => ({ host: "127.0.0.1", port: world.running.channelPort as number });
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof MilagroError ? error.code : (error as Error).name),
  );

/** The AWS SDK through `forward`'s near side, as its users have it: with credentials that mean nothing here. */
async function clientOf(self: ChannelSelf, target?: { host: string; port: number }): Promise<S3Client> {
  const tickets = createTicketCache();
  const dial = () =>
    connect({ self, to: GATEWAY, ...address(), ALPNProtocols: [FORWARD_PROTOCOL], tickets, allowHalfOpen: true });
  const near = await listenNear({ host: "127.0.0.1", port: 0 }, { dial, target });
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${(near.address() as AddressInfo).port}`,
    region: "us-east-1",
    credentials: { accessKeyId: "ANYTHING", secretAccessKey: "nobody looks at this" },
    forcePathStyle: true,
    maxAttempts: 1,
  });
  onTestFinished(() => {
    client.destroy();
    near.close();
  });
  return client;
}

const text = async (client: S3Client, Key: string): Promise<string> => {
  const { Body } = await client.send(new S3.GetObjectCommand({ Bucket, Key }));
  return (Body as { transformToString(): Promise<string> }).transformToString();
};

describe("by forward", () => {
  test("an unmodified client writes, reads and lists as the channel's identity, and the audit log names it and no key", async () => {
    const client = await clientOf(party(alice, people));
    await client.send(new S3.CreateBucketCommand({ Bucket }));
    const Body = "over a channel ".repeat(20_000);
    await client.send(new S3.PutObjectCommand({ Bucket, Key: "note", Body }));
    expect(await text(client, "note")).toBe(Body);
    const { Contents = [] } = await client.send(new S3.ListObjectsV2Command({ Bucket }));
    expect(Contents.map(({ Key, Size }) => [Key, Size])).toEqual([["note", Body.length]]);
    const rows = world.running.gateway.store.db
      .selectFrom("audit_log")
      .selectAll()
      .where("action", "=", "object.write");
    const written = await rows.executeTakeFirstOrThrow();
    expect(written).toMatchObject({ outcome: "ok", subject: alice });
    expect(Object.keys(JSON.parse(written.details))).toEqual(["address", "bucket", "channel", "key", "policy"]);
  });

  test("a body that is signed chunk by chunk with a key that nobody knows is unpacked, its trailing checksum is checked all the same", async () => {
    const agent = channelAgent({ self: party(alice, people), to: GATEWAY, ...address() });
    onTestFinished(() => agent.destroy());
    const chunk = `4;chunk-signature=${"0".repeat(64)}\r\nabcd\r\n0;chunk-signature=${"0".repeat(64)}\r\n`;
    const put = (crc32: string) => {
      const body = `${chunk}x-amz-checksum-crc32:${crc32}\r\nx-amz-trailer-signature:${"0".repeat(64)}\r\n\r\n`;
      const headers = {
        "content-length": Buffer.byteLength(body),
        "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": 4,
        "x-amz-trailer": "x-amz-checksum-crc32",
      };
      return statusOf({ agent, method: "PUT", path: `/${Bucket}/chunked`, headers }, body);
    };
    expect(await put("7YLNEQ==")).toBe(200);
    expect(await put("AAAAAA==")).toBe(400);
  });
});

describe("who is not let in", () => {
  test("an identity of the domain that the gateway was not told of, and nobody in particular", async () => {
    const refused = { to: GATEWAY, ...address() };
    expect(await codeOf(connect({ ...refused, self: party(bob, people) }))).toBe("ERR_CHANNEL_REFUSED");
    expect(await codeOf(connect({ ...refused, self: nobody(people) }))).toBe("ERR_CHANNEL_REFUSED");
  });

  test("a namesake of another domain", async () => {
    const others = await makeWorld("example");
    const stranger = connect({ self: party(alice, others), to: GATEWAY, ...address() });
    expect(await codeOf(stranger)).toMatch(/^ERR_(CHANNEL|DOMAIN)_/);
  });

  test("whoever asks for another target than the gateway", async () => {
    const self = party(alice, people);
    const channel = await connect({ self, to: GATEWAY, ...address(), ALPNProtocols: [FORWARD_PROTOCOL] });
    expect(await codeOf(openForward(channel, { host: "127.0.0.1", port: 22 }))).toBe("ERR_TARGET_REFUSED");
  });

  test("the identity is no access key: a request signed in its name without a channel is refused", async () => {
    const accessKey = { id: alice, secret: "" };
    const url = await presign({
      endpoint: world.running.url,
      accessKey,
      method: "GET",
      bucket: Bucket,
      key: "note",
      seconds: 60,
    });
    expect((await fetch(url)).status).toBeGreaterThanOrEqual(400);
    const listed = await world.accessKeys(async (store) => listAccessKeys(store));
    expect(listed.filter(({ by }) => by === "channel").map(({ id }) => id)).toEqual([alice]);
  });

  test("a policy that the channel's identity does not satisfy, and what it may only read", async () => {
    const client = await clientOf(party(alice, people));
    expect(await codeOf(client.send(new S3.PutObjectCommand({ Bucket: "records", Key: "ward/x", Body: "" })))).toBe(
      "AccessDenied",
    );
    const readOnly = { identity: bob, attributes: { role: ["staff"] }, readOnly: true };
    await world.accessKeys((store) => admitPeer(store, readOnly, Date.now()));
    await untilIn(bob);
    const reader = await clientOf(party(bob, people));
    expect(await text(reader, "note")).toContain("over a channel");
    expect(await codeOf(reader.send(new S3.PutObjectCommand({ Bucket, Key: "note", Body: "" })))).toBe("AccessDenied");
  });

  test("a channel that stands does nothing more once the identity is revoked, and there is no new one, by ticket neither", async () => {
    const self = party(bob, people);
    const agent = channelAgent({ self, to: GATEWAY, ...address() }, { maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ask = () => statusOf({ agent, path: `/${Bucket}/note` });
    const tickets = createTicketCache();
    const ticketed = channelAgent({ self, to: GATEWAY, ...address(), tickets });
    onTestFinished(() => ticketed.destroy());
    const again = () => statusOf({ agent: ticketed, path: `/${Bucket}/note`, headers: { connection: "close" } });
    expect([await again(), await again(), await ask()]).toEqual([200, 200, 200]);
    await world.accessKeys((store) => revokeAccessKey(store, bob));
    await expect.poll(ask, LOOKED).toBe(403);
    // By ticket TLS is set up before the gateway has looked; then the channel ends without an answer.
    expect(await codeOf(again())).not.toBe("ok");
    expect(await codeOf(connect({ self, to: GATEWAY, ...address() }))).toBe("ERR_CHANNEL_REFUSED");
  });
});

function statusOf(options: RequestOptions, body?: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode));
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** What a store can do to what lies there, and what comes of it: refusals, and never a wrong byte.
 * One file, since every store that lies is put before the same gateway and the same objects. */
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as S3 from "@aws-sdk/client-s3";
import { MilagroError } from "@milagro/engine/error";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import type { Backend } from "../src/backend/backend.ts";
import { openFolderBackend } from "../src/backend/folder.ts";
import { SEALED_SEGMENT_LENGTH } from "../src/format/layout.ts";
import { openOffline } from "../src/offline.ts";
import { S3RequestPresigner } from "./presign.ts";
import { alice, bob, bytesOf, domain, GATEWAY, keysOf, startWorld, type World } from "./world.ts";

const Bucket = "faults";
let home: string;
let world: World;
let s3: S3.S3Client;
/** What the backend does wrong at the moment. */
let fault: Partial<Backend> = {};
let now = 0;

beforeAll(async () => {
  home = await makeTempFolder();
  const real = await openFolderBackend(join(home, "store"), Date.now);
  const backend = new Proxy(real, {
    get: (target, name) => Reflect.get(fault, name) ?? Reflect.get(target, name),
  });
  world = await startWorld(home, { backend, clock: () => Date.now() + now });
  s3 = world.client();
  await s3.send(new S3.CreateBucketCommand({ Bucket }));
});
afterAll(async () => {
  await world.close();
  await rm(home, { recursive: true, force: true });
});

const put = (Key: string, Body: Uint8Array | string) => s3.send(new S3.PutObjectCommand({ Bucket, Key, Body }));
const get = async (Key: string, Range?: string): Promise<Uint8Array> => {
  const { Body } = await s3.send(new S3.GetObjectCommand({ Bucket, Key, Range }));
  return (Body as { transformToByteArray(): Promise<Uint8Array> }).transformToByteArray();
};
const nameOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: Error) => error.name,
  );
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof MilagroError ? error.code : String(error)),
  );
interface Row {
  readonly header: string;
  readonly etag: string;
  readonly length: number;
  readonly pieces: string;
}
const index = <T>(work: (database: DatabaseSync) => T): T => {
  const database = new DatabaseSync(join(home, "store", "index.sqlite"));
  try {
    return work(database);
  } finally {
    database.close();
  }
};
const rowOf = (name: string): Row =>
  index((database) =>
    database.prepare("select * from object where bucket = ? and name = ?").get(Bucket, name),
  ) as unknown as Row;
const setRow = (name: string, change: Partial<Row>): void =>
  index((database) => {
    for (const [column, value] of Object.entries({ etag: `${Math.random()}`, ...change }))
      database
        .prepare(`update object set ${column} = ? where bucket = ? and name = ?`)
        .run(value as string, Bucket, name);
  });
const fileOf = (name: string): string => {
  const [[file]] = JSON.parse(rowOf(name).pieces) as [[string, number]];
  return join(home, "store", "data", file.slice(0, 2), file);
};
/** The store changes an object's bytes. */
const tamper = async (name: string, change: (bytes: Buffer) => Uint8Array): Promise<void> => {
  const path = fileOf(name);
  const changed = change(await readFile(path));
  await writeFile(path, changed);
  const [[file]] = JSON.parse(rowOf(name).pieces) as [[string, number]];
  setRow(name, { length: changed.length, pieces: JSON.stringify([[file, changed.length]]) });
};
/** Bytes of plaintext that came before the connection broke, or the error's name. */
const read = async (name: string): Promise<string | Uint8Array> => {
  const url = await new S3RequestPresigner(world).url("GET", Bucket, name, 60);
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    httpRequest(url, (response) => {
      response.on("data", (chunk: Buffer) => parts.push(chunk));
      response.on("end", () =>
        resolve(response.statusCode === 200 ? new Uint8Array(Buffer.concat(parts)) : `status ${response.statusCode}`),
      );
      response.on("error", () => resolve(`broken after ${Buffer.concat(parts).length}`));
    }).end();
  });
};

describe("a store that changes bytes", () => {
  const BODY = bytesOf(1_000_000, 5);
  const SEGMENT = SEALED_SEGMENT_LENGTH;
  test.each<[string, (bytes: Buffer) => Uint8Array, RegExp]>([
    [
      "one bit of the first segment",
      (bytes) => {
        bytes[100] = (bytes[100] as number) ^ 1;
        return bytes;
      },
      /^status 500$/,
    ],
    [
      "one bit of a later segment",
      (bytes) => {
        bytes[SEGMENT * 9 + 5] = (bytes[SEGMENT * 9 + 5] as number) ^ 1;
        return bytes;
      },
      /^broken after (?:[0-9]+)$/,
    ],
    [
      "two segments swapped",
      (bytes) =>
        Buffer.concat([bytes.subarray(SEGMENT, 2 * SEGMENT), bytes.subarray(0, SEGMENT), bytes.subarray(2 * SEGMENT)]),
      /^status 500$/,
    ],
    [
      "a segment repeated in place of the next",
      (bytes) => {
        bytes.copy(bytes, SEGMENT, 0, SEGMENT);
        return bytes;
      },
      /^broken after 65536$/,
    ],
    [
      "a segment left out",
      (bytes) => Buffer.concat([bytes.subarray(0, SEGMENT), bytes.subarray(2 * SEGMENT)]),
      /^status 500$/,
    ],
    ["the end cut off", (bytes) => bytes.subarray(0, bytes.length - 1), /^status 500$/],
    ["cut at a segment's end", (bytes) => bytes.subarray(0, 3 * SEGMENT), /^status 500$/],
    ["something appended", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)]), /^status 500$/],
    ["all of it gone", () => new Uint8Array(0), /^status 500$/],
    [
      "the manifest changed",
      (bytes) => {
        const at = bytes.length - 20;
        bytes[at] = (bytes[at] as number) ^ 1;
        return bytes;
      },
      /^status 500$/,
    ],
  ])("%s: an error, and no byte that was not there", async (what, change, expected) => {
    const name = `tampered/${what}`;
    await put(name, BODY);
    await tamper(name, change);
    const result = await read(name);
    expect(result).toMatch(expected);
    const got = Number(/\d+$/.exec(String(result))?.[0] ?? 0);
    expect(got === 500 || got <= 9 * 65_536).toBe(true);
  });

  test("cut short while it is sent: the connection breaks, and what came is genuine", async () => {
    await put("short", BODY);
    fault = {
      async read(...args) {
        const found = await (await openFolder()).read(...args);
        if (!found || args[2] === "all" || "last" in (args[2] as object)) return found;
        return { ...found, body: cutAfter(found.body, 500_000) };
      },
    };
    expect(await read("short")).toMatch(/^broken after \d+$/);
    fault = {};
    expect(Buffer.compare(await get("short"), BODY)).toBe(0);
  });

  test("a range needs its own segments only: damage elsewhere does not touch it", async () => {
    await put("partly", BODY);
    await tamper("partly", (bytes) => {
      bytes[10] = (bytes[10] as number) ^ 1;
      return bytes;
    });
    expect(Buffer.compare(await get("partly", "bytes=500000-600000"), BODY.subarray(500_000, 600_001))).toBe(0);
    expect(await nameOf(get("partly", "bytes=0-10"))).toBe("InternalError");
  });
});

describe("a store that changes metadata, or moves things", () => {
  test("a header of another object, of another place, a changed one, none", async () => {
    await put("one", "1");
    await put("two", "2");
    const [one, two] = [rowOf("one"), rowOf("two")];
    setRow("one", { header: two.header });
    expect(await nameOf(get("one"))).toBe("InternalError");
    setRow("one", { header: two.header, pieces: two.pieces, length: two.length });
    expect(await nameOf(get("one")), "the whole of another object").toBe("InternalError");
    const bytes = Buffer.from(one.header, "base64url");
    for (const at of [0, 5, 20, 40, 100]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ 1;
      setRow("one", { header: changed.toString("base64url"), pieces: one.pieces, length: one.length });
      expect(await nameOf(get("one")), `byte ${at}`).toBe("InternalError");
    }
    setRow("one", { header: "" });
    expect(await nameOf(get("one"))).toBe("InternalError");
    setRow("one", { header: one.header });
    expect(await get("one")).toEqual(new TextEncoder().encode("1"));
  });

  test("a whole object rolled back to an earlier version opens: that is what a store can still do", async () => {
    await put("rolled", "old");
    const old = rowOf("rolled");
    const bytes = await readFile(fileOf("rolled"));
    await put("rolled", "new");
    const file = "f".repeat(32);
    const restore = async () => {
      await mkdir(join(home, "store", "data", "ff"), { recursive: true });
      await writeFile(join(home, "store", "data", "ff", file), bytes);
    };
    await restore();
    setRow("rolled", { header: old.header, length: old.length, pieces: JSON.stringify([[file, old.length]]) });
    expect(new TextDecoder().decode(await get("rolled"))).toBe("old");
    // Bytes of the old one under the header of the new one do not.
    await put("rolled", "new");
    await restore();
    setRow("rolled", { length: old.length, pieces: JSON.stringify([[file, old.length]]) });
    expect(await nameOf(get("rolled"))).toBe("InternalError");
  });

  test("a KEK that the store made itself, with an object under it, is refused: nobody signed it", async () => {
    await put("forged", "genuine");
    const thief = keysOf(alice, { role: ["staff"] });
    const strangerHome = await makeTempFolder();
    const stranger = await startWorld(strangerHome, {
      keys: { ...thief, writer: () => ({ ...(thief.writer() as NonNullable<ReturnType<typeof thief.writer>>) }) },
    });
    const other = stranger.client();
    await other.send(new S3.CreateBucketCommand({ Bucket }));
    await other.send(new S3.PutObjectCommand({ Bucket, Key: "forged", Body: "forged" }));
    const { backend } = stranger.running.gateway;
    const info = await backend.head(Bucket, "forged");
    const object = await backend.read(Bucket, "forged", "all");
    const kekId = Buffer.from(info?.header ?? "", "base64url")
      .subarray(1, 17)
      .toString("hex");
    const record = await backend.read(Bucket, `.milagro/kek/${kekId}`, "all");
    const own = await openFolder();
    await own.write(Bucket, `.milagro/kek/${kekId}`, {
      header: "",
      length: record?.info.length ?? 0,
      body: record?.body ?? [],
    });
    await own.write(Bucket, "forged", {
      header: info?.header ?? "",
      length: info?.length ?? 0,
      body: object?.body ?? [],
    });
    expect(await nameOf(get("forged"))).toBe("InternalError");
    await stranger.close();
    await rm(strangerHome, { recursive: true, force: true });
  });
});

describe("a store that does not work", () => {
  const down = (): Promise<never> => Promise.reject(new MilagroError("ERR_STORE_UNAVAILABLE", "the store is down"));
  test("down: 503 for all that needs it, and well again afterwards", async () => {
    await put("up", "x");
    fault = { read: down, head: down, write: down, list: down };
    expect(await nameOf(get("up"))).toBe("ServiceUnavailable");
    expect(await nameOf(put("other", "x"))).toBe("ServiceUnavailable");
    expect(await nameOf(s3.send(new S3.ListObjectsV2Command({ Bucket })))).toBe("ServiceUnavailable");
    fault = {};
    expect(await get("up")).toHaveLength(1);
  });

  test("fails in the middle of a body: the connection breaks, no wrong byte", async () => {
    await put("middle", bytesOf(1_000_000));
    fault = {
      async read(...args) {
        const found = await (await openFolder()).read(...args);
        if (!found || args[2] === "all" || "last" in (args[2] as object)) return found;
        return { ...found, body: failAfter(found.body, 600_000) };
      },
    };
    expect(await read("middle")).toMatch(/^broken after \d+$/);
    fault = {};
  });

  test("full: 503, and the old object is still there", async () => {
    await put("full", "old");
    fault = { write: () => Promise.reject(new MilagroError("ERR_STORAGE_FULL", "no space")) };
    expect(await nameOf(put("full", "new"))).toBe("ServiceUnavailable");
    fault = {};
    expect(new TextDecoder().decode(await get("full"))).toBe("old");
  });

  test("a client that is refused and goes on sending reads why, and is not cut off for what is on its way", async () => {
    const { port } = world.running;
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const closed = once(socket, "close");
    const [head, length] = ["HTTP/1.1 403 ", 8_000_000];
    let answer = "";
    const answered = new Promise<void>((resolve) => {
      socket.on("data", (chunk) => {
        answer += chunk;
        if (answer.endsWith("</Error>")) resolve();
      });
    });
    socket.write(`PUT /${Bucket}/refused HTTP/1.1\r\nhost: localhost:${port}\r\ncontent-length: ${length}\r\n\r\n`);
    // More than the gateway reads before it answers; the rest comes when the answer has long been there.
    socket.write(bytesOf(length / 2));
    await answered;
    expect([answer.slice(0, head.length), /^connection: close\r$/im.test(answer)]).toEqual([head, true]);
    socket.end(bytesOf(length / 2));
    expect(await closed).toEqual([false]);
  });

  test("a client that goes away in the middle of an upload leaves the old object and no trace", async () => {
    await put("aborted", "old");
    const before = await filesAtStore();
    const url = await new S3RequestPresigner(world).url("PUT", Bucket, "aborted", 60);
    await new Promise<void>((resolve) => {
      const request = httpRequest(url, { method: "PUT", headers: { "content-length": 10_000_000 } });
      request.on("error", () => resolve());
      request.write(bytesOf(1_000_000), () => setTimeout(() => request.destroy(), 50));
    });
    await expect.poll(filesAtStore, { timeout: 20_000 }).toEqual(before);
    expect(new TextDecoder().decode(await get("aborted"))).toBe("old");
  });

  test("the audit log cannot be written: nothing is read and nothing written", async () => {
    await put("unaudited", "old");
    const { audit } = world.running.gateway;
    const record = audit.record;
    Object.assign(audit, { record: () => Promise.reject(new MilagroError("ERR_STORAGE_FULL", "no space")) });
    expect(await nameOf(get("unaudited"))).toBe("ServiceUnavailable");
    expect(await nameOf(put("unaudited", "new"))).toBe("ServiceUnavailable");
    Object.assign(audit, { record });
    expect(new TextDecoder().decode(await get("unaudited"))).toBe("old");
  });
});

describe("time", () => {
  test("a clock that is off by more than 15 minutes, either way, is refused; by less it is not", async () => {
    await put("clock", "x");
    for (const [off, expected] of [
      [16, "RequestTimeTooSkewed"],
      [-16, "RequestTimeTooSkewed"],
      [14, "no error"],
      [-14, "no error"],
    ] as const) {
      now = off * 60_000;
      const client = world.client();
      const answer = await nameOf(client.send(new S3.GetObjectTaggingCommand({ Bucket, Key: "clock" })));
      expect(answer, `${off} minutes`).toBe(expected);
    }
    now = 0;
  });

  test("a presigned address works again until it ends, and then never", async () => {
    await put("presigned", "x");
    const url = await new S3RequestPresigner(world).url("GET", Bucket, "presigned", 60);
    expect([(await fetch(url)).status, (await fetch(url)).status]).toEqual([200, 200]);
    now = 61_000;
    expect((await fetch(url)).status).toBe(403);
    now = 0;
  });
});

describe("without the gateway", () => {
  const text = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  test("whoever holds the attributes opens the stored object; whoever does not is refused by arithmetic, also when the check is left out", async () => {
    await put("offline", "for staff only");
    const store = await openFolder();
    const place = { bucket: Bucket, key: "offline" };
    const staff = keysOf(alice, { role: ["staff"] }, { writes: false });
    const opened = await openOffline(store, staff, [GATEWAY], place);
    expect(await text(opened.body)).toBe("for staff only");
    const guest = keysOf(bob, { role: ["guest"] }, { writes: false });
    expect(await codeOf(openOffline(store, guest, [GATEWAY], place))).toBe("ERR_POLICY_UNSATISFIED");
    // A key that lies about what it holds passes the courtesy check; the pairings do not care.
    const [liar] = guest.held;
    const [honest] = staff.held;
    Object.defineProperty(liar, "entitlement", { value: honest?.entitlement });
    expect(await codeOf(openOffline(store, guest, [GATEWAY], place))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("a key of an epoch before the object's is refused: who lost the right in between reads nothing new", async () => {
    const store = await openFolder();
    const late = keysOf(alice, { role: ["staff"] }, { writes: false, epoch: 19_999 });
    expect(await codeOf(openOffline(store, late, [GATEWAY], { bucket: Bucket, key: "offline" }))).toBe(
      "ERR_POLICY_UNSATISFIED",
    );
    const later = keysOf(alice, { role: ["staff"] }, { writes: false, epoch: 20_001 });
    expect(await text((await openOffline(store, later, [GATEWAY], { bucket: Bucket, key: "offline" })).body)).toBe(
      "for staff only",
    );
  });

  test("a writer that is not named is not believed, nor another bucket or key", async () => {
    const store = await openFolder();
    const staff = keysOf(alice, { role: ["staff"] }, { writes: false });
    expect(await codeOf(openOffline(store, staff, [bob], { bucket: Bucket, key: "offline" }))).toBe("ERR_KEK_INVALID");
    expect(await codeOf(openOffline(store, staff, [GATEWAY], { bucket: Bucket, key: "nothing" }))).toBe(
      "ERR_FILE_MISSING",
    );
    expect(domain.keys.cp).toBeDefined();
  });
});

let folder: Backend | undefined;
/** The store as it is, past all faults. */
async function openFolder(): Promise<Backend> {
  folder ??= await openFolderBackend(join(home, "store"), Date.now);
  return folder;
}
afterAll(() => folder?.close());

async function filesAtStore(): Promise<number> {
  return (await readdir(join(home, "store", "data"), { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  ).length;
}
async function* cutAfter(body: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of body) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
async function* failAfter(body: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  yield* cutAfter(body, length);
  throw new MilagroError("ERR_STORE_UNAVAILABLE", "status 500 in the middle");
}

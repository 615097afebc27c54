/**
 * A gateway by separate `milagro` commands: three D-TAs as processes of their own issue its keys and a reader's; `aws s3 sync` goes through it up and
 * down; the store holds ciphertext; who lacks the attribute is refused offline, with everything in their hands.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { presign } from "../../apps/gateway/src/presign.ts";
import { clientsOf, ok } from "../../apps/gateway/test/clients.ts";
import { needs } from "../support/needs.ts";
import { PATIENT } from "../support/patient.ts";
import { freePorts } from "../support/ports.ts";
import { spawnMilagro, startDaemon } from "./milagro.ts";
import { acting, threeOperators } from "./three-operators.ts";

const GATEWAY = "milagro:acme/gateway/g1";
const ALICE = "milagro:acme/person/alice";
const BOB = "milagro:acme/person/bob";
const SECRET = "what only staff may read. ";

const POLICY = {
  v: 1,
  version: 2,
  rules: [
    {
      identities: ["milagro:acme/*/**"],
      usages: ["enc", "sig", "cp"],
      evidence: ["join-token", "renewal"],
      maxEpochsAhead: 1,
      maxEpochsBack: 30,
    },
  ],
  registrars: [],
  oidc: [],
  denied: [],
  attributes: {
    version: 1,
    unbound: true,
    schema: {
      v: 1,
      negation: false,
      labels: { role: { type: "text", values: "many" }, region: { type: "text", values: "one" } },
    },
    holders: [
      { identities: [GATEWAY, ALICE], attributes: { role: ["staff"], region: "DE" } },
      { identities: [BOB], attributes: { role: ["guest"], region: "DE" } },
    ],
    policies: [],
  },
};
const RULES = {
  v: 1,
  location: { region: "DE" },
  rules: [{ bucket: "*", policy: "role = staff", residency: "region in {DE, FR}" }],
};

const { path, options, call, run, failure, enrol, found, daemons, close } = threeOperators();
const gateway = `--home gw --profile op --id ${GATEWAY} --passphrase-file pass`;

beforeAll(async () => {
  const [kms] = await freePorts(1);
  await found("op", ["alice", "bob"], POLICY, `--kms http://127.0.0.1:${kms}`);
  const people = [
    [GATEWAY, "op", "role=staff"],
    [ALICE, "alice", "role=staff"],
    [BOB, "bob", "role=guest"],
  ] as const;
  await Promise.all(
    people.map(async ([identity, home, role]) => {
      await enrol(home, identity, " --route direct");
      await run(`attributes request ${acting(home, identity)} --unbound -a ${role} -a region=DE --route direct`);
    }),
  );
  await mkdir(path("gw"));
  await writeFile(path("gw", "rules.json"), JSON.stringify(RULES));
}, 180_000);

afterAll(close);

async function treeOf(root: string): Promise<Record<string, string>> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const digests = files.map(async (file) => [
    file.slice(root.length + 1),
    createHash("sha256")
      .update(await readFile(file))
      .digest("hex"),
  ]);
  return Object.fromEntries(await Promise.all(digests));
}

needs("aws")(
  "aws s3 sync up and down gives back the same bytes, the store holds ciphertext, and who lacks the attribute is refused offline by arithmetic",
  async () => {
    const made = JSON.parse(
      await run(
        `gateway access-key-create --home gw --passphrase-file pass ${ALICE} -a role=staff -a region=DE --format json`,
      ),
    );
    const server = await startDaemon(`gateway serve ${gateway} --listen 127.0.0.1:0`.split(" "), options());
    daemons.push(server);
    const key = { id: made.accessKeyId, secret: made.secretAccessKey } as Parameters<typeof clientsOf>[2];
    const clients = await clientsOf(path(), String(server.ready["url"]), key);
    await mkdir(path("up", "deep er"), { recursive: true });
    await writeFile(path("up", "plan.txt"), SECRET.repeat(10_000));
    await writeFile(path("up", "deep er", "ü.bin"), Buffer.alloc(9_000_000, SECRET));
    await writeFile(path("up", "empty"), "");

    await ok(clients.aws("s3", "mb", "s3://records"));
    await ok(clients.aws("s3", "sync", "up", "s3://records/x"));
    await ok(clients.aws("s3", "sync", "s3://records/x", "down"));
    expect(await treeOf(path("down"))).toEqual(await treeOf(path("up")));
    for (const [name] of Object.entries(await treeOf(path("gw", "store"))))
      expect((await readFile(path("gw", "store", name))).includes(SECRET), name).toBe(false);

    // Everything that the store has, in the hands of two people.
    const offline = "gateway decrypt records x/plan.txt --store gw/store";
    const believed = `--writer ${GATEWAY}`;
    expect(await run(`${offline} ${believed} ${acting("alice", ALICE)}`)).toBe(SECRET.repeat(10_000));
    expect(await failure(`${offline} ${believed} ${acting("bob", BOB)} -o bob.txt`)).toBe("ERR_POLICY_UNSATISFIED");
    expect(await failure(`${offline} --writer ${BOB} ${acting("alice", ALICE)} -o none.txt`)).toBe("ERR_KEK_INVALID");

    // The same from three files, however they were fetched.
    const index = new DatabaseSync(path("gw", "store", "index.sqlite"), { readOnly: true });
    const row = (name: string) =>
      index.prepare("select * from object where name = ?").get(name) as { header: string; pieces: string };
    const fileOf = (name: string) => {
      const [[file]] = JSON.parse(row(name).pieces) as [[string]];
      return `gw/store/data/${file.slice(0, 2)}/${file}`;
    };
    const { header } = row("x/plan.txt");
    const kek = fileOf(`.milagro/kek/${Buffer.from(header, "base64url").subarray(1, 17).toString("hex")}`);
    const raw = `gateway decrypt records x/plan.txt --object ${fileOf("x/plan.txt")} --kek ${kek} ${believed}`;
    expect((await call(`${raw} ${acting("alice", ALICE)}`, [`--header=${header}`])).stdout).toBe(SECRET.repeat(10_000));
    expect((await call(`${raw} ${acting("bob", BOB)}`, [`--header=${header}`])).stderr).toMatch(
      /ERR_POLICY_UNSATISFIED/,
    );
    index.close();

    // Rotation while it runs, from another process; then the key is revoked, and the gateway knows.
    for (const level of ["kek", "dek", "body"]) {
      const lines = (await run(`gateway rotate ${gateway} --level ${level} --bucket records`)).trim().split("\n");
      expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ level, finished: expect.any(String) });
    }
    await ok(clients.aws("s3", "sync", "s3://records/x", "again"));
    expect(await treeOf(path("again"))).toEqual(await treeOf(path("up")));
    await run(`gateway access-key-revoke --home gw --passphrase-file pass ${key.id}`);
    await expect
      .poll(async () => (await clients.aws("s3", "ls", "s3://records")).stderr, PATIENT)
      .toMatch(/InvalidAccessKeyId/);
  },
  240_000,
);

/** Bytes of all files that the gateway has stored, whole or not. */
async function storedBytes(): Promise<number> {
  const entries = await readdir(path("gw", "store"), { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) => {
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined); // gone meanwhile
    return found?.isFile() ? found.size : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** The gateway's own process, to be killed outright. */
async function spawnGateway(): Promise<{ readonly url: string; kill(): Promise<void> }> {
  const child = spawnMilagro(`gateway serve ${gateway} --listen 127.0.0.1:0`.split(" "), options());
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  daemons.push({ ready: {}, output: () => "", stop: () => kill().then(() => null) });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      const line = output.split("\n").find((text) => text.includes('"ready":true'));
      if (line !== undefined) resolve(String(JSON.parse(line).url));
    });
    void ended.then(() => reject(new Error(`the gateway ended: ${output}`)));
  });
  return { url, kill };
}

test("killed in the middle of an upload, and a rotation killed in its middle: both go on, and no partial object ever appears", async () => {
  const made = JSON.parse(
    await run(
      `gateway access-key-create --home gw --passphrase-file pass ${ALICE} -a role=staff -a region=DE --format json`,
    ),
  );
  const accessKey = { id: made.accessKeyId, secret: made.secretAccessKey };
  let server = await spawnGateway();
  const sign = (method: string, key: string, query: Record<string, string>) =>
    presign({ endpoint: server.url, accessKey, method, bucket: "killed", key, seconds: 600, query });
  const send = async (
    method: string,
    key: string,
    query: Record<string, string> = {},
    body?: Uint8Array<ArrayBuffer> | string,
  ) => {
    const signed = await sign(method, key, query);
    const response = await fetch(signed, { method, ...(body === undefined ? {} : { body }) });
    return { status: response.status, etag: response.headers.get("etag") ?? "", text: await response.text() };
  };
  await send("PUT", "");
  const first = new Uint8Array(5 * 1024 * 1024).fill(1);
  const uploadId = /<UploadId>([^<]+)</.exec((await send("POST", "big", { uploads: "" })).text)?.[1] ?? "";
  const one = await send("PUT", "big", { partNumber: "1", uploadId }, first);
  // In the middle of the second part, of which only half ever comes.
  const before = await storedBytes();
  const half = request(await sign("PUT", "big", { partNumber: "2", uploadId }), {
    method: "PUT",
    headers: { "content-length": 50_000_000 },
  });
  half.on("error", () => {}).write(new Uint8Array(25_000_000));
  await expect.poll(async () => (await storedBytes()) - before, PATIENT).toBeGreaterThan(1_000_000);
  await server.kill();
  server = await spawnGateway();
  expect((await send("GET", "big")).status).toBe(404);
  const two = await send("PUT", "big", { partNumber: "2", uploadId }, "end");
  const parts = [one, two].map(({ etag }, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`);
  const xml = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
  expect((await send("POST", "big", { uploadId }, xml)).status).toBe(200);
  const whole = await send("GET", "big");
  expect([whole.status, whole.text.length, whole.text.endsWith("\u0001end")]).toEqual([200, first.length + 3, true]);

  for (let i = 0; i < 12; i += 1) await send("PUT", `o/${i}`, {}, `${i}`);
  const id = await killedRotation();
  const lines = (await run(`gateway rotate ${gateway} --resume ${id}`)).trim().split("\n");
  expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ id, level: "body", finished: expect.any(String) });
  for (let i = 0; i < 12; i += 1) expect((await send("GET", `o/${i}`)).text).toBe(`${i}`);
  await server.kill();
}, 240_000);

/** @returns the id of a rotation that was killed in its middle: one that was done before is none, and the next is tried */
async function killedRotation(): Promise<string> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const rotation = spawnMilagro(`gateway rotate ${gateway} --level body --bucket killed`.split(" "), options());
    const closed = new Promise<string>((resolve) => rotation.once("close", () => resolve("")));
    const said = new Promise<string>((resolve) => rotation.stdout?.once("data", (chunk) => resolve(String(chunk))));
    const progress = await Promise.race([said, closed]);
    rotation.kill("SIGKILL");
    await closed;
    const { id } = JSON.parse(progress.split("\n")[0] ?? "");
    const listed = JSON.parse(await run(`gateway rotations ${gateway}`)) as { id: string; finished?: string }[];
    const row = listed.find((one) => one.id === id);
    expect(row).toBeDefined();
    if (row?.finished === undefined) return id;
  }
  throw new Error("every rotation was done before it was killed");
}

/** The near side of `milagro forward`, as a person. */
async function forwardAs(home: string, identity: string, port: number): Promise<string> {
  const line = `forward -L 0 --to ${GATEWAY} --at 127.0.0.1:${port} ${acting(home, identity)}`;
  const child = spawnMilagro(line.split(" "), options());
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = () => {
    child.kill("SIGTERM");
    return ended;
  };
  let output = "";
  daemons.push({ ready: {}, output: () => output, stop });
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk) => {
      output += chunk;
      const local = /forwarding on (\S+) to/.exec(output)?.[1];
      if (local !== undefined) resolve(`http://${local}`);
    });
    void ended.then(() => reject(new Error(`forward ended: ${output}`)));
  });
}

needs("aws", "rclone", "s3cmd")(
  "aws, rclone and s3cmd by milagro forward: the identity of the channel counts, their access key is made up; who was not let in gets nothing",
  async () => {
    await run(`gateway channel-allow --home gw --passphrase-file pass ${ALICE} -a role=staff -a region=DE`);
    const server = await startDaemon(
      `gateway serve ${gateway} --listen 127.0.0.1:0 --channel-listen 127.0.0.1:0`.split(" "),
      options(),
    );
    daemons.push(server);
    const port = Number(server.ready["channelPort"]);
    await mkdir(path("by-channel"));
    const madeUp = { id: "MADEUP", secret: "known to nobody" } as Parameters<typeof clientsOf>[2];
    const url = await forwardAs("alice", ALICE, port);
    const { aws, rclone, s3cmd } = await clientsOf(path("by-channel"), url, madeUp);
    await writeFile(path("by-channel", "up"), SECRET.repeat(400_000));
    await ok(aws("s3", "mb", "s3://channels"));
    await ok(aws("s3", "cp", "up", "s3://channels/aws"));
    await ok(rclone("copyto", "up", "gw:channels/rclone"));
    await ok(s3cmd("put", "up", "s3://channels/s3cmd"));
    for (const [i, name] of ["s3cmd", "aws", "rclone"].entries()) {
      const fetched = [
        () => aws("s3", "cp", `s3://channels/${name}`, "down"),
        () => rclone("copyto", `gw:channels/${name}`, "down"),
        () => s3cmd("get", "--force", `s3://channels/${name}`, "down"),
      ] as const;
      await ok((fetched[i] as () => ReturnType<typeof aws>)());
      expect((await readFile(path("by-channel", "down"))).equals(await readFile(path("by-channel", "up"))), name).toBe(
        true,
      );
    }
    // The same made-up key without the channel.
    const bare = await clientsOf(path("by-channel"), String(server.ready["url"]), madeUp);
    expect((await bare.aws("s3", "ls", "s3://channels")).stderr).toMatch(/InvalidAccessKeyId/);
    // Another person of the domain, with keys of his own, whom nobody let in.
    const others = await clientsOf(path("by-channel"), await forwardAs("bob", BOB, port), madeUp);
    expect((await others.aws("s3", "ls", "s3://channels")).status).not.toBe(0);
    await run(`gateway access-key-revoke --home gw --passphrase-file pass ${ALICE}`);
    await expect.poll(async () => (await aws("s3", "ls", "s3://channels")).status, PATIENT).not.toBe(0);
  },
  240_000,
);

test("without a home, an identity or keys a gateway does not start, and says what is missing", async () => {
  expect(await failure("gateway serve")).toBe("ERR_USAGE");
  expect(await failure("gateway serve --home gw --profile op")).toBe("ERR_USAGE");
  expect((await call(`gateway serve --home gw --profile op --id ${BOB} --passphrase-file pass`)).stderr).toMatch(
    /ERR_FILE_MISSING/,
  );
});

/** A full disk under an endpoint and under a D-TA, as real processes: said, nothing half, and all goes on when there is room. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { putSecret } from "@milagro/client/secrets";
import { createHttpClient } from "@milagro/runtime/http-client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, PATH, served } from "./kills.ts";
import { createWorld, type World, who } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
}, 120_000);
afterAll(() => world?.close());

test("an endpoint keeps what it has, says why it takes nothing more, and takes it when there is room", async () => {
  const alice = await world.person("alice");
  const endpoint = await world.endpoint("web");
  const put = (version: number, plaintext: Uint8Array) =>
    putSecret(world.deps, alice, { path: PATH, recipients: [who("endpoint/web")], plaintext, version });
  await put(1, Buffer.from("small"));
  await eventually("the first version", async () => ((await served(world, "web"))?.version === 1 ? true : undefined));
  await endpoint.end("SIGKILL");
  await endpoint.start(320);
  await put(2, Buffer.alloc(600_000, "x"));
  const status = createHttpClient({ url: `unix:${join(world.folder, "web", "endpoint.sock")}`, retries: 0 });
  await eventually("the problem", async () => {
    const { body } = await status.request({ path: "/v1/status" });
    const { problems } = body as { problems: { part: string; code: string }[] };
    return problems.find(({ part, code }) => part === "deliveries" && code.startsWith("ERR_STORAGE_"));
  });
  status.close();
  expect((await served(world, "web"))?.value).toBe("small");
  await endpoint.end("SIGKILL");
  await endpoint.start();
  await eventually("the second version", async () => ((await served(world, "web"))?.version === 2 ? true : undefined));
});

test("a D-TA issues nothing that it cannot record, and issues again when there is room", async () => {
  const [dta] = world.dtas;
  await dta?.end("SIGKILL");
  // What it has written stays within bounds; the log that is kept before the database is the larger of the two by far.
  const sizes = ["dta.sqlite", "dta.sqlite-wal"].map(
    (name) => statSync(join(world.dtaHome(1), name), { throwIfNoEntry: false })?.size ?? 0,
  );
  await dta?.start(Math.ceil(Math.max(...sizes) / 1024) + 200);
  const failures: unknown[] = [];
  for (let n = 1; failures.length === 0 && n < 300; n++)
    await world.person(`visitor-${n}`).catch((error: unknown) => failures.push(error));
  expect(failures[0]).toMatchObject({ code: expect.stringMatching(/^ERR_(STORAGE_|ENROLMENT_INCOMPLETE)/) });
  await dta?.end("SIGKILL");
  await dta?.start();
  await world.person("after-all");
}, 300_000);

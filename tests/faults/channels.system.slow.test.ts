/** Faults while the D-KMS, its bus and the D-TAs are reached over channels: what holds plainly holds there, and nobody falls back to plain. */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { putSecret } from "@milagro/client/secrets";
import { utf8 } from "@milagro/crypto/bytes";
import { createHttpClient } from "@milagro/runtime/http-client";
import { expect, test } from "vitest";
import { eventually, PATH, served, survive } from "./kills.ts";
import { createWorld, who } from "./world.ts";

/** A cable that can be pulled out: passes bytes on to a port while it is in. */
async function cableTo(port: number) {
  const ends = new Set<Socket>();
  const firstBytes: number[] = [];
  let plugged = true;
  const server = createServer((near) => {
    near.on("error", () => {});
    if (!plugged) return void near.destroy();
    const far = connect(port, "127.0.0.1").on("error", () => near.destroy());
    near.once("data", (chunk) => firstBytes.push(chunk[0] ?? -1));
    near.on("close", () => far.destroy()).pipe(far);
    far.on("close", () => near.destroy()).pipe(near);
    ends.add(near).add(far);
    near.once("close", () => {
      ends.delete(near);
      ends.delete(far);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    firstBytes,
    live: () => ends.size / 2,
    pull() {
      plugged = false;
      for (const end of ends) end.destroy();
    },
    plug() {
      plugged = true;
    },
    close: () => void server.close(),
  };
}

test(
  "a D-TA, the D-KMS and the endpoint killed at random moments, over channels: nothing acknowledged is lost, nothing is done twice",
  () => survive(3, { over: "channels" }),
  300_000,
);

test("the bus goes and comes back: meanwhile the endpoint polls the API, then it is told again, and never plainly", async () => {
  let cable: Awaited<ReturnType<typeof cableTo>> | undefined;
  const world = await createWorld({
    over: "channels",
    busBehind: async (port) => {
      cable = await cableTo(port);
      return cable.port;
    },
  });
  const bus = cable as NonNullable<typeof cable>;
  try {
    const alice = await world.person("alice");
    await world.endpoint("web");
    const socket = createHttpClient({ url: `unix:${join(world.folder, "web", "endpoint.sock")}`, retries: 0 });
    const busState = async (): Promise<string> =>
      ((await socket.request({ path: "/v1/status" })).body as { bus: string }).bus;
    const put = (version: number) =>
      putSecret(world.deps, alice, {
        path: PATH,
        recipients: [who("endpoint/web")],
        plaintext: utf8(`value ${version}`),
        version,
      });
    const arrived = (version: number) =>
      eventually(`version ${version}`, async () =>
        (await served(world, "web"))?.version === version ? true : undefined,
      );
    const becomes = (state: string) =>
      eventually(`bus ${state}`, async () => ((await busState()) === state ? true : undefined));

    await becomes("connected");
    await put(1);
    await arrived(1);
    // Three D-TAs and the endpoint.
    await eventually("all on the bus", async () => (bus.live() === 4 ? true : undefined));

    bus.pull();
    await becomes("connecting");
    await put(2);
    await arrived(2);
    expect(await busState()).toBe("connecting");

    bus.plug();
    await becomes("connected");
    await eventually("the D-TAs are back", async () => (bus.live() === 4 ? true : undefined));
    await put(3);
    await arrived(3);
    // However it was dialled, and however often.
    const kinds = new Set(bus.firstBytes);
    expect(kinds.size).toBeGreaterThan(0);
    for (const kind of kinds) expect([0x4d, 0x16]).toContain(kind);
    socket.close();
  } finally {
    await world.close();
    bus.close();
  }
}, 120_000);

test("D-TAs without a port: the D-KMS gets its first keys from D-TAs that connect to its bus, and then everybody enrols through it", async () => {
  const world = await createWorld({ over: "channels", closedDtas: true });
  try {
    for (const { url } of world.domain.descriptor.authorities) await expect(fetch(`${url}/v1/dta`)).rejects.toThrow();
    const alice = await world.person("alice");
    await world.endpoint("web");
    const secret = { path: PATH, recipients: [who("endpoint/web")], plaintext: utf8("value 1"), version: 1 };
    await putSecret(world.deps, alice, secret);
    await eventually("the secret", async () => ((await served(world, "web"))?.value === "value 1" ? true : undefined));
    // Who waits for the others' part may offer itself again.
    const offers = world.kms.output.split("\n").filter((line) => line.includes("offers itself"));
    expect(new Set(offers.map((line) => JSON.parse(line).index))).toEqual(new Set([1, 2, 3]));
    // With keys the D-KMS takes no invitations, and the D-TAs come as they always do.
    for (const dta of world.dtas) expect(dta.output).toContain("invited a D-KMS without keys");
  } finally {
    await world.close();
  }
}, 120_000);

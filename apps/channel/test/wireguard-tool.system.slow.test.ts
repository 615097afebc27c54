/**
 * The way to a kernel's interface, `wg`, driven as `milagro vpn up` does it, against a real interface: wireguard-go's, which takes both ways, so that each can
 * be looked at by the other. In a network namespace of its own.
 */
import { expect, onTestFinished } from "vitest";
import { canMakeNamespaces, connectMachines } from "../../../tests/support/namespaces.ts";
import { needs } from "../../../tests/support/needs.ts";

const able = process.getuid?.() === 0 && (await canMakeNamespaces());
const inANamespace = able ? needs("ip", "wg", "wireguard-go") : needs("the right to make network namespaces");

/** Ours alone: the socket of an interface lies in a folder that all namespaces share. */
const NAME = `wgt${process.pid}`;

/** Runs in the namespace, and prints what it has seen. */
const PROGRAM = `
import { openWireguard } from ${JSON.stringify(new URL("../src/wireguard-device.ts", import.meta.url).href)};
import { toolControl } from ${JSON.stringify(new URL("../src/wireguard-tool.ts", import.meta.url).href)};
const key = (byte) => new Uint8Array(32).fill(byte);
const device = await openWireguard({ name: ${JSON.stringify(NAME)}, addresses: ["10.7.0.1/24"], kind: "wireguard-go" });
const tool = toolControl(${JSON.stringify(NAME)});
const seen = [];
const look = async () => seen.push({ tool: await tool.get(), socket: await device.get() });
try {
  await tool.set({ privateKey: key(8), listenPort: 51821, peers: [
    { publicKey: key(9), presharedKey: key(1), endpoint: { address: "10.99.0.9", port: 7 }, keepaliveSeconds: 25, allowedIps: ["10.7.0.2/32", "fd00::2/128"] },
    { publicKey: key(11), allowedIps: ["10.7.0.3/32"] },
  ] });
  await look();
  // A new preshared key changes nothing else.
  await tool.set({ peers: [{ publicKey: key(9), presharedKey: key(2) }] });
  await look();
  await tool.set({ peers: [{ publicKey: key(11), remove: true }] });
  await look();
  const refused = await toolControl("wgnone").get().then(() => "answered", (error) => error.code);
  const missing = await toolControl(${JSON.stringify(NAME)}, "no-such-wg").get().then(() => "answered", (error) => error.message);
  const kernel = await openWireguard({ name: "wgkernel", addresses: [], kind: "kernel" }).then((made) => made.close().then(() => "made"), (error) => error.code);
  console.log(JSON.stringify({ seen, refused, missing, kernel }));
} finally {
  await device.close();
}`;

inANamespace("wg sets what the interface's own socket then shows, secrets by standard input only", async () => {
  const { a, cut } = await connectMachines();
  onTestFinished(cut);
  const node = ["--conditions=@milagro/source", "--input-type=module", "-e", PROGRAM];
  const child = a.spawn(process.execPath, node, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  for await (const chunk of child.stdout as NodeJS.ReadableStream) text += chunk;
  const { seen, refused, missing, kernel } = JSON.parse(text);
  const hex = (byte: number): string => Buffer.alloc(32, byte).toString("hex");
  const none = { lastHandshake: 0, receivedBytes: 0 };
  const first = { key: hex(9), allowedIps: ["10.7.0.2/32", "fd00::2/128"], ...none };
  const second = { key: hex(11), allowedIps: ["10.7.0.3/32"], ...none };
  const byKey = (state: { peers: { key: string }[] }) => ({
    ...state,
    peers: state.peers.sort((x, y) => x.key.localeCompare(y.key)),
  });
  for (const [i, peers] of [[first, second], [first, second], [first]].entries()) {
    expect(byKey(seen[i].tool), `after change ${i + 1}`).toMatchObject({ listenPort: 51821, peers });
    expect(byKey(seen[i].socket), `after change ${i + 1}`).toMatchObject({ listenPort: 51821, peers });
    expect(seen[i].tool.peers).toHaveLength(peers.length);
  }
  expect(refused).toBe("ERR_WIREGUARD_FAILED");
  expect(missing).toBe("the program wg is not installed");
  // Asked for the kernel's, nobody gets another kind without being told.
  expect(["made", "ERR_WIREGUARD_FAILED"]).toContain(kernel);
});

/**
 * Two machines (network namespaces with a cable) that have nothing but Milagro identities: no certificate, no password, no service of the domain within reach.
 */
import { once } from "node:events";
import { describe, expect } from "vitest";
import type { Machine } from "../support/namespaces.ts";
import { PATIENT } from "../support/patient.ts";
import { needsKernelWireguard, needsMachines, RUNNER, useMachines } from "./machine-programs.ts";

const machines = useMachines(["a", "b", "eve"]);
const { start, milagro, finish, finishMilagro } = machines;
const onTwoMachines = needsMachines();

describe("protocols of others", () => {
  for (const [i, [example, answer]] of (
    [
      ["http2", "hello milagro:example.org/endpoint/a"],
      ["grpc", "hello yourself"],
      ["mqtt", "hello milagro:example.org/endpoint/a"],
    ] as const
  ).entries()) {
    onTwoMachines(`${example} from one machine to the other`, async () => {
      const { a, b } = machines.cable;
      const port = 7100 + i;
      const server = start(b, [
        RUNNER,
        "serve",
        example,
        machines.people.home("b"),
        machines.people.passphraseFile,
        String(port),
        machines.people.identity("a"),
      ]);
      await server.until(/ready/);
      const called = (name: string) =>
        finish(a, [
          RUNNER,
          "call",
          example,
          machines.people.home(name),
          machines.people.passphraseFile,
          `${b.address}:${port}`,
          machines.people.identity("b"),
        ]);
      expect((await called("a")).output.trim()).toBe(answer);
      const refused = await called("eve");
      expect(refused.status).toBe(1);
      // gRPC keeps the message and loses the code.
      expect(refused.output).toMatch(/ERR_CHANNEL_REFUSED|refused this peer/);
      await server.stop();
    });
  }
});

describe.each(["wireguard-go", "kernel"] as const)("WireGuard, %s", (kind) => {
  const names = [`mva${process.pid}`, `mvb${process.pid}`] as const;
  const up = (machine: Machine, name: string, index: 0 | 1, ...more: readonly string[]) =>
    milagro(
      machine,
      name,
      "vpn",
      "up",
      ...(kind === "kernel" ? [] : ["--userspace"]),
      "--interface",
      names[index],
      "--address",
      `10.7.0.${index + 1}/24`,
      "--every",
      "2",
      ...more,
    );
  const presharedKey = async (machine: Machine, name: string) =>
    (await machine.run("wg", "show", name, "preshared-keys")).split("\t")[1]?.trim();
  const wireguard = kind === "kernel" ? needsKernelWireguard("wg") : needsMachines("wg", "wireguard-go");

  wireguard(
    "a tunnel by identities: the key changes again and again under a running transfer, and not one packet is lost",
    async () => {
      const { a, b } = machines.cable;
      const far = up(
        b,
        "b",
        1,
        "--listen",
        `${b.address}:7700`,
        "--peer",
        `${machines.people.identity("a")}=10.7.0.1/32`,
      );
      await far.until(new RegExp(`is up \\(${kind}\\)`));
      const near = up(a, "a", 0, "--peer", `${machines.people.identity("b")}=10.7.0.2/32@${b.address}:7700`);
      await near.until(/tunnel with/);
      const first = await presharedKey(a, names[0]);

      const sink = b.spawn(process.execPath, ["-e", SINK], { stdio: ["ignore", "pipe", "inherit"] });
      await once(sink.stdout as NodeJS.ReadableStream, "data");
      // WireGuard's own handshake fails when it falls into the change of a key, and comes again five seconds later.
      await expect.poll(() => answered(a, 200), PATIENT).toMatch(/^[1-9]\d* of /);
      const transferred = a.run(process.execPath, "-e", SOURCE);
      // UDP, because nothing repairs a loss there.
      expect(await answered(a, 9000, 30_000)).toMatch(/^(\d+) of \1$/);
      expect((await transferred).trim()).toBe("every byte arrived");

      const agreements = async () => {
        const status = await finishMilagro(a, "a", ["channel", "status", "--format", "json"]);
        const [row] = JSON.parse(status.output).programs[0].channels;
        expect(row).toMatchObject({ peer: machines.people.identity("b"), origin: "wireguard" });
        return Number(/^(\d+) agreements/.exec(row.detail)?.[1]);
      };
      await expect.poll(agreements, PATIENT).toBeGreaterThanOrEqual(3);

      // The newest keys are the same at both ends, and a handshake from nothing succeeds with them.
      await a.run("ip", "link", "set", names[0], "down");
      await a.run("ip", "link", "set", names[0], "up");
      await expect.poll(() => answered(a, 200), PATIENT).toMatch(/^[1-9]\d* of /);
      expect(await presharedKey(a, names[0])).not.toBe(first);

      sink.kill();
      await near.stop();
      await far.stop();
      for (const [machine, name] of [
        [a, names[0]],
        [b, names[1]],
      ] as const)
        await expect(machine.run("ip", "link", "show", name)).rejects.toThrow();
    },
    240_000,
  );

  wireguard(
    "an identity that is not configured gets no tunnel",
    async () => {
      const { a, b } = machines.cable;
      const far = up(
        b,
        "b",
        1,
        "--listen",
        `${b.address}:7701`,
        "--peer",
        `${machines.people.identity("a")}=10.7.0.1/32`,
      );
      await far.until(/is up/);
      const near = up(a, "eve", 0, "--peer", `${machines.people.identity("b")}=10.7.0.2/32@${b.address}:7701`);
      await near.until(/ERR_CHANNEL_REFUSED/);
      expect(await b.run("wg", "show", names[1], "peers")).toBe("");
      expect(await answered(a, 1000)).toMatch(/^0 of /);
      await near.stop();
      await far.stop();
    },
    240_000,
  );
});

describe("the command line", () => {
  onTwoMachines(
    "standard input of one is standard output of the other, for whom is let in",
    async () => {
      const { a, b } = machines.cable;
      const listening = milagro(
        b,
        "b",
        "channel",
        "listen",
        `${b.address}:7200`,
        "--allow",
        machines.people.identity("a"),
      );
      await listening.until(/listens on/);
      const dial = ["channel", "dial", machines.people.identity("b"), `${b.address}:7200`];
      expect(await finishMilagro(a, "eve", dial, "let me in")).toMatchObject({
        status: 3,
        output: expect.stringContaining("ERR_CHANNEL_REFUSED"),
      });
      const wrong = ["channel", "dial", machines.people.identity("eve"), `${b.address}:7200`];
      expect(await finishMilagro(a, "a", wrong, "x")).toMatchObject({
        status: 3,
        output: expect.stringContaining("ERR_CHANNEL_PEER"),
      });
      const closed = once(listening.child, "close"); // it may be the first of the two to end
      listening.child.stdin?.end("and back");
      expect(await finishMilagro(a, "a", dial, "there ")).toEqual({ status: 0, output: "and back" });
      await closed;
      expect(listening.output()).toContain("there ");
      machines.forget(listening);
    },
    240_000,
  );

  const curl = needsMachines("curl");
  curl(
    "a TCP port and SOCKS reach what the far side allows, and nothing else",
    async () => {
      const { a, b } = machines.cable;
      const web = b.spawn(process.execPath, ["-e", WEB], { stdio: ["ignore", "pipe", "inherit"] });
      await once(web.stdout as NodeJS.ReadableStream, "data");
      const far = milagro(
        b,
        "b",
        "forward",
        "--listen",
        `${b.address}:7300`,
        "--reach",
        `${machines.people.identity("a")}=127.0.0.1:8080`,
      );
      await far.until(/forwards for others/);
      const near = milagro(
        a,
        "a",
        "forward",
        "-L",
        "8081",
        "--target",
        "127.0.0.1:8080",
        "--socks",
        "1080",
        "--to",
        machines.people.identity("b"),
        "--at",
        `${b.address}:7300`,
      );
      await near.until(/SOCKS 5 on/);
      const get = (...args: readonly string[]) => a.run("curl", "-s", "--max-time", "50", ...args);
      expect(await get("http://127.0.0.1:8081/")).toBe("the web of b");
      expect(await get("--proxy", "socks5h://127.0.0.1:1080", "http://127.0.0.1:8080/")).toBe("the web of b");
      await expect(get("--proxy", "socks5h://127.0.0.1:1080", `http://${b.address}:8080/`)).rejects.toThrow();
      const { output } = await finishMilagro(a, "a", ["channel", "status", "--format", "json"]);
      expect(JSON.parse(output).programs).toMatchObject([
        { program: "forward", identity: machines.people.identity("a") },
      ]);
      await near.stop();
      await far.stop();
      web.kill();
    },
    240_000,
  );
});

/** How many of the datagrams sent through the tunnel for so long came back. @param waitMs - for those that have not */
const answered = async (machine: Machine, ms: number, waitMs = 1000): Promise<string> =>
  (await machine.run(process.execPath, "-e", PROBE, String(ms), String(waitMs))).trim();
const PROBE = `
const socket = require("node:dgram").createSocket("udp4");
const back = new Set();
let sent = 0;
socket.on("message", (message) => back.add(message.toString()));
const timer = setInterval(() => socket.send(String(sent++), 9001, "10.7.0.2", () => {}), 20);
const [ms, waitMs] = process.argv.slice(1).map(Number);
const tell = () => {
  const lost = Array.from({ length: sent }, (_, i) => i).filter((i) => !back.has(String(i)));
  console.log(back.size + " of " + sent + (lost.length > 0 ? ", lost " + lost : ""));
  process.exit(0);
};
setTimeout(() => {
  clearInterval(timer);
  setTimeout(tell, waitMs);
  setInterval(() => back.size === sent && tell(), 20);
}, ms);`;
/** Counts and checks the bytes of one connection, then says so. */
const SINK = `
const { createServer } = require("node:net");
createServer((socket) => {
  let total = 0, right = true;
  socket.on("data", (chunk) => { for (const byte of chunk) { right &&= byte === total % 251; total++; } });
  socket.on("end", () => { socket.end(right ? String(total) : "wrong"); });
}).listen(9000, "0.0.0.0", () => echo.bind(9001, () => console.log("ready")));
const echo = require("node:dgram").createSocket("udp4");
echo.on("message", (message, { address, port }) => echo.send(message, port, address));`;
/** Sends for eight seconds what the other side can check. */
const SOURCE = `
const { connect } = require("node:net");
const socket = connect(9000, "10.7.0.2");
let total = 0, answer = "";
const block = (from) => Uint8Array.from({ length: 4096 }, (_, i) => (from + i) % 251);
const end = Date.now() + 8000;
const more = () => {
  if (Date.now() > end) return socket.end();
  const chunk = block(total); total += chunk.length;
  socket.write(chunk, () => setTimeout(more, 20));
};
socket.on("connect", more);
socket.on("data", (chunk) => { answer += chunk; });
socket.on("close", () => console.log(answer === String(total) ? "every byte arrived" : "lost: " + answer + " of " + total));`;
const WEB = `require("node:http").createServer((_, answer) => answer.end("the web of b")).listen(8080, "127.0.0.1", () => console.log("ready"));`;

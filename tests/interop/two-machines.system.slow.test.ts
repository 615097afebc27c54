/**
 * Two machines (network namespaces with a cable) that have nothing but Milagro identities: no certificate, no password, no service of the domain within reach.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { type Cable, canMakeNamespaces, connectMachines, type Machine } from "../support/namespaces.ts";
import { needs } from "../support/needs.ts";
import { makeTempFolder } from "../support/temp-folder.ts";
import { enrolPeople, type People } from "./machine-people.ts";

const CLI = fileURLToPath(new URL("../../clients/cli/src/main.ts", import.meta.url));
const RUNNER = fileURLToPath(new URL("./on-machine.ts", import.meta.url));
const NODE = ["--conditions=@milagro/source"];
const able = process.getuid?.() === 0 && (await canMakeNamespaces());
const onTwoMachines = able ? needs("ip") : needs("the right to make network namespaces");

interface Running {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves when what it has printed matches. */
  until(pattern: RegExp): Promise<void>;
  stop(): Promise<void>;
}

let folder: string;
let people: People;
let cable: Cable;
const running = new Set<Running>();

beforeAll(async () => {
  if (!able) return;
  folder = await makeTempFolder();
  [people, cable] = await Promise.all([enrolPeople(folder, ["a", "b", "eve"]), connectMachines()]);
}, 120_000);
afterEach(async () => {
  await Promise.all([...running].map((one) => one.stop()));
});
afterAll(async () => {
  await cable?.cut();
});

const environment = () => ({
  PATH: process.env["PATH"] ?? "",
  HOME: folder,
  NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(folder, "cache"),
  NO_COLOR: "1",
  MILAGRO_PASSPHRASE_FILE: people.passphraseFile,
});

function start(machine: Machine, args: readonly string[]): Running {
  const child = spawn(machine.enter[0] as string, [...machine.enter.slice(1), process.execPath, ...NODE, ...args], {
    env: environment(),
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      output += chunk;
      for (const listener of listeners) listener();
    });
  const ended = once(child, "close").then(() => {
    for (const listener of listeners) listener();
  });
  const one: Running = {
    child,
    output: () => output,
    async until(pattern) {
      while (!pattern.test(output)) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended: ${output}`);
        await new Promise<void>((resolve) => {
          const listener = (): void => {
            listeners.delete(listener);
            resolve();
          };
          listeners.add(listener);
        });
      }
    },
    async stop() {
      child.kill("SIGTERM");
      await ended;
      running.delete(one);
    },
  };
  running.add(one);
  return one;
}
const milagro = (machine: Machine, name: string, ...args: readonly string[]) =>
  start(machine, [CLI, ...args, "--home", people.home(name)]);

/** Runs to the end. */
async function finish(
  machine: Machine,
  args: readonly string[],
  input = "",
): Promise<{ status: number | null; output: string }> {
  const one = start(machine, args);
  one.child.stdin?.end(input);
  const [status] = (await once(one.child, "close")) as [number | null];
  running.delete(one);
  return { status, output: one.output() };
}
const finishMilagro = (machine: Machine, name: string, args: readonly string[], input = "") =>
  finish(machine, [CLI, ...args, "--home", people.home(name)], input);

describe("protocols of others", () => {
  for (const [i, [example, answer]] of (
    [
      ["http2", "hello milagro:example.org/endpoint/a"],
      ["grpc", "hello yourself"],
      ["mqtt", "hello milagro:example.org/endpoint/a"],
    ] as const
  ).entries()) {
    onTwoMachines(`${example} from one machine to the other`, async () => {
      const { a, b } = cable;
      const port = 7100 + i;
      const server = start(b, [
        RUNNER,
        "serve",
        example,
        people.home("b"),
        people.passphraseFile,
        String(port),
        people.identity("a"),
      ]);
      await server.until(/ready/);
      const called = (name: string) =>
        finish(a, [
          RUNNER,
          "call",
          example,
          people.home(name),
          people.passphraseFile,
          `${b.address}:${port}`,
          people.identity("b"),
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

describe("WireGuard", () => {
  const names = [`mva${process.pid}`, `mvb${process.pid}`] as const;
  const up = (machine: Machine, name: string, index: 0 | 1, ...more: readonly string[]) =>
    milagro(
      machine,
      name,
      "vpn",
      "up",
      "--userspace",
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
  const wireguard = able ? needs("ip", "wg", "wireguard-go") : onTwoMachines;

  wireguard(
    "a tunnel by identities: the key changes again and again under a running transfer, and not one packet is lost",
    async () => {
      const { a, b } = cable;
      const far = up(b, "b", 1, "--listen", `${b.address}:7700`, "--peer", `${people.identity("a")}=10.7.0.1/32`);
      await far.until(/is up/);
      const near = up(a, "a", 0, "--peer", `${people.identity("b")}=10.7.0.2/32@${b.address}:7700`);
      await near.until(/tunnel with/);
      const first = await presharedKey(a, names[0]);

      const sink = b.spawn(process.execPath, ["-e", SINK], { stdio: ["ignore", "pipe", "inherit"] });
      await once(sink.stdout as NodeJS.ReadableStream, "data");
      const transferred = a.run(process.execPath, "-e", SOURCE);
      // UDP, because nothing repairs a loss there.
      expect(await answered(a, 9000)).toMatch(/^(\d+) of \1$/);
      expect((await transferred).trim()).toBe("every byte arrived");

      const status = await finishMilagro(a, "a", ["channel", "status", "--format", "json"]);
      const [row] = JSON.parse(status.output).programs[0].channels;
      expect(row).toMatchObject({ peer: people.identity("b"), origin: "wireguard" });
      expect(Number(/^(\d+) agreements/.exec(row.detail)?.[1])).toBeGreaterThanOrEqual(3);

      // The newest keys are the same at both ends, and a handshake from nothing succeeds with them.
      await a.run("ip", "link", "set", names[0], "down");
      await a.run("ip", "link", "set", names[0], "up");
      expect(await answered(a, 2000)).toMatch(/^[1-9]\d* of /);
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
    120_000,
  );

  wireguard(
    "an identity that is not configured gets no tunnel",
    async () => {
      const { a, b } = cable;
      const far = up(b, "b", 1, "--listen", `${b.address}:7701`, "--peer", `${people.identity("a")}=10.7.0.1/32`);
      await far.until(/is up/);
      const near = up(a, "eve", 0, "--peer", `${people.identity("b")}=10.7.0.2/32@${b.address}:7701`);
      await near.until(/ERR_CHANNEL_REFUSED/);
      expect(await b.run("wg", "show", names[1], "peers")).toBe("");
      expect(await answered(a, 1000)).toMatch(/^0 of /);
      await near.stop();
      await far.stop();
    },
    60_000,
  );
});

describe("the command line", () => {
  onTwoMachines(
    "standard input of one is standard output of the other, for whom is let in",
    async () => {
      const { a, b } = cable;
      const listening = milagro(b, "b", "channel", "listen", `${b.address}:7200`, "--allow", people.identity("a"));
      await listening.until(/listens on/);
      const dial = ["channel", "dial", people.identity("b"), `${b.address}:7200`];
      expect(await finishMilagro(a, "eve", dial, "let me in")).toMatchObject({
        status: 3,
        output: expect.stringContaining("ERR_CHANNEL_REFUSED"),
      });
      const wrong = ["channel", "dial", people.identity("eve"), `${b.address}:7200`];
      expect(await finishMilagro(a, "a", wrong, "x")).toMatchObject({
        status: 3,
        output: expect.stringContaining("ERR_CHANNEL_PEER"),
      });
      const closed = once(listening.child, "close"); // it may be the first of the two to end
      listening.child.stdin?.end("and back");
      expect(await finishMilagro(a, "a", dial, "there ")).toEqual({ status: 0, output: "and back" });
      await closed;
      expect(listening.output()).toContain("there ");
      running.delete(listening);
    },
    60_000,
  );

  const curl = able ? needs("curl", "ip") : onTwoMachines;
  curl(
    "a TCP port and SOCKS reach what the far side allows, and nothing else",
    async () => {
      const { a, b } = cable;
      const web = b.spawn(process.execPath, ["-e", WEB], { stdio: ["ignore", "pipe", "inherit"] });
      await once(web.stdout as NodeJS.ReadableStream, "data");
      const far = milagro(
        b,
        "b",
        "forward",
        "--listen",
        `${b.address}:7300`,
        "--reach",
        `${people.identity("a")}=127.0.0.1:8080`,
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
        people.identity("b"),
        "--at",
        `${b.address}:7300`,
      );
      await near.until(/SOCKS 5 on/);
      const get = (...args: readonly string[]) => a.run("curl", "-s", "--max-time", "10", ...args);
      expect(await get("http://127.0.0.1:8081/")).toBe("the web of b");
      expect(await get("--proxy", "socks5h://127.0.0.1:1080", "http://127.0.0.1:8080/")).toBe("the web of b");
      await expect(get("--proxy", "socks5h://127.0.0.1:1080", `http://${b.address}:8080/`)).rejects.toThrow();
      const { output } = await finishMilagro(a, "a", ["channel", "status", "--format", "json"]);
      expect(JSON.parse(output).programs).toMatchObject([{ program: "forward", identity: people.identity("a") }]);
      await near.stop();
      await far.stop();
      web.kill();
    },
    60_000,
  );

  const mosquitto = able ? needs("mosquitto", "mosquitto_pub", "mosquitto_sub") : onTwoMachines;
  mosquitto(
    "a Mosquitto gets its keys, and a client of its one; after the key has expired it is taken out",
    async () => {
      const { a, b } = cable;
      const shm = await makeTempFolder();
      const file = join(shm, "psk");
      writeFileSync(file, "");
      writeFileSync(
        join(shm, "mosquitto.conf"),
        `user root\nlistener 8883 ${b.address}\npsk_hint milagro\npsk_file ${file}\nuse_identity_as_username true\npid_file ${join(shm, "pid")}\nallow_anonymous false\n`,
      );
      const broker = b.spawn("mosquitto", ["-c", join(shm, "mosquitto.conf")], { stdio: "ignore" });
      const serving = milagro(
        b,
        "b",
        "psk",
        "serve",
        "--listen",
        `${b.address}:7800`,
        "--allow",
        people.identity("a"),
        "--lifetime",
        "8",
        "--out",
        file,
        "--allow-disk",
        "--reload-pid",
        join(shm, "pid"),
      );
      await serving.until(/gives out keys/);
      const get = [
        "psk",
        "get",
        "--to",
        people.identity("b"),
        "--at",
        `${b.address}:7800`,
        "--format-of",
        "openssl",
        "--out",
        join(shm, "key"),
        "--allow-disk",
        "--format",
        "json",
      ];
      expect(await finishMilagro(a, "eve", get)).toMatchObject({
        status: 3,
        output: expect.stringContaining("ERR_CHANNEL_REFUSED"),
      });
      const { output } = await finishMilagro(a, "a", get);
      const { pskIdentity } = JSON.parse(output);
      const publish = (identity: string) =>
        a.run(
          "sh",
          "-c",
          `mosquitto_pub -h ${b.address} -p 8883 --psk-identity ${identity} --psk "$(cat ${join(shm, "key")})" -t t -m hello -q 1`,
        );
      await publish(pskIdentity);
      await expect(publish("somebody")).rejects.toThrow();
      await new Promise((resolve) => setTimeout(resolve, 14_000));
      await expect(publish(pskIdentity)).rejects.toThrow();
      await serving.stop();
      broker.kill();
      await once(broker, "exit");
    },
    90_000,
  );
});

/** How many of the datagrams sent through the tunnel for so long came back. */
const answered = async (machine: Machine, ms: number): Promise<string> =>
  (await machine.run(process.execPath, "-e", PROBE, String(ms))).trim();
const PROBE = `
const socket = require("node:dgram").createSocket("udp4");
const back = new Set();
let sent = 0;
socket.on("message", (message) => back.add(message.toString()));
const timer = setInterval(() => socket.send(String(sent++), 9001, "10.7.0.2", () => {}), 20);
setTimeout(() => { clearInterval(timer); setTimeout(() => { const lost = Array.from({ length: sent }, (_, i) => i).filter((i) => !back.has(String(i))); console.log(back.size + " of " + sent + (lost.length > 0 ? ", lost " + lost : "")); process.exit(0); }, 1000); }, Number(process.argv[1]));`;
/** Counts and checks the bytes of one connection, then says so. */
const SINK = `
const { createServer } = require("node:net");
createServer((socket) => {
  let total = 0, right = true;
  socket.on("data", (chunk) => { for (const byte of chunk) { right &&= byte === total % 251; total++; } });
  socket.on("end", () => { socket.end(right ? String(total) : "wrong"); });
}).listen(9000, "0.0.0.0", () => console.log("ready"));
const echo = require("node:dgram").createSocket("udp4");
echo.on("message", (message, { address, port }) => echo.send(message, port, address)).bind(9001);`;
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

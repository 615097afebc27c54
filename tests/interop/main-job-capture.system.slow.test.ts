/**
 * What goes over the wire while the main job runs: a machine of its own (a network namespace), and a capture of its loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { canMakeNamespaces, connectMachines } from "../support/namespaces.ts";
import { needs } from "../support/needs.ts";
import { PATIENT } from "../support/patient.ts";
import { tempFolder } from "../support/temp-folder.ts";

const CLI = fileURLToPath(new URL("../../clients/cli/src/main.ts", import.meta.url));
const able = process.getuid?.() === 0 && (await canMakeNamespaces());
const onOneMachine = able ? needs("ip", "tshark") : needs("the right to make network namespaces");

/** What each connection to a port has said, both ways together. */
interface Conversation {
  readonly port: number;
  /** Of whoever has connected. */
  readonly first: Buffer;
  readonly all: Buffer;
}

async function conversationsIn(file: string): Promise<readonly Conversation[]> {
  const fields = ["tcp.stream", "tcp.srcport", "tcp.dstport", "tcp.payload"].flatMap((field) => ["-e", field]);
  const child = spawn("tshark", ["-r", file, "-Y", "tcp.len > 0", "-T", "fields", ...fields], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  for await (const chunk of child.stdout) text += chunk;
  const streams = new Map<string, { port: number; client: number; first: Buffer | undefined; all: Buffer[] }>();
  for (const line of text.split("\n")) {
    const [stream = "", from, to, payload = ""] = line.split("\t");
    if (payload === "") continue;
    const bytes = Buffer.from(payload.replaceAll(":", ""), "hex");
    // Nobody but the one who has connected speaks first in any of our protocols.
    const one = streams.get(stream) ?? { port: Number(to), client: Number(from), first: undefined, all: [] };
    one.first ??= bytes;
    one.all.push(bytes);
    streams.set(stream, one);
  }
  return [...streams.values()].map(({ port, first, all }) => ({
    port,
    first: first ?? Buffer.alloc(0),
    all: Buffer.concat(all),
  }));
}

/** A connection over which its argument goes. */
const SAY = `
const server = require("node:net").createServer((socket) => socket.resume().on("end", () => process.exit())).listen(0, "127.0.0.1", () =>
  require("node:net").connect(server.address().port, "127.0.0.1").end(process.argv[1]));`;

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "close");
}

onOneMachine(
  "the main job runs over channels: no HTTP and no MQTT to the D-KMS and its bus, and to D-TAs only by who founds the domain, and by a browser",
  async () => {
    const folder = await tempFolder();
    const cable = await connectMachines();
    onTestFinished(() => cable.cut());
    const { a } = cable;
    const file = join(folder, "capture.pcap");
    const capture = a.spawn("tshark", ["-i", "lo", "-f", "tcp", "-B", "64", "-w", file, "-q"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => end(capture, "SIGKILL"));
    await new Promise<void>((resolve, reject) => {
      let said = "";
      capture.stderr?.on("data", (chunk) => {
        said += chunk;
        if (/Capturing on/.test(said)) resolve();
      });
      capture.once("close", () => reject(new Error(said)));
    });
    const captured = (text: string): boolean => existsSync(file) && readFileSync(file).includes(text);
    const say = (text: string) => a.run(process.execPath, "-e", SAY, text);
    const begun = async () => {
      await say("it has begun");
      return captured("it has begun");
    };
    await expect.poll(begun, PATIENT).toBe(true);

    const home = join(folder, "dev");
    const env = {
      PATH: process.env["PATH"] ?? "",
      HOME: folder,
      NO_COLOR: "1",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(folder, "cache"),
    };
    const job = spawn(
      a.enter[0] as string,
      [...a.enter.slice(1), process.execPath, "--conditions=@milagro/source", CLI, "dev", "--exit", "--home", home],
      { env, stdio: ["ignore", "ignore", "pipe"] },
    );
    onTestFinished(() => end(job, "SIGTERM"));
    let said = "";
    job.stderr.on("data", (chunk) => {
      said += chunk;
    });
    const [status] = (await once(job, "close")) as [number | null];
    expect(status, said).toBe(0);
    await say("it is over");
    await expect.poll(() => captured("it is over"), PATIENT).toBe(true);
    await end(capture, "SIGINT");

    const { ports } = JSON.parse(readFileSync(join(home, "dev.json"), "utf8")) as {
      ports: { kms: number; bus: number; dtas: number[] };
    };
    const conversations = await conversationsIn(file);
    const to = (...wanted: readonly number[]) => conversations.filter(({ port }) => wanted.includes(port));
    const isChannel = ({ first }: Conversation): boolean =>
      first.subarray(0, 4).equals(Buffer.from("MLGC")) || first[0] === 0x16;

    // The D-KMS and the bus: channels, all of them, by agreement or by ticket, and not a word of what is inside.
    expect(to(ports.kms).length).toBeGreaterThan(4);
    expect(to(ports.bus).length).toBeGreaterThan(3);
    for (const conversation of to(ports.kms, ports.bus)) {
      expect(isChannel(conversation), conversation.first.subarray(0, 80).toString("latin1")).toBe(true);
      for (const word of ["HTTP/1", "\0\x04MQTT", "milagro:acme", "signing-key", "T /v1/"])
        expect(conversation.all.includes(word), word).toBe(false);
    }
    // The D-TAs: channels for the D-KMS and the login server. In clear, on this machine: the founding, when there is no domain to prove anything by yet, and
    // Bob's phone, which stands for a browser.
    expect(to(...ports.dtas).filter(isChannel).length).toBeGreaterThan(5);
    const plain = to(...ports.dtas).filter((conversation) => !isChannel(conversation));
    // That clear text would have been seen.
    expect(plain.some(({ all }) => all.includes("HTTP/1"))).toBe(true);
    const asked = plain.flatMap(({ all }) =>
      [...all.toString("latin1").matchAll(/(?:GET|POST|PUT|OPTIONS) (\/v1\/[a-z-]+)/g)].map((match) => match[1]),
    );
    const allowed = ["/v1/dta", "/v1/ceremonies", "/v1/ceremony", "/v1/issue", "/v1/descriptor", "/v1/permits"];
    expect(asked.filter((path) => !allowed.includes(path as string))).toEqual([]);
  },
  400_000,
);

/**
 * Programs that know nothing of Milagro get their keys by `milagro psk`: real ones on two machines, while connections go on and keys change.
 */
import { type ChildProcess, type SpawnOptions, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, vi } from "vitest";
import type { Machine } from "../support/namespaces.ts";
import { PATIENT } from "../support/patient.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { needsMachines, RUNNER, useMachines } from "./machine-programs.ts";

const machines = useMachines(["a", "b", "eve"]);
const { start, milagro, finish, finishMilagro } = machines;

/** Ends with the test. */
function run(machine: Machine, program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = machine.spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], ...options });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, "exit");
  });
  return child;
}
/** The same; what it says on standard error is its log. */
function runLogged(machine: Machine, program: string, args: readonly string[]): () => string {
  const child = run(machine, program, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr?.on("data", (chunk) => {
    log += chunk;
  });
  return () => log;
}
const ready = (child: ChildProcess) => once(child.stdout as NodeJS.ReadableStream, "data");

const callProgram = (name: string, place: string) =>
  finish(machines.cable.a, [
    RUNNER,
    "call",
    "programs",
    machines.people.home(name),
    machines.people.passphraseFile,
    place,
    machines.people.identity("b"),
  ]);

/** A configuration of stunnel in a folder of its own. @returns its path */
function stunnelConfig(folder: string, name: string, service: readonly string[]): string {
  const path = join(folder, `${name}.conf`);
  const lines = [
    "foreground = yes",
    `pid = ${join(folder, `${name}.pid`)}`,
    "debug = 3",
    "[service]",
    "ciphers = PSK",
    "sslVersion = TLSv1.3",
    "ciphersuites = TLS_AES_128_GCM_SHA256",
    `PSKsecrets = ${join(folder, name)}`,
    ...service,
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** `milagro psk get` for a key that b gives out at this port. Without its notes: standard error is in the output, too. */
const asking = (port: number, format: string, ...more: readonly string[]): readonly string[] => [
  ...["psk", "get", "--to", machines.people.identity("b"), "--at", `${machines.cable.b.address}:${port}`],
  ...["--format-of", format, "--allow-disk", "--quiet", ...more],
];

needsMachines("mosquitto", "mosquitto_pub")(
  "a Mosquitto gets its keys, and a client of its one; after the key has expired it is taken out",
  async () => {
    const { a, b } = machines.cable;
    const shm = await tempFolder();
    const file = join(shm, "psk");
    writeFileSync(file, "");
    writeFileSync(
      join(shm, "mosquitto.conf"),
      `user root\nlistener 8883 ${b.address}\npsk_hint milagro\npsk_file ${file}\nuse_identity_as_username true\npid_file ${join(shm, "pid")}\nallow_anonymous false\n`,
    );
    const log = runLogged(b, "mosquitto", ["-c", join(shm, "mosquitto.conf")]);
    // Before it runs a signal would end it.
    await expect.poll(log, PATIENT).toMatch(/running/);
    const serving = milagro(
      b,
      "b",
      "psk",
      "serve",
      "--listen",
      `${b.address}:7800`,
      "--allow",
      machines.people.identity("a"),
      "--lifetime",
      "20",
      "--out",
      file,
      "--allow-disk",
      "--reload-pid",
      join(shm, "pid"),
    );
    await serving.until(/gives out keys/);
    const get = asking(7800, "openssl", "--out", join(shm, "key"), "--format", "json");
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
    // The program was told of the key when it was made, and takes a moment to read it; so it does when the key is taken out.
    await vi.waitFor(() => publish(pskIdentity), PATIENT);
    await expect(publish("somebody")).rejects.toThrow();
    await expect.poll(() => readFileSync(file, "utf8").includes(pskIdentity), PATIENT).toBe(false);
    const published = () =>
      publish(pskIdentity).then(
        () => "let in",
        () => "refused",
      );
    await expect.poll(published, PATIENT).toBe("refused");
    expect(log()).not.toMatch(/terminating/);
    await serving.stop();
  },
  300_000,
);

needsMachines("stunnel", "openssl")(
  "stunnel at both ends: keys change again and again under connections, and one that is not renewed ends",
  async () => {
    const { a, b } = machines.cable;
    const folder = await tempFolder();
    const serving = milagro(
      b,
      "b",
      ...["psk", "serve", "--listen", `${b.address}:7801`, "--allow", machines.people.identity("a")],
      ...["--lifetime", "10", "--format-of", "stunnel", "--out", join(folder, "server"), "--allow-disk"],
      ...["--reload-pid", join(folder, "server.pid")],
    );
    await serving.until(/gives out keys/);
    // It starts before anybody has a key: what is in its file then is nobody's.
    await ready(run(b, process.execPath, ["-e", ECHO]));
    const server = stunnelConfig(folder, "server", [`accept = ${b.address}:8443`, "connect = 127.0.0.1:9101"]);
    const serverLog = runLogged(b, "stunnel", [server]);
    const asNobody = async () => {
      expect(await sClient(a, `${b.address}:8443`, "nobody", "00".repeat(32))).not.toContain("hello");
      return serverLog();
    };
    await expect.poll(asNobody, PATIENT).toMatch(REFUSED_KEY);
    const refusedBefore = serverLog().length;

    const getting = milagro(
      a,
      "a",
      ...asking(7801, "stunnel", "--out", join(folder, "client"), "--keep"),
      ...["--reload-pid", join(folder, "client.pid")],
    );
    await getting.until(/[\w-]{22}\n/);
    const client = stunnelConfig(folder, "client", [
      "client = yes",
      "accept = 127.0.0.1:8444",
      `connect = ${b.address}:8443`,
    ]);
    const clientLog = runLogged(a, "stunnel", [client]);

    await expect.poll(async () => (await talked(a, 200)).fresh.answered, PATIENT).toBeGreaterThan(0);
    // Longer than the first key is good.
    const { fresh, standing } = await talked(a, 12_000);
    await getting.until(/(?:[\w-]{22}\n){3}/);
    // Whom a stunnel has not taken in yet when it reads its configuration again, it resets: that is no refusal.
    expect(clientLog()).not.toMatch(REFUSED_KEY);
    expect(serverLog().slice(refusedBefore)).not.toMatch(REFUSED_KEY);
    expect(fresh.failed.length).toBeLessThan(fresh.answered / 10);
    expect(fresh.answered).toBeGreaterThan(10);
    expect(standing).toMatchObject({ lost: 0 });
    expect(standing.answered).toBeGreaterThan(10);

    expect((await callProgram("a", `${b.address}:7801:8443`)).output.trim()).toBe("hello");
    expect((await callProgram("eve", `${b.address}:7801:8443`)).output).toContain("ERR_CHANNEL_REFUSED");

    await getting.stop();
    await expect
      .poll(async () => (await talked(a, 500)).fresh, PATIENT)
      .toMatchObject({ answered: 0, failed: expect.arrayContaining([expect.any(String)]) });
    expect(serverLog().slice(refusedBefore)).toMatch(REFUSED_KEY);
    expect(serving.output()).not.toContain("Note:");
  },
  300_000,
);

needsMachines("openssl")(
  "openssl s_server with one key that a command starts anew, s_client with the other end's files, and s_client at a channel server",
  async () => {
    const { a, b } = machines.cable;
    const folder = await tempFolder();
    const file = (name: string): string => join(folder, name);
    // s_server reads its key once, from its command line: a new key is a new process.
    const restart = file("restart");
    const s_server = `openssl s_server -accept ${b.address}:8445 -nocert -psk_identity "$(cat id)" -psk "$(cat key)" -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -quiet -rev`;
    writeFileSync(
      restart,
      `#!/bin/sh\ncd ${folder}\nif [ -f pid ]; then kill "$(cat pid)"; fi\n${s_server} </dev/null >/dev/null 2>&1 &\necho $! >pid\n`,
      { mode: 0o700 },
    );
    onTestFinished(() => void spawnSync("sh", ["-c", `kill "$(cat ${file("pid")})"`]));
    const serving = milagro(
      b,
      "b",
      ...["psk", "serve", "--listen", `${b.address}:7802`, "--allow", machines.people.identity("a")],
      ...["--allow", machines.people.identity("eve"), "--lifetime", "6", "--format-of", "openssl"],
      ...["--out", file("key"), "--identity-out", file("id"), "--allow-disk", "--reload-command", restart],
    );
    await serving.until(/gives out keys/);
    const get = (port: number, name: string, ...more: readonly string[]): readonly string[] =>
      asking(port, "openssl", "--out", file(`${name}.key`), "--identity-out", file(`${name}.id`), ...more);
    const getting = milagro(a, "a", ...get(7802, "a", "--keep"));
    await getting.until(/[\w-]{22}\n/);
    // There is one key, and it is taken.
    const eve = await finishMilagro(a, "eve", get(7802, "eve"));
    expect(eve.status).not.toBe(0);

    const keys = () => new Set(getting.output().match(/^[\w-]{22}$/gm));
    const answeredWith = new Set<string>();
    const ask = async () => {
      const before = keys();
      // With one key there is no overlap: who comes between the two changes comes again.
      const answer = await sClientByFiles(a, `${b.address}:8445`, file("a"));
      if (answer.includes("olleh") && keys().size === before.size) answeredWith.add([...before].at(-1) ?? "");
      return answeredWith.size;
    };
    await expect.poll(ask, PATIENT).toBeGreaterThanOrEqual(3);
    expect(await sClient(a, `${b.address}:8445`, getting.output().split("\n")[0] ?? "", "00".repeat(32))).not.toContain(
      "olleh",
    );

    // A channel server gives tickets: the key it agrees on needs no file at its end.
    const channels = start(b, [
      RUNNER,
      "serve",
      "programs",
      machines.people.home("b"),
      machines.people.passphraseFile,
      "7803",
      machines.people.identity("a"),
    ]);
    await channels.until(/ready/);
    expect((await finishMilagro(a, "a", get(7803, "ticket"))).status).toBe(0);
    expect(await sClientByFiles(a, `${b.address}:7803`, file("ticket"))).toContain(
      `hello ${machines.people.identity("a")}`,
    );
  },
  300_000,
);

/** In the log of a stunnel, at either end of a connection: the key was not right. */
const REFUSED_KEY = /SSL routines/;

/** What `openssl s_client` on this machine has been answered to "hello"; nothing when it was refused. */
const sClient = (machine: Machine, to: string, identity: string, key: string): Promise<string> =>
  sClientBy(machine, to, `-psk_identity ${identity} -psk ${key}`);
const sClientByFiles = (machine: Machine, to: string, files: string): Promise<string> =>
  sClientBy(machine, to, `-psk_identity "$(cat ${files}.id)" -psk "$(cat ${files}.key)"`);

async function sClientBy(machine: Machine, to: string, psk: string): Promise<string> {
  const line = `exec openssl s_client -connect ${to} ${psk} -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256 -quiet -no_ign_eof`;
  const client = run(machine, "timeout", ["60", "sh", "-c", line], { stdio: ["pipe", "pipe", "ignore"] });
  let answer = "";
  // It ends when its input does, which waits for the answer.
  client.stdout?.on("data", (chunk) => {
    answer += chunk;
    client.stdin?.end();
  });
  client.stdin?.on("error", () => {}).write("hello\n");
  await once(client, "close");
  return answer;
}

interface Talked {
  readonly fresh: { readonly answered: number; readonly failed: readonly string[] };
  readonly standing: { readonly answered: number; readonly lost: number };
}

/** Talks to the echo through stunnel for so long: over one connection, and over a new one every 200 ms. */
const talked = async (machine: Machine, ms: number): Promise<Talked> =>
  JSON.parse(await machine.run(process.execPath, "-e", TALK, String(ms)));
const TALK = `
const { connect } = require("node:net");
const fresh = { answered: 0, failed: [] }, standing = { answered: 0, lost: 0 };
const end = Date.now() + Number(process.argv[1]);
// While stunnel reads its configuration again it does not listen for a moment.
const dial = (attempt = 0) => new Promise((resolve, reject) => {
  const socket = connect(8444, "127.0.0.1", () => resolve(socket)).once("error", (error) => {
    if (error.code !== "ECONNREFUSED" || attempt === 1000) return reject(error);
    setTimeout(() => resolve(dial(attempt + 1)), 25);
  });
});
const ask = (socket, text) => new Promise((resolve, reject) => {
  socket.once("data", (answer) => resolve(String(answer) === text)).once("close", () => reject(new Error("closed"))).once("error", reject);
  socket.write(text);
});
const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
const one = (async () => {
  const socket = await dial();
  socket.setMaxListeners(0);
  for (let i = 0; Date.now() < end; i++) { if (await ask(socket, "line " + i)) standing.answered++; else standing.lost++; await pause(); }
  socket.destroy();
})().catch(() => standing.lost++);
const many = (async () => {
  for (let i = 0; Date.now() < end; i++) {
    await dial().then(async (socket) => { if (await ask(socket, "fresh " + i)) fresh.answered++; socket.destroy(); }).catch((error) => fresh.failed.push(error.message));
    await pause();
  }
})();
Promise.all([one, many]).then(() => console.log(JSON.stringify({ fresh, standing })));`;
const ECHO = `require("node:net").createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(9101, "127.0.0.1", () => console.log("ready"));`;

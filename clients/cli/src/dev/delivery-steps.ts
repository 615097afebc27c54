/**
 * The second half of the main job: a secret is put, delivered, used, rotated, and looked for where it must not be.
 * @module
 */
import { copyFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { sleep } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { endpointStatus } from "../endpoint-socket.ts";
import type { RunningService } from "../service-process.ts";
import { type DevHome, type DevState, DTA_COUNT, freePorts } from "./dev-home.ts";
import { joinTokens } from "./founding-steps.ts";
import { runInner } from "./inner-command.ts";
import { ALICE, DOMAIN, ENDPOINT, type Job, milagro, near, SECRET_PATH } from "./job.ts";
import { searchFiles } from "./search-files.ts";
import { startSignedService } from "./signed-service.ts";

const DELIVERY_DEADLINE_MS = 60_000;

/** @returns the version it became */
export async function putSecret(job: Job, state: DevState, value: string): Promise<{ readonly version: number }> {
  const { home, timeline } = job;
  const profile = near(job, home.path("alice"));
  timeline.chapter(
    state.founded
      ? "Alice rotates the signing key"
      : "Alice encapsulates a signing key to an endpoint that has not enrolled yet",
  );
  const args = state.founded
    ? ["secret", "rotate", "--home", profile, SECRET_PATH, "-"]
    : ["secret", "put", "--home", profile, SECRET_PATH, "-", "--to", "endpoint/web-1"];
  const stored = await milagro(job, args, { input: value });
  const recipients = (stored["recipients"] as readonly string[]).join(", ");
  timeline.fact(
    "sealed",
    `${value.length} characters to ${recipients}${state.founded ? "" : ", by name alone: it has no key yet"}`,
  );
  timeline.check(
    `${SECRET_PATH} version ${String(stored["version"])} is at the D-KMS, as ciphertext with Alice's signature`,
  );
  return { version: Number(stored["version"]) };
}

/** The daemon starts with nothing but three tokens, and ends with its keys and the secret. */
export async function startEndpoint(
  job: Job,
  state: DevState,
  secret: { readonly version: number },
): Promise<RunningService> {
  const { home, timeline, parties } = job;
  const folder = home.path("endpoint");
  timeline.chapter(
    state.founded
      ? "The endpoint daemon starts again"
      : "The endpoint enrols: evidence at each of three authorities, three sealed shares",
  );
  if (!state.founded) {
    await makePrivateFolder(folder);
    await copyFile(home.path("acme.json"), home.path("endpoint", "domain.json"));
    const config = {
      identity: ENDPOINT,
      authors: [ALICE, `milagro:${DOMAIN}/service/kms`],
      passphraseFile: await home.passphrase("endpoint"),
      evidenceFile: "evidence",
    };
    await writeFileAtomic(home.path("endpoint", "config.json"), `${JSON.stringify(config, null, 2)}\n`);
    await writeFileAtomic(home.path("endpoint", "evidence"), await joinTokens(job, ENDPOINT));
  }
  timeline.command(`milagro endpoint run --home ${near(job, folder)}`);
  const endpoint = await parties.start("endpoint", "endpoint", ["run", "--home", folder]);
  const socket = home.path("endpoint", "endpoint.sock");
  await waitFor(job, "the endpoint to have its keys", async () => (await endpointStatus(socket)).state === "serving");
  const { keys } = await endpointStatus(socket);
  timeline.check(
    `${ENDPOINT} holds ${keys.length} keys: ${keys.map(({ usage, epoch }) => `${usage} ${epoch}`).join(", ")}`,
  );

  timeline.chapter("The secret arrives");
  await waitFor(job, "the secret to arrive", async () =>
    (await endpointStatus(socket)).secrets.some(
      ({ path, version, state: how }) => path === SECRET_PATH && version >= secret.version && how === "open",
    ),
  );
  const { bus } = await endpointStatus(socket);
  timeline.check(`author verified, opened with one pairing, kept in memory; the bus is ${bus}`);
  return endpoint;
}

export async function waitFor(job: Job, what: string, done: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DELIVERY_DEADLINE_MS;
  while (!(await done())) {
    if (performance.now() > deadline)
      throw new MilagroError("ERR_DEV_FAILED", `waiting for ${what} took too long; see ${job.home.path("logs")}`);
    await sleep(40, job.context.signal);
  }
}

/** Rotation while everything runs: how long a new version takes to reach the program. */
export async function rotateLive(job: Job): Promise<string> {
  const { home, timeline } = job;
  timeline.chapter("A new version, delivered over the bus while everything runs");
  const value = encodeBase64url(systemRandom(32));
  const stored = await milagro(job, ["secret", "rotate", "--home", near(job, home.path("alice")), SECRET_PATH, "-"], {
    input: value,
  });
  const storedMs = performance.now();
  const socket = home.path("endpoint", "endpoint.sock");
  const version = Number(stored["version"]);
  await waitFor(job, "the new version", async () =>
    (await endpointStatus(socket)).secrets.some((secret) => secret.path === SECRET_PATH && secret.version === version),
  );
  timeline.check(
    `version ${version} is open at the endpoint, ${Math.round(performance.now() - storedMs)} ms after the D-KMS had it`,
  );
  return value;
}

/** The proof: somebody outside accepts what the program signed with the secret, and nobody else's. */
export async function useSecret(job: Job, value: string): Promise<void> {
  const { context, home, timeline } = job;
  timeline.chapter(
    "A program uses it: milagro run gives it the key, it signs a request, a service checks the signature",
  );
  const service = await startSignedService(value);
  try {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    const program = fileURLToPath(new URL(`./sample-program.${extension}`, import.meta.url));
    const socket = near(job, home.path("endpoint", "endpoint.sock"));
    const child = [process.execPath, program, service.url];
    const args = ["run", "--socket", socket, "--id", ENDPOINT, "--env", `SIGNING_KEY=${SECRET_PATH}`, "--", ...child];
    timeline.command(
      `milagro run --socket ${socket} --env SIGNING_KEY=${SECRET_PATH} -- node sample-program ${service.url}`,
    );
    const right = await runInner(context, { args });
    if (right.status !== 0 || service.seen.accepted !== 1) {
      throw new MilagroError(
        "ERR_DEV_FAILED",
        `the service did not accept the signed request: ${right.stdout.trim()}${right.stderr.trim()}`,
      );
    }
    timeline.check(`the service says: ${right.stdout.trim()}`);
    const wrong = await runInner(context, { args: ["run", "--", ...child] });
    if (wrong.status !== 4 || service.seen.rejected !== 1)
      throw new MilagroError("ERR_DEV_FAILED", "the service accepted a request without the key");
    timeline.check(`the same program without the key: ${wrong.stdout.trim()} (exit status ${wrong.status} passed on)`);
  } finally {
    await service.close();
  }
}

/** What each party had to see, and a search of all they wrote for what none of them may have. */
export async function showWhoSawWhat(job: Job, values: readonly string[]): Promise<void> {
  const { home, timeline } = job;
  timeline.chapter("What each party saw");
  timeline.fact(
    "D-TA 1, 2, 3",
    "a name, its own token, a request key; each sent a third of a key. Never: another third, a secret",
  );
  timeline.fact("D-KMS, bus", "names, paths, sealed shares, ciphertext. Never: a share, a key, the secret");
  timeline.fact("Alice", "her own key and the secret she made. Never: the endpoint's key");
  timeline.fact("web-1", "its own key and the secret that is meant for it");
  const folders = [
    ...Array.from({ length: DTA_COUNT }, (_, i) => home.dta(i + 1)),
    home.path("kms"),
    home.path("logs"),
    home.path("endpoint"),
    home.path("alice"),
  ];
  const { files, bytes, found } = await searchFiles(folders, values);
  if (found.length > 0) throw new MilagroError("ERR_DEV_FAILED", `the secret was found in ${found.join(", ")}`);
  const size = `${files} files, ${Math.round(bytes / 1024)} KiB`;
  timeline.check(`searched all databases, logs and key stores (${size}) for both versions of the secret: not there`);
}

/** A fresh state, or the one of an earlier run. */
export async function devState(home: DevHome): Promise<DevState> {
  const earlier = home.read();
  const [kms, bus, login, ...dtas] = await freePorts(3 + DTA_COUNT);
  if (kms === undefined || bus === undefined || login === undefined) throw new TypeError("ports were asked for");
  // A home of an earlier version has no port for logins yet.
  if (earlier)
    return {
      ...earlier,
      ports: { ...earlier.ports, login: earlier.ports.login ?? login },
      pid: process.pid,
      services: [],
    };
  return { ports: { kms, bus, dtas, login }, founded: false, pid: process.pid, services: [] };
}

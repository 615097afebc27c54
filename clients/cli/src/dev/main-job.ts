/**
 * The main job, step by step, each by the command that a person would type.
 * @module
 */
import { copyFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { sleep } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import type { Context } from "../command.ts";
import { endpointStatus } from "../endpoint-socket.ts";
import type { RunningService } from "../service-process.ts";
import { type DevHome, type DevState, DTA_COUNT, freePorts } from "./dev-home.ts";
import { runInner, runInnerJson } from "./inner-command.ts";
import type { Parties } from "./parties.ts";
import { searchFiles } from "./search-files.ts";
import { startSignedService } from "./signed-service.ts";
import type { Timeline } from "./timeline.ts";

export const DOMAIN = "acme";
export const ALICE = `milagro:${DOMAIN}/person/alice`;
export const ENDPOINT = `milagro:${DOMAIN}/endpoint/web-1`;
export const SECRET_PATH = "app/signing-key";

const EPOCH_SECONDS = "3600";
/** Which operators run the authorities of the demonstration; three of different countries is the point of them. */
const OPERATORS = [
  ["operator-one", "CH"],
  ["operator-two", "NL"],
  ["operator-three", "JP"],
] as const;
const DELIVERY_DEADLINE_MS = 60_000;

export interface Job {
  readonly context: Context;
  readonly home: DevHome;
  readonly timeline: Timeline;
  readonly parties: Parties;
}

type Answer = Readonly<Record<string, unknown>>;

/** Runs a command and shows it as it can be pasted: paths relative to the current folder. */
async function milagro(
  job: Job,
  args: readonly string[],
  options: { readonly input?: string; readonly show?: string | false } = {},
): Promise<Answer> {
  const { context, timeline } = job;
  if (options.show !== false) timeline.command(options.show ?? `milagro ${args.join(" ")}`);
  return runInnerJson(context.io, context.signal, {
    args,
    ...(options.input === undefined ? {} : { input: options.input }),
  });
}

/** A path as it is shown and given: relative to where the person stands. */
function near(job: Job, path: string): string {
  const text = relative(job.context.io.cwd, path);
  return text.startsWith("..") || text === "" ? path : text;
}

const each = <T>(work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: DTA_COUNT }, (_, i) => work(i + 1)));

/** Three processes, three folders, three sets of masters. */
export async function startAuthorities(job: Job, state: DevState): Promise<void> {
  const { home, timeline, parties } = job;
  timeline.chapter(
    state.founded
      ? "Three authorities start again"
      : "Three authorities start, each with its own folder, masters and log",
  );
  if (!state.founded) {
    timeline.command(
      `milagro dta init --home ${near(job, home.dta(1))} --name dta-1 --operator operator-one --jurisdiction CH …   (and 2, 3)`,
    );
    await makePrivateFolder(home.folder);
    await each(async (index) => {
      const [operator, jurisdiction] = OPERATORS[index - 1] ?? ["operator", "EU"];
      const args = [
        "dta",
        "init",
        "--home",
        home.dta(index),
        "--name",
        `dta-${index}`,
        "--operator",
        operator,
        "--jurisdiction",
        jurisdiction,
      ];
      const { status, stderr } = await runInner(job.context.io, job.context.signal, {
        args: [...args, "--passphrase-file", await home.passphrase(`dta-${index}`)],
      });
      if (status !== 0) throw new MilagroError("ERR_DEV_FAILED", `dta init failed: ${stderr.trim()}`);
    });
  }
  timeline.command(`milagro dta serve --home ${near(job, home.dta(1))} …   (and 2, 3)`);
  const started = await each(async (index) => {
    const listen = `127.0.0.1:${state.ports.dtas[index - 1]}`;
    return parties.start("dta", `dta-${index}`, [
      "serve",
      "--home",
      home.dta(index),
      "--listen",
      listen,
      "--passphrase-file",
      await home.passphrase(`dta-${index}`),
    ]);
  });
  for (const [i, { pid, ready }] of started.entries()) {
    const [operator, jurisdiction] = OPERATORS[i] ?? ["", ""];
    timeline.fact(`D-TA ${i + 1}`, `${ready.url}  process ${pid}, ${operator}, ${jurisdiction}`);
  }
}

/** Commit, reveal, sign: nobody deals, and nobody ever holds the whole. */
export async function foundDomain(job: Job, state: DevState): Promise<void> {
  const { home, timeline } = job;
  timeline.chapter("They found a trust domain: no process ever holds its master secret");
  const proposal = near(job, home.path("proposal.json"));
  const profile = near(job, home.path("alice"));
  const urls = state.ports.dtas.flatMap((port) => ["--dta", `http://127.0.0.1:${port}`]);
  await milagro(
    job,
    [
      "domain",
      "propose",
      DOMAIN,
      ...urls,
      "--kms",
      `http://127.0.0.1:${state.ports.kms}`,
      "--bus",
      `mqtt://127.0.0.1:${state.ports.bus}`,
      "--epoch",
      EPOCH_SECONDS,
      "--out",
      proposal,
    ],
    { show: `milagro domain propose ${DOMAIN} --dta ${urls[1]} --dta … --dta … --out ${proposal}` },
  );
  timeline.command(
    `milagro dta approve --home ${near(job, home.dta(1))} ${proposal}   (and 2, 3: each operator for itself)`,
  );
  await each((index) =>
    milagro(job, ["dta", "approve", "--home", home.dta(index), proposal, "--yes"], { show: false }),
  );
  const founded = await milagro(job, [
    "domain",
    "found",
    proposal,
    "--home",
    profile,
    "--out",
    near(job, home.path("acme.json")),
  ]);
  const steps = founded["steps"] as readonly {
    readonly step: string;
    readonly index: number;
    readonly commitment?: string;
  }[];
  const of = (step: string) => steps.filter((each) => each.step === step).sort((a, b) => a.index - b.index);
  timeline.fact(
    "commit",
    of("commit")
      .map(({ index, commitment }) => `${index}: ${commitment}…`)
      .join("  "),
  );
  timeline.fact(
    "reveal",
    `${of("reveal").length} sets of public keys, each with proofs of possession, each as committed to`,
  );
  timeline.fact("sign", `${of("sign").length} signatures over one descriptor`);
  timeline.check(`domain ${DOMAIN}, id ${String(founded["domainId"])}: verified and pinned`);
}

/** Every operator writes its own policy: who may enrol, on what evidence. Then the D-KMS starts and enrols like everybody else. */
export async function startKms(job: Job, state: DevState): Promise<void> {
  const { home, timeline, parties } = job;
  timeline.chapter(
    state.founded ? "The D-KMS starts again, with its message bus" : "The D-KMS starts, with its message bus",
  );
  if (!state.founded) {
    timeline.command(
      `milagro dta policy --home ${near(job, home.dta(1))} --allow 'milagro:${DOMAIN}/*/**'   (and 2, 3)`,
    );
    await each((index) =>
      milagro(job, ["dta", "policy", "--home", home.dta(index), "--allow", `milagro:${DOMAIN}/*/**`], { show: false }),
    );
    await makePrivateFolder(home.path("kms"));
    await writeFileAtomic(
      home.path("kms", "join-tokens"),
      await joinTokens(job, `milagro:${DOMAIN}/service/kms`, "sig"),
    );
    await writeFileAtomic(home.path("kms", "policy.json"), `${JSON.stringify(KMS_POLICY, null, 2)}\n`);
    await copyFile(home.path("acme.json"), home.path("kms", "domain.json"));
  }
  timeline.command(
    `milagro kms serve --home ${near(job, home.path("kms"))} --descriptor ${near(job, home.path("acme.json"))} …`,
  );
  const kms = await parties.start("kms", "kms", [
    "serve",
    "--home",
    home.path("kms"),
    "--domain",
    home.path("kms", "domain.json"),
    "--listen",
    `127.0.0.1:${state.ports.kms}`,
    "--bus-listen",
    `127.0.0.1:${state.ports.bus}`,
    "--passphrase-file",
    await home.passphrase("kms"),
    "--join-tokens",
    home.path("kms", "join-tokens"),
  ]);
  timeline.fact("D-KMS", `${kms.ready.url}  process ${kms.pid}, keeps ciphertext only`);
  timeline.fact("bus", `mqtt://127.0.0.1:${state.ports.bus}  the D-TAs connect to it from inside`);
}

const KMS_POLICY = {
  v: 1,
  version: 1,
  rules: [
    {
      effect: "allow",
      identities: [`milagro:${DOMAIN}/person/*`],
      actions: ["put", "import", "generate", "read", "list", "rotate", "delete"],
      paths: ["**"],
    },
  ],
};

/** One token of each D-TA, one a line. Its operator hands it over; here they go from pipe to pipe. */
async function joinTokens(job: Job, identity: string, usages = "enc,sig"): Promise<string> {
  job.timeline.command(`milagro dta token --home ${near(job, job.home.dta(1))} ${identity}   (and 2, 3)`);
  const tokens = await each((index) =>
    milagro(job, ["dta", "token", "--home", job.home.dta(index), identity, "--usages", usages], { show: false }),
  );
  return `${tokens.map(({ token }) => String(token)).join("\n")}\n`;
}

/** The person who will put the secret. */
export async function enrolAlice(job: Job, state: DevState): Promise<void> {
  const { home, timeline } = job;
  timeline.chapter(
    state.founded ? "Alice renews her keys" : "Alice enrols: three tokens, three shares, one key that only she has",
  );
  const profile = home.path("alice");
  if (!state.founded) {
    const config = {
      domain: DOMAIN,
      identity: ALICE,
      passphraseFile: await home.passphrase("alice"),
      socket: home.path("endpoint", "endpoint.sock"),
    };
    await writeFileAtomic(home.path("alice", "config.json"), `${JSON.stringify(config, null, 2)}\n`);
    const tokens = await joinTokens(job, ALICE);
    const enrolled = await milagro(job, ["enrol", "--home", near(job, profile), "--evidence", "-"], { input: tokens });
    factReceipts(job, enrolled);
    return;
  }
  const { issued } = await milagro(job, ["enrol", "--home", near(job, profile)]);
  timeline.check(
    (issued as readonly unknown[]).length === 0
      ? "her keys of this and the next epoch are here"
      : "renewed by her own earlier key: no token needed",
  );
}

function factReceipts({ timeline }: Job, enrolled: Answer): void {
  const receipts = enrolled["receipts"] as readonly {
    readonly dta: number;
    readonly logIndex: number;
    readonly logHead: string;
  }[];
  for (const { dta, logIndex, logHead } of receipts) {
    timeline.fact(
      `D-TA ${dta}`,
      `checked its token, wrote log entry ${logIndex} (${logHead.slice(0, 12)}…), then sent its share, sealed`,
    );
  }
  timeline.check(`${String(enrolled["identity"])}: ${receipts.length} shares added up, the sum checked once`);
}

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

async function waitFor(job: Job, what: string, done: () => Promise<boolean>): Promise<void> {
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
    const right = await runInner(context.io, context.signal, { args });
    if (right.status !== 0 || service.seen.accepted !== 1) {
      throw new MilagroError(
        "ERR_DEV_FAILED",
        `the service did not accept the signed request: ${right.stdout.trim()}${right.stderr.trim()}`,
      );
    }
    timeline.check(`the service says: ${right.stdout.trim()}`);
    const wrong = await runInner(context.io, context.signal, { args: ["run", "--", ...child] });
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
  if (earlier) return { ...earlier, pid: process.pid, services: [] };
  const [kms, bus, ...dtas] = await freePorts(2 + DTA_COUNT);
  if (kms === undefined || bus === undefined) throw new TypeError("ports were asked for");
  return { ports: { kms, bus, dtas }, founded: false, pid: process.pid, services: [] };
}

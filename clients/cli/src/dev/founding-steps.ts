/**
 * The first half of the main job: authorities, domain, D-KMS, a person with keys. Each step by the command that it names.
 * @module
 */
import { copyFile } from "node:fs/promises";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import type { DevState } from "./dev-home.ts";
import { runInner } from "./inner-command.ts";
import { ALICE, type Answer, DOMAIN, EPOCH_SECONDS, each, type Job, milagro, near, OPERATORS } from "./job.ts";

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
      const { status, stderr } = await runInner(job.context, {
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
      "--mail",
      `folder:${home.path("mail", `dta-${index}`)}`,
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
      kmsUrl(state),
      "--bus",
      busUrl(state),
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
  timeline.fact("D-KMS", `${kmsUrl(state)}  process ${kms.pid}, keeps ciphertext only`);
  timeline.fact("bus", `${busUrl(state)}  the D-TAs connect to it from inside`);
  timeline.fact(
    "channels",
    "from here on programs talk over them: names are proved, a key agreed on, then TLS 1.3; no certificate anywhere",
  );
}

/** Addresses that are reached over channels. */
export const kmsUrl = ({ ports }: DevState): string => `milagro://127.0.0.1:${ports.kms}`;
export const busUrl = ({ ports }: DevState): string => `milagro://127.0.0.1:${ports.bus}`;

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
export async function joinTokens(job: Job, identity: string, usages = "enc,sig"): Promise<string> {
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

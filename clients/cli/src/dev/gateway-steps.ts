/**
 * The encryption gateway: it gets its keys from the three authorities, an object goes through it into a folder, and what lies there is opened without it by who
 * has the attribute, and by nobody else.
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { presign } from "@milagro/gateway/presign";
import { makePrivateFolder, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { domainFile, keyFile, schemaFile } from "../profile.ts";
import { joinTokens } from "./founding-steps.ts";
import { runInner } from "./inner-command.ts";
import { ALICE, DOMAIN, each, type Job, milagro, near } from "./job.ts";
import { searchFiles } from "./search-files.ts";

const GATEWAY = `milagro:${DOMAIN}/gateway/g1`;
const CAROL = `milagro:${DOMAIN}/person/carol`;
const BUCKET = "records";
const KEY = "2026/findings.txt";
const TEXT = "What only staff may read, wherever it is stored. ";
const SCHEMA = {
  v: 1,
  negation: false,
  labels: {
    role: { type: "text", values: "many" },
    region: { type: "text", values: "one", allowed: ["DE", "FR", "US"] },
  },
};
const RULES = {
  v: 1,
  location: { region: "DE" },
  rules: [{ bucket: BUCKET, policy: "role = staff", residency: "region in {DE, FR}" }],
};
const HOLDERS = [
  { identities: [GATEWAY, ALICE], attributes: { role: ["staff"], region: "DE" } },
  { identities: [CAROL], attributes: { role: ["guest"], region: "DE" } },
];

/** @returns the gateway's address */
export async function startGateway(job: Job): Promise<string> {
  const { home, timeline, parties } = job;
  const folder = home.path("gateway");
  const isNew = !existsSync(home.path("gateway", "client.json"));
  timeline.chapter(
    isNew
      ? "An encryption gateway starts: an S3 endpoint whose store gets ciphertext only"
      : "The encryption gateway starts again",
  );
  const profile = home.path("gateway", "profile");
  if (isNew) {
    await makePrivateFolder(folder);
    await writeFileAtomic(home.path("gateway", "rules.json"), `${JSON.stringify(RULES, null, 2)}\n`);
    await allowAttributes(job);
    await Promise.all([
      holder(job, GATEWAY, profile, "staff", true),
      holder(job, ALICE, home.path("alice"), "staff", false),
      holder(job, CAROL, home.path("carol"), "guest", true),
    ]);
    timeline.check("three attribute keys, each approved by all three authorities before one of them issued a share");
    const made = await milagro(job, [
      ...["gateway", "access-key-create", "--home", near(job, folder), ALICE],
      ...["-a", "role=staff", "-a", "region=DE", "--passphrase-file", await home.passphrase("gateway")],
    ]);
    const client = { id: made["accessKeyId"], secret: made["secretAccessKey"] };
    await writeFileAtomic(home.path("gateway", "client.json"), `${JSON.stringify(client)}\n`);
  }
  const identity = parseIdentity(GATEWAY);
  timeline.command(`milagro gateway serve --home ${near(job, folder)} --profile ${near(job, profile)} --id ${GATEWAY}`);
  const { ready, pid } = await parties.start("gateway", "gateway", [
    ...["serve", "--home", folder, "--id", GATEWAY, "--listen", "127.0.0.1:0"],
    ...["--keys", keyFile(profile, identity), "--domain", domainFile(profile, DOMAIN)],
    ...["--schema", schemaFile(profile, DOMAIN), "--passphrase-file", await home.passphrase("gateway")],
  ]);
  const url = String(ready.url);
  timeline.fact("gateway", `${url}  process ${pid}, stores in ${near(job, home.path("gateway", "store"))}`);
  if (isNew) await storeAndOpen(job, url);
  return url;
}

/** Each operator by itself: the schema, and who is what. */
async function allowAttributes(job: Job): Promise<void> {
  const { home, timeline } = job;
  timeline.command(
    `milagro dta policy --home ${near(job, home.dta(1))} --set -   (and 2, 3: who is staff, and who is not)`,
  );
  await each(async (index) => {
    const allow = ["--allow", `milagro:${DOMAIN}/*/**`, "--usages", "cp", "--evidence", "renewal"];
    const policy = await milagro(job, ["dta", "policy", "--home", home.dta(index), ...allow], { show: false });
    const attributes = { version: 1, schema: SCHEMA, unbound: true, holders: HOLDERS };
    const next = { ...policy, version: Number(policy["version"]) + 1, attributes };
    await milagro(job, ["dta", "policy", "--home", home.dta(index), "--set", "-"], {
      input: JSON.stringify(next),
      show: false,
    });
  });
}

/** An identity with an attribute key; a new one enrols first. */
async function holder(job: Job, identity: string, profile: string, role: string, isNew: boolean): Promise<void> {
  const { home } = job;
  const party = identity === GATEWAY ? "gateway" : profile === home.path("alice") ? "alice" : "carol";
  const acting = ["--home", profile, "--id", identity, "--passphrase-file", await home.passphrase(party)];
  if (isNew) {
    await milagro(job, ["domain", "verify", home.path("acme.json"), "--home", profile], { show: false });
    await milagro(job, ["enrol", ...acting, "--evidence", "-"], {
      input: await joinTokens(job, identity),
      show: false,
    });
  }
  await milagro(job, ["attributes", "request", ...acting, "--unbound", "-a", `role=${role}`, "-a", "region=DE"], {
    show: `milagro attributes request --id ${identity} --unbound -a role=${role} -a region=DE`,
  });
}

/** Through the gateway in, past it out. */
async function storeAndOpen(job: Job, endpoint: string): Promise<void> {
  const { home, timeline } = job;
  const accessKey = JSON.parse(readFileSync(home.path("gateway", "client.json"), "utf8")) as {
    id: string;
    secret: string;
  };
  const send = async (method: string, key: string, body?: string): Promise<Response> => {
    const url = await presign({ endpoint, accessKey, method, bucket: BUCKET, key, seconds: 60 });
    const response = await fetch(url, { method, ...(body === undefined ? {} : { body }) });
    if (!response.ok) throw failed(`${method} was answered with ${response.status}`);
    return response;
  };
  const text = TEXT.repeat(2000);
  timeline.command(`aws --endpoint-url ${endpoint} s3 cp findings.txt s3://${BUCKET}/${KEY}`);
  await send("PUT", "");
  await send("PUT", KEY, text);
  if ((await (await send("GET", KEY)).text()) !== text) throw failed("what came back is not what was put");
  const { files, bytes, found } = await searchFiles([home.path("gateway", "store")], [TEXT]);
  if (found.length > 0) throw failed("plaintext lies at the store");
  timeline.check(
    `put and got back through S3; at rest ${files} files, ${Math.round(bytes / 1024)} KiB, not a word of it`,
  );
  const staff = await openOffline(job, ALICE, "alice");
  if (staff.stdout !== text) throw failed(`who has the attribute could not open it: ${staff.stderr}`);
  timeline.check("Alice is staff: she opens the stored object with her key, without the gateway");
  const guest = await openOffline(job, CAROL, "carol");
  if (guest.status === 0 || !guest.stderr.includes("ERR_POLICY_UNSATISFIED"))
    throw failed("who lacks the attribute was not refused");
  timeline.check("Carol is a guest: the same files in her hands, and no key that opens them");
}

async function openOffline(job: Job, identity: string, party: "alice" | "carol") {
  const { context, home, timeline } = job;
  const args = ["gateway", "decrypt", BUCKET, KEY, "--store", near(job, home.path("gateway", "store"))];
  args.push("--writer", GATEWAY, "--home", near(job, home.path(party)), "--id", identity);
  timeline.command(`milagro ${args.join(" ")}`);
  return runInner(context, {
    args: [...args, "--passphrase-file", await home.passphrase(party), "--format", "json"],
  });
}

const failed = (what: string): MilagroError => new MilagroError("ERR_DEV_FAILED", `gateway: ${what}`);

/**
 * Attribute keys by separate `milagro` commands: three D-TAs as processes of their own, a schema they publish together, keys that all of
 * them approve and issue, files that open for who satisfies their policy.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "../support/ports.ts";
import { allFiles, forms, startDaemon } from "./milagro.ts";
import { acting, threeOperators } from "./three-operators.ts";

const ALICE = "milagro:acme/person/alice";
const BOB = "milagro:acme/person/bob";
const WEB = "milagro:acme/endpoint/web-1";
const PAGER = "milagro:acme/service/pager";
const TEXT = "the plan";
const SECRET = `policy-secret-${"p".repeat(30)}`;

const SCHEMA = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR", "US"] },
    group: { type: "text", values: "many" },
    clearance: { type: "integer", width: 4 },
    joined: { type: "date" },
    topic: { type: "text", values: "one" },
  },
};
const ATTRIBUTES = {
  version: 1,
  schema: SCHEMA,
  holders: [
    { identities: [ALICE], attributes: { region: "DE", clearance: 4, joined: "2024-02-29" } },
    { identities: [BOB], attributes: { region: "US", clearance: 1 } },
    { identities: [WEB], attributes: { region: "FR" } },
    { identities: ["milagro:acme/person/*", "milagro:acme/endpoint/*"], attributes: { group: ["staff"] } },
  ],
  policies: [{ identities: [PAGER], policies: ["topic = alarm"] }],
};
const POLICY = {
  v: 1,
  version: 2,
  rules: [
    {
      identities: ["milagro:acme/*/**"],
      usages: ["enc", "sig", "cp", "kp"],
      evidence: ["join-token", "renewal"],
      maxEpochsAhead: 1,
      maxEpochsBack: 30,
    },
  ],
  registrars: [],
  oidc: [],
  denied: [],
  attributes: ATTRIBUTES,
};

const { path, options, call, run, failure, eachMember, enrol, found, daemons, close } = threeOperators();
const alice = acting("alice", ALICE);
const bob = acting("bob", BOB);
const pager = acting("pager", PAGER);

async function setPolicy(member: number, policy: object): Promise<string> {
  return run(`dta policy --home dta-${member} --set -`, [], JSON.stringify(policy));
}

beforeAll(async () => {
  const [kms, bus] = await freePorts(2);
  await found("alice", ["bob", "pager"], POLICY, `--kms http://127.0.0.1:${kms} --bus mqtt://127.0.0.1:${bus}`);
  await mkdir(path("kms"));
  const rule = {
    effect: "allow",
    identities: ["milagro:acme/person/*"],
    actions: ["put", "import", "read", "list", "rotate"],
    paths: ["**"],
  };
  await writeFile(path("kms", "policy.json"), JSON.stringify({ v: 1, version: 1, rules: [rule] }));
  daemons.push(
    await startDaemon(
      `kms serve --home kms --descriptor acme.json --listen 127.0.0.1:${kms} --bus-listen 127.0.0.1:${bus}`.split(" "),
      options(),
    ),
  );
  await Promise.all([enrol("alice", ALICE), enrol("bob", BOB), enrol("pager", PAGER)]);
}, 300_000);

afterAll(close);

describe("attribute keys", () => {
  test("are issued to whom all D-TAs know to have the attributes, through the D-KMS and directly", async () => {
    const asked = ["-a", "region=DE", "-a", "clearance=4", "-a", "group=staff"];
    const issued = JSON.parse(await run(`attributes request ${alice} --format json --route relay`, asked));
    expect(issued.issued).toHaveLength(2);
    expect(issued.issued[0]).toMatchObject({
      scheme: "cp",
      bound: true,
      attributes: { uid: ALICE, region: "DE", clearance: "4", group: "staff" },
    });
    expect(issued.receipts.map(({ dta }: { dta: number }) => dta)).toEqual([1, 2, 3]);
    await run(`attributes request ${bob} --route direct`, [
      "-a",
      "region=US",
      "-a",
      "group=staff",
      "-a",
      "clearance=1",
    ]);
    expect(await run(`attributes request ${bob} --route direct`)).toContain("all keys are here already");
    const shown = JSON.parse(await run(`attributes show ${alice} --format json`));
    expect(shown.keys).toHaveLength(2);
  }, 120_000);

  test("are refused for attributes that the D-TAs do not know of", async () => {
    expect(await failure(`attributes request ${bob}`, ["-a", "region=DE"])).toBe("ERR_ENROLMENT_REFUSED");
    expect(await failure(`attributes request ${bob}`, ["-a", "group=audit"])).toBe("ERR_ENROLMENT_REFUSED");
    expect(await failure(`attributes request ${bob}`, ["-a", "regoin=DE"])).toBe("ERR_ATTRIBUTE_INVALID");
  }, 120_000);

  test("open files to policies that they satisfy, and no others, offline", async () => {
    await run(`attributes schema --home bob --domain acme`);
    const to = async (policy: string) => {
      await run("encrypt --home bob --domain acme -o file.milagro --force --policy", [policy], TEXT);
    };
    await to("region in {DE, FR} and clearance >= 3 and group = staff");
    expect(await run(`decrypt ${alice} file.milagro`)).toBe(TEXT);
    expect(await failure(`decrypt ${bob} file.milagro`)).toBe("ERR_POLICY_UNSATISFIED");
    const explained = await call(`policy explain ${bob} --file file.milagro --format json`);
    expect(explained.status).toBe(3);
    expect(JSON.parse(explained.stdout).holders[0].missing).toEqual([
      [
        { condition: "region in {DE, FR}", has: "US" },
        { condition: "clearance >= 3", has: "1" },
      ],
    ]);
    await to(`group = staff and uid != "${ALICE}"`);
    expect(await failure(`decrypt ${alice} file.milagro`)).toBe("ERR_POLICY_UNSATISFIED");
    expect(await run(`decrypt ${bob} file.milagro`)).toBe(TEXT);
  }, 120_000);

  test("open secrets to policies: an endpoint that is told of one, and whoever may read it; the D-KMS holds ciphertext", async () => {
    const tokens = await eachMember((member) => run(`dta token --home dta-${member} ${WEB}`));
    await mkdir(path("web"), { mode: 0o700 });
    await writeFile(path("web", "pass"), "passphrase of web-1\n", { mode: 0o600 });
    await writeFile(path("web", "evidence"), tokens.join(""), { mode: 0o600 });
    const config = {
      identity: WEB,
      domain: "../acme.json",
      authors: ["milagro:acme/person/*"],
      passphraseFile: "pass",
      evidenceFile: "evidence",
      attributes: ["region=FR", "group=staff"],
    };
    await writeFile(path("web", "config.json"), JSON.stringify(config));
    const put = `secret put app/key - -t endpoint/web-1 ${alice} --format json --policy`;
    const stored = JSON.parse(await run(put, ["group = staff and region in {DE, FR}"], SECRET));
    expect(stored).toMatchObject({ version: 1, recipients: [WEB] });
    daemons.push(await startDaemon("endpoint run --home web".split(" "), options()));
    const used = await run(`run --socket web/endpoint.sock --id ${WEB} --wait 60 --env KEY=app/key --`, [
      "sh",
      "-c",
      'printf %s "$KEY" | wc -c',
    ]);
    expect(used.trim()).toBe(String(SECRET.length));
    expect(await run(`secret get app/key ${alice}`)).toBe(SECRET);
    expect(await failure(`secret get app/key ${bob}`)).toBe("ERR_POLICY_UNSATISFIED");
    const rotated = JSON.parse(await run(`secret rotate app/key - ${alice} --format json`, [], `${SECRET}2`));
    expect(rotated).toMatchObject({ version: 2, policy: stored.policy });
    expect(await run(`secret get app/key ${alice}`)).toBe(`${SECRET}2`);
    expect(await failure(`secret get app/key ${bob}`)).toBe("ERR_POLICY_UNSATISFIED");
    for (const form of forms(SECRET)) {
      expect(allFiles(path("kms")).filter(({ content }) => content.includes(form))).toEqual([]);
    }
  }, 180_000);

  test("open what was imported to a policy: each value to whoever satisfies it; a policy that is none imports nothing", async () => {
    const env = `USER=${SECRET}u\nPASSWORD=${SECRET}p\n`;
    const imported = `secret import - --prefix imported/ ${alice} --format json`;
    const to = (policy: string, ...more: string[]) => call(imported, ["--policy", policy, ...more], env);
    for (const [policy, more, code] of [
      ["regoin = DE", [], "ERR_POLICY_INVALID"],
      ["region = ", [], "ERR_POLICY_INVALID"],
      ["region = DE", ["--opens-at", "2999-01-01"], "ERR_USAGE"],
      ["region = DE", ["--to", "milagro:other/endpoint/web-1"], "ERR_DOMAIN_MISMATCH"],
    ] as const)
      expect((await to(policy, ...more)).stderr).toContain(code);
    expect(JSON.parse(await run(`secret list imported/ ${alice} --format json`))).toEqual([]);
    const stored = await to("region in {DE, FR} and group = staff", "-t", "person/bob");
    const policy = "region in {DE, FR} and group = staff";
    expect(JSON.parse(stored.stdout)).toEqual(
      ["imported/USER", "imported/PASSWORD"].map((path) => ({ path, version: 1, recipients: [BOB], policy })),
    );
    expect(await run(`secret get imported/USER ${alice}`)).toBe(`${SECRET}u`);
    expect(await run(`secret get imported/PASSWORD ${alice}`)).toBe(`${SECRET}p`);
    expect(await failure(`secret get imported/PASSWORD ${bob}`)).toBe("ERR_POLICY_UNSATISFIED");
    for (const form of forms(SECRET))
      expect(allFiles(path("kms")).filter(({ content }) => content.includes(form))).toEqual([]);
  }, 120_000);

  test("with a policy open files that carry attributes which satisfy it", async () => {
    await run(`attributes request ${pager} --policy`, ["topic = alarm"]);
    expect(await failure(`attributes request ${pager} --policy`, ["topic = alarm or topic = pay"])).toBe(
      "ERR_ENROLMENT_REFUSED",
    );
    await run("encrypt --home bob --domain acme -o alarm.milagro -a topic=alarm -a region=DE", [], TEXT);
    await run("encrypt --home bob --domain acme -o pay.milagro -a topic=pay -a region=DE", [], TEXT);
    expect(await run(`decrypt ${pager} alarm.milagro`)).toBe(TEXT);
    expect(await failure(`decrypt ${pager} pay.milagro`)).toBe("ERR_POLICY_UNSATISFIED");
    expect(await failure(`decrypt ${alice} alarm.milagro`)).toBe("ERR_KEY_MISSING");
  }, 120_000);

  test("need every D-TA: one that does not know the attribute any more, or denies the identity, means no key", async () => {
    const epoch = JSON.parse(await run(`attributes show ${alice} --format json`)).keys[0].epoch as number;
    const [first, ...others] = ATTRIBUTES.holders;
    const poorer = { ...first, attributes: { ...first?.attributes, clearance: 2 } };
    await setPolicy(2, { ...POLICY, version: 3, attributes: { ...ATTRIBUTES, holders: [poorer, ...others] } });
    const asked = ["-a", "clearance=4", "-a", "joined=2024-02-29", "--epoch", String(epoch + 1)];
    const refused = await call(`attributes request ${alice}`, asked);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain("D-TA 2 (dta-2): ERR_ENTITLEMENT_REFUSED");
    await run("dta deny --home dta-3", [ALICE]);
    const denied = await call(`attributes request ${alice}`, ["-a", "region=DE", "--epoch", String(epoch + 1)]);
    expect(denied.status).toBe(3);
    expect(denied.stderr).toContain("D-TA 3 (dta-3): ERR_IDENTITY_REVOKED");
  }, 120_000);

  test("cannot be asked for while the D-TAs publish different schemas", async () => {
    const schema = { ...SCHEMA, labels: { ...SCHEMA.labels, extra: { type: "date" } } };
    await setPolicy(1, { ...POLICY, version: 9, attributes: { ...ATTRIBUTES, version: 2, schema } });
    expect(await failure("attributes schema --home alice")).toBe("ERR_ATTRIBUTE_SCHEMA_DIFFERS");
    await eachMember((member) =>
      member === 1
        ? Promise.resolve("")
        : setPolicy(member, { ...POLICY, version: 9, attributes: { ...ATTRIBUTES, version: 2, schema } }),
    );
    expect(JSON.parse(await run("attributes schema --home alice --format json")).version).toBe(2);
    await eachMember((member) => setPolicy(member, { ...POLICY, version: 10 }));
    expect(await failure("attributes schema --home alice")).toBe("ERR_ATTRIBUTE_SCHEMA_FORGED");
  }, 120_000);
});

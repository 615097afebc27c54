/** `milagro policy …` and `encrypt --policy` without a network. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encryptFileToPolicy } from "@milagro/client/attribute-files";
import { firstSight } from "@milagro/client/known-domain";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { signStatement } from "@milagro/crypto/bls";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { type SignedAttributeSchema, schemaBody } from "@milagro/protocol/attribute-schema-statement";
import { statementBytes } from "@milagro/protocol/statement";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EPOCH, engine, flip, foundDomain, random } from "../../../core/protocol/test/fixture.ts";
import { makeTempFolder } from "../../../tests/support/temp-folder.ts";
import { writeAttributeSchema, writeKnownDomain } from "../src/profile.ts";
import { type Ran, run } from "./run-cli.ts";

const SCHEMA = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true, allowed: ["DE", "FR", "US"] },
    group: { type: "text", values: "many" },
    clearance: { type: "integer", width: 4 },
  },
};
const EVE = "milagro:example.org/person/eve";
let folder: string;
let signed: SignedAttributeSchema;

beforeAll(async () => {
  folder = await makeTempFolder();
  await writeFile(join(folder, "schema.json"), JSON.stringify(SCHEMA));
  await writeFile(
    join(folder, "holders.json"),
    JSON.stringify({ ann: { region: "DE", clearance: 9 }, [EVE]: { region: "DE" } }),
  );
  await writeFile(join(folder, "readers.policy"), "region in {DE, FR} # Europe\n  and clearance >= 3\n");
  const founded = await foundDomain(2);
  await writeKnownDomain(join(folder, "home"), firstSight(engine, random, founded.signed).known);
  const body = { v: 1, domainId: founded.domain.domainId, version: 3, schema: SCHEMA } as unknown as Omit<
    SignedAttributeSchema,
    "signatures"
  >;
  const message = statementBytes("attribute-schema", schemaBody(body));
  const signatures = founded.members.map(({ masters }) => signStatement(engine, masters.statement, message));
  signed = { ...body, signatures };
  const policy = parsePolicy("region = FR and group = ops", parseAttributeSchema(SCHEMA));
  const parts: Uint8Array[] = [];
  for await (const part of encryptFileToPolicy({ engine, random, domain: founded.domain }, policy, EPOCH, [
    new Uint8Array(9),
  ]))
    parts.push(part);
  await writeFile(join(folder, "sealed"), Buffer.concat(parts));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const milagro = (words: readonly string[], input?: string): Promise<Ran> =>
  run(["--home", "home", ...words], { cwd: folder, ...(input === undefined ? {} : { input: Buffer.from(input) }) });
const withSchema = ["--schema", "schema.json"];
const errorOf = ({ stderr }: Ran) => JSON.parse(stderr).error;

describe("policy check", () => {
  test("says what a policy costs, to the byte", async () => {
    const { status, stdout } = await milagro(["policy", "check", "@readers.policy", ...withSchema, "--format", "json"]);
    expect(status).toBe(0);
    const compact = "region in{DE,FR}&clearance[4]>=3";
    const rows = 2 + 3;
    expect(JSON.parse(stdout)).toEqual({
      policy: "region in {DE, FR} and clearance >= 3",
      compact,
      rows,
      uses: 1,
      negation: false,
      ciphertextBytes: 139 + compact.length + 96 + 48 * rows,
    });
  });

  test("shows people the line and a mark under the place that is wrong", async () => {
    const { status, stderr } = await milagro(
      ["policy", "check", "-", ...withSchema],
      "region = DE\nand clearanc >= 3\n",
    );
    expect(status).toBe(1);
    expect(stderr).toContain("line 2, column 5");
    expect(stderr).toContain("\n  and clearanc >= 3\n      ^");
  });

  test("gives programs line and column", async () => {
    const wrong = await milagro([
      "policy",
      "check",
      "region = DE and (clearance >= 3",
      ...withSchema,
      "--format",
      "json",
    ]);
    expect(errorOf(wrong)).toMatchObject({ code: "ERR_POLICY_INVALID", line: 1, column: 32 });
    const value = await milagro(["policy", "check", "region = XX", ...withSchema, "--format", "json"]);
    expect(errorOf(value)).toMatchObject({ code: "ERR_POLICY_INVALID", line: 1, column: 10 });
  });
});

test("policy format writes one form, simplified or compact on request", async () => {
  const text = "not (region = US or clearance < 3)";
  const plain = await milagro(["policy", "format", text, ...withSchema]);
  expect(plain.stdout).toBe(`${text}\n`);
  const simple = await milagro(["policy", "format", text, "--simplify", ...withSchema]);
  expect(simple.stdout).toBe("region != US and clearance >= 3\n");
  const compact = await milagro(["policy", "format", text, "--compact", ...withSchema]);
  expect(compact.stdout).toBe("region!=US&clearance[4]>=3\n");
});

describe("policy explain", () => {
  test("says who opens and what each of the others lacks; the status says whether all do", async () => {
    const words = [
      "policy",
      "explain",
      `region = DE and clearance >= 3 and uid != "${EVE}"`,
      ...withSchema,
      "--format",
      "json",
    ];
    const bob = ["--holder", "bob region=US clearance=4 group=a group=b"];
    const { status, stdout } = await milagro([...words, ...bob, "--holders", "holders.json"]);
    expect(status).toBe(3);
    expect(JSON.parse(stdout).holders).toEqual([
      {
        name: "bob",
        opens: false,
        missing: [[{ condition: "region = DE", has: "US" }]],
      },
      { name: "ann", opens: true, missing: [] },
      {
        name: EVE,
        opens: false,
        missing: [[{ condition: "clearance >= 3" }, { condition: `uid != "${EVE}"`, has: EVE }]],
      },
    ]);
    const all = await milagro(["policy", "explain", "clearance >= 3", ...withSchema, "--holder", "ann clearance=9"]);
    expect([all.status, all.stdout]).toEqual([0, "policy  clearance >= 3\n\nopens   ann\n"]);
  });

  test("reads the policy from an encrypted file, and holders from a D-TA's policy", async () => {
    const policy = {
      v: 1,
      version: 1,
      rules: [],
      registrars: [],
      oidc: [],
      denied: [],
      attributes: {
        version: 1,
        schema: SCHEMA,
        holders: [
          { identities: [EVE], attributes: { region: "FR", group: ["ops"] } },
          { identities: ["milagro:example.org/person/*"], attributes: { region: "DE", group: ["staff"] } },
        ],
      },
    };
    await writeFile(join(folder, "policy.json"), JSON.stringify(policy));
    const words = ["policy", "explain", "--file", "sealed", "--dta-policy", "policy.json", ...withSchema];
    const { status, stdout } = await milagro([...words, "--format", "json"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ holders: [{ name: EVE, opens: true }] });
  });

  test("refuses holders whose attributes are none", async () => {
    const words = ["policy", "explain", "region = DE", ...withSchema, "--format", "json"];
    expect(errorOf(await milagro([...words, "--holder", "bob regoin=DE"])).code).toBe("ERR_ATTRIBUTE_INVALID");
    expect(errorOf(await milagro([...words, "--holder", "bob region"])).code).toBe("ERR_USAGE");
    expect(errorOf(await milagro(["policy", "explain", "--format", "json"])).code).toBe("ERR_USAGE");
  });
});

describe("the kept schema", () => {
  test("is needed to encrypt to a policy, and believed only with the signatures of all D-TAs", async () => {
    const encrypt = ["encrypt", "--policy", "region != US", "-o", "out", "--force", "schema.json", "--format", "json"];
    expect(errorOf(await milagro(encrypt)).code).toBe("ERR_ATTRIBUTE_SCHEMA_UNKNOWN");
    const [first = new Uint8Array(), second = new Uint8Array()] = signed.signatures;
    const home = join(folder, "home");
    for (const signatures of [[first], [first, first], [first, flip(second, -1)], [second, first]]) {
      await writeAttributeSchema(home, "example.org", { ...signed, signatures });
      expect(errorOf(await milagro(encrypt)).code).toBe("ERR_ATTRIBUTE_SCHEMA_FORGED");
    }
    await writeAttributeSchema(home, "example.org", { ...signed, version: 4 });
    expect(errorOf(await milagro(encrypt)).code).toBe("ERR_ATTRIBUTE_SCHEMA_FORGED");
    await writeAttributeSchema(home, "example.org", signed);
    expect((await milagro(encrypt)).status).toBe(0);
    const both = await milagro([...encrypt, "-r", "person/bob"]);
    expect(errorOf(both).code).toBe("ERR_USAGE");
    const epoch = await milagro([
      "encrypt",
      "--policy",
      "epoch >= 3",
      "-o",
      "out",
      "--force",
      "schema.json",
      "--format",
      "json",
    ]);
    expect(errorOf(epoch).code).toBe("ERR_POLICY_INVALID");
  });
});

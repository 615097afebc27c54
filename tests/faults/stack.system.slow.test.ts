/** A lying, slow, stopped or sealed D-TA, wrong clocks and wrong descriptors, met by a person at the command line, with the whole stack behind it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { verifyStatement } from "@milagro/crypto/bls";
import { encodeDescriptor, encodeSignedDescriptor, hashDescriptor } from "@milagro/protocol/descriptor";
import { receiptStatement } from "@milagro/protocol/issuance";
import { parseReceipt } from "@milagro/protocol/issuance-messages";
import { authorityAt, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { silentLog } from "@milagro/runtime/log";
import { passphraseFromText } from "@milagro/runtime/passphrase";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readEndpointConfig } from "../../clients/endpoint/src/config.ts";
import { startEndpoint } from "../../clients/endpoint/src/endpoint.ts";
import { engine, PASSPHRASE, random } from "../../services/dta/test/support.ts";
import { parseConfig } from "../../services/kms/src/config.ts";
import { startKms } from "../../services/kms/src/kms.ts";
import { type Stack, startStack, VICTIM, who } from "./stack.ts";

let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.close());
beforeEach(() => {
  for (const clock of [...stack.dtaClocks, stack.kmsClock]) clock.offsetMs = 0;
  stack.slowMs = 0;
});

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly receipts?: readonly unknown[];
}
const failureOf = (stderr: string): Failure => JSON.parse(stderr.trim().split("\n").at(-1) ?? "").error;
const MINUTES = 60_000;

/** How often each D-TA has recorded keys for the identity. */
async function recorded(identity: string): Promise<number[]> {
  return Promise.all(
    stack.dtas.map(async ({ http }) => {
      const { body } = await http.request({ path: "/v1/log", query: { limit: 1000 } });
      const { entries } = body as { entries: { action: string; outcome: string; subject?: string }[] };
      return entries.filter((e) => e.action === "issue" && e.outcome === "ok" && e.subject === identity).length;
    }),
  );
}

test("a D-TA that issues shares of another master is named, with the receipt it has signed for them", async () => {
  const tokens = await stack.tokens(VICTIM);
  const { status, stderr } = await stack.cli(`enrol --id ${VICTIM} --evidence - --route relay`, tokens);
  const { code, message, receipts } = failureOf(stderr);
  expect([status, code]).toEqual([2, "ERR_SHARE_INVALID"]);
  expect(message).toContain("D-TA 2 (dta-2)");
  expect(receipts).toHaveLength(1);
  const receipt = parseReceipt(receipts?.[0]);
  expect(receipt).toMatchObject({ index: 2, identity: VICTIM });
  const { statement } = authorityAt(verifyDescriptor(engine, random, stack.signed), 2).publicShares;
  expect(verifyStatement(engine, statement, receiptStatement(receipt), receipt.signature)).toBe(true);
  const { body } = (await stack.dtas[1]?.http.request({ path: "/v1/log", query: { limit: 1000 } })) ?? {};
  const { entries } = body as { entries: { index: number; hash: string; subject?: string }[] };
  expect(entries.find(({ index }) => index === receipt.logIndex)).toMatchObject({
    subject: VICTIM,
    hash: encodeBase64url(receipt.logHead),
  });
  // No key was kept, and whoever is not lied to is served.
  const shown = await stack.cli(`secret list --id ${VICTIM}`);
  expect([shown.status, failureOf(shown.stderr).code]).toEqual([1, "ERR_KEY_MISSING"]);
  const bystander = who("person/bystander");
  expect((await stack.cli(`enrol --id ${bystander} --evidence -`, await stack.tokens(bystander))).status).toBe(0);
});

describe("through the relay", () => {
  test.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    [
      "sealed",
      async () => stack.dtas[2]?.admin.request({ method: "POST", path: "/v1/seal" }),
      async () =>
        stack.dtas[2]?.admin.request({ method: "POST", path: "/v1/unseal", body: { v: 1, passphrase: PASSPHRASE } }),
    ],
    ["stopped", () => stack.stopDta(3), () => stack.startDta(3)],
  ])(
    "while a D-TA is %s, enrolment says which, and later goes on where it was, without new evidence",
    async (how, away, back) => {
      const identity = who(`person/${how}`);
      const tokens = await stack.tokens(identity);
      await away();
      const first = await stack.cli(`enrol --id ${identity} --evidence - --route relay --timeout 1`, tokens);
      expect([first.status, failureOf(first.stderr).code]).toEqual([2, "ERR_ENROLMENT_INCOMPLETE"]);
      expect(failureOf(first.stderr).message).toContain("dta-3");
      expect(failureOf(first.stderr).message).not.toContain("dta-1");
      await back();
      // Long after: what the others have spent their tokens on is still good.
      for (const clock of stack.dtaClocks) clock.offsetMs = 30 * MINUTES;
      const second = await stack.cli(`enrol --id ${identity} --route direct`);
      expect([second.status, second.stderr.includes("ERR_")]).toEqual([0, false]);
      expect(await recorded(identity)).toEqual([1, 1, 1]);
    },
  );

  test("a slow D-TA is waited for", async () => {
    stack.slowMs = 1500;
    const identity = who("person/patient");
    const tokens = await stack.tokens(identity);
    expect((await stack.cli(`enrol --id ${identity} --evidence - --route relay`, tokens)).status).toBe(0);
    expect(await recorded(identity)).toEqual([1, 1, 1]);
  });
});

describe("a clock that is ten minutes off", () => {
  test("at a D-TA that is behind: it says so, and once it is right the same request goes on", async () => {
    const identity = who("person/early");
    const tokens = await stack.tokens(identity);
    const clock = stack.dtaClocks[1];
    if (clock) clock.offsetMs = -10 * MINUTES;
    const first = await stack.cli(`enrol --id ${identity} --evidence - --route direct`, tokens);
    expect([first.status, failureOf(first.stderr).code]).toEqual([3, "ERR_ENROLMENT_REFUSED"]);
    expect(failureOf(first.stderr).message).toContain("D-TA 2 (dta-2): ERR_REQUEST_EXPIRED");
    if (clock) clock.offsetMs = 0;
    expect((await stack.cli(`enrol --id ${identity} --route direct`)).status).toBe(0);
    expect(await recorded(identity)).toEqual([1, 1, 1]);
  });

  test("at a D-TA that is ahead: a join token carries the request all the same", async () => {
    const identity = who("person/late");
    const tokens = await stack.tokens(identity);
    const clock = stack.dtaClocks[1];
    if (clock) clock.offsetMs = 10 * MINUTES;
    expect((await stack.cli(`enrol --id ${identity} --evidence - --route direct`, tokens)).status).toBe(0);
  });

  test.each([-10, 10])(
    "at the D-KMS (%i minutes): requests are refused as such, nothing is stored, and with the right time they pass",
    async (minutes) => {
      const identity = who("person/clocked");
      if ((await recorded(identity)).includes(0))
        expect((await stack.cli(`enrol --id ${identity} --evidence -`, await stack.tokens(identity))).status).toBe(0);
      stack.kmsClock.offsetMs = minutes * MINUTES;
      const put = `secret put clock/${minutes < 0 ? "behind" : "ahead"} - --to person/clocked --id ${identity}`;
      const refused = await stack.cli(put, "a value");
      expect([refused.status, failureOf(refused.stderr).code]).toEqual([2, "ERR_SIGNATURE_EXPIRED"]);
      stack.kmsClock.offsetMs = 0;
      const stored = await stack.cli(put, "a value");
      expect([stored.status, JSON.parse(stored.stdout).version]).toEqual([0, 1]);
    },
  );
});

describe("a descriptor that is stale or forged", () => {
  /** Signed by all three, one place changed. */
  async function later() {
    const { descriptor } = stack.signed;
    const domainId = hashDescriptor(descriptor);
    const authorities = descriptor.authorities.map((authority) => ({ ...authority, operator: "Another company" }));
    const next = { ...descriptor, authorities, sequence: 1, domainId: domainId as never, previous: domainId };
    const signatures = await Promise.all(
      stack.dtas.map(({ running }) =>
        running.context.issuer.call("sign", { kind: "descriptor", body: encodeDescriptor(next) }),
      ),
    );
    return encodeSignedDescriptor({ v: 1, descriptor: next, signatures });
  }
  const forge = (text: string): string => text.replace("Operator 2", "Operator Z");

  test("at the command line", async () => {
    const text = readFileSync(stack.domainFile, "utf8");
    const verify = async (content: string): Promise<string> => {
      const { status, stderr } = await stack.cli("domain verify -", content);
      return status === 0 ? "ok" : failureOf(stderr).code;
    };
    expect(await verify(forge(text))).toBe("ERR_DESCRIPTOR_PIN"); // another descriptor is another domain
    const next = JSON.stringify(await later());
    expect(await verify(next.replace("Another company", "A third company"))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(await verify(next)).toBe("ok");
    expect(await verify(text)).toBe("ERR_DESCRIPTOR_STALE");
    const bystander = who("person/bystander");
    expect((await stack.cli(`secret list --id ${bystander}`)).status).toBe(0);
  });

  test("at the start of an endpoint", async () => {
    const home = join(stack.folder, "endpoint");
    mkdirSync(home);
    writeFileSync(
      join(home, "config.json"),
      JSON.stringify({ identity: who("endpoint/web"), bus: "none", kms: "http://127.0.0.1:9" }),
    );
    const text = readFileSync(stack.domainFile, "utf8");
    const start = async (content: string): Promise<string> => {
      writeFileSync(join(home, "domain.json"), content);
      const passphrase = passphraseFromText("any");
      try {
        const ports = { log: silentLog, clock: Date.now, passphrase };
        await (await startEndpoint(readEndpointConfig(home, {}, {}), ports)).close();
        return "started";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    const next = JSON.stringify(await later());
    expect(await start(forge(text))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(await start(next)).toBe("ERR_DESCRIPTOR_FORGED"); // by itself it says nothing about who signed it
    expect(await start(text)).toBe("started");
    expect(await start(next)).toBe("started");
    expect(await start(next.replace("Another company", "A third company"))).toBe("ERR_DESCRIPTOR_FORGED");
    // What was seen is remembered: the older file of this domain changes nothing, and another domain's is refused.
    expect(await start(text)).toBe("started");
    expect(await start(forge(text))).toBe("ERR_DESCRIPTOR_PIN");
    expect(readFileSync(join(home, "known-domain.json"), "utf8")).toContain("Another company");
  });

  test("at the start of a D-KMS", async () => {
    const home = join(stack.folder, "other-kms");
    const start = async (content: string): Promise<string> => {
      writeFileSync(join(stack.folder, "other.json"), content);
      const args = ["--home", home, "--domain", join(stack.folder, "other.json"), "--listen", "127.0.0.1:0"];
      try {
        const config = parseConfig([...args, "--bus-listen", "127.0.0.1:0"], {});
        await (await startKms({ ...config, workers: 1 }, { log: silentLog })).close();
        return "started";
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(await start(forge(readFileSync(stack.domainFile, "utf8")))).toBe("ERR_DESCRIPTOR_FORGED");
    expect(await start(JSON.stringify(await later()))).toBe("ERR_DESCRIPTOR_FORGED");
  });
});

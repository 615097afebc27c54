/** Newer descriptors, as `milagro status` meets them: taken when proved, refused otherwise, and the pinned one stays. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { firstSight } from "@milagro/client/known-domain";
import { type DomainDescriptor, encodeSignedDescriptor, type SignedDescriptor } from "@milagro/protocol/descriptor";
import { afterAll, beforeAll, expect, test } from "vitest";
import { engine, type Founded, foundDomain, random, signDescriptor } from "../../../core/protocol/test/fixture.ts";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { readKnownDomain, writeKnownDomain } from "../src/profile.ts";
import { run } from "./run-cli.ts";

let founded: Founded;
let later: SignedDescriptor;
let offered: SignedDescriptor;
let kms: Server;
let url: string;

beforeAll(async () => {
  founded = await foundDomain(1);
  const descriptor: DomainDescriptor = {
    ...founded.signed.descriptor,
    sequence: 1,
    domainId: founded.domain.domainId,
    previous: founded.domain.hash,
    kms: { url: "https://kms.example.org" },
  };
  later = signDescriptor(founded.members, descriptor);
  kms = createServer((request, response) => {
    const found = request.url === "/v1/descriptor";
    response.writeHead(found ? 200 : 503, { "content-type": "application/json" });
    response.end(JSON.stringify(found ? encodeSignedDescriptor(offered) : {}));
  });
  await new Promise<void>((resolve) => kms.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(kms.address() as AddressInfo).port}`;
});
afterAll(() => {
  kms.closeAllConnections();
  return new Promise((resolve) => kms.close(resolve));
});

async function statusOf(home: string, address = url) {
  const { stdout, stderr } = await run(["status", "--home", home, "--kms", address, "--format", "json"]);
  expect(stderr).toBe("");
  const { parts } = JSON.parse(stdout) as { parts: { part: string; state: string; detail: string }[] };
  const { state, detail } = parts[0] as { state: string; detail: string };
  const { newest } = await readKnownDomain(home, "example.org");
  return { state, detail, pinned: newest.descriptor.sequence };
}

test("a newer one is pinned; older and forged ones are refused by code, and it stays", async () => {
  const home = await tempFolder();
  await writeKnownDomain(home, firstSight(engine, random, founded.signed).known);
  offered = founded.signed;
  expect(await statusOf(home)).toEqual({ state: "ok", detail: "number 0", pinned: 0 });
  offered = later;
  expect(await statusOf(home)).toEqual({ state: "ok", detail: "number 1", pinned: 1 });
  for (const [bad, code] of [
    [founded.signed, "ERR_DESCRIPTOR_STALE"],
    [{ ...later, descriptor: { ...later.descriptor, sequence: 2 } }, "ERR_DESCRIPTOR_FORGED"],
    [(await foundDomain(1)).signed, "ERR_DESCRIPTOR_PIN"],
  ] as const) {
    offered = bad;
    expect(await statusOf(home)).toEqual({ state: "refused", detail: `${code}; number 1 stays in use`, pinned: 1 });
  }
  expect(await statusOf(home, "http://127.0.0.1:1")).toMatchObject({ state: "ok", pinned: 1 });
});

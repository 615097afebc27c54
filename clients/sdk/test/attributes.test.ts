import type { AbeEntitlement } from "@milagro/crypto/abe-entitlement";
import { parseAttributeSchema } from "@milagro/crypto/attribute-schema";
import { attributesOf } from "@milagro/crypto/attribute-set";
import { utf8 } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { MilagroError } from "@milagro/engine/error";
import { faultReportOf } from "@milagro/protocol/fault";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  ALICE,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
  random,
} from "../../../core/protocol/test/fixture.ts";
import {
  decryptAttributeFile,
  decryptPolicyFile,
  encryptFileToAttributes,
  encryptFileToPolicy,
} from "../src/attribute-files.ts";
import {
  entitlementFor,
  entitlementsToRenew,
  requestAttributeKeys,
  resumeAttributeKeys,
  type WantedKey,
} from "../src/attribute-keys.ts";
import { parseAttributePairs } from "../src/attribute-pairs.ts";
import { AttributeRing, encodeAttributeRing, parseAttributeRing } from "../src/attribute-ring.ts";
import { fetchAttributeSchema } from "../src/attribute-schema.ts";
import { fileKindOf } from "../src/file-kind.ts";
import { KeyRing } from "../src/key-ring.ts";
import { createNetwork, type DtaBehaviour, type Network } from "./network.ts";

const json = {
  v: 1,
  negation: true,
  labels: {
    region: { type: "text", values: "one", negatable: true },
    group: { type: "text", values: "many" },
    level: { type: "integer", width: 4 },
    since: { type: "date" },
  },
};
const schema = parseAttributeSchema(json);
const WANTED: WantedKey = { attributes: { region: "DE", group: ["ops", "staff"], level: 3, since: "2024-02-29" } };
const TEXT = utf8("the plan");

let founded: Founded;
let network: Network;
let ring: KeyRing;
let attributes: AttributeRing;

beforeAll(async () => {
  founded = await foundDomain(3);
});
beforeEach(() => {
  network = createNetwork(founded);
  for (const each of network.dtas) each.schema = { version: 1, schema: json };
  ring = new KeyRing(founded.domain.domainId, ALICE);
  ring.add([{ usage: "sig", epoch: EPOCH, key: issueKey(founded, ALICE, "sig") }]);
  attributes = new AttributeRing(founded.domain.domainId, ALICE);
});

const dta = (index: number): DtaBehaviour => network.dtas[index - 1] as DtaBehaviour;
const next = parseEpoch(EPOCH + 1);
const entitlement = (wanted: WantedKey = WANTED, epoch: Epoch = EPOCH): AbeEntitlement =>
  entitlementFor(founded, schema, ALICE, epoch, wanted);
const get = (...wanted: AbeEntitlement[]) => requestAttributeKeys(network.deps, ring, attributes, wanted);
async function failure(work: Promise<unknown>): Promise<MilagroError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof MilagroError) return error;
  throw new Error("no MilagroError");
}
async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

describe("attribute keys", () => {
  test("come in two rounds, of which each D-TA sees evidence in the first only, and are not asked for twice", async () => {
    const result = await get(entitlement());
    expect(result?.keys).toHaveLength(1);
    expect(
      network.dtas.map(({ seen }) => seen.map(({ evidence, approvals }) => [evidence.length, approvals?.[0]?.length])),
    ).toEqual(
      Array.from({ length: 3 }, () => [
        [1, undefined],
        [0, 3],
      ]),
    );
    expect(attributes.has(entitlement())).toBe(true);
    expect(await get(entitlement())).toBeUndefined();
  });

  test("of one kind are renewed for other epochs as they are: attributes, policies, numbers and dates", async () => {
    const policy: WantedKey = { policy: parsePolicy("level >= 2 and region != US", schema) };
    const unbound: WantedKey = { ...WANTED, boundToEpoch: false };
    await get(entitlement(), entitlement(policy), entitlement(unbound));
    const renewed = entitlementsToRenew(network.deps, schema, attributes, [EPOCH, next]);
    expect(renewed).toEqual([entitlement(WANTED, next), entitlement(policy, next), entitlement(unbound, next)]);
    await get(...renewed);
    expect(entitlementsToRenew(network.deps, schema, attributes, [EPOCH, next])).toEqual([]);
    expect(attributes.forgetBefore(next)).toBe(3);
  });

  test("are gone on with after a crash, with the same claim", async () => {
    let exported = new Uint8Array();
    dta(2).down = true;
    const first = requestAttributeKeys(network.deps, ring, attributes, [entitlement()], {
      onBegun: async (secret) => {
        exported = secret.use((bytes) => bytes.slice());
      },
      timeoutMs: 2000,
    });
    expect((await failure(first)).code).toBe("ERR_ENROLMENT_INCOMPLETE");
    dta(2).down = false;
    await resumeAttributeKeys(network.deps, attributes, exported);
    expect(attributes.has(entitlement())).toBe(true);
  });

  test("are refused by one D-TA for all, in either round, and it is named", async () => {
    dta(3).refuse = "ERR_ENTITLEMENT_REFUSED";
    const error = await failure(get(entitlement()));
    expect(error.code).toBe("ERR_ENROLMENT_REFUSED");
    expect(faultReportOf(error).refusals.map(({ index, code }) => [index, code])).toEqual([
      [3, "ERR_ENTITLEMENT_REFUSED"],
    ]);
    dta(3).refuse = ({ approvals }) => (approvals ? "ERR_IDENTITY_REVOKED" : undefined);
    expect(faultReportOf(await failure(get(entitlement()))).refusals[0]?.code).toBe("ERR_IDENTITY_REVOKED");
    expect(attributes.keys()).toEqual([]);
  });

  test("of which one share is false are none, and its D-TA is named", async () => {
    dta(1).lie = ([share]) => {
      if (!share || !("share" in share)) throw new TypeError("no share");
      const bytes = share.share.slice();
      bytes.set(engine.g1.encode(engine.g1.hash(random(8), "liars")), bytes.length - 48);
      return [{ ...share, share: bytes }];
    };
    const error = await failure(get(entitlement()));
    expect(error.code).toBe("ERR_SHARE_INVALID");
    expect(faultReportOf(error).faults.map(({ index }) => index)).toEqual([1]);
  });

  test("need a signing key to vouch, unless there is other evidence", async () => {
    const empty = new KeyRing(founded.domain.domainId, ALICE);
    const asked = requestAttributeKeys(network.deps, empty, attributes, [entitlement()]);
    expect((await failure(asked)).code).toBe("ERR_KEY_MISSING");
  });
});

describe("the ring at rest", () => {
  test("comes back as it was, and opens what it opened", async () => {
    await get(entitlement(), entitlement({ policy: parsePolicy("region = DE", schema) }));
    const again = parseAttributeRing(engine, encodeAttributeRing(engine, attributes), founded.domain.domainId);
    expect(again.keys().map((key) => key.entitlement)).toEqual(attributes.keys().map((key) => key.entitlement));
    const file = await collect(encryptFileToPolicy(network.deps, parsePolicy("level >= 3", schema), EPOCH, [TEXT]));
    expect(await collect(decryptPolicyFile(network.deps, { open: async () => again }, [file]))).toEqual(TEXT);
    expect(`${again} ${JSON.stringify(again)}`).not.toContain("region");
  });

  test("is refused changed, cut, lengthened, in another version or domain", async () => {
    await get(entitlement());
    const bytes = encodeAttributeRing(engine, attributes);
    const { domainId } = founded.domain;
    for (const wrong of [
      flip(bytes, 0),
      bytes.slice(0, -1),
      new Uint8Array([...bytes, 0]),
      flip(bytes, -1),
      bytes.slice(0, 40),
    ])
      expect(codeOf(() => parseAttributeRing(engine, wrong, domainId))).toBe("ERR_KEYSTORE_CORRUPT");
    expect(codeOf(() => parseAttributeRing(engine, flip(bytes, 1), domainId))).toBe("ERR_DOMAIN_MISMATCH");
  });
});

describe("the schema", () => {
  test("is believed when all D-TAs sign the same, and never an older one or another of the same version", async () => {
    const first = await fetchAttributeSchema(network.deps);
    expect(first.version).toBe(1);
    const wider = { ...json, labels: { ...json.labels, extra: { type: "date" } } };
    dta(1).schema = { version: 2, schema: wider };
    expect((await failure(fetchAttributeSchema(network.deps))).code).toBe("ERR_ATTRIBUTE_SCHEMA_DIFFERS");
    for (const each of network.dtas) each.schema = { version: 2, schema: wider };
    const second = await fetchAttributeSchema(network.deps, first.signed);
    expect(second.schema.labels.has("extra")).toBe(true);
    for (const each of network.dtas) each.schema = { version: 2, schema: json };
    expect((await failure(fetchAttributeSchema(network.deps, second.signed))).code).toBe("ERR_ATTRIBUTE_SCHEMA_FORGED");
    for (const each of network.dtas) each.schema = { version: 1, schema: json };
    expect((await failure(fetchAttributeSchema(network.deps, second.signed))).code).toBe("ERR_ATTRIBUTE_SCHEMA_FORGED");
    dta(2).down = true;
    expect((await failure(fetchAttributeSchema(network.deps))).code).toBe("ERR_UNREACHABLE");
  });

  test("that all sign and that is none is refused", async () => {
    const labels = { region: { type: "text", values: "many", negatable: true } };
    for (const each of network.dtas) each.schema = { version: 1, schema: { v: 1, negation: true, labels } };
    expect((await failure(fetchAttributeSchema(network.deps))).code).toBe("ERR_ATTRIBUTE_SCHEMA_INVALID");
  });
});

describe("files", () => {
  test("tell by their first line what they are to, however the stream is cut, and lose nothing", async () => {
    const policyFile = await collect(
      encryptFileToPolicy(network.deps, parsePolicy("region = DE", schema), EPOCH, [TEXT]),
    );
    const attributeFile = await collect(
      encryptFileToAttributes(network.deps, attributesOf(schema, { region: "DE" }), EPOCH, [TEXT]),
    );
    for (const [file, kind] of [
      [policyFile, "policy"],
      [attributeFile, "attributes"],
      [utf8("milagro.dev/envelope v1\n…"), "identities"],
      [new Uint8Array(), "identities"],
    ] as const) {
      const bytewise = Array.from(file, (_, i) => file.slice(i, i + 1));
      for (const chunks of [[file], bytewise]) {
        const seen = await fileKindOf(chunks);
        expect(seen.kind).toBe(kind);
        expect(await collect(seen.source)).toEqual(file);
      }
    }
  });

  test("to attributes open with a key whose policy they satisfy; of several keys the one that does is taken", async () => {
    const level = (text: string): AbeEntitlement => entitlement({ policy: parsePolicy(text, schema) });
    await get(level("level = 1"), level("level >= 2"));
    const file = await collect(
      encryptFileToAttributes(network.deps, attributesOf(schema, { level: 9 }), EPOCH, [TEXT]),
    );
    expect(await collect(decryptAttributeFile(network.deps, { open: async () => attributes }, [file]))).toEqual(TEXT);
    const low = await collect(encryptFileToAttributes(network.deps, attributesOf(schema, { level: 0 }), EPOCH, [TEXT]));
    const opening = collect(decryptAttributeFile(network.deps, { open: async () => attributes }, [low]));
    expect((await failure(opening)).code).toBe("ERR_POLICY_UNSATISFIED");
  });

  test("of an epoch without a key ask for one where that is allowed", async () => {
    const file = await collect(encryptFileToPolicy(network.deps, parsePolicy("region = DE", schema), next, [TEXT]));
    const opening = collect(decryptPolicyFile(network.deps, { open: async () => attributes }, [file]));
    expect((await failure(opening)).code).toBe("ERR_KEY_MISSING");
    const asked: number[] = [];
    const fetch = async (_: AttributeRing, epoch: Epoch) => {
      asked.push(epoch);
      await get(entitlement(WANTED, epoch));
    };
    expect(await collect(decryptPolicyFile(network.deps, { open: async () => attributes, fetch }, [file]))).toEqual(
      TEXT,
    );
    expect(asked).toEqual([next]);
  });
});

describe("label=value", () => {
  test("is read by the schema", () => {
    expect(parseAttributePairs(schema, ["group=a=b", "group=c", "level=07", "since=2024-02-29", "region=DE"])).toEqual({
      group: ["a=b", "c"],
      level: 7,
      since: "2024-02-29",
      region: "DE",
    });
  });

  test.each<[string, string]>([
    ["region", "ERR_USAGE"],
    ["=DE", "ERR_USAGE"],
    ["region=", "ERR_USAGE"],
    ["regoin=DE", "ERR_ATTRIBUTE_INVALID"],
    ["level=high", "ERR_ATTRIBUTE_INVALID"],
    ["level=-1", "ERR_ATTRIBUTE_INVALID"],
  ])("%s is refused", (text, code) => {
    expect(codeOf(() => parseAttributePairs(schema, [text]))).toBe(code);
  });

  test("a label with one value is given once", () => {
    expect(codeOf(() => parseAttributePairs(schema, ["region=DE", "region=FR"]))).toBe("ERR_ATTRIBUTE_INVALID");
  });
});

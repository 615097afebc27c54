import { describe, expect, test } from "vitest";
import {
  ATTRIBUTE_FILE_MAGIC,
  openAttributeFile,
  openPolicyFile,
  POLICY_FILE_MAGIC,
  readAttributeFileHeader,
  readPolicyFileHeader,
  sealFileToAttributes,
  sealFileToPolicy,
} from "../src/abe-file.ts";
import type { AbeKey } from "../src/abe-key.ts";
import { type AttributeValues, attributesOf } from "../src/attribute-set.ts";
import { FILE_MAGIC, readFileHeader } from "../src/file-envelope.ts";
import { formatPolicy } from "../src/policy-format.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { CONTEXT, cpKey, engine, kpKey, makeAbeDomain, random, schema } from "./abe-fixtures.ts";
import { codeOfAsync, flip } from "./fixtures.ts";

const domain = makeAbeDomain("cp");
const key = cpKey(domain, { u: "1", region: "DE" });
const options = {
  publicKey: domain.publicKey,
  scope: domain.scope(),
  policy: parsePolicy("u = 1 and region != US", schema),
  context: CONTEXT,
};

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}
const seal = (text: Uint8Array) => collect(sealFileToPolicy(engine, random, options, [text]));
const open = (file: Uint8Array, holder: AbeKey<"cp"> = key, context: Uint8Array = CONTEXT) =>
  collect(openPolicyFile(engine, { publicKey: domain.publicKey, selectKey: () => holder, context }, [file]));

const text = random(150_000);
const file = await seal(text);
const headerLength = new DataView(file.buffer).getUint32(POLICY_FILE_MAGIC.length);
const body = POLICY_FILE_MAGIC.length + 4 + headerLength;

test("files of any length open for whoever satisfies the policy", async () => {
  expect(await open(file)).toEqual(text);
  for (const length of [0, 1, 65_536]) {
    const short = random(length);
    expect(await open(await seal(short))).toEqual(short);
  }
});

test("the policy can be read without a key", async () => {
  const { header, rest } = await readPolicyFileHeader([file]);
  await rest.return();
  expect(formatPolicy(header.abe.policy)).toBe("u = 1 and region != US");
});

describe("a file to attributes", () => {
  const byPolicy = makeAbeDomain("kp");
  const holder = kpKey(byPolicy, "u = 1 and region != US");
  const to = (values: AttributeValues) =>
    collect(
      sealFileToAttributes(
        engine,
        random,
        {
          publicKey: byPolicy.publicKey,
          scope: byPolicy.scope(),
          attributes: attributesOf(schema, values),
          context: CONTEXT,
        },
        [text],
      ),
    );
  const openWith = (sealed: Uint8Array, opener: AbeKey<"kp">) =>
    collect(
      openAttributeFile(engine, { publicKey: byPolicy.publicKey, selectKey: () => opener, context: CONTEXT }, [sealed]),
    );

  test("opens for keys whose policy they satisfy, and shows its attributes to everybody", async () => {
    const sealed = await to({ u: "1", region: "DE", group: ["a", "b"] });
    expect(await openWith(sealed, holder)).toEqual(text);
    const { header, rest } = await readAttributeFileHeader([sealed]);
    await rest.return();
    expect(header.abe.attributes.map(({ label }) => label)).toEqual(["group", "region", "u"]);
  });

  test("does not open for others, nor as a file of another kind, nor changed", async () => {
    const wrong = await to({ u: "1", region: "US" });
    expect(await codeOfAsync(() => openWith(wrong, holder))).toBe("ERR_POLICY_UNSATISFIED");
    const sealed = await to({ u: "1", region: "DE" });
    expect(await codeOfAsync(() => open(sealed))).toBe("ERR_ENVELOPE_INVALID");
    expect(await codeOfAsync(() => openWith(file, holder))).toBe("ERR_ENVELOPE_INVALID");
    const foreign = kpKey(makeAbeDomain("kp"), "u = 1");
    expect(await codeOfAsync(() => openWith(sealed, foreign))).toBe("ERR_NOT_RECIPIENT");
    const length = new DataView(sealed.buffer).getUint32(ATTRIBUTE_FILE_MAGIC.length);
    const end = ATTRIBUTE_FILE_MAGIC.length + 4 + length;
    expect(await codeOfAsync(() => openWith(flip(sealed, end - 1), holder))).toBe("ERR_DECAPSULATION_FAILED");
    expect(await codeOfAsync(() => openWith(flip(sealed, end - 40), holder))).toBe("ERR_DECAPSULATION_FAILED");
    expect(await codeOfAsync(() => openWith(flip(sealed, end + 9), holder))).toBe("ERR_ENVELOPE_CORRUPT");
    expect(await codeOfAsync(() => openWith(sealed.slice(0, -20), holder))).toBe("ERR_ENVELOPE_CORRUPT");
  });
});

describe("a file does not open", () => {
  test("for whoever does not satisfy the policy, or in another domain or context", async () => {
    const poor = cpKey(domain, { u: "1", region: "US" });
    expect(await codeOfAsync(() => open(file, poor))).toBe("ERR_POLICY_UNSATISFIED");
    const foreign = cpKey(makeAbeDomain("cp"), { u: "1", region: "DE" });
    expect(await codeOfAsync(() => open(file, foreign))).toBe("ERR_NOT_RECIPIENT");
    expect(await codeOfAsync(() => open(file, key, random(4)))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("with any part changed, cut, lengthened, or segments exchanged", async () => {
    const swapped = file.slice();
    swapped.set(file.subarray(body, body + 65_552), body + 65_552);
    swapped.set(file.subarray(body + 65_552, body + 2 * 65_552), body);
    const cases: readonly [string, Uint8Array][] = [
      ["ERR_ENVELOPE_INVALID", flip(file, 3)],
      ["ERR_ENVELOPE_INVALID", flip(file, POLICY_FILE_MAGIC.length + 3)],
      ["ERR_NOT_RECIPIENT", flip(file, POLICY_FILE_MAGIC.length + 8)],
      ["ERR_DECAPSULATION_FAILED", flip(file, body - 1)], // commitment
      ["ERR_DECAPSULATION_FAILED", flip(file, body - 33)], // V
      ["ERR_ENVELOPE_CORRUPT", flip(file, body + 70_000)],
      ["ERR_ENVELOPE_CORRUPT", flip(file, -1)],
      ["ERR_ENVELOPE_CORRUPT", swapped],
      ["ERR_ENVELOPE_CORRUPT", file.slice(0, body + 65_552)],
      ["ERR_ENVELOPE_CORRUPT", file.slice(0, body)],
      ["ERR_ENVELOPE_CORRUPT", new Uint8Array([...file, 0])],
      ["ERR_ENVELOPE_INVALID", file.slice(0, body - 1)],
      ["ERR_ENVELOPE_INVALID", new Uint8Array(0)],
    ];
    for (const [code, changed] of cases) expect(await codeOfAsync(() => open(changed))).toBe(code);
  });

  test("as a file to identities, nor one of those as this", async () => {
    expect(await codeOfAsync(() => readFileHeader([file]))).toBe("ERR_ENVELOPE_INVALID");
    const other = new TextEncoder().encode(FILE_MAGIC + "x".repeat(100));
    expect(await codeOfAsync(() => open(other))).toBe("ERR_ENVELOPE_INVALID");
  });
});

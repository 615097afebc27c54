import { describe, expect, test } from "vitest";
import {
  encodeAbeEnvelope,
  openAbeEnvelope,
  parseAbeEnvelope,
  sealToAttributes,
  sealToPolicy,
} from "../src/abe-envelope.ts";
import { attributesOf } from "../src/attribute-set.ts";
import { MAX_ENVELOPE_PLAINTEXT, parseEnvelope } from "../src/envelope.ts";
import { parsePolicy } from "../src/policy-parser.ts";
import { CONTEXT, cpKey, engine, kpKey, makeAbeDomain, random, schema } from "./abe-fixtures.ts";
import { codeOf, flip } from "./fixtures.ts";

const [cp, kp] = [makeAbeDomain("cp"), makeAbeDomain("kp")];
const plaintext = new TextEncoder().encode("the plan");
const policy = parsePolicy("u = 1 and region != US", schema);
const toPolicy = (text = plaintext) =>
  sealToPolicy(engine, random, {
    publicKey: cp.publicKey,
    scope: cp.scope(),
    context: CONTEXT,
    plaintext: text,
    policy,
  });
const sealed = encodeAbeEnvelope(toPolicy());
const key = cpKey(cp, { u: "1", region: "DE" });
const open = (bytes: Uint8Array, holder = key, context: Uint8Array = CONTEXT): string =>
  openAbeEnvelope(engine, holder, cp.publicKey, parseAbeEnvelope(bytes), context).use((text) =>
    new TextDecoder().decode(text),
  );

test("an envelope to a policy opens for whoever satisfies it, from its bytes", () => {
  expect(open(sealed)).toBe("the plan");
  expect(open(encodeAbeEnvelope(toPolicy(new Uint8Array(0))))).toBe("");
});

test("an envelope to attributes opens for a key whose policy they satisfy", () => {
  const attributes = attributesOf(schema, { u: "1", region: "DE" });
  const options = { publicKey: kp.publicKey, scope: kp.scope(), context: CONTEXT, plaintext, attributes };
  const envelope = parseAbeEnvelope(encodeAbeEnvelope(sealToAttributes(engine, random, options)));
  const holder = kpKey(kp, "u = 1 and region != US");
  const text = openAbeEnvelope(engine, holder, kp.publicKey, envelope, CONTEXT);
  expect(text.use((bytes) => new TextDecoder().decode(bytes))).toBe("the plan");
  expect(codeOf(() => openAbeEnvelope(engine, key, cp.publicKey, envelope, CONTEXT))).toBe("ERR_NOT_RECIPIENT");
  const poor = kpKey(kp, "u = 2");
  expect(codeOf(() => openAbeEnvelope(engine, poor, kp.publicKey, envelope, CONTEXT))).toBe("ERR_POLICY_UNSATISFIED");
});

describe("it does not open", () => {
  test("for whoever does not satisfy the policy, in another domain or context", () => {
    expect(codeOf(() => open(sealed, cpKey(cp, { u: "1", region: "US" })))).toBe("ERR_POLICY_UNSATISFIED");
    expect(codeOf(() => open(sealed, cpKey(makeAbeDomain("cp"), { u: "1", region: "DE" })))).toBe("ERR_NOT_RECIPIENT");
    expect(codeOf(() => open(sealed, key, random(3)))).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("with any part changed", () => {
    const commitment = sealed.length - 4 - plaintext.length - 16 - 32;
    const code = (at: number): string => codeOf(() => open(flip(sealed, at)));
    expect(code(5)).toBe("ERR_NOT_RECIPIENT");
    expect(code(commitment - 1)).toBe("ERR_DECAPSULATION_FAILED"); // V
    for (const at of [commitment, commitment + 31, commitment + 36, -1])
      expect(code(at)).toBe("ERR_DECAPSULATION_FAILED");
  });

  test("when it is cut, lengthened or an envelope to identities", () => {
    const wrong = [
      sealed.slice(0, -1),
      sealed.slice(0, 40),
      new Uint8Array([...sealed, 0]),
      sealed.with(0, 1),
      sealed.with(0, 3),
    ];
    for (const each of wrong) expect(codeOf(() => parseAbeEnvelope(each))).toBe("ERR_ENVELOPE_INVALID");
    expect(codeOf(() => parseEnvelope(sealed))).toBe("ERR_ENVELOPE_INVALID");
  });

  test("when the plaintext is longer than 1 MiB: it is not even sealed", () => {
    expect(codeOf(() => toPolicy(new Uint8Array(MAX_ENVELOPE_PLAINTEXT + 1)))).toBe("ERR_ENVELOPE_TOO_LARGE");
  });
});

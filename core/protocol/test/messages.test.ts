import fc from "fast-check";
import type { TSchema } from "typebox";
import { describe, expect, test } from "vitest";
import * as attributePolicy from "../src/attribute-policy.ts";
import * as attributeSchema from "../src/attribute-schema-statement.ts";
import * as bus from "../src/bus-messages.ts";
import * as ceremony from "../src/ceremony.ts";
import * as ceremonyMessages from "../src/ceremony-messages.ts";
import * as descriptor from "../src/descriptor.ts";
import * as dta from "../src/dta-messages.ts";
import * as emailCode from "../src/email-code.ts";
import * as fileSignature from "../src/file-signature.ts";
import * as handover from "../src/handover-messages.ts";
import * as issuance from "../src/issuance-messages.ts";
import * as kms from "../src/kms-messages.ts";
import * as loginAdmin from "../src/login-admin-messages.ts";
import * as login from "../src/login-messages.ts";
import * as openIdEnrolment from "../src/openid-enrolment-messages.ts";
import * as permit from "../src/permit-messages.ts";
import * as policy from "../src/policy.ts";
import * as problem from "../src/problem.ts";
import * as quickCode from "../src/quick-code-messages.ts";
import * as registration from "../src/registration-messages.ts";
import * as secretRecord from "../src/secret-record.ts";
import * as signature from "../src/signature-messages.ts";
import { arbitraryOf, type JsonSchema } from "./arbitrary.ts";
import { outcome } from "./fixture.ts";

/** Every schema that has a parser and an encoder, found by name so that none is left out. */
const MODULES = {
  attributePolicy,
  attributeSchema,
  fileSignature,
  bus,
  ceremony,
  ceremonyMessages,
  descriptor,
  dta,
  emailCode,
  handover,
  issuance,
  kms,
  login,
  loginAdmin,
  openIdEnrolment,
  permit,
  policy,
  problem,
  quickCode,
  registration,
  secretRecord,
  signature,
};
interface Message {
  readonly schema: TSchema & JsonSchema;
  readonly parse: (input: unknown) => unknown;
  readonly encode: (value: unknown) => unknown;
}
const MESSAGES = Object.values(MODULES).flatMap((module) =>
  Object.entries(module as Readonly<Record<string, unknown>>).flatMap(([key, schema]): [string, Message][] => {
    const name = key.replace(/Schema$/, "").replace(/^Domain(?=Descriptor)/, "");
    const { [`parse${name}`]: parse, [`encode${name}`]: encode } = module as Readonly<Record<string, unknown>>;
    return key.endsWith("Schema") && parse && encode ? [[name, { schema, parse, encode } as Message]] : [];
  }),
);

test("there is a parser and an encoder for every message of the protocol", () => {
  expect(MESSAGES.length).toBeGreaterThanOrEqual(45);
});

type Json = Record<string, unknown>;
const samples = new Map<Message, string>();
/** A message as it comes off the wire; always the same one, as a fresh object. */
function sample(message: Message): Json {
  const known =
    samples.get(message) ?? JSON.stringify(fc.sample(arbitraryOf(message.schema), { numRuns: 1, seed: 7 })[0]);
  samples.set(message, known);
  return JSON.parse(known);
}

/** The objects inside a message whose properties are all named by the schema (labels and details are not). */
function objectsIn(schema: JsonSchema, value: unknown): Json[] {
  if (Array.isArray(value)) return value.flatMap((item) => objectsIn(schema.items ?? {}, item));
  if (typeof value !== "object" || value === null) return [];
  const own = value as Json;
  const variant = schema.anyOf?.find(({ properties = {}, required = [] }) =>
    required.every((key) => Object.hasOwn(own, key) && (properties[key]?.const ?? own[key]) === own[key]),
  );
  if (variant) return objectsIn(variant, own);
  const { properties } = schema;
  return properties
    ? [own, ...Object.entries(own).flatMap(([key, inner]) => objectsIn(properties[key] ?? {}, inner))]
    : [];
}

describe.each(MESSAGES)("%s", (_, message) => {
  const { schema, parse, encode } = message;
  const refused = (input: unknown) =>
    expect(outcome(() => parse(input)).code).toMatch(/^ERR_(MESSAGE_INVALID|VERSION_UNSUPPORTED)$/);

  test("parsing and encoding are inverse", () =>
    fc.assert(
      fc.property(arbitraryOf(schema), (wire) => {
        const json = JSON.parse(JSON.stringify(wire));
        const parsed = parse(json);
        expect(encode(parsed)).toEqual(json);
        expect(parse(encode(parsed))).toEqual(parsed);
      }),
    ));

  test("parsing leaves its input alone", () => {
    const wire = sample(message);
    const before = JSON.stringify(wire);
    parse(wire);
    expect(JSON.stringify(wire)).toBe(before);
  });

  test.each([null, undefined, true, 0, "", "{}", [], [{}], {}, JSON.parse('{"__proto__":{"v":1}}')])(
    "refuses %j",
    (input) => refused(input),
  );

  test("refuses a property it does not know, at every depth", () => {
    const count = objectsIn(schema, sample(message)).length;
    expect(count).toBeGreaterThan(0);
    for (let i = 0; i < count; i += 1) {
      for (const key of ["surplus", "__proto__"]) {
        const wire = sample(message);
        const object = objectsIn(schema, wire)[i] as Json;
        Object.defineProperty(object, key, { value: 1, enumerable: true, configurable: true, writable: true });
        refused(wire);
      }
    }
    for (const key of ["constructor", "toString", ""]) refused({ ...sample(message), [key]: 1 });
  });

  test("refuses a message that lacks something", () => {
    for (const key of schema.required ?? []) {
      const { [key]: __, ...rest } = sample(message);
      refused(rest);
    }
  });

  test("refuses every other type in every place", () => {
    for (const key of Object.keys(sample(message))) {
      for (const wrong of [null, {}, [], -1, 0.5, Number.MAX_VALUE, "\u0000", "x".repeat(5000), true]) {
        const wire = { ...sample(message), [key]: wrong };
        const { code, message: said } = outcome(() => parse(wire));
        if (code === "ok") continue; // some place takes any text, or this very type
        expect(code).toMatch(/^ERR_(MESSAGE_INVALID|VERSION_UNSUPPORTED)$/);
        expect(said.length).toBeLessThan(300);
      }
    }
  });

  test("says where it is wrong and never repeats what was there", () => {
    const marker = "hunter2-hunter2-hunter2";
    for (const key of Object.keys(sample(message))) {
      const { message: said } = outcome(() => parse({ ...sample(message), [key]: marker, [marker]: marker }));
      expect(said).not.toContain("hunter2");
    }
  });

  if (schema.properties?.["v"])
    test("a later version is told apart from garbage", () => {
      expect(outcome(() => parse({ ...sample(message), v: 2 })).code).toBe("ERR_VERSION_UNSUPPORTED");
      expect(outcome(() => parse({ ...sample(message), v: "1" })).code).toBe("ERR_MESSAGE_INVALID");
    });

  test("refuses lists that are too long or too short", () => {
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      if (property.items === undefined) continue;
      const wire = sample(message);
      const [item] = fc.sample(arbitraryOf(property.items), 1);
      if ((property.maxItems ?? Infinity) <= 1024)
        refused({ ...wire, [key]: Array.from({ length: (property.maxItems ?? 0) + 1 }, () => item) });
      else expect(property.maxItems).toBeLessThanOrEqual(10_000);
      if (property.minItems) refused({ ...wire, [key]: [] });
    }
  });
});

test("the schemas are plain JSON Schema: no codec or check shows in OpenAPI", () => {
  for (const [, { schema }] of MESSAGES) expect(JSON.stringify(schema)).not.toMatch(/"~(codec|refine)"/);
});

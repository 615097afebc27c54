/** The OpenAPI document, made from the routes alone: complete, and its examples are what its schemas say. */
import * as messages from "@milagro/protocol/kms-messages";
import { parseSecretRecord } from "@milagro/protocol/secret-record";
import { createHttpServer } from "@milagro/runtime/http-server";
import { silentLog } from "@milagro/runtime/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as examples from "../src/openapi-examples.ts";
import { addDeliveryRoutes } from "../src/routes-deliveries.ts";
import { addPublicRoutes } from "../src/routes-public.ts";
import { addSecretRoutes } from "../src/routes-secrets.ts";

interface Media {
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: { readonly status: number; readonly code: string } }>>;
  readonly schema: { readonly examples?: readonly unknown[] };
}
interface Content {
  readonly content: Readonly<Record<string, Media>>;
}
interface Operation {
  readonly summary?: string;
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
}
interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
let document: OpenApi;
let server: Awaited<ReturnType<typeof createHttpServer>>;

beforeAll(async () => {
  server = await createHttpServer({ name: "milagro-kms", version: "0.0.0", log: silentLog });
  server.app.after(() => {
    // Only the schemas are asked: no handler runs.
    addPublicRoutes(server.app, { enrolmentsPerMinute: 1 } as never);
    addSecretRoutes(server.app, async () => {}, {} as never, {} as never);
    addDeliveryRoutes(server.app, async () => {}, {} as never);
  });
  await server.app.ready();
  document = JSON.parse((await server.app.inject("/openapi.json")).body);
});
afterAll(() => server?.close());

const operations = (): [string, string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]): [string, string, Operation] => [method, path, operation]),
  );

const hasExample = ({ content }: Content): boolean => {
  const media = content["application/json"];
  return (media?.example ?? media?.examples ?? media?.schema.examples) !== undefined;
};

test("is OpenAPI 3.1 and names every route", () => {
  expect(document.openapi).toBe("3.1.0");
  expect(
    operations()
      .map(([method, path]) => `${method} ${path}`)
      .sort(),
  ).toEqual([
    "delete /v1/secrets/{*}",
    "get /health",
    "get /ready",
    "get /v1/audit/head",
    "get /v1/descriptor",
    "get /v1/enrolments/{id}",
    "get /v1/events",
    "get /v1/secrets",
    "get /v1/secrets/{*}",
    "get /v1/versions/{*}",
    "post /v1/acks",
    "post /v1/enrolments",
    "post /v1/generate/{*}",
    "post /v1/secrets/{*}",
  ]);
});

test("every /v1 operation has a summary, an example of success, and problems with an example for each code", () => {
  for (const [method, path, operation] of operations().filter(
    ([, p]) => p.startsWith("/v1/") && p !== "/v1/descriptor",
  )) {
    const where = `${method} ${path}`;
    expect(operation.summary, where).toBeTruthy();
    if (operation.requestBody) expect(hasExample(operation.requestBody), where).toBe(true);
    for (const [status, response] of Object.entries(operation.responses)) {
      if (status.startsWith("2")) {
        expect(hasExample(response), where).toBe(true);
        continue;
      }
      const described = Object.entries(response.content["application/problem+json"]?.examples ?? {});
      expect(described.length, where).toBeGreaterThan(0);
      for (const [code, { value }] of described) {
        expect(value.status, `${where} ${code}`).toBe(Number(status));
        expect(value.code).toBe(code);
      }
    }
  }
});

test.each<[string, unknown, (value: unknown) => unknown]>([
  ["record", examples.RECORD_EXAMPLE, parseSecretRecord],
  ["stored", examples.STORED_EXAMPLE, messages.parseSecretStored],
  ["deleted", examples.DELETED_EXAMPLE, messages.parseSecretDeleted],
  ["generate", examples.GENERATE_EXAMPLE, messages.parseGenerateRequest],
  ["list", examples.LIST_EXAMPLE, messages.parseSecretList],
  ["versions", examples.VERSIONS_EXAMPLE, messages.parseVersionList],
  ["events", examples.EVENTS_EXAMPLE, messages.parseEventPage],
  ["ack", examples.ACK_EXAMPLE, messages.parseAckRequest],
  ["accepted", examples.ACCEPTED_EXAMPLE, messages.parseAckAccepted],
  ["audit head", examples.AUDIT_HEAD_EXAMPLE, messages.parseAuditHead],
  ["enrolment", examples.ENROLMENT_EXAMPLE, messages.parseEnrolmentRequest],
  ["enrolment id", examples.ENROLMENT_ID_EXAMPLE, messages.parseEnrolmentAccepted],
  ["enrolment status", examples.ENROLMENT_STATUS_EXAMPLE, messages.parseEnrolmentStatus],
])("the example of %s is one", (_, example, parse) => {
  expect(() => parse(example)).not.toThrow();
});

/**
 * Signed routes about secrets. They parse, and hand on to `secrets.ts` and `generate.ts`.
 * @module
 */
import {
  GenerateRequestSchema,
  SecretDeletedSchema,
  SecretListSchema,
  SecretStoredSchema,
  type SecretSummarySchema,
  VersionListSchema,
} from "@milagro/protocol/kms-messages";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { SecretRecordSchema } from "@milagro/protocol/secret-record";
import type { Wire } from "@milagro/protocol/wire";
import { problems, withExample } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { callerOf } from "./authenticate.ts";
import type { CursorBox } from "./cursor.ts";
import { type GenerateDeps, generateSecret } from "./generate.ts";
import { type IdempotentUse, type KeptAnswer, parseIdempotencyKey, requestHash } from "./idempotency.ts";
import { sendJsonText } from "./json-answer.ts";
import { checkedPath, PathParams, SIGNED_CODES, SignatureHeaders, uncheckedBody, WriteHeaders } from "./openapi.ts";
import {
  DELETED_EXAMPLE,
  GENERATE_EXAMPLE,
  LIST_EXAMPLE,
  RECORD_EXAMPLE,
  STORED_EXAMPLE,
  VERSIONS_EXAMPLE,
} from "./openapi-examples.ts";
import { deleteSecret, keptAnswer, listSecrets, listVersions, MAX_LIST, putSecret, readSecret } from "./secrets.ts";
import type { ListedVersion } from "./store.ts";

type Authenticate = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const ORDINAL = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

function useOf(request: FastifyRequest): IdempotentUse | undefined {
  const key = parseIdempotencyKey(request.headers["idempotency-key"]);
  if (key === undefined) return undefined;
  const { identity } = callerOf(request);
  return { identity, key, requestHash: requestHash(request.method, request.raw.url ?? "", request.rawBody) };
}

const sendKept = (reply: FastifyReply, { status, body }: KeptAnswer): FastifyReply => sendJsonText(reply, status, body);

/** A stored summary is what `SecretSummarySchema` says, by the parser that let its record in. */
const summaryOf = ({ path, version, summary }: ListedVersion) =>
  ({ path, version, ...summary }) as Wire<typeof SecretSummarySchema>;

export function addSecretRoutes(
  app: HttpApp,
  authenticate: Authenticate,
  deps: GenerateDeps,
  cursors: CursorBox,
): void {
  const signed = { preValidation: authenticate };

  app.post(
    "/v1/secrets/*",
    {
      ...signed,
      ...uncheckedBody,
      schema: {
        tags: ["secrets"],
        summary: "Store the next version of a secret, sealed and signed by its author",
        description:
          "The body's version is the newest one's number plus one. `operation` is what the policy is asked for: put and rotate renew, rotate makes nothing new, import is for secrets that were made elsewhere.",
        params: PathParams,
        headers: WriteHeaders,
        querystring: Type.Object(
          { operation: Type.Optional(Type.Enum(["put", "import", "rotate"], { description: "put when absent" })) },
          { additionalProperties: false },
        ),
        body: withExample(SecretRecordSchema, RECORD_EXAMPLE),
        response: {
          201: withExample(SecretStoredSchema, STORED_EXAMPLE),
          ...problems(
            ...SIGNED_CODES,
            "ERR_PATH_INVALID",
            "ERR_BODY_TOO_LARGE",
            "ERR_VERSION_RECORD_INVALID",
            "ERR_ENVELOPE_INVALID",
            "ERR_EPOCH_OUT_OF_WINDOW",
            "ERR_VERSION_CONFLICT",
            "ERR_IDEMPOTENCY_CONFLICT",
            "ERR_SECRET_UNKNOWN",
          ),
        },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath(request.params["*"]);
      const use = useOf(request);
      const kept = await keptAnswer(deps, use);
      if (kept) return sendKept(reply, kept);
      const body = request.rawBody.slice();
      const record = await deps.pool.call("verifyRecord", body, { transfer: [body.buffer] });
      return sendKept(
        reply,
        await putSecret(deps, callerOf(request), request.query.operation ?? "put", path, record, use),
      );
    },
  );

  app.post(
    "/v1/generate/*",
    {
      ...signed,
      ...checkedPath,
      schema: {
        tags: ["secrets"],
        summary: "Let the D-KMS draw a secret, seal it to the recipients, and forget it",
        description:
          "The version is signed by the identity milagro:<domain>/service/kms. With `version` the request fails when another version came first.",
        params: PathParams,
        headers: WriteHeaders,
        querystring: Type.Object(
          { operation: Type.Optional(Type.Enum(["generate", "rotate"], { description: "generate when absent" })) },
          { additionalProperties: false },
        ),
        body: withExample(GenerateRequestSchema, GENERATE_EXAMPLE),
        response: {
          201: withExample(SecretStoredSchema, STORED_EXAMPLE),
          ...problems(
            ...SIGNED_CODES,
            "ERR_PATH_INVALID",
            "ERR_RECIPIENTS_INVALID",
            "ERR_POLICY_INVALID",
            "ERR_VERSION_CONFLICT",
            "ERR_IDEMPOTENCY_CONFLICT",
            "ERR_SECRET_UNKNOWN",
            "ERR_SERVICE_NOT_ENROLLED",
          ),
        },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath(request.params["*"]);
      const { operation = "generate" } = request.query;
      return sendKept(
        reply,
        await generateSecret(deps, callerOf(request), operation, path, request.body, useOf(request)),
      );
    },
  );

  app.get(
    "/v1/secrets/*",
    {
      ...signed,
      ...checkedPath,
      schema: {
        tags: ["secrets"],
        summary: "One version's record, as its author signed it; the newest by default",
        params: PathParams,
        headers: SignatureHeaders,
        querystring: Type.Object({ version: Type.Optional(ORDINAL) }, { additionalProperties: false }),
        response: {
          200: withExample(SecretRecordSchema, RECORD_EXAMPLE),
          ...problems(...SIGNED_CODES, "ERR_PATH_INVALID", "ERR_SECRET_UNKNOWN"),
        },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath(request.params["*"]);
      return sendJsonText(reply, 200, await readSecret(deps, callerOf(request), path, request.query.version));
    },
  );

  app.get(
    "/v1/versions/*",
    {
      ...signed,
      ...checkedPath,
      schema: {
        tags: ["secrets"],
        summary: "All versions of a secret without their envelopes, newest first",
        params: PathParams,
        headers: SignatureHeaders,
        response: {
          200: withExample(VersionListSchema, VERSIONS_EXAMPLE),
          ...problems(...SIGNED_CODES, "ERR_PATH_INVALID", "ERR_SECRET_UNKNOWN"),
        },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath(request.params["*"]);
      const { versions, newest, deleted } = await listVersions(deps, callerOf(request), path);
      return reply.type("application/json").send({ v: 1, path, versions: versions.map(summaryOf), newest, deleted });
    },
  );

  app.get(
    "/v1/secrets",
    {
      ...signed,
      schema: {
        tags: ["secrets"],
        summary: "The secrets that the caller may list, in byte order of their paths",
        description: "A page may be short or empty and still have a successor: go on while there is a cursor.",
        headers: SignatureHeaders,
        querystring: Type.Object(
          {
            prefix: Type.Optional(Type.String({ maxLength: 200, pattern: "^[A-Za-z0-9._/-]*$" })),
            cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIST, description: "100 when absent" })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: withExample(SecretListSchema, LIST_EXAMPLE),
          ...problems(...SIGNED_CODES, "ERR_CURSOR_INVALID"),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const { prefix = "", cursor, limit = 100 } = request.query;
      const scope = { identity: caller.identity, prefix };
      const after = cursor === undefined ? undefined : cursors.parse(scope, cursor);
      const { secrets, next } = await listSecrets(deps, caller, { prefix, after, limit });
      return reply.type("application/json").send({
        v: 1,
        secrets: secrets.map(summaryOf),
        ...(next === undefined ? {} : { cursor: cursors.encode(scope, next) }),
      });
    },
  );

  app.delete(
    "/v1/secrets/*",
    {
      ...signed,
      ...checkedPath,
      schema: {
        tags: ["secrets"],
        summary: "Erase all versions and tell everyone who was sent one",
        description: "Version numbers go on where they stopped if the path is used again.",
        params: PathParams,
        headers: WriteHeaders,
        response: {
          200: withExample(SecretDeletedSchema, DELETED_EXAMPLE),
          ...problems(...SIGNED_CODES, "ERR_PATH_INVALID", "ERR_SECRET_UNKNOWN", "ERR_IDEMPOTENCY_CONFLICT"),
        },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath(request.params["*"]);
      return sendKept(reply, await deleteSecret(deps, callerOf(request), path, useOf(request)));
    },
  );
}

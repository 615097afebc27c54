/**
 * What the routes have in common in the OpenAPI document: problems by status, signature fields, query parameters.
 * @module
 */
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { definitionOf, type ErrorCode } from "@milagro/protocol/error-codes";
import { PROBLEM_CONTENT_TYPE, ProblemSchema } from "@milagro/protocol/problem";
import type { FastifySchemaCompiler } from "fastify";
import Type, { type TSchema } from "typebox";

interface ProblemResponse {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: TSchema; readonly examples: object }>>;
}

/** The problem responses of a route, from the codes it may answer with: one entry per status, one example per code. */
export function problems(...codes: readonly ErrorCode[]): Record<number, ProblemResponse> {
  const byStatus = Map.groupBy(codes, (code) => definitionOf(code).status);
  return Object.fromEntries(
    [...byStatus].map(([status, these]) => [
      status,
      {
        description: these.map((code) => `${code}: ${definitionOf(code).meaning}`).join("\n\n"),
        content: {
          [PROBLEM_CONTENT_TYPE]: {
            schema: ProblemSchema,
            examples: Object.fromEntries(
              these.map((code) => [
                code,
                {
                  value: {
                    type: `urn:milagro:error:${code}`,
                    title: definitionOf(code).meaning,
                    status,
                    detail: definitionOf(code).remedy,
                    code,
                    instance: "hXk2mZr0a1b2c3d4",
                  },
                },
              ]),
            ),
          },
        },
      },
    ]),
  );
}

/** A schema with an example of it, for documents; validation is the same. */
export function withExample<S extends TSchema>(schema: S, example: object): S {
  return { ...schema, examples: [example] };
}

/** What every signed route may answer with. */
export const SIGNED_CODES = [
  "ERR_MESSAGE_INVALID",
  "ERR_DIGEST_INVALID",
  "ERR_SIGNATURE_MISSING",
  "ERR_SIGNATURE_INVALID",
  "ERR_SIGNATURE_EXPIRED",
  "ERR_SIGNATURE_REPLAYED",
  "ERR_DOMAIN_MISMATCH",
  "ERR_ACCESS_DENIED",
  "ERR_RATE_LIMITED",
  "ERR_OVERLOADED",
  "ERR_STORAGE_FULL",
] as const satisfies readonly ErrorCode[];

/** The fields of a signed request. They are checked by `authenticate`, so the schema asks for nothing. */
export const SignatureHeaders = Type.Object(
  {
    signature: Type.Optional(Type.String({ description: "RFC 9421 signature with the identity key, label sig1" })),
    "signature-input": Type.Optional(
      Type.String({
        description:
          'RFC 9421: ("@method" "@target-uri" "content-digest" "idempotency-key");created;expires;nonce;keyid="<identity>#<epoch>";alg="milagro-ibs-v1";tag="milagro"',
      }),
    ),
    "content-digest": Type.Optional(Type.String({ description: "RFC 9530, sha-256, when there is a body" })),
  },
  { description: "A signed request" },
);
export const WriteHeaders = Type.Object({
  ...SignatureHeaders.properties,
  "idempotency-key": Type.Optional(
    Type.String({
      description: "1 to 128 printable ASCII characters; the same request again gets the same answer, once",
    }),
  ),
});

/** `?wait=`: seconds to wait for news. */
export const WaitSeconds = Type.Optional(
  Type.Integer({ minimum: 0, maximum: 30, description: "Seconds to wait for something new; 0 answers at once" }),
);

/** The path of a secret, as the rest of the URL. */
export const PathParams = Type.Object({
  "*": Type.String({ minLength: 1, maxLength: 200, description: "Path of the secret, e.g. team/db/password" }),
});

function unchecked(...parts: readonly string[]): { readonly validatorCompiler: FastifySchemaCompiler<TSchema> } {
  return {
    validatorCompiler: (route) => (parts.includes(route.httpPart ?? "") ? () => true : TypeBoxValidatorCompiler(route)),
  };
}

/** For routes with a secret's path, which `parseSecretPath` checks: TypeBox takes the name `*` for a regular expression. */
export const checkedPath = unchecked("params");
/** For those, too, whose body a worker parses: the body's schema is documentation. */
export const uncheckedBody = unchecked("params", "body");

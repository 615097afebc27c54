/**
 * What the routes have in common in the OpenAPI document: signature fields and path parameters.
 * @module
 */
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import type { ErrorCode } from "@milagro/protocol/error-codes";
import type { FastifySchemaCompiler } from "fastify";
import Type, { type TSchema } from "typebox";

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

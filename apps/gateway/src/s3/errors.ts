/**
 * What S3 calls things that go wrong: its codes and statuses, and which of our codes are which of them.
 * Source: Amazon S3 API Reference, "Error responses".
 * @module
 */
import { MilagroError } from "@milagro/engine/error";

const STATUS = {
  AccessDenied: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  BucketNotEmpty: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  ExpiredToken: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBucketName: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidTag: 400,
  InvalidURI: 400,
  KeyTooLongError: 400,
  MalformedXML: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NoSuchVersion: 404,
  NotImplemented: 501,
  NotModified: 304,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
} as const;
export type S3Code = keyof typeof STATUS;

/** An answer that S3 has a code for. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: S3Code;
  readonly status: number;

  constructor(code: S3Code, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = STATUS[code];
  }
}

const OURS: Readonly<Record<string, S3Code>> = {
  ERR_ACCESS_KEY_MISSING: "InvalidAccessKeyId",
  ERR_ATTRIBUTE_INVALID: "AccessDenied",
  ERR_BODY_INCOMPLETE: "IncompleteBody",
  ERR_BUCKET_EXISTS: "BucketAlreadyOwnedByYou",
  ERR_BUCKET_MISSING: "NoSuchBucket",
  ERR_BUCKET_NOT_EMPTY: "BucketNotEmpty",
  ERR_DECAPSULATION_FAILED: "AccessDenied",
  ERR_NO_RULE: "AccessDenied",
  ERR_POLICY_INVALID: "InvalidArgument",
  ERR_POLICY_UNSATISFIED: "AccessDenied",
  ERR_PRECONDITION_FAILED: "PreconditionFailed",
  ERR_RESIDENCY: "AccessDenied",
  ERR_STORAGE_FULL: "ServiceUnavailable",
  ERR_STORE_UNAVAILABLE: "ServiceUnavailable",
  ERR_UPLOAD_INVALID: "InvalidPart",
  ERR_UPLOAD_MISSING: "NoSuchUpload",
  ERR_OVERLOADED: "ServiceUnavailable",
  ERR_OBJECT_CHANGED: "ServiceUnavailable",
};

/** Whatever was thrown, as S3 says it. Unexpected things say nothing: they may hold input. */
export function asS3Error(error: unknown): S3Error {
  if (error instanceof S3Error) return error;
  if (error instanceof MilagroError) {
    const text = `${error.message} (${error.code})`;
    return new S3Error(OURS[error.code] ?? "InternalError", text, { cause: error });
  }
  return new S3Error("InternalError", "the gateway failed; its log has the rest", { cause: error });
}

/** The code that the audit log and the log get. */
export function codeOf(error: unknown): string {
  if (error instanceof MilagroError || error instanceof S3Error) return error.code;
  return "ERR_INTERNAL";
}

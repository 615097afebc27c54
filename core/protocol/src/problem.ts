/**
 * Errors on the wire: problem details with the code as `urn:milagro:error:<code>`.
 * Source: RFC 9457 §3.1 (members), §3.2 (extension members). `title` and `status` follow from the code.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { Type } from "typebox";
import { definitionOf, type ErrorCode, isErrorCode } from "./error-codes.ts";
import { CodeText, encoderOf, type Parsed, parserOf, strict, type Wire } from "./wire.ts";

export const PROBLEM_CONTENT_TYPE = "application/problem+json";
const TYPE_PREFIX = "urn:milagro:error:";

export const ProblemSchema = strict(
  {
    type: Type.String({ maxLength: 96, pattern: "^urn:milagro:error:ERR(?:_[A-Z0-9]+)+$" }),
    title: Type.String({ maxLength: 256 }),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ maxLength: 1024 }),
    code: CodeText,
    instance: Type.Optional(Type.String({ maxLength: 128, description: "The request id, to find it in the log" })),
  },
  "Problem details (RFC 9457)",
);
export type Problem = Parsed<typeof ProblemSchema>;
export type ProblemWire = Wire<typeof ProblemSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseProblem = parserOf("problem", ProblemSchema);
export const encodeProblem = encoderOf("problem", ProblemSchema);

/** Anything thrown, as a problem. What is not a `MilagroError` becomes `ERR_INTERNAL` without its message, which may hold input. */
export function problemOf(error: unknown, instance?: string): Problem {
  const known = error instanceof MilagroError && isErrorCode(error.code);
  const code: ErrorCode = known ? (error.code as ErrorCode) : "ERR_INTERNAL";
  const { status, meaning } = definitionOf(code);
  return {
    type: `${TYPE_PREFIX}${code}`,
    title: meaning,
    status,
    detail: known ? error.message.slice(0, 1024) : "An unexpected error; the log has the rest.",
    code,
    ...(instance === undefined ? {} : { instance: instance.slice(0, 128) }),
  };
}

/** The error that a peer reported. Its detail is the peer's text: show it as such. */
export const errorOfProblem = (problem: Problem): MilagroError => new MilagroError(problem.code, problem.detail);

/**
 * Errors to problem details. Nothing unexpected tells the client more than a request id; the log gets the rest, loudly.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { isErrorCode } from "@milagro/protocol/error-codes";
import { encodeProblem, PROBLEM_CONTENT_TYPE, problemOf } from "@milagro/protocol/problem";
import type { FastifyReply, FastifyRequest } from "fastify";
import { errorFields, type Log } from "./log.ts";

/** Codes after which waiting helps, with how long when nothing better is known. */
const RETRY_AFTER_SECONDS: Readonly<Record<string, number>> = { ERR_OVERLOADED: 1, ERR_SEALED: 5 };

/** What Fastify itself refuses, in our words: its messages may quote the request. */
const FASTIFY: Readonly<Record<string, readonly [code: string, message: string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ["ERR_BODY_TOO_LARGE", "the body is larger than this service accepts"],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["ERR_CONTENT_TYPE_INVALID", "the body must be application/json"],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ["ERR_MESSAGE_INVALID", "the body is not as long as its Content-Length says"],
  FST_ERR_CTP_EMPTY_JSON_BODY: ["ERR_MESSAGE_INVALID", "the body is empty"],
  FST_ERR_BAD_URL: ["ERR_MESSAGE_INVALID", "the URL is malformed"],
  FST_ERR_MAX_PARAM_LENGTH: ["ERR_MESSAGE_INVALID", "a part of the path is too long"],
  FST_ERR_HANDLER_TIMEOUT: ["ERR_OVERLOADED", "the service could not answer in time"],
  FST_ERR_REOPENED_CLOSE_SERVER: ["ERR_OVERLOADED", "the service is shutting down"],
};

export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): void {
  const known = knownError(error);
  const problem = problemOf(known ?? error, request.id);
  const context = {
    requestId: request.id,
    method: request.method,
    route: request.routeOptions?.url ?? "unknown",
    status: problem.status,
  };
  if (problem.code === "ERR_INTERNAL")
    log.error("unexpected error while handling a request", { ...context, ...errorFields(error) });
  else if (problem.status >= 500) log.warn("request failed", { ...context, ...errorFields(known) });
  const retryAfter = RETRY_AFTER_SECONDS[problem.code];
  if (retryAfter !== undefined && !reply.hasHeader("retry-after")) reply.header("retry-after", String(retryAfter));
  reply.header("x-request-id", request.id); // errors before routing, a malformed URL for one, see no hooks
  reply
    .code(problem.status)
    .type(PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(encodeProblem(problem)));
}

/** For Fastify's `schemaErrorFormatter`: names the place, never the value. */
export function validationError(
  errors: readonly {
    readonly instancePath: string;
    readonly keyword: string;
    readonly message?: string | undefined;
    readonly params: object;
  }[],
  part: string,
): MilagroError {
  const finding = errors.find((error) => error.keyword !== "boolean") ?? errors[0];
  const path = `${part}${(finding?.instancePath ?? "").split("/").map(shown).join("/")}`;
  const params = (finding?.params ?? {}) as { readonly additionalProperties?: readonly string[] };
  const extra = params.additionalProperties?.[0];
  if (extra !== undefined)
    return new MilagroError("ERR_MESSAGE_INVALID", `${path} has the unknown property ${shown(extra)}`);
  const why =
    finding === undefined || finding.keyword === "pattern" || finding.keyword === "anyOf"
      ? "is not of the form it must have"
      : finding.message;
  return new MilagroError("ERR_MESSAGE_INVALID", `${path} ${why ?? "is not of the form it must have"}`);
}

export function unknownRoute(method: string): MilagroError {
  return new MilagroError(
    "ERR_ROUTE_UNKNOWN",
    `there is no such ${/^[A-Z]{1,8}$/.test(method) ? method : ""} route here; see /openapi.json`,
  );
}

/** Property names are repeated only when they look like one of ours; a stray one may be somebody's secret in the wrong place. */
function shown(name: string): string {
  return name === "" || /^(?:[A-Za-z]{1,24}|\d{1,4})$/.test(name) ? name : "?";
}

function knownError(error: unknown): MilagroError | undefined {
  if (error instanceof MilagroError) return isErrorCode(error.code) ? error : undefined;
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  const entry = FASTIFY[error.code];
  if (entry) return new MilagroError(entry[0], entry[1], { cause: error });
  const status = "statusCode" in error ? error.statusCode : undefined;
  if (error.code.startsWith("FST_ERR") && typeof status === "number" && status >= 400 && status < 500) {
    return new MilagroError("ERR_MESSAGE_INVALID", "the request is malformed", { cause: error });
  }
  return undefined;
}

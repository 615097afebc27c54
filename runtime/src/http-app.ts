// For whoever registers routes: the plugins' additions to Fastify's types (`schema.tags`, `config.rateLimit`).
/// <reference types="@fastify/swagger" preserve="true" />
/// <reference types="@fastify/rate-limit" preserve="true" />
/**
 * Fastify as every service uses it: types from TypeBox schemas, limits for a request's size and time, errors as problem documents.
 * @module
 */
import { randomBytes } from "node:crypto";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import Fastify from "fastify";
import { answerError, validationError } from "./http-error.ts";
import type { Log } from "./log.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The body's bytes as they came, for digests and signatures; empty without a body. */
    rawBody: Uint8Array;
    startedMs: number;
  }
}

/** Fastify with types from TypeBox schemas. */
export type HttpApp = ReturnType<typeof createHttpApp>;

/** Defaults and meaning: `HttpServerOptions`. */
export interface HttpAppOptions {
  readonly log: Log;
  readonly bodyLimitBytes?: number;
  readonly requestTimeoutMs?: number;
  readonly trustProxy?: readonly string[];
}

const HEADERS_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;
/** A header block beyond this is answered with 431 by Node itself. */
const MAX_HEADER_BYTES = 16_384;

export function createHttpApp(options: HttpAppOptions) {
  const requestTimeout = options.requestTimeoutMs ?? 30_000;
  return Fastify({
    logger: false,
    bodyLimit: options.bodyLimitBytes ?? 262_144,
    requestTimeout,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeout),
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: 1000,
    },
    forceCloseConnections: "idle",
    return503OnClosing: false, // ours is a problem document
    genReqId: () => randomBytes(12).toString("base64url"),
    trustProxy: options.trustProxy ? [...options.trustProxy] : false,
    schemaErrorFormatter: validationError,
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false, caseSensitive: true },
    frameworkErrors: (error, request, reply) => answerError(error, request, reply, options.log),
  }).withTypeProvider<TypeBoxTypeProvider>();
}

/**
 * A JSON client for our own services: problem details come back as the `MilagroError` that the service threw.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { errorOfProblem, PROBLEM_CONTENT_TYPE, parseProblem } from "@milagro/protocol/problem";
import { createHttpPort, type HttpPortOptions } from "./http-port.ts";

export type { HttpPort, HttpPortOptions, HttpPortRequest, HttpPortResponse } from "./http-port.ts";
export { createHttpPort } from "./http-port.ts";

export interface HttpClientOptions extends HttpPortOptions {
  /** `http://host:port`, `https://…`, or `unix:/path` as `Listening.url` gives it. A path in it is a prefix. */
  readonly url: string;
  /** Per attempt. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface HttpClientRequest {
  /** Default GET, or POST with a body. */
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Begins with `/`; dynamic parts go through `encodeURIComponent` first. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; bytes are sent as they are, still as JSON: for bodies that were signed. */
  readonly body?: unknown;
  /** Default: true for GET, HEAD, PUT and DELETE. */
  readonly idempotent?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface HttpClientResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Parsed JSON, to be handed to a parser of the protocol; undefined when there is none. */
  readonly body: unknown;
}

export interface HttpClient {
  /**
   * Resolves for every 2xx.
   * @throws the service's error; `ERR_PEER_INVALID` when the answer is not of our protocol; `ERR_UNREACHABLE`, `ERR_TIMEOUT`
   */
  request(request: HttpClientRequest): Promise<HttpClientResponse>;
  close(): void;
}

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const socketPath = options.url.startsWith("unix:") ? options.url.slice(5) : options.socketPath;
  const base = options.url.startsWith("unix:") ? "http://localhost" : options.url.replace(/\/+$/, "");
  const port = createHttpPort({ ...options, ...(socketPath === undefined ? {} : { socketPath }) });
  return {
    async request(request) {
      const url = new URL(base + request.path);
      for (const [name, value] of Object.entries(request.query ?? {})) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      const body = encodeBody(request.body);
      const method = request.method ?? (body ? "POST" : "GET");
      const response = await port({
        method,
        url: url.href,
        headers: {
          accept: "application/json",
          ...(body ? { "content-type": "application/json" } : {}),
          ...request.headers,
        },
        ...(body ? { body } : {}),
        timeoutMs: request.timeoutMs ?? options.timeoutMs ?? 10_000,
        idempotent: request.idempotent ?? method !== "POST",
        ...(request.signal ? { signal: request.signal } : {}),
      });
      const type = (response.headers["content-type"] ?? "").split(";")[0]?.trim();
      if (response.status >= 200 && response.status < 300) {
        const json = response.body.length > 0 && type === "application/json";
        return {
          status: response.status,
          headers: response.headers,
          body: json ? parseJson(response.body) : undefined,
        };
      }
      if (type === PROBLEM_CONTENT_TYPE) throw errorOfProblem(parseProblem(parseJson(response.body)));
      throw new MilagroError(
        "ERR_PEER_INVALID",
        `${url.host} answered with status ${response.status} and no problem details`,
      );
    },
    close: () => port.close(),
  };
}

function encodeBody(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return new TextEncoder().encode(JSON.stringify(body));
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new MilagroError("ERR_PEER_INVALID", "the peer's answer is not JSON");
  }
}

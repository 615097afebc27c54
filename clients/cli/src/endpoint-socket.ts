/**
 * Talking to the local endpoint daemon over its Unix socket.
 * @module
 */

import { parseBase64url } from "@milagro/crypto/base64url";
import { type ParsedEndpointStatus, parseEndpointStatus } from "@milagro/endpoint/status";
import { MilagroError } from "@milagro/engine/error";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { createHttpClient, type HttpClientRequest, type HttpClientResponse } from "@milagro/runtime/http-client";

export interface LocalSecret {
  readonly path: SecretPath;
  readonly version: number;
  /** The caller wipes them. */
  readonly bytes: Uint8Array;
}

/** How long one request to the daemon waits for a secret that has not come yet. */
const WAIT_SECONDS = 20;

/** @throws `ERR_ENDPOINT_UNREACHABLE` */
export async function endpointStatus(socket: string, signal?: AbortSignal): Promise<ParsedEndpointStatus> {
  return parseEndpointStatus((await call(socket, { path: "/v1/status", ...(signal ? { signal } : {}) })).body);
}

/**
 * The newest version, waiting for the first one to arrive when `waitMs` says so.
 * @throws `ERR_SECRET_UNKNOWN` when it is not there in time, `ERR_ENDPOINT_UNREACHABLE`
 */
export async function fetchFromEndpoint(
  socket: string,
  path: SecretPath,
  waitMs: number,
  signal: AbortSignal,
): Promise<LocalSecret> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const wait = Math.max(0, Math.min(WAIT_SECONDS, Math.ceil((deadline - performance.now()) / 1000)));
    const response = await call(socket, {
      path: `/v1/wait/${path}`,
      query: { after: 0, wait },
      headers: { accept: "application/json" },
      timeoutMs: (wait + 10) * 1000,
      signal,
    });
    if (response.status === 200) return parseLocalSecret(response.body, path);
    if (performance.now() >= deadline)
      throw new MilagroError("ERR_SECRET_UNKNOWN", `the endpoint has no secret ${path}`);
  }
}

async function call(socket: string, request: HttpClientRequest): Promise<HttpClientResponse> {
  const client = createHttpClient({ url: `unix:${socket}`, retries: 0 });
  try {
    return await client.request(request);
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_UNREACHABLE") throw error;
    throw new MilagroError("ERR_ENDPOINT_UNREACHABLE", `no endpoint daemon answers on ${socket}`, { cause: error });
  } finally {
    client.close();
  }
}

function parseLocalSecret(body: unknown, path: SecretPath): LocalSecret {
  if (typeof body === "object" && body !== null && "value" in body && "version" in body) {
    const { value, version } = body;
    if (typeof value === "string" && typeof version === "number")
      return { path, version, bytes: parseBase64url(value) };
  }
  throw new MilagroError("ERR_PEER_INVALID", "the endpoint daemon answered something that is not a secret");
}

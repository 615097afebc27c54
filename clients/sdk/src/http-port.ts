/**
 * How the client reaches the network: a port, so that Node, browsers and phones bring their own.
 * @module
 */

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute, normalised as `new URL(url).href` would write it: signatures cover it byte for byte. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Total time for the answer, body included. */
  readonly timeoutMs: number;
  /** The server ends with the same state however often it sees this request: the port may repeat it after a failure. */
  readonly idempotent: boolean;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most 8 MiB: the port refuses more. */
  readonly body: Uint8Array;
}

/**
 * Sends one request and returns whatever status came back.
 * @throws `ERR_UNREACHABLE` when no answer came, `ERR_TIMEOUT` when it came too late
 */
export type HttpPort = (request: HttpRequest) => Promise<HttpResponse>;

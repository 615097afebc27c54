/**
 * Sends HTTP requests over TCP, TLS or a Unix socket, with limits on time and size. No redirects, no cookies, no proxies.
 * Its shape is the port that the client library asks for.
 * @module
 */
import {
  type ClientRequestArgs,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import { sleep } from "./clock.ts";
import { CHANNEL_SCHEME, type Connector, type Way } from "./connector.ts";
import { checkPlainTarget } from "./plain.ts";
import { jitteredBackoffMs } from "./random.ts";

export interface HttpPortRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute. On a Unix socket the host part only fills the Host header. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** Per attempt, from connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Repeating it does no harm: it is retried after failures to reach the peer and after 429, 502, 503, 504. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal;
}

export interface HttpPortResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpPort {
  /**
   * Returns whatever status came back, after the retries.
   * @throws `ERR_UNREACHABLE`, `ERR_TIMEOUT`, `ERR_PEER_INVALID` for an answer over the size limit, `ERR_PLAIN_REFUSED` for plain HTTP to another machine;
   *   the signal's reason when it aborts
   */
  (request: HttpPortRequest): Promise<HttpPortResponse>;
  /** Closes kept-alive connections. */
  close(): void;
}

export interface HttpPortOptions {
  /** Talk to this Unix socket whatever the URL's host is. */
  readonly socketPath?: string;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string | undefined;
  /** After the first attempt. Default 3. */
  readonly retries?: number;
  /** Default 8 MiB. */
  readonly maxResponseBytes?: number;
  /** Most that a Retry-After is obeyed. Default 10 s. */
  readonly maxDelayMs?: number;
  /** Asked about each URL first; `milagro:` URLs need it. */
  readonly connector?: Connector | undefined;
}

const RETRIED_STATUS = new Set([429, 502, 503, 504]);
const BASE_DELAY_MS = 50;

export function createHttpPort(options: HttpPortOptions = {}): HttpPort {
  const retries = options.retries ?? 3;
  const maxDelayMs = options.maxDelayMs ?? 10_000;
  const limit = options.maxResponseBytes ?? 8 * 1_048_576;
  const keepAlive = { keepAlive: true, maxSockets: 64, maxFreeSockets: 8, timeout: 10_000 };
  const plain = new HttpAgent(keepAlive);
  const secure = new HttpsAgent({ ...keepAlive, ...(options.ca === undefined ? {} : { ca: options.ca }) });
  const protectedAgent = new WayAgent(keepAlive);

  const port = async (request: HttpPortRequest): Promise<HttpPortResponse> => {
    for (let attempt = 0; ; attempt++) {
      const last = !request.idempotent || attempt >= retries;
      let delayMs = jitteredBackoffMs(attempt + 1, BASE_DELAY_MS, maxDelayMs);
      try {
        const response = await sendOnce(request, {
          plain,
          secure,
          protected: protectedAgent,
          connector: options.connector,
          limit,
          socketPath: options.socketPath,
        });
        if (last || !RETRIED_STATUS.has(response.status)) return response;
        delayMs += retryAfterMs(response.headers["retry-after"], maxDelayMs);
      } catch (error) {
        const retriable =
          error instanceof MilagroError && (error.code === "ERR_UNREACHABLE" || error.code === "ERR_TIMEOUT");
        if (last || !retriable) throw error;
      }
      await sleep(delayMs, request.signal);
    }
  };
  return Object.assign(port, {
    close: () => {
      plain.destroy();
      secure.destroy();
      protectedAgent.destroy();
    },
  });
}

/** Seconds only: a date would trust the peer's clock. */
function retryAfterMs(header: string | undefined, maxDelayMs: number): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Math.min(Number(header) * 1000, maxDelayMs) : 0;
}

interface Transport {
  readonly plain: HttpAgent;
  readonly secure: HttpsAgent;
  readonly protected: WayAgent;
  readonly connector: Connector | undefined;
  readonly limit: number;
  readonly socketPath: string | undefined;
}

/** Keeps connections as any agent does, each only for requests that go the same way. */
class WayAgent extends HttpAgent {
  override getName(options?: ClientRequestArgs & { readonly way?: Way }): string {
    return options?.way?.key ?? "";
  }

  override createConnection(
    options: ClientRequestArgs & { readonly way?: Way },
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    if (!options.way) throw new TypeError("this agent is for ways of a connector");
    options.way.open().then(
      (stream) => done?.(null, stream),
      (error: Error) => (done as ((error: Error) => void) | undefined)?.(error),
    );
  }
}

/** What `node:http` takes from a URL, which must be one of its own schemes there. */
function wayOptions(url: URL, way: Way): RequestOptions & { readonly way: Way } {
  return {
    way,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? undefined : Number(url.port),
    path: `${url.pathname || "/"}${url.search}`,
    setHost: false,
  };
}

function sendOnce(request: HttpPortRequest, transport: Transport): Promise<HttpPortResponse> {
  const url = new URL(request.url);
  const way = transport.socketPath === undefined ? transport.connector?.(url) : undefined;
  if (!way && url.protocol === CHANNEL_SCHEME)
    throw new MilagroError(
      "ERR_UNREACHABLE",
      `${url.host} is reached over a channel, which needs the domain's descriptor`,
    );
  if (!way && url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError("an HTTP port takes http, https and milagro URLs");
  if (!way && transport.socketPath === undefined) checkPlainTarget("the service", url);
  const tls = url.protocol === "https:";
  return new Promise((resolve, reject) => {
    request.signal?.throwIfAborted();
    const requestOptions: RequestOptions = {
      method: request.method,
      agent: tls ? transport.secure : transport.plain,
      headers: {
        ...(way ? { host: url.host } : {}),
        ...request.headers,
        ...(request.body ? { "content-length": String(request.body.length) } : {}),
      },
      ...(transport.socketPath === undefined ? {} : { socketPath: transport.socketPath }),
    };
    const outgoing = way
      ? httpRequest({ ...requestOptions, ...wayOptions(url, way), agent: transport.protected })
      : tls
        ? httpsRequest(url, requestOptions)
        : httpRequest(url, requestOptions);
    const finish = (): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", onAbort);
    };
    const fail = (error: unknown): void => {
      finish();
      outgoing.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(request.signal?.reason);
    const timer = setTimeout(
      () => fail(new MilagroError("ERR_TIMEOUT", `${url.host} did not answer within ${request.timeoutMs} ms`)),
      request.timeoutMs,
    );
    request.signal?.addEventListener("abort", onAbort, { once: true });
    outgoing.on("error", (cause) =>
      fail(
        cause instanceof MilagroError
          ? cause
          : new MilagroError("ERR_UNREACHABLE", `${url.host} cannot be reached (${reasonOf(cause)})`, { cause }),
      ),
    );
    outgoing.on("response", (incoming) => {
      collect(incoming, transport.limit).then((body) => {
        finish();
        resolve({ status: incoming.statusCode ?? 0, headers: headersOf(incoming), body });
      }, fail);
    });
    outgoing.end(request.body);
  });
}

async function collect(incoming: IncomingMessage, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of incoming) {
      total += chunk.length;
      if (total > limit) throw new MilagroError("ERR_PEER_INVALID", `the answer is larger than ${limit} bytes`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof MilagroError) throw cause;
    throw new MilagroError("ERR_UNREACHABLE", "the connection broke in the middle of an answer", { cause });
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function headersOf(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

/** The errno, never the message: it may hold a path or an address more than once. */
function reasonOf(cause: Error): string {
  return "code" in cause && typeof cause.code === "string" ? cause.code : "connection failed";
}

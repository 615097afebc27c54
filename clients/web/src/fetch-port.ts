/**
 * The client's way to the network: `fetch`, with the cookie for the page's own origin and nothing for the D-TAs.
 * @module
 */
import type { HttpPort, HttpRequest, HttpResponse } from "@milagro/client/http-port";
import { MilagroError } from "@milagro/engine/error";
import { secureRandom } from "./secure-random.ts";

/** As the port promises. No answer of the protocol comes near. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Tries of a request that may be repeated, and the longest pause before the second; the pause doubles. */
const TRIES = 3;
const FIRST_PAUSE_MS = 250;

/**
 * Redirects are refused: no server of the protocol sends any, and a cookie or proof must not follow one. An overloaded or
 * restarting server (502 to 504) is asked again like one that did not answer.
 */
export const fetchPort: HttpPort = async (request) => {
  for (let attempt = 1; ; attempt++) {
    const last = attempt >= TRIES || !request.idempotent;
    try {
      const response = await once(request);
      if (last || response.status < 502 || response.status > 504) return response;
    } catch (cause) {
      if (last || (cause instanceof MilagroError && cause.code !== "ERR_UNREACHABLE")) throw cause;
    }
    await pause(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  }
};

async function once(request: HttpRequest): Promise<HttpResponse> {
  const own = new URL(request.url).origin === location.origin;
  const { accept, ...rest } = request.headers;
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: { ...(accept === undefined ? {} : { accept }), ...rest },
      ...(request.body ? { body: request.body.slice() } : {}),
      credentials: own ? "same-origin" : "omit",
      // Not "same-origin": together with "no-referrer" that would send `Origin: null`, which no server takes for ours.
      mode: "cors",
      redirect: "error",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      signal: AbortSignal.timeout(request.timeoutMs),
    });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await read(response) };
  } catch (cause) {
    if (cause instanceof MilagroError) throw cause;
    if (cause instanceof DOMException && cause.name === "TimeoutError") {
      throw new MilagroError("ERR_TIMEOUT", "the server did not answer in time", { cause });
    }
    throw new MilagroError("ERR_UNREACHABLE", "the server cannot be reached", { cause });
  }
}

async function read(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > MOST_BYTES) {
      await reader.cancel();
      throw new MilagroError("ERR_PEER_INVALID", "the answer is larger than any of the protocol");
    }
    chunks.push(next.value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Full jitter, so that pages which failed together do not come back together. */
function pause(mostMs: number): Promise<void> {
  const part = (secureRandom(1)[0] as number) / 256;
  return new Promise((resolve) => setTimeout(resolve, mostMs * part));
}

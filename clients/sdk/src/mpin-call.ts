/**
 * Calls of a login, in the manner of `json-call.ts` and without the schemas: problems become errors with the peer's code, everything
 * unreadable becomes `ERR_PEER_INVALID`.
 * @module
 */
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import type { HttpRequest, HttpResponse } from "./http-port.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { type Read, readBoolean, readObject, readOneOf, readSome, readText } from "./mpin-read.ts";

const TIMEOUT_MS = 15_000;

export interface MpinCall {
  readonly method: HttpRequest["method"];
  /** Absolute, or a path at the login server. */
  readonly url: string;
  readonly body?: object;
  /** Whether it may be sent again after a failure. */
  readonly idempotent?: boolean;
  /** Seconds that the server may wait before it answers. */
  readonly waitSeconds?: number;
}

/** What a call that has nothing to say answers. */
export const readDone = readObject({ v: readOneOf(1), done: readBoolean });

/** @throws the peer's own error; `ERR_PEER_INVALID`; what the port throws */
export async function callMpin<T>({ http, origin }: MpinClient, call: MpinCall, read: Read<T>): Promise<T> {
  const response = await http({
    method: call.method,
    url: call.url.startsWith("/") ? `${origin}${call.url}` : call.url,
    headers: {
      accept: "application/json, application/problem+json",
      ...(call.body ? { "content-type": "application/json" } : {}),
    },
    ...(call.body ? { body: utf8(JSON.stringify(call.body)) } : {}),
    timeoutMs: TIMEOUT_MS + (call.waitSeconds ?? 0) * 1000,
    idempotent: call.idempotent ?? call.method === "GET",
  });
  if (response.status >= 400) throw problemIn(response);
  try {
    return read(JSON.parse(parseUtf8(response.body)));
  } catch (cause) {
    if (cause instanceof MilagroError && cause.code === "ERR_VERSION_UNSUPPORTED") throw cause;
    throw new MilagroError("ERR_PEER_INVALID", `the peer answered ${response.status} with something else`, {
      cause: cause instanceof MilagroError ? cause : undefined, // a SyntaxError quotes the body
    });
  }
}

const readProblem = readSome({ code: readText(64, /^ERR(?:_[A-Z0-9]+)+$/), detail: readText(1024, /^/) });

function problemIn({ status, body }: HttpResponse): MilagroError {
  try {
    const { code, detail } = readProblem(JSON.parse(parseUtf8(body)));
    return new MilagroError(code, detail);
  } catch {
    const code = status === 429 ? "ERR_RATE_LIMITED" : "ERR_PEER_INVALID";
    return new MilagroError(code, `the peer answered ${status} without saying why in the protocol's form`);
  }
}

/**
 * One JSON call: problems become `MilagroError`s with the peer's code, everything unreadable becomes `ERR_PEER_INVALID`.
 * @module
 */
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { errorOfProblem, parseProblem } from "@milagro/protocol/problem";
import { JSON_CONTENT_TYPE } from "@milagro/protocol/versions";
import { parseJson } from "@milagro/protocol/wire";
import type { HttpPort, HttpRequest, HttpResponse } from "./http-port.ts";

/** Long enough for a D-TA under load, short enough for a person. Waiting calls add what they wait. */
export const DEFAULT_TIMEOUT_MS = 15_000;

export interface JsonCall {
  readonly method: HttpRequest["method"];
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly timeoutMs?: number;
  readonly idempotent: boolean;
}

/** Adds the path of an API call to a service's address. */
export function apiUrl(
  base: string,
  path: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== "");
  const search = pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&");
  return `${base.replace(/\/+$/, "")}${path}${search === "" ? "" : `?${search}`}`;
}

/**
 * @param parse - the parser of the answer's message
 * @throws the peer's own error; `ERR_PEER_INVALID` when it answers something else; what the port throws
 */
export async function callJson<T>(http: HttpPort, call: JsonCall, parse: (value: unknown) => T): Promise<T> {
  const response = await http({
    method: call.method,
    url: call.url,
    headers: {
      accept: `${JSON_CONTENT_TYPE}, application/problem+json`,
      ...(call.body ? { "content-type": JSON_CONTENT_TYPE } : {}),
      ...call.headers,
    },
    ...(call.body ? { body: call.body } : {}),
    timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    idempotent: call.idempotent,
  });
  if (response.status >= 400) throw problemIn(response);
  return understood(response, parse);
}

export function jsonBody(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

function understood<T>(response: HttpResponse, parse: (value: unknown) => T): T {
  try {
    return parse(parseJson(parseUtf8(response.body)));
  } catch (cause) {
    throw new MilagroError(
      "ERR_PEER_INVALID",
      `the peer answered ${response.status} with a body that is not what the protocol says`,
      { cause },
    );
  }
}

function problemIn(response: HttpResponse): MilagroError {
  try {
    return errorOfProblem(parseProblem(parseJson(parseUtf8(response.body))));
  } catch {
    return new MilagroError(
      "ERR_PEER_INVALID",
      `the peer answered ${response.status} without saying why in the protocol's form`,
    );
  }
}

/**
 * A phone for the demonstration: the M-Pin client with storage in memory, and a network port that keeps the login server's cookie as
 * a browser would.
 * @module
 */
import type { HttpPort } from "@milagro/client/http-port";
import { type MpinClient, type MpinStorage, openMpinClient } from "@milagro/client/mpin";
import { tokenUpdater } from "@milagro/client/mpin-token-update";
import { sleep, systemClock } from "@milagro/runtime/clock";
import { systemRandom } from "@milagro/runtime/random";
import { engineOf } from "../session.ts";

const COOKIE = /(?:^|, )(milagro=[A-Za-z0-9_-]{43})/;

export async function openPhone(http: HttpPort, origin: string, signal: AbortSignal): Promise<MpinClient> {
  return openMpinClient({
    engine: await engineOf(),
    random: systemRandom,
    storage: inMemory(),
    http: withCookie(http, origin),
    clock: systemClock,
    sleep: (ms) => sleep(ms, signal),
    origin,
    loadUpdate: async () => tokenUpdater(engineOf),
  });
}

function withCookie(http: HttpPort, origin: string): HttpPort {
  let cookie: string | undefined;
  return async (request) => {
    if (!request.url.startsWith(`${origin}/`)) return http(request);
    const headers = { ...request.headers, origin, ...(cookie === undefined ? {} : { cookie }) };
    const response = await http({ ...request, headers });
    cookie = COOKIE.exec(response.headers["set-cookie"] ?? "")?.[1] ?? cookie;
    return response;
  };
}

function inMemory(): MpinStorage {
  const records = new Map<string, Uint8Array>();
  return {
    get: async (key) => records.get(key)?.slice(),
    put: async (key, value) => void records.set(key, value.slice()),
    delete: async (key) => void records.delete(key),
    keys: async (prefix) => [...records.keys()].filter((key) => key.startsWith(prefix)),
  };
}

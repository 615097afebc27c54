/**
 * A device: what it keeps, and how it reaches the network, in the manner of a browser: an Origin to say, and a cookie for the
 * login server.
 * @module
 */
import type { MpinPorts } from "@milagro/client/mpin";
import type { MpinIdentity } from "@milagro/crypto/mpin-identity";
import { sleep, systemClock } from "@milagro/runtime/clock";
import type { HttpPort } from "@milagro/runtime/http-port";
import { systemRandom } from "@milagro/runtime/random";

export const PIN = "80685317";

/** Can be sent to a thread. */
export interface Device {
  readonly identity: MpinIdentity;
  /** Its storage. */
  readonly values: Map<string, Uint8Array>;
}

export interface DevicePorts extends MpinPorts {
  /** Forgets the cookie: the next login is a fresh browser's. */
  forgetCookie(): void;
  /** Milliseconds that calls have taken so far, one after the other as a login makes them. */
  readonly waitedMs: () => number;
}

export function portsOf(options: {
  readonly origin: string;
  readonly values: Map<string, Uint8Array>;
  readonly engine: MpinPorts["engine"];
  readonly http: HttpPort;
}): DevicePorts {
  const { origin, values, engine, http } = options;
  let cookie = "";
  let waitedMs = 0;
  return {
    engine,
    origin,
    random: systemRandom,
    clock: systemClock,
    sleep: (ms) => sleep(ms),
    storage: {
      get: async (key) => values.get(key)?.slice(),
      put: async (key, value) => void values.set(key, value.slice()),
      delete: async (key) => void values.delete(key),
      keys: async (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
    },
    async http(request) {
      const own = request.url.startsWith(`${origin}/`);
      const headers = { ...request.headers, origin, ...(own && cookie !== "" ? { cookie } : {}) };
      const startMs = performance.now();
      const response = await http({ ...request, headers });
      waitedMs += performance.now() - startMs;
      if (own) cookie = response.headers["set-cookie"]?.split(";")[0] ?? cookie;
      return response;
    },
    forgetCookie: () => {
      cookie = "";
    },
    waitedMs: () => waitedMs,
  };
}

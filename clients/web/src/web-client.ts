/**
 * The login client of this page: browser storage, `fetch`, the secure source and the small engine, opened once.
 * @module
 */
import { type MpinClient, openMpinClient } from "@milagro/client/mpin-ports";
import { openBrowserStorage } from "./browser-storage.ts";
import { fetchPort } from "./fetch-port.ts";
import { secureRandom } from "./secure-random.ts";
import { smallEngine } from "./small-engine.ts";

let opened: Promise<MpinClient> | undefined;

/**
 * @throws `ERR_RANDOM_UNAVAILABLE`, `ERR_STORAGE_UNAVAILABLE`, `ERR_ENGINE_SELF_TEST`; the next call tries again
 */
export function webClient(): Promise<MpinClient> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

async function open(): Promise<MpinClient> {
  const { origin } = location;
  const [engine, storage] = await Promise.all([smallEngine(), openBrowserStorage({ origin })]);
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  return openMpinClient({ engine, random: secureRandom, storage, http: fetchPort, clock: Date.now, sleep, origin });
}

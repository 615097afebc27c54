/**
 * The login client of this page: browser storage, `fetch`, the secure source and the small engine, opened once.
 * @module
 */
import { type MpinClient, type MpinPorts, openMpinClient } from "@milagro/client/mpin-ports";
import { type BrowserStorage, openBrowserStorage, PASSKEY_MARK } from "./browser-storage.ts";
import { fetchPort } from "./fetch-port.ts";
import type { PasskeyGate } from "./passkey-gate.ts";
import { secureRandom } from "./secure-random.ts";
import { smallEngine } from "./small-engine.ts";

let updating: NonNullable<MpinPorts["loadUpdate"]>;
let opened: Promise<MpinClient> | undefined;
let plain: Promise<BrowserStorage> | undefined;
let gated: Promise<PasskeyGate> | undefined;

/**
 * @throws `ERR_RANDOM_UNAVAILABLE`, `ERR_STORAGE_UNAVAILABLE`, `ERR_ENGINE_SELF_TEST`; the next call tries again
 */
export function webClient(): Promise<MpinClient> {
  opened ??= open().catch((error: unknown) => {
    opened = undefined;
    plain = undefined;
    throw error;
  });
  return opened;
}

/** What fetches the updater of tokens: said by what is on every page, for it comes in one file with what needs this client. */
export function updatesBy(load: typeof updating): void {
  updating = load;
}

async function open(): Promise<MpinClient> {
  const { origin } = location;
  const [engine, storage] = await Promise.all([smallEngine(), plainStorage()]);
  if (await storage.get(PASSKEY_MARK)) await gate();
  const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const loadUpdate = () => updating();
  const ports = { engine, random: secureRandom, storage, http: fetchPort, clock: Date.now, sleep, origin, loadUpdate };
  return openMpinClient(ports);
}

const plainStorage = (): Promise<BrowserStorage> => {
  plain ??= openBrowserStorage({ origin: location.origin });
  return plain;
};

/**
 * The passkey's seal of this browser's accounts. The gate takes the place of the storage's own methods, in the very object that the
 * client has: what was opened before goes through it, too.
 */
export function gate(): Promise<PasskeyGate> {
  gated ??= (async () => {
    const [storage, { passkeyGate }] = await Promise.all([plainStorage(), import("./passkey-gate.ts")]);
    return Object.assign(storage, passkeyGate({ ...storage }, location.origin));
  })();
  return gated;
}

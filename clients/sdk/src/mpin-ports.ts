/**
 * What an M-Pin client is given from outside, and the client that comes of it. Nothing here knows a browser or Node: it runs in any
 * engine of the language. `openMpinClient` is the only way to get a client, so no function ever runs with a bad random source.
 * @module
 */
import type { Brand } from "@milagro/crypto/brand";
import type { Identity } from "@milagro/crypto/identity";
import type { G1Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { HttpPort } from "./http-port.ts";
import type { MasterAway, NoPermit, Outdated } from "./mpin-outcomes.ts";
import { checkEngineRandom, guardRandom } from "./mpin-random.ts";

/**
 * Where records are kept. Values hold tokens and keys: the port seals them as well as the platform can (in a browser under a key that
 * cannot be extracted), bound to the record's key and the origin, and hands out only what it has opened unchanged.
 */
export interface MpinStorage {
  /** Undefined where there is none. @throws `ERR_STORAGE_UNAVAILABLE`, `ERR_KEYSTORE_CORRUPT` for a value that does not open */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Replaces the value as a whole: durable when it resolves, and after a crash the old or the new one. The caller overwrites `value` afterwards. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Also resolves when there is none. */
  delete(key: string): Promise<void>;
  /** All keys that begin so, in any order. */
  keys(prefix: string): Promise<readonly string[]>;
  /**
   * Runs `work` while nobody else does so under this name, in this window or another. Where several windows share the storage it is needed: without it, of two changes of
   * one account at the same moment one may be lost.
   */
  alone?<T>(name: string, work: () => Promise<T>): Promise<T>;
}

export interface MpinPorts {
  /** `createG1Engine` of `@milagro/engine/wasm-g1`, or any whole engine. */
  readonly engine: G1Engine;
  /** The platform's secure source: `crypto.getRandomValues` or better. */
  readonly random: RandomBytes;
  readonly storage: MpinStorage;
  /** Reaches the login server, with its cookie, and the D-TAs, without. */
  readonly http: HttpPort;
  /** Integer milliseconds since 1970-01-01T00:00Z. */
  readonly clock: () => number;
  /** Resolves after `ms`; rejects when the work was called off. */
  readonly sleep: (ms: number) => Promise<void>;
  /**
   * Where the person is, as the browser says: `https://login.example`. Every login is bound to it, so it is never taken from a message;
   * a program without a browser names the server that it means. Also the login server's address.
   */
  readonly origin: string;
  /**
   * What updates a token after a rotation, fetched when it is needed: `tokenUpdater` of `@milagro/client/mpin-token-update`, which
   * loads the whole engine. Without it, a device that is behind cannot log in.
   */
  readonly loadUpdate?: () => Promise<UpdateAccount>;
}

/**
 * Updates an account's token to the newest master of its domain.
 * @returns undefined when it is updated; else `outdated`, or which D-TA refuses (`revoked`) or who cannot be asked (`offline`)
 */
export type UpdateAccount = (
  client: MpinClient,
  identity: Identity,
) => Promise<NoPermit | Outdated | MasterAway | undefined>;

/** Ports that have been looked at. */
export type MpinClient = Brand<MpinPorts, "MpinClient">;

const ORIGIN = /^https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;

/**
 * @throws `ERR_RANDOM_UNAVAILABLE` for a random source, the client's or the engine's, that is missing, constant or zero
 * @throws TypeError for an origin that is none
 */
export function openMpinClient(ports: MpinPorts): MpinClient {
  if (!ORIGIN.test(ports.origin)) throw new TypeError("an origin is scheme, host and port, in lower case");
  const random = guardRandom(ports.random);
  checkEngineRandom(ports.engine);
  return { ...ports, random } as MpinClient;
}

/** Stores a record and overwrites it here. @throws what the port throws, as `ERR_STORAGE_UNAVAILABLE` unless it has a code */
export async function putRecord({ storage }: MpinClient, key: string, value: Uint8Array): Promise<void> {
  try {
    await storage.put(key, value);
  } catch (cause) {
    throw storageError(cause);
  } finally {
    value.fill(0);
  }
}

/** Reads a record, which the caller overwrites. @throws as `putRecord` */
export async function getRecord({ storage }: MpinClient, key: string): Promise<Uint8Array | undefined> {
  try {
    return await storage.get(key);
  } catch (cause) {
    throw storageError(cause);
  }
}

function storageError(cause: unknown): unknown {
  if (cause instanceof MilagroError || cause instanceof TypeError) return cause;
  return new MilagroError("ERR_STORAGE_UNAVAILABLE", "the device's storage failed", { cause });
}

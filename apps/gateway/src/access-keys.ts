/**
 * S3 access keys and whom they stand for: an identity with its attributes; and identities that come over a channel, which need no secret. Sealed in a key
 * store beside the gateway; a running gateway sees changes within seconds, so that a key that was revoked ends.
 * @module
 */
import { stat } from "node:fs/promises";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { monotonicMs } from "@milagro/runtime/clock";
import { createKeyStore, type KdfCost, type KeyStore, openKeyStore } from "@milagro/runtime/key-store";
import type { Log } from "@milagro/runtime/log";
import { errorFields } from "@milagro/runtime/log";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { type Static, Type } from "typebox";
import { Check } from "typebox/value";
import type { Caller } from "./policies.ts";

export const ACCESS_KEYS_KIND = "gateway-access-keys";

const EntrySchema = Type.Object(
  {
    v: Type.Literal(1),
    /** Absent: nobody signs with it; the identity comes over a channel. */
    secret: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" })),
    identity: Type.String({ maxLength: 255 }),
    attributes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Integer(), Type.Array(Type.String())])),
    /** Names of buckets; absent: all. */
    buckets: Type.Optional(Type.Array(Type.String())),
    readOnly: Type.Boolean(),
    createdMs: Type.Integer(),
  },
  { additionalProperties: false },
);
type Entry = Static<typeof EntrySchema>;

/** What an access key is made for. */
export interface AccessKeyOptions extends Caller {
  readonly buckets?: readonly string[];
  readonly readOnly?: boolean;
}

/** Somebody who may come in, and how far. */
export interface Admitted extends Caller {
  /** Of an access key; of who comes over a channel, the identity. */
  readonly id: string;
  readonly secret: string | undefined;
  readonly buckets: readonly string[] | undefined;
  readonly readOnly: boolean;
  readonly createdMs: number;
}

export interface AccessKey extends Admitted {
  readonly secret: string;
}

export interface AccessKeys {
  /** By access key. */
  find(id: string): Promise<AccessKey | undefined>;
  /** By the identity that a channel has proven. */
  findPeer(identity: Identity): Promise<Admitted | undefined>;
  close(): Promise<void>;
}

const CHECK_INTERVAL_MS = 1000;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Opens the store for the commands that change it; makes it when there is none. */
export async function openAccessKeyStore(path: string, passphrase: Passphrase, cost?: KdfCost): Promise<KeyStore> {
  const options = { kind: ACCESS_KEYS_KIND, passphrase, random: systemRandom };
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  return exists ? openKeyStore(path, options) : createKeyStore(path, { ...options, ...(cost ? { cost } : {}) });
}

/** Makes a key and keeps it. The secret is in what comes back, and nowhere else in the open. */
export async function createAccessKey(store: KeyStore, options: AccessKeyOptions, nowMs: number): Promise<AccessKey> {
  const id = `MLG${[...systemRandom(17)].map((byte) => ALPHABET[byte % 32]).join("")}`;
  const secret = Buffer.from(systemRandom(32)).toString("base64url");
  return { ...(await keep(store, id, secret, options, nowMs)), secret };
}

/** Lets an identity in over channels. What was said of it before is replaced. */
export function admitPeer(store: KeyStore, options: AccessKeyOptions, nowMs: number): Promise<Admitted> {
  return keep(store, options.identity, undefined, options, nowMs);
}

async function keep(
  store: KeyStore,
  id: string,
  secret: string | undefined,
  { identity, attributes, buckets, readOnly = false }: AccessKeyOptions,
  nowMs: number,
): Promise<Admitted> {
  const entry: Entry = {
    v: 1,
    ...(secret === undefined ? {} : { secret }),
    identity,
    attributes: attributes as Entry["attributes"],
    ...(buckets === undefined ? {} : { buckets: [...buckets] }),
    readOnly,
    createdMs: nowMs,
  };
  const bytes = utf8(JSON.stringify(entry));
  await store.update({ set: { [id]: bytes } });
  bytes.fill(0);
  return { id, secret, identity, attributes, buckets, readOnly, createdMs: nowMs };
}

/** @param id - of an access key, or the identity that comes over channels. @throws `ERR_ACCESS_KEY_MISSING` */
export async function revokeAccessKey(store: KeyStore, id: string): Promise<void> {
  if (!store.names().includes(id)) throw new MilagroError("ERR_ACCESS_KEY_MISSING", "there is no such access key");
  await store.update({ remove: [id] });
}

/** Without their secrets. */
export function listAccessKeys(
  store: KeyStore,
): (Omit<Admitted, "secret"> & { readonly by: "access key" | "channel" })[] {
  return store.names().map((id) => {
    const { secret, ...rest } = read(store, id) as Admitted;
    return { ...rest, by: secret === undefined ? "channel" : "access key" };
  });
}

/** The keys of a running gateway, which follows the file. */
export async function watchAccessKeys(path: string, passphrase: Passphrase, log: Log): Promise<AccessKeys> {
  let keys = new Map<string, Admitted>();
  let stamp = "";
  let checkedMs = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;
  const stampOf = async (): Promise<string> => {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino} ${mtimeMs} ${size}`;
  };
  const load = async (): Promise<void> => {
    const seen = await stampOf().catch(() => "none");
    if (seen === stamp) return;
    const store = await openAccessKeyStore(path, passphrase);
    try {
      keys = new Map(store.names().map((id) => [id, read(store, id) as Admitted]));
      stamp = seen === "none" ? await stampOf() : seen;
    } finally {
      await store.close();
    }
  };
  const fresh = async (): Promise<ReadonlyMap<string, Admitted>> => {
    if (monotonicMs() - checkedMs > CHECK_INTERVAL_MS) {
      checkedMs = monotonicMs();
      checking = load().catch((error: unknown) => {
        // A file that cannot be read must not keep revoked keys alive.
        keys = new Map();
        stamp = "";
        log.error("the access keys cannot be read: nobody is let in", errorFields(error));
      });
    }
    await checking;
    return keys;
  };
  await load();
  return {
    async find(id) {
      const found = (await fresh()).get(id);
      return found?.secret === undefined ? undefined : { ...found, secret: found.secret };
    },
    async findPeer(identity) {
      const found = (await fresh()).get(identity);
      return found?.secret === undefined ? found : undefined;
    },
    close: async () => {
      keys.clear();
      passphrase.destroy();
    },
  };
}

function read(store: KeyStore, id: string): Admitted | undefined {
  const sealed = store.get(id);
  if (!sealed) return undefined;
  try {
    const entry: unknown = sealed.use((bytes) => JSON.parse(parseUtf8(bytes)));
    if (!Check(EntrySchema, entry)) throw new MilagroError("ERR_KEYSTORE_CORRUPT", "an access key is malformed");
    const { v: _, identity, buckets, secret, ...rest } = entry;
    return { id, secret, ...rest, identity: parseIdentity(identity) as Identity, buckets };
  } finally {
    sealed.destroy();
  }
}

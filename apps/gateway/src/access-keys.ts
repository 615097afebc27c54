/**
 * S3 access keys and whom they stand for: an identity with its attributes. Sealed in a key store beside the gateway; a running gateway sees
 * changes within seconds, so that a key that was revoked ends.
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
    secret: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }),
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

export interface AccessKey extends Caller {
  readonly id: string;
  readonly secret: string;
  readonly buckets: readonly string[] | undefined;
  readonly readOnly: boolean;
  readonly createdMs: number;
}

export interface AccessKeys {
  find(id: string): Promise<AccessKey | undefined>;
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
  const { identity, attributes, buckets, readOnly = false } = options;
  const entry: Entry = {
    v: 1,
    secret,
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

/** @throws `ERR_ACCESS_KEY_MISSING` */
export async function revokeAccessKey(store: KeyStore, id: string): Promise<void> {
  if (!store.names().includes(id)) throw new MilagroError("ERR_ACCESS_KEY_MISSING", "there is no such access key");
  await store.update({ remove: [id] });
}

/** Without their secrets. */
export function listAccessKeys(store: KeyStore): Omit<AccessKey, "secret">[] {
  return store.names().map((id) => {
    const { secret: _, ...rest } = read(store, id) as AccessKey;
    return rest;
  });
}

/** The keys of a running gateway, which follows the file. */
export async function watchAccessKeys(path: string, passphrase: Passphrase, log: Log): Promise<AccessKeys> {
  let keys = new Map<string, AccessKey>();
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
      keys = new Map(store.names().map((id) => [id, read(store, id) as AccessKey]));
      stamp = seen === "none" ? await stampOf() : seen;
    } finally {
      await store.close();
    }
  };
  await load();
  return {
    async find(id) {
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
      return keys.get(id);
    },
    close: async () => {
      keys.clear();
      passphrase.destroy();
    },
  };
}

function read(store: KeyStore, id: string): AccessKey | undefined {
  const secret = store.get(id);
  if (!secret) return undefined;
  try {
    const entry: unknown = secret.use((bytes) => JSON.parse(parseUtf8(bytes)));
    if (!Check(EntrySchema, entry)) throw new MilagroError("ERR_KEYSTORE_CORRUPT", "an access key is malformed");
    const { v: _, identity, buckets, ...rest } = entry;
    return { id, ...rest, identity: parseIdentity(identity) as Identity, buckets };
  } finally {
    secret.destroy();
  }
}

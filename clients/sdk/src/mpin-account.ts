/**
 * Accounts: what a device keeps of each enrolment, and the list of them. One record each, so two windows never overwrite each other's.
 * Writing them is in `mpin-account-write.ts`, which a login does not need.
 *
 *   key     "account:" identity
 *   value   0x01 ‖ token T ‖ z (80) ‖ `sig` key (48) ‖ JSON of everything that is public
 *
 * The secrets stand in front as bytes, never inside text: text cannot be overwritten.
 * @module
 */
import { parseBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, wipe } from "@milagro/crypto/bytes";
import { type DomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { type IdentityKey, parseIdentityKey } from "@milagro/crypto/identity-key";
import {
  type DvsInput,
  type DvsPublicKey,
  dvsInput,
  type MpinIdentity,
  parseMpinIdentity,
  splitMpinIdentity,
} from "@milagro/crypto/mpin-identity";
import { type MpinToken, parseToken } from "@milagro/crypto/mpin-token";
import { MilagroError } from "@milagro/engine/error";
import type { PinPolicy } from "./mpin-pin.ts";
import { getRecord, type MpinClient } from "./mpin-ports.ts";
import {
  optional,
  readBoolean,
  readBytes,
  readInteger,
  readList,
  readObject,
  readOneOf,
  readText,
  readWith,
} from "./mpin-read.ts";

/** One D-TA, as far as a device needs it after enrolment: for time permits and token updates. */
export interface AccountAuthority {
  readonly index: number;
  readonly name: string;
  readonly url: string;
  /** `s·g1` of its M-Pin master. */
  readonly mpinKey: Uint8Array;
}

/** What is public of an account. */
export interface Account {
  readonly identity: MpinIdentity;
  /** The login server's origin; an account is used there and nowhere else. */
  readonly origin: string;
  readonly service: string;
  /** Whom the service knows. */
  readonly user: string;
  /** What the user calls this device. */
  readonly label: string;
  /** Unix seconds. */
  readonly created: number;
  readonly domainId: DomainId;
  /** SHA-256 of the descriptor that was verified or pinned at enrolment, or verified since. */
  readonly descriptorHash: Uint8Array;
  /** Of that descriptor. */
  readonly sequence: number;
  /** Epoch of the `mpin` master that the token is of. */
  readonly master: number;
  /** H(P) of the domain's `id` key, which signatures hash. */
  readonly publicKeyHash: Uint8Array;
  /** Pa. */
  readonly dvsKey: DvsPublicKey;
  readonly authorities: readonly AccountAuthority[];
  /** Whether PINs count only together with a device factor. */
  readonly deviceFactor: boolean;
  readonly pinPolicy: PinPolicy;
}

/** An account with its secrets. */
export interface OpenAccount {
  readonly account: Account;
  /** Make it once: points are remembered per object. */
  readonly input: DvsInput;
  readonly token: MpinToken;
  readonly signatureKey: IdentityKey<"sig">;
  destroy(): void;
}

/** The accounts of this device at this origin. */
export interface AccountList {
  /** The newest first. */
  readonly accounts: readonly Account[];
  /** Identities whose records are there and cannot be read. */
  readonly damaged: readonly string[];
}

export const ACCOUNT_PREFIX = "account:";
export const ACCOUNT_VERSION = 0x01;
export const TOKEN_LENGTH = 80;
export const SIGNATURE_KEY_LENGTH = 48;
export const PUBLIC_AT = 1 + TOKEN_LENGTH + SIGNATURE_KEY_LENGTH;

const readRecord = readObject({
  v: readOneOf(1),
  identity: readWith(parseMpinIdentity),
  origin: readText(512),
  label: readText(64),
  created: readInteger,
  domainId: readWith((text) => parseDomainId(parseBase64url(text))),
  descriptorHash: readBytes(32),
  publicKeyHash: readBytes(32),
  dvsKey: readBytes(96),
  authorities: readList(
    32,
    readObject({ index: readInteger, name: readText(63), url: readText(512), mpinKey: readBytes(48) }),
  ),
  deviceFactor: optional(readBoolean),
  sequence: optional(readInteger),
  master: optional(readInteger),
  pinPolicy: readObject({ min: readInteger, max: readInteger }),
});

/** What is public of a record. @throws `ERR_KEYSTORE_CORRUPT`, `ERR_VERSION_UNSUPPORTED` */
export function parsePublic(record: Uint8Array, identity: string): Account {
  try {
    if (record[0] !== ACCOUNT_VERSION) throw new MilagroError("ERR_VERSION_UNSUPPORTED", "a record of another version");
    const {
      v: _,
      dvsKey,
      deviceFactor = false,
      sequence = 0,
      master = 0,
      ...rest
    } = readRecord(JSON.parse(parseUtf8(record.subarray(PUBLIC_AT))));
    if (rest.identity !== identity) throw new MilagroError("ERR_MESSAGE_INVALID", "a record of another identity");
    const { service, user } = splitMpinIdentity(rest.identity);
    return { ...rest, service, user, dvsKey: dvsKey as DvsPublicKey, deviceFactor, sequence, master };
  } catch (cause) {
    if (cause instanceof MilagroError && cause.code === "ERR_VERSION_UNSUPPORTED") throw cause;
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "an account's record is damaged");
  }
}

/** Who can log in here. */
export async function listAccounts(client: MpinClient): Promise<AccountList> {
  const accounts: Account[] = [];
  const damaged: string[] = [];
  for (const key of await client.storage.keys(ACCOUNT_PREFIX)) {
    const identity = key.slice(ACCOUNT_PREFIX.length);
    try {
      const record = await getRecord(client, key);
      if (!record) continue; // forgotten meanwhile, in another window
      try {
        const account = parsePublic(record, identity);
        if (account.origin === client.origin) accounts.push(account);
      } finally {
        wipe(record);
      }
    } catch (error) {
      if (!(error instanceof MilagroError) || error.code === "ERR_STORAGE_UNAVAILABLE") throw error;
      damaged.push(identity);
    }
  }
  accounts.sort((a, b) => b.created - a.created || (a.identity < b.identity ? -1 : 1));
  return { accounts, damaged };
}

/**
 * An account with its secrets, which the caller destroys.
 * @throws `ERR_ACCOUNT_UNKNOWN` for none at this origin, `ERR_KEYSTORE_CORRUPT`
 */
export async function openAccount(client: MpinClient, identity: Identity): Promise<OpenAccount> {
  const record = await getRecord(client, `${ACCOUNT_PREFIX}${identity}`);
  if (!record) throw unknownAccount();
  try {
    return openRecord(client, identity, record);
  } finally {
    wipe(record);
  }
}

function openRecord(client: MpinClient, identity: Identity, record: Uint8Array): OpenAccount {
  const { engine, origin } = client;
  const account = parsePublic(record, identity);
  if (account.origin !== origin) throw unknownAccount();
  const input = dvsInput(account.domainId, account.identity, NO_EXPIRY, account.dvsKey);
  try {
    const token = parseToken(engine, input, record.slice(1, 1 + TOKEN_LENGTH));
    const signatureKey = parseIdentityKey(engine, "sig", record.subarray(1 + TOKEN_LENGTH, PUBLIC_AT));
    const destroy = (): void => {
      token.destroy();
      signatureKey.destroy();
    };
    return { account, input, token, signatureKey, destroy };
  } catch {
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "an account's record is damaged");
  }
}

export function unknownAccount(): MilagroError {
  return new MilagroError("ERR_ACCOUNT_UNKNOWN", "there is no such account on this device for this origin");
}

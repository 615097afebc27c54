/**
 * Accounts: what a device keeps of each enrolment, and the list of them. One record each, so two windows never overwrite each other's.
 *
 *   key     "account:" identity
 *   value   0x01 ‖ token T ‖ z (80) ‖ `sig` key (48) ‖ JSON of everything that is public
 *
 * The secrets stand in front as bytes, never inside text: text cannot be overwritten.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { concat, parseUtf8, utf8, wipe } from "@milagro/crypto/bytes";
import { type DomainId, formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
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
import { getRecord, type MpinClient, putRecord } from "./mpin-ports.ts";
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

/** One D-TA, as far as a device needs it after enrolment: for time permits. */
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
  /** SHA-256 of the descriptor that was verified or pinned at enrolment. */
  readonly descriptorHash: Uint8Array;
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

const PREFIX = "account:";
const VERSION = 0x01;
const TOKEN_LENGTH = 80;
const SIGNATURE_KEY_LENGTH = 48;
const PUBLIC_AT = 1 + TOKEN_LENGTH + SIGNATURE_KEY_LENGTH;

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
  pinPolicy: readObject({ min: readInteger, max: readInteger }),
});

/** As it is stored. The caller overwrites it, and the parts it is made of. */
export function encodeAccount(account: Account, token: Uint8Array, signatureKey: Uint8Array): Uint8Array {
  if (token.length !== TOKEN_LENGTH || signatureKey.length !== SIGNATURE_KEY_LENGTH)
    throw new TypeError("a token or key of another length");
  const { identity, origin, label, created, pinPolicy } = account;
  const json = {
    v: 1,
    identity,
    origin,
    label,
    created,
    domainId: formatDomainId(account.domainId),
    descriptorHash: encodeBase64url(account.descriptorHash),
    publicKeyHash: encodeBase64url(account.publicKeyHash),
    dvsKey: encodeBase64url(account.dvsKey),
    authorities: account.authorities.map(({ mpinKey, ...rest }) => ({ ...rest, mpinKey: encodeBase64url(mpinKey) })),
    ...(account.deviceFactor ? { deviceFactor: true } : {}),
    pinPolicy: { min: pinPolicy.min, max: pinPolicy.max },
  };
  return concat(Uint8Array.of(VERSION), token, signatureKey, utf8(JSON.stringify(json)));
}

function parsePublic(record: Uint8Array, identity: string): Account {
  try {
    if (record[0] !== VERSION) throw new MilagroError("ERR_VERSION_UNSUPPORTED", "a record of another version");
    const {
      v: _,
      dvsKey,
      deviceFactor = false,
      ...rest
    } = readRecord(JSON.parse(parseUtf8(record.subarray(PUBLIC_AT))));
    if (rest.identity !== identity) throw new MilagroError("ERR_MESSAGE_INVALID", "a record of another identity");
    const { service, user } = splitMpinIdentity(rest.identity);
    return { ...rest, service, user, dvsKey: dvsKey as DvsPublicKey, deviceFactor };
  } catch (cause) {
    if (cause instanceof MilagroError && cause.code === "ERR_VERSION_UNSUPPORTED") throw cause;
    throw new MilagroError("ERR_KEYSTORE_CORRUPT", "an account's record is damaged");
  }
}

/** Who can log in here. */
export async function listAccounts(client: MpinClient): Promise<AccountList> {
  const accounts: Account[] = [];
  const damaged: string[] = [];
  for (const key of await client.storage.keys(PREFIX)) {
    const identity = key.slice(PREFIX.length);
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
  const record = await getRecord(client, `${PREFIX}${identity}`);
  if (!record) throw unknown();
  try {
    return openRecord(client, identity, record);
  } finally {
    wipe(record);
  }
}

function openRecord(client: MpinClient, identity: Identity, record: Uint8Array): OpenAccount {
  const { engine, origin } = client;
  const account = parsePublic(record, identity);
  if (account.origin !== origin) throw unknown();
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

/** Stores a record made by `encodeAccount`, and overwrites it here. */
export function storeAccount(client: MpinClient, identity: Identity, record: Uint8Array): Promise<void> {
  return putRecord(client, `${PREFIX}${identity}`, record);
}

/** Puts another token in the place of an account's; everything else stays. @throws as `openAccount` */
export async function replaceToken(client: MpinClient, identity: Identity, token: Uint8Array): Promise<void> {
  const record = await getRecord(client, `${PREFIX}${identity}`);
  if (!record) throw unknown();
  parsePublic(record, identity);
  record.set(token, 1);
  await storeAccount(client, identity, record);
}

/** Forgets an account on this device. Revoke the device at the server as well, where it is lost or given away. */
export async function forgetAccount(client: MpinClient, identity: Identity): Promise<void> {
  await client.storage.delete(`${PREFIX}${identity}`);
  await client.storage.delete(`permit:${identity}`);
}

function unknown(): MilagroError {
  return new MilagroError("ERR_ACCOUNT_UNKNOWN", "there is no such account on this device for this origin");
}

/**
 * Writing accounts: a whole record at a time, so that after a crash there is the old one or the new one.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { concat, equalBytes, utf8, wipe } from "@milagro/crypto/bytes";
import { formatDomainId } from "@milagro/crypto/domain-id";
import type { Identity } from "@milagro/crypto/identity";
import {
  ACCOUNT_PREFIX,
  ACCOUNT_VERSION,
  type Account,
  PUBLIC_AT,
  parsePublic,
  SIGNATURE_KEY_LENGTH,
  TOKEN_LENGTH,
  unknownAccount,
} from "./mpin-account.ts";
import { masterField } from "./mpin-master.ts";
import { getRecord, type MpinClient, putRecord } from "./mpin-ports.ts";

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
    ...(account.sequence > 0 ? { sequence: account.sequence } : {}),
    ...masterField(account.master),
    pinPolicy: { min: pinPolicy.min, max: pinPolicy.max },
  };
  return concat(Uint8Array.of(ACCOUNT_VERSION), token, signatureKey, utf8(JSON.stringify(json)));
}

/** Stores a record made by `encodeAccount`, and overwrites it here. */
export function storeAccount(client: MpinClient, identity: Identity, record: Uint8Array): Promise<void> {
  return putRecord(client, `${ACCOUNT_PREFIX}${identity}`, record);
}

/**
 * Puts another token in the place of one, in one write; everything else stays, or becomes what `change` says.
 * @param from - the token that this was made of: where another one is there by now, nothing is written
 * @returns whether it was written
 * @throws as `openAccount`
 */
export async function replaceToken(
  client: MpinClient,
  identity: Identity,
  { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array },
  change: Partial<Pick<Account, "authorities" | "descriptorHash" | "sequence" | "master">> = {},
): Promise<boolean> {
  const name = `${ACCOUNT_PREFIX}${identity}`;
  const replace = async (): Promise<boolean> => {
    const record = await getRecord(client, name);
    if (!record) throw unknownAccount();
    try {
      const account = parsePublic(record, identity);
      if (!equalBytes(record.subarray(1, 1 + TOKEN_LENGTH), from)) return false;
      const signatureKey = record.subarray(1 + TOKEN_LENGTH, PUBLIC_AT);
      await storeAccount(client, identity, encodeAccount({ ...account, ...change }, to, signatureKey));
      return true;
    } finally {
      wipe(record);
    }
  };
  return client.storage.alone ? client.storage.alone(name, replace) : replace();
}

/** Forgets an account on this device. Revoke the device at the server as well, where it is lost or given away. */
export async function forgetAccount(client: MpinClient, identity: Identity): Promise<void> {
  await client.storage.delete(`${ACCOUNT_PREFIX}${identity}`);
  await client.storage.delete(`permit:${identity}`);
}

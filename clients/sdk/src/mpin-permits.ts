/**
 * Time permits of one account: fetched from every D-TA, each share checked, added up, kept for this epoch and the next. A permit is
 * worth nothing without token and PIN, and any single D-TA that does not answer ends the device's logins with the epoch.
 *
 *   key     "permit:" identity
 *   value   JSON {v, master, permits: [{epoch, permit}]}; master, the epoch of the `mpin` master that they are of, is absent for 0
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { formatDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type MpinInput, type PermitInput, permitInput } from "@milagro/crypto/mpin-identity";
import { decodeG1 } from "@milagro/crypto/mpin-key";
import {
  combineTimePermitShares,
  encodeTimePermit,
  parseTimePermit,
  parseTimePermitShare,
  type TimePermit,
  type TimePermitShare,
  verifyTimePermitShares,
} from "@milagro/crypto/time-permit";
import { MilagroError } from "@milagro/engine/error";
import { faultError, nameOf } from "@milagro/protocol/fault";
import type { Account, AccountAuthority } from "./mpin-account.ts";
import { callMpin } from "./mpin-call.ts";
import { masterField } from "./mpin-master.ts";
import type { NoPermit } from "./mpin-outcomes.ts";
import { getRecord, type MpinClient, putRecord } from "./mpin-ports.ts";
import { optional, readBytes, readInteger, readList, readObject, readOneOf } from "./mpin-read.ts";
import { isOutage } from "./outage.ts";

const keyOf = (account: Account): string => `permit:${account.identity}`;

const readEpoch = (value: unknown): Epoch => parseEpoch(readInteger(value));
const readStored = readObject({
  v: readOneOf(1),
  master: optional(readInteger),
  permits: readList(8, readObject({ epoch: readEpoch, permit: readBytes(48) })),
});
const readAnswer = readObject({
  v: readOneOf(1),
  index: readInteger,
  permits: readList(4, readBytes(48)),
  proof: readBytes(64),
});

/** A permit for one epoch: the stored one, else a fresh one, and with it that of the epoch after. @throws `ERR_SHARE_INVALID` naming a D-TA that lied */
export async function permitFor(
  client: MpinClient,
  account: Account,
  input: MpinInput,
  epoch: Epoch,
): Promise<TimePermit | NoPermit> {
  const wanted = permitInput(input, epoch);
  const stored = (await storedPermits(client, account)).find((one) => one.epoch === epoch);
  if (stored) {
    try {
      return parseTimePermit(client.engine, wanted, stored.permit);
    } catch {
      // damaged: a fresh one takes its place
    }
  }
  const result = await fetchPermits(client, account, input, [epoch, parseEpoch(epoch + 1)]);
  return Array.isArray(result) ? (result[0] as TimePermit) : (result as NoPermit);
}

/**
 * Sees to the permit of the next epoch while this one lasts, so that an outage of a D-TA goes unnoticed. To be called at leisure.
 * @returns undefined when all is well
 */
export async function prefetchPermits(
  client: MpinClient,
  account: Account,
  input: MpinInput,
  epoch: Epoch,
): Promise<NoPermit | undefined> {
  const epochs = [epoch, parseEpoch(epoch + 1)];
  const stored = await storedPermits(client, account);
  if (epochs.every((one) => stored.some((permit) => permit.epoch === one))) return undefined;
  const result = await fetchPermits(client, account, input, epochs);
  return Array.isArray(result) ? undefined : (result as NoPermit);
}

async function storedPermits(client: MpinClient, account: Account) {
  const record = await getRecord(client, keyOf(account));
  if (!record) return [];
  try {
    const { master = 0, permits } = readStored(JSON.parse(parseUtf8(record)));
    return master === account.master ? permits : [];
  } catch {
    return []; // permits are fetched again
  }
}

async function fetchPermits(
  client: MpinClient,
  account: Account,
  input: MpinInput,
  epochs: readonly Epoch[],
): Promise<readonly TimePermit[] | NoPermit> {
  const inputs = epochs.map((epoch) => permitInput(input, epoch));
  const answers = await Promise.all(
    account.authorities.map(async (authority) => {
      try {
        return await fetchShares(client, account, authority, epochs, inputs);
      } catch (error) {
        if (!(error instanceof MilagroError) || error.code === "ERR_SHARE_INVALID") throw error;
        return noPermit(authority, error);
      }
    }),
  );
  const no = answers.filter((answer) => "outcome" in answer);
  const verdict = no.find(({ outcome }) => outcome === "revoked") ?? no[0];
  if (verdict) return verdict;
  const shares = answers as readonly (readonly TimePermitShare[])[];
  const permits = inputs.map((_, i) =>
    combineTimePermitShares(
      client.engine,
      shares.map((list) => list[i] as TimePermitShare),
    ),
  );
  const list = permits.map((permit, i) => ({
    epoch: epochs[i],
    permit: encodeBase64url(encodeTimePermit(client.engine, permit)),
  }));
  await putRecord(
    client,
    keyOf(account),
    utf8(JSON.stringify({ v: 1, ...masterField(account.master), permits: list })),
  );
  return permits;
}

function noPermit({ index, name }: AccountAuthority, error: MilagroError): NoPermit {
  return { outcome: isOutage(error) ? "offline" : "revoked", code: error.code, authority: { index, name } };
}

async function fetchShares(
  client: MpinClient,
  { domainId, identity, master }: Account,
  authority: AccountAuthority,
  epochs: readonly Epoch[],
  inputs: readonly PermitInput[],
): Promise<readonly TimePermitShare[]> {
  const { engine } = client;
  const url = `${authority.url.replace(/\/+$/, "")}/v1/permits`;
  const body = { v: 1, domainId: formatDomainId(domainId), identity, epochs, ...masterField(master) };
  const answer = await callMpin(client, { method: "POST", url, body, idempotent: true }, readAnswer);
  try {
    if (answer.index !== authority.index || answer.permits.length !== inputs.length) throw liar(authority);
    const shares = inputs.map((input, i) => parseTimePermitShare(engine, input, answer.permits[i] as Uint8Array));
    const publicShare = { scheme: "mpin", g1: decodeG1(engine, authority.mpinKey) } as const;
    if (!verifyTimePermitShares(engine, publicShare, shares, answer.proof)) throw liar(authority);
    return shares;
  } catch (error) {
    throw error instanceof MilagroError && error.code === "ERR_POINT_INVALID" ? liar(authority) : error;
  }
}

function liar({ index, name }: AccountAuthority): MilagroError {
  const fault = { index, name };
  return faultError("ERR_SHARE_INVALID", `${nameOf(fault)} answered a wrong time permit`, { faults: [fault] });
}

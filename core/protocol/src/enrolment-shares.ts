/**
 * Opening one D-TA's shares at the requester, and saying who lied when they are not what was asked for.
 * @module
 */
import { parseUtf8, wipe } from "@milagro/crypto/bytes";
import { type HpkePrivateKey, hpkeOpen, hpkeSeal, parseHpkePublicKey, type X25519 } from "@milagro/crypto/hpke";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { entryAt } from "./enrolment-answers.ts";
import { faultError, nameOf } from "./fault.ts";
import { openShares, secretsOf } from "./issuance.ts";
import {
  type IssuanceClaim,
  type IssuedAnswer,
  parseShareList,
  type Receipt,
  type Share,
} from "./issuance-messages.ts";
import type { IssuingDomain } from "./issuing-domain.ts";
import { parseJson } from "./wire.ts";

/** What it takes to open shares. */
export interface ShareOpener {
  readonly claim: IssuanceClaim;
  readonly requestHash: Uint8Array;
  readonly privateKey: HpkePrivateKey;
}

/** `ERR_SHARE_INVALID` naming a D-TA, with the receipt that came with its shares. */
export function liar(domain: IssuingDomain, receipt: Receipt, what: string): MilagroError {
  const { index } = receipt;
  const { name } = entryAt(domain, index);
  const report = { faults: [{ index, name, receipt }] };
  return faultError(
    "ERR_SHARE_INVALID",
    `${nameOf({ index, name })} ${what}; its receipt (log entry ${receipt.logIndex}) is attached`,
    report,
  );
}

/** Before a D-TA is blamed for what does not open: a damaged export would look the same. */
async function ownsRequestKey(random: RandomBytes, { claim, privateKey }: ShareOpener): Promise<boolean> {
  const nothing = new Uint8Array();
  try {
    const publicKey = parseHpkePublicKey(claim.requestKey);
    const sealed = await hpkeSeal({ publicKey, info: nothing, aad: nothing, plaintext: nothing, random });
    await hpkeOpen({ privateKey, ...sealed, info: nothing, aad: nothing });
    return true;
  } catch {
    return false;
  }
}

/**
 * Opens the shares of one answer and decodes them. Their bytes are wiped.
 * @param decode - gets shares of the keys that were asked for, in their order; what it throws is blamed on the D-TA
 * @throws `ERR_SHARE_INVALID` naming the D-TA; `ERR_MESSAGE_INVALID` when the private key is not that of the request
 */
export async function openAnswer<T>(
  options: {
    readonly random: RandomBytes;
    readonly domain: IssuingDomain;
    readonly opener: ShareOpener;
    readonly answer: IssuedAnswer;
    readonly x25519?: X25519 | undefined;
  },
  decode: (shares: readonly Share[]) => T,
): Promise<T> {
  const { random, domain, opener, answer, x25519 } = options;
  let plaintext: Uint8Array | undefined;
  let shares: readonly Share[] = [];
  try {
    plaintext = await openShares(opener.privateKey, opener.requestHash, answer.index, answer.shares, x25519);
    shares = parseShareList(parseJson(parseUtf8(plaintext))).shares;
    const wanted = opener.claim.keys;
    if (
      shares.length !== wanted.length ||
      shares.some(({ usage, epoch }, i) => usage !== wanted[i]?.usage || epoch !== wanted[i]?.epoch)
    )
      throw new MilagroError("ERR_SHARE_INVALID", "shares of other keys");
    return decode(shares);
  } catch (error) {
    if (error instanceof TypeError) throw error;
    if (!(await ownsRequestKey(random, opener)))
      throw new MilagroError("ERR_MESSAGE_INVALID", "enrolment: the private key is not that of the request");
    throw liar(domain, answer.receipt, "sealed something that is not the shares asked for");
  } finally {
    if (plaintext !== undefined) wipe(plaintext);
    for (const share of shares) wipe(...secretsOf(share));
  }
}

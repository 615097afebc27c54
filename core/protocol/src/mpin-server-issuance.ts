/**
 * Collecting the server secret of M-Pin: an ordinary enrolment for one key of usage `mpin-server`, whose sum in G2 is a secret.
 * @module
 */
import { equalBytes } from "@milagro/crypto/bytes";
import type { X25519 } from "@milagro/crypto/hpke";
import {
  combineServerSecretShares,
  type MpinServerSecret,
  type MpinServerSecretShare,
  parseServerSecretShare,
  verifyServerSecret,
  verifyServerSecretShare,
} from "@milagro/crypto/mpin-server-key";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { Enrolment } from "./enrolment.ts";
import { allIssued, checkAuthorship, onePerAuthority } from "./enrolment-answers.ts";
import { liar, openAnswer } from "./enrolment-shares.ts";
import type { IssuanceAnswer, Receipt } from "./issuance-messages.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";

/** What a login server has once every D-TA has answered. */
export interface ServerSecretResult {
  readonly secret: MpinServerSecret;
  /** In the order of the D-TAs. Public; worth keeping. */
  readonly receipts: readonly Receipt[];
}

/**
 * Adds up and checks the sum, as `finishEnrolment` does for other keys; the enrolment is begun and resumed by the same functions.
 * @throws as `finishEnrolment`; TypeError for an enrolment that did not ask for exactly one key of usage `mpin-server`
 */
export async function finishServerEnrolment(options: {
  readonly engine: Engine;
  readonly random: RandomBytes;
  readonly domain: TrustDomain;
  readonly enrolment: Enrolment;
  readonly answers: readonly IssuanceAnswer[];
  readonly x25519?: X25519 | undefined;
}): Promise<ServerSecretResult> {
  const { engine, random, domain, enrolment, x25519 } = options;
  if (!equalBytes(enrolment.claim.domainId, domain.domainId))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another domain");
  const [key, ...more] = enrolment.claim.keys;
  if (more.length > 0 || key?.usage !== "mpin-server")
    throw new TypeError("an enrolment for the server secret asks for that one key");
  if ((key.master ?? 0) !== domain.masterEpoch)
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "the enrolment belongs to another epoch of the mpin master");
  const answers = onePerAuthority(domain, options.answers);
  checkAuthorship(engine, random, domain, enrolment, answers);
  const issued = allIssued(domain, answers);
  const receipts = issued.map(({ receipt }) => receipt);
  const shares = await Promise.all(
    issued.map((answer) =>
      openAnswer({ random, domain, opener: enrolment, answer, x25519 }, ([share]): MpinServerSecretShare => {
        if (share?.usage !== "mpin-server") throw new MilagroError("ERR_SHARE_INVALID", "another share");
        return parseServerSecretShare(engine, share.g2);
      }),
    ),
  );
  try {
    return { secret: combine(engine, domain, receipts, shares), receipts };
  } finally {
    for (const share of shares) share.destroy();
  }
}

function combine(
  engine: Engine,
  domain: TrustDomain,
  receipts: readonly Receipt[],
  shares: readonly MpinServerSecretShare[],
): MpinServerSecret {
  try {
    const secret = combineServerSecretShares(engine, shares);
    if (verifyServerSecret(engine, domain.publicKeys.mpin, secret)) return secret;
    secret.destroy();
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error; // a sum of zero: somebody lied, find out who
  }
  for (const [i, share] of shares.entries()) {
    const receipt = receipts[i] as Receipt;
    const { publicShares } = authorityAt(domain, receipt.index);
    if (!verifyServerSecretShare(engine, publicShares.mpin, share)) throw liar(domain, receipt, "issued a wrong share");
  }
  throw new MilagroError(
    "ERR_SHARE_INVALID",
    "the shares do not add up to the server secret, though each one is right",
  );
}

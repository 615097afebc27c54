/**
 * The evidence of a command line, and the receipts that the D-TAs gave for it.
 * @module
 */
import { parseEvidenceText } from "@milagro/client/evidence";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import type { Receipt } from "@milagro/protocol/issuance-messages";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Io } from "./io.ts";
import { readText } from "./value.ts";

/**
 * @param source - `@file` or `-`
 * @returns for each D-TA, in order, what it is shown
 * @throws `ERR_USAGE` for evidence on the command line, where other users of the machine can read it
 */
export async function readEvidence(
  io: Io,
  source: string,
  domain: TrustDomain,
): Promise<ReturnType<typeof parseEvidenceText>> {
  if (source !== "-" && !source.startsWith("@"))
    throw new MilagroError(
      "ERR_USAGE",
      "evidence is a bearer secret: give it as @file or - (stdin), never on the command line",
    );
  return parseEvidenceText(await readText(io, source), domain);
}

/** What a person keeps of a receipt, to compare with the D-TA's log later. */
export type ShownReceipt = {
  readonly dta: number;
  readonly logIndex: number;
  readonly logHead: string;
  readonly policyVersion: number;
};

export const receiptsOf = (receipts: readonly Receipt[]): readonly ShownReceipt[] =>
  receipts.map(({ index, logIndex, logHead, policyVersion }) => ({
    dta: index,
    logIndex,
    logHead: encodeBase64url(logHead),
    policyVersion,
  }));

export const receiptRows = (receipts: readonly ShownReceipt[]): (readonly [string, string])[] =>
  receipts.map(({ dta, logIndex, logHead }) => [
    `D-TA ${dta}`,
    `share received, log entry ${logIndex}, head ${logHead.slice(0, 16)}…`,
  ]);

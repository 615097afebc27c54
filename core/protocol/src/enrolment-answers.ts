/**
 * Looking at the answers to an enrolment from outside, before anything is opened: one per D-TA, to this request, and by
 * whom they name. What fails here may have been changed on the way, so it says nothing about the D-TA's honesty.
 * @module
 */
import { type StatementClaim, verifyStatement, verifyStatements } from "@milagro/crypto/bls";
import { equalBytes } from "@milagro/crypto/bytes";
import type { Engine, RandomBytes } from "@milagro/engine/engine";
import { approvedStatement } from "./approved-answer.ts";
import type { ApprovedAnswer } from "./attribute-messages.ts";
import { canonicalText } from "./canonical.ts";
import { faultError, nameOf, type Refusal } from "./fault.ts";
import { receiptStatement, refusalStatement, sharesHashOf } from "./issuance.ts";
import {
  encodeIssuanceAnswer,
  encodeKeyRequests,
  type IssuanceAnswer,
  type IssuanceClaim,
  type IssuedAnswer,
  type RefusedAnswer,
} from "./issuance-messages.ts";
import { authorityOf, type IssuingDomain } from "./issuing-domain.ts";
import { authorityAt, type TrustDomain } from "./trust-domain.ts";

/** Tells the kinds of answers apart. */
export const isRefusal = (answer: IssuanceAnswer): answer is RefusedAnswer => "refusal" in answer;
const isApproved = (answer: IssuanceAnswer): answer is ApprovedAnswer => "approvals" in answer;
const isIssued = (answer: IssuanceAnswer): answer is IssuedAnswer => "receipt" in answer;

/** What a D-TA has signed of its answer, and the signature. */
export function signedPartOf(answer: IssuanceAnswer): { readonly message: Uint8Array; readonly signature: Uint8Array } {
  if (isRefusal(answer)) return { message: refusalStatement(answer), signature: answer.signature };
  if (isApproved(answer)) return { message: approvedStatement(answer), signature: answer.signature };
  return { message: receiptStatement(answer.receipt), signature: answer.receipt.signature };
}
/** What the descriptor says of a D-TA. @throws `ERR_DOMAIN_MISMATCH` */
export const entryAt = (domain: IssuingDomain, index: number) => authorityOf(domain, index).entry;

function badReceipt(domain: IssuingDomain, index: number, what: string): never {
  const { name } = entryAt(domain, index);
  throw faultError("ERR_RECEIPT_INVALID", `the answer in the name of ${nameOf({ index, name })} ${what}`, {
    faults: [{ index, name }],
  });
}

/** At most one answer from each D-TA; the same one may come again. @throws `ERR_RECEIPT_INVALID`, `ERR_DOMAIN_MISMATCH` */
export function onePerAuthority(domain: IssuingDomain, answers: readonly IssuanceAnswer[]): readonly IssuanceAnswer[] {
  const seen = new Map<number, { readonly answer: IssuanceAnswer; readonly text: string }>();
  for (const answer of answers) {
    entryAt(domain, answer.index); // refuses places that the domain does not have
    const text = canonicalText(encodeIssuanceAnswer(answer));
    const earlier = seen.get(answer.index);
    if (earlier !== undefined && earlier.text !== text) badReceipt(domain, answer.index, "came twice, differently");
    seen.set(answer.index, { answer, text });
  }
  return [...seen.values()].map(({ answer }) => answer);
}

/** That each answer is to this request and by the D-TA it names; one batch for all signatures. @throws `ERR_RECEIPT_INVALID` naming the D-TA */
export function checkAuthorship(
  engine: Engine,
  random: RandomBytes,
  domain: TrustDomain,
  { claim, requestHash }: { readonly claim: IssuanceClaim; readonly requestHash: Uint8Array },
  answers: readonly IssuanceAnswer[],
): void {
  if (answers.length === 0) return;
  checkContents(domain, { claim, requestHash }, answers);
  const claims = answers.map(
    (answer): StatementClaim => ({
      publicKey: authorityAt(domain, answer.index).publicShares.statement,
      ...signedPartOf(answer),
    }),
  );
  if (verifyStatements(engine, random, claims)) return;
  const at = claims.findIndex(
    ({ publicKey, message, signature }) => !verifyStatement(engine, publicKey, message, signature),
  );
  badReceipt(domain, (answers[at] ?? (answers[0] as IssuanceAnswer)).index, "is not signed by it");
}

/** That each answer is to this request and its receipt fits both; signatures are not looked at. @throws `ERR_RECEIPT_INVALID` */
export function checkContents(
  domain: IssuingDomain,
  { claim, requestHash }: { readonly claim: IssuanceClaim; readonly requestHash: Uint8Array },
  answers: readonly IssuanceAnswer[],
): void {
  for (const answer of answers) {
    if (!equalBytes(answer.requestHash, requestHash)) badReceipt(domain, answer.index, "is to another request");
    if (isIssued(answer)) checkReceipt(domain, claim, answer);
    if (isApproved(answer) && answer.approvals.length !== claim.keys.length)
      badReceipt(domain, answer.index, "does not hold one approval for each key");
  }
}

/**
 * The answers with shares, all of them, in the order of the D-TAs.
 * @throws `ERR_ENROLMENT_REFUSED`, `ERR_ENROLMENT_INCOMPLETE`, each with a report of which D-TAs; `ERR_RECEIPT_INVALID` for an approval without shares
 */
export const allIssued = (domain: IssuingDomain, answers: readonly IssuanceAnswer[]): readonly IssuedAnswer[] =>
  allOf(domain, answers, isIssued, "holds no shares");

/** As `allIssued`, for the first round of attribute keys. */
export const allApproved = (domain: IssuingDomain, answers: readonly IssuanceAnswer[]): readonly ApprovedAnswer[] =>
  allOf(domain, answers, isApproved, "is no approval");

function allOf<A extends IssuanceAnswer>(
  domain: IssuingDomain,
  answers: readonly IssuanceAnswer[],
  isWanted: (answer: IssuanceAnswer) => answer is A,
  otherwise: string,
): readonly A[] {
  const refusals = answers
    .filter(isRefusal)
    .map(({ index, refusal }): Refusal => ({ index, name: entryAt(domain, index).name, ...refusal }));
  if (refusals.length > 0) {
    const who = refusals.map((refusal) => `${nameOf(refusal)}: ${refusal.code}`).join("; ");
    throw faultError("ERR_ENROLMENT_REFUSED", `refused by ${who}`, { refusals });
  }
  const missing = domain.authorities
    .map(({ entry }) => entry.index)
    .filter((index) => !answers.some((answer) => answer.index === index));
  if (missing.length > 0) {
    const who = missing.map((index) => nameOf(entryAt(domain, index))).join(", ");
    throw faultError("ERR_ENROLMENT_INCOMPLETE", `no answer yet from ${who}`, { missing });
  }
  const wanted = answers.filter(isWanted);
  const other = answers.find((answer) => !isWanted(answer));
  if (other !== undefined) badReceipt(domain, other.index, otherwise);
  return wanted.toSorted((one, other) => one.index - other.index);
}

function checkReceipt(
  domain: IssuingDomain,
  claim: IssuanceClaim,
  { index, requestHash, shares, receipt }: IssuedAnswer,
): void {
  const matches =
    receipt.index === index &&
    equalBytes(receipt.domainId, claim.domainId) &&
    equalBytes(receipt.requestHash, requestHash) &&
    receipt.identity === claim.identity &&
    canonicalText(encodeKeyRequests(receipt.keys)) === canonicalText(encodeKeyRequests(claim.keys));
  if (!matches) badReceipt(domain, index, "has a receipt for something else");
  if (!equalBytes(receipt.sharesHash, sharesHashOf(shares)))
    badReceipt(domain, index, "has other shares than its receipt says");
}

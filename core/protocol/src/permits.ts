/**
 * Time permits from the device's side: one request to every D-TA, n answers, one permit for each epoch. G1 alone.
 * @module
 */

import type { DomainId } from "@milagro/crypto/domain-id";
import type { Epoch } from "@milagro/crypto/epoch";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import type { MasterSecretShare } from "@milagro/crypto/master-secret";
import {
  type MpinIdentity,
  type MpinInput,
  mpinInput,
  type PermitInput,
  permitInput,
} from "@milagro/crypto/mpin-identity";
import {
  combineTimePermitShares,
  encodeTimePermitShare,
  issueTimePermitShares,
  parseTimePermitShare,
  type TimePermit,
  type TimePermitShare,
  verifyTimePermitShares,
} from "@milagro/crypto/time-permit";
import type { Engine, G1Engine } from "@milagro/engine/engine";
import { entryAt } from "./enrolment-answers.ts";
import { faultError, nameOf } from "./fault.ts";
import { authorityOf, type IssuingDomain } from "./issuing-domain.ts";
import type { PermitAnswer, PermitRequest } from "./permit-messages.ts";

/** A permit with the epoch it is good for. */
export interface EpochPermit {
  readonly epoch: Epoch;
  readonly permit: TimePermit;
}

/** What a D-TA answers, once it has decided. Deterministic. */
export function issuePermits(
  engine: Engine,
  master: MasterSecretShare<"mpin">,
  index: number,
  { domainId, identity, epochs }: Omit<PermitRequest, "master">,
): PermitAnswer {
  const { shares, proof } = issueTimePermitShares(
    engine,
    master,
    permitInputs(domainId, identity as MpinIdentity, epochs),
  );
  return { v: 1, index, permits: shares.map((share) => encodeTimePermitShare(engine, share)), proof };
}

/**
 * Checks every answer and adds up.
 * @param answers - one of each D-TA, in any order, to the same request
 * @returns permits in the order of the request
 * @throws `ERR_ENROLMENT_INCOMPLETE`, `ERR_SHARE_INVALID`, each with a report of which D-TAs; `ERR_DOMAIN_MISMATCH`
 */
export function combinePermits(
  engine: G1Engine,
  domain: IssuingDomain,
  request: { readonly identity: MpinIdentity; readonly epochs: readonly Epoch[] },
  answers: readonly PermitAnswer[],
): readonly EpochPermit[] {
  const inputs = permitInputs(domain.domainId, request.identity, request.epochs);
  const byIndex = new Map(answers.map((answer) => [entryAt(domain, answer.index).index, answer]));
  const missing = domain.authorities.map(({ entry }) => entry.index).filter((index) => !byIndex.has(index));
  if (missing.length > 0) {
    const who = missing.map((index) => nameOf(entryAt(domain, index))).join(", ");
    throw faultError("ERR_ENROLMENT_INCOMPLETE", `no permits yet from ${who}`, { missing });
  }
  const lists = [...byIndex.values()].map((answer) => openPermits(engine, domain, inputs, answer));
  return request.epochs.map((epoch, j) => ({
    epoch,
    permit: combineTimePermitShares(
      engine,
      lists.map((list) => list[j] as TimePermitShare),
    ),
  }));
}

function openPermits(
  engine: G1Engine,
  domain: IssuingDomain,
  inputs: readonly PermitInput[],
  { index, permits, proof }: PermitAnswer,
): readonly TimePermitShare[] {
  const { publicShares } = authorityOf(domain, index);
  try {
    if (permits.length === inputs.length) {
      const shares = inputs.map((input, j) => parseTimePermitShare(engine, input, permits[j] as Uint8Array));
      if (verifyTimePermitShares(engine, publicShares.mpin, shares, proof)) return shares;
    }
  } catch {
    // a point outside the group: as wrong as any other
  }
  const { name } = entryAt(domain, index);
  throw faultError("ERR_SHARE_INVALID", `the time permits of ${nameOf({ index, name })} are wrong`, {
    faults: [{ index, name }],
  });
}

/** Permits do not depend on the user's own key, nor on the epoch of the master. */
function permitInputs(domainId: DomainId, identity: MpinIdentity, epochs: readonly Epoch[]): PermitInput[] {
  const input: MpinInput = mpinInput(domainId, identity, NO_EXPIRY);
  return epochs.map((epoch) => permitInput(input, epoch));
}

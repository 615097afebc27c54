/**
 * How the operations of vectors/milagro/attribute-issuance.json map to the library: what a requester and each D-TA do in the two rounds for attribute keys.
 *
 * The file's `domain` is for all cases: the signed descriptor and, of each D-TA in order, the secrets `{ hpke, statement, cp, kp }` (32 bytes each). Messages are as
 * they are sent; all other bytes are hexadecimal. `random` holds the 32 bytes of HPKE's ephemeral key.
 *
 *   claim     claim                                   → requestHash; the statement to be approved for each key
 *   seal      request, index, random                  → sealed request
 *   open      sealed, index                           → request, requestHash             at D-TA `index`
 *   approve   claim, index, record                    → answer                           round 1, once it has decided
 *   collect   claim, answers                          → approvals
 *   issue     request, index, record, random          → shares (the list that is sealed), answer      round 2
 *   finish    claim, requestPrivateKey, answers       → keys
 *
 * `record` is `{ policyVersion, time, logIndex, logHead }`: what the answer says of the D-TA's policy, clock and log.
 * @module
 */
import { approvalStatement } from "@milagro/crypto/abe-entitlement";
import { encodeAbeKey } from "@milagro/crypto/abe-key";
import { encodeHex, parseHex } from "@milagro/crypto/bytes";
import { parseHpkePrivateKey } from "@milagro/crypto/hpke";
import { parseMasterSecretShare } from "@milagro/crypto/master-secret";
import { MilagroError } from "@milagro/engine/error";
import { signApproved } from "../../src/approved-answer.ts";
import { collectApprovals, finishAttributeEnrolment } from "../../src/attribute-enrolment.ts";
import { approveAll, entitlementsOf, issueAttributeShares, signApprovals } from "../../src/attribute-issuance.ts";
import { parseSignedDescriptor } from "../../src/descriptor.ts";
import { openIssuanceRequest, sealIssuanceRequest, sealShares, sharesHashOf, signReceipt } from "../../src/issuance.ts";
import {
  encodeIssuanceAnswer,
  encodeIssuanceRequest,
  encodeSealedRequest,
  encodeShareList,
  parseIssuanceAnswer,
  parseIssuanceClaim,
  parseIssuanceRequest,
  parseSealedRequest,
  parseShareList,
  requestHashOf,
} from "../../src/issuance-messages.ts";
import { authorityAt, verifyDescriptor } from "../../src/trust-domain.ts";
import { engine, random } from "../fixture.ts";
import { type Fields, fixedRandom, type Result } from "./channel-runner.ts";

export interface DomainFields {
  readonly descriptor: unknown;
  readonly secrets: readonly {
    readonly hpke: string;
    readonly statement: string;
    readonly cp: string;
    readonly kp: string;
  }[];
}

/** Who takes part, as the file's `domain` says. */
export function openParties({ descriptor, secrets }: DomainFields) {
  const domain = verifyDescriptor(engine, random, parseSignedDescriptor(descriptor));
  const members = secrets.map(({ hpke, statement, cp, kp }) => ({
    hpke: parseHpkePrivateKey(parseHex(hpke)),
    statement: parseMasterSecretShare(engine, "statement", parseHex(statement)),
    cp: parseMasterSecretShare(engine, "cp", parseHex(cp)),
    kp: parseMasterSecretShare(engine, "kp", parseHex(kp)),
  }));
  return { domain, members };
}
export type Parties = ReturnType<typeof openParties>;

export async function runAttributeCase(parties: Parties, operation: string, input: Fields): Promise<Result> {
  const run = OPERATIONS[operation];
  if (!run) throw new TypeError(`no operation ${operation}`);
  try {
    return { expect: "ok", output: await run(parties, input) };
  } catch (error) {
    if (!(error instanceof MilagroError)) throw error;
    return { expect: error.code };
  }
}

type Operation = (parties: Parties, input: Fields) => Fields | Promise<Fields>;

const member = ({ members }: Parties, index: number) => members[index - 1] as Parties["members"][number];
const recordOf = ({ policyVersion, time, logIndex, logHead }: Fields) => ({
  policyVersion: policyVersion as number,
  time: time as number,
  logIndex: logIndex as number,
  logHead: parseHex(logHead as string),
});
/** As the requester has it between the rounds; only `finish` needs the private key. */
function enrolmentOf({ claim: wire, requestPrivateKey = "01".repeat(32) }: Fields) {
  const claim = parseIssuanceClaim(wire);
  const privateKey = parseHpkePrivateKey(parseHex(requestPrivateKey as string));
  return { claim, requestHash: requestHashOf(claim), requests: [], privateKey };
}
const answersOf = ({ answers }: Fields) => (answers as readonly unknown[]).map((answer) => parseIssuanceAnswer(answer));

const OPERATIONS: Readonly<Record<string, Operation>> = {
  claim(_parties, { claim: wire }) {
    const claim = parseIssuanceClaim(wire);
    const requestHash = requestHashOf(claim);
    const statements = entitlementsOf(claim).map((one) => encodeHex(approvalStatement(one, requestHash)));
    return { requestHash: encodeHex(requestHash), statements };
  },
  async seal({ domain }, { request: wire, index, random: bytes }) {
    const request = parseIssuanceRequest(wire);
    const { hpkeKey } = authorityAt(domain, index as number);
    const sealed = await sealIssuanceRequest({ random: fixedRandom(bytes), hpkeKey, index, request });
    return { sealed: encodeSealedRequest(sealed) };
  },
  async open(parties, { sealed: wire, index }) {
    const { domainId } = parties.domain;
    const privateKey = member(parties, index).hpke;
    const sealed = parseSealedRequest(wire);
    const { request, requestHash } = await openIssuanceRequest({ privateKey, domainId, index, sealed });
    return { request: encodeIssuanceRequest(request), requestHash: encodeHex(requestHash) };
  },
  approve(parties, { claim: wire, index, record }) {
    const claim = parseIssuanceClaim(wire);
    const requestHash = requestHashOf(claim);
    const { statement } = member(parties, index);
    const approvals = [...signApprovals(engine, statement, entitlementsOf(claim), requestHash)];
    const answer = signApproved(engine, statement, { v: 1, index, requestHash, approvals, ...recordOf(record) });
    return { answer: encodeIssuanceAnswer(answer) };
  },
  collect({ domain }, input) {
    const approvals = collectApprovals({
      engine,
      random,
      domain,
      enrolment: enrolmentOf(input),
      answers: answersOf(input),
    });
    return { approvals: approvals.map((each) => each.map(encodeHex)) };
  },
  async issue(parties, { request: wire, index, record, random: bytes }) {
    const request = parseIssuanceRequest(wire);
    const requestHash = requestHashOf(request);
    const { domainId, identity, keys, requestKey } = request;
    const authorities = parties.domain.authorities.map(({ publicShares }) => publicShares.statement);
    const entitlements = entitlementsOf(request);
    const approved = approveAll(engine, random, entitlements, requestHash, authorities, request.approvals ?? []);
    const { cp, kp, statement } = member(parties, index);
    const list = encodeShareList({ v: 1, shares: issueAttributeShares(engine, { cp, kp }, approved) });
    const { shares } = parseShareList(structuredClone(list));
    const sealed = await sealShares({ random: fixedRandom(bytes), requestKey, requestHash, index, shares });
    const receipt = signReceipt(engine, statement, {
      v: 1,
      domainId,
      index,
      requestHash,
      identity,
      keys,
      sharesHash: sharesHashOf(sealed),
      ...recordOf(record),
    });
    return { shares: list, answer: encodeIssuanceAnswer({ v: 1, index, requestHash, shares: sealed, receipt }) };
  },
  async finish({ domain }, input) {
    const enrolment = enrolmentOf(input);
    const { keys } = await finishAttributeEnrolment({ engine, random, domain, enrolment, answers: answersOf(input) });
    return { keys: keys.map((key) => encodeHex(encodeAbeKey(engine, key))) };
  },
};

/**
 * D-TAs for M-Pin in memory: they mail codes, take each once, issue, hand out permits; each can be down, lie or veto.
 * @module
 */

import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { verifyDeviceApproval } from "@milagro/protocol/device-approval";
import { type EmailCodeRequest, openEmailCodeRequest } from "@milagro/protocol/email-code";
import { openIssuanceRequest, signRefusal } from "@milagro/protocol/issuance";
import { encodeIssuanceAnswer, type IssuanceRequest, parseSealedRequest } from "@milagro/protocol/issuance-messages";
import { checkDvsClaims } from "@milagro/protocol/issue-shares";
import { encodePermitAnswer, parsePermitRequest } from "@milagro/protocol/permit-messages";
import { issuePermits } from "@milagro/protocol/permits";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import { generateShortCode } from "@milagro/protocol/short-code";
import { parseJson } from "@milagro/protocol/wire";
import { engine, type Founded, type Member, NOW_MS, random } from "../../../core/protocol/test/fixture.ts";
import { answerAs, type Lie } from "../../../core/protocol/test/issued.ts";
import type { HttpRequest, HttpResponse } from "../src/http-port.ts";
import { json, problem } from "./network.ts";

interface Code {
  readonly code: string;
  readonly request: EmailCodeRequest;
  /** The request hash that it was spent on. */
  spentOn?: string;
}

export interface MpinDta {
  down?: boolean;
  /** Refuses time permits with this code. */
  veto?: string;
  lie?: Lie;
  lieAboutPermits?: boolean;
  /** What it has mailed, the newest last. */
  readonly mails: Code[];
  /** Request hashes that it has issued for, each once however often it was asked. */
  readonly issued: Set<string>;
  permitCalls: number;
}

export const newDta = (): MpinDta => ({ mails: [], issued: new Set(), permitCalls: 0 });

/** One call to one D-TA. */
export async function askDta(
  founded: Founded,
  member: Member,
  dta: MpinDta,
  request: HttpRequest,
): Promise<HttpResponse> {
  if (dta.down) throw new MilagroError("ERR_UNREACHABLE", "connection refused");
  const body: unknown = parseJson(parseUtf8(request.body ?? new Uint8Array()));
  const path = new URL(request.url).pathname;
  try {
    if (path === "/v1/email-codes") return await mailCode(founded, member, dta, body);
    if (path === "/v1/issue") return await issue(founded, member, dta, body);
    if (path === "/v1/permits") return permit(member, dta, body);
  } catch (error) {
    if (error instanceof MilagroError) return problem(error.code, error.message);
    throw error;
  }
  return problem("ERR_ROUTE_UNKNOWN");
}

async function mailCode({ domain }: Founded, { index, hpke }: Member, dta: MpinDta, body: unknown) {
  const sealed = parseSealedRequest(body);
  const { domainId } = domain;
  const request = await openEmailCodeRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
  dta.mails.push({ code: generateShortCode(random), request });
  return json(202, { v: 1, done: true });
}

async function issue(founded: Founded, member: Member, dta: MpinDta, body: unknown): Promise<HttpResponse> {
  const sealed = parseSealedRequest(body);
  const { domainId } = founded.domain;
  const { index, masters, hpke } = member;
  const { request, requestHash } = await openIssuanceRequest({ privateKey: hpke.privateKey, domainId, index, sealed });
  checkDvsClaims(engine, request);
  const name = encodeBase64url(requestHash);
  if (!isProved(founded, dta, request, requestHash, name)) {
    const refusal = { code: "ERR_EVIDENCE_INVALID", detail: "no" };
    const refused = { v: 1, index, requestHash, refusal, time: NOW_MS / 1000 } as const;
    return json(200, encodeIssuanceAnswer(signRefusal(engine, masters.statement, refused)));
  }
  dta.issued.add(name);
  return json(200, encodeIssuanceAnswer(await answerAs(founded.domain, member, sealed, dta.lie)));
}

/** A code of its own, once; or the signature of another device. */
function isProved({ domain }: Founded, dta: MpinDta, request: IssuanceRequest, requestHash: Uint8Array, name: string) {
  return request.evidence.some((evidence) => {
    if (evidence.type === "device") {
      const device = parseMpinIdentity(evidence.device);
      return verifyDeviceApproval(engine, domain, device, requestHash, evidence.signature);
    }
    // Its nonce must be this request's key; signature and claims are tested with real D-TAs.
    if (evidence.type === "oidc")
      return evidence.jwt.split(".")[1] === encodeBase64url(utf8(requestKeyThumbprint(request.requestKey)));
    if (evidence.type !== "email-code") return false;
    const mail = dta.mails.find(
      ({ code, request: { identity, requestKey }, spentOn }) =>
        code === evidence.code &&
        identity === request.identity &&
        encodeBase64url(requestKey) === encodeBase64url(request.requestKey) &&
        (spentOn ?? name) === name,
    );
    if (mail) mail.spentOn = name;
    return mail !== undefined;
  });
}

function permit({ index, masters }: Member, dta: MpinDta, body: unknown): HttpResponse {
  dta.permitCalls += 1;
  if (dta.veto !== undefined) return problem(dta.veto);
  const request = parsePermitRequest(body);
  const answer = issuePermits(engine, masters.mpin, index, request);
  const wrong = dta.lieAboutPermits ? { ...answer, permits: [...answer.permits].reverse() } : answer;
  return json(200, encodePermitAnswer(wrong));
}

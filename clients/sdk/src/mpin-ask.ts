/**
 * Asking the D-TAs for one enrolment: codes by e-mail, and shares for sealed requests. Each D-TA's answer or failure stands for
 * itself; nothing here gives up because one of them does.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { type MailLanguage, sealEmailCodeRequest } from "@milagro/protocol/email-code";
import {
  encodeSealedRequest,
  type IssuanceAnswer,
  parseIssuanceAnswer,
  type SealedRequest,
} from "@milagro/protocol/issuance-messages";
import type { MpinEnrolment } from "@milagro/protocol/mpin-issuance";
import { callMpin, readDone } from "./mpin-call.ts";
import type { MpinClient } from "./mpin-ports.ts";
import type { LoginDomain } from "./mpin-service.ts";

/** One D-TA, as people are told about it. */
export interface AuthorityName {
  readonly index: number;
  readonly name: string;
}

/** What became of a request for a code. `asked`: the D-TA says no more, whether or not there will be a mail. */
export interface CodeAsked extends AuthorityName {
  readonly outcome: "asked" | "offline";
  /** Why it could not be asked. */
  readonly code?: string;
}

/** Asks every D-TA, or some, to mail a code to the user. */
export function askForCodes(
  client: MpinClient,
  domain: LoginDomain,
  { claim }: MpinEnrolment,
  options: { readonly language?: MailLanguage | undefined; readonly only?: readonly number[] | undefined },
): Promise<readonly CodeAsked[]> {
  const { language, only } = options;
  const wanted = domain.authorities.filter(({ entry }) => !only || only.includes(entry.index));
  return Promise.all(
    wanted.map(async ({ entry: { index, name, url }, hpkeKey }): Promise<CodeAsked> => {
      const { domainId, identity, requestKey } = claim;
      const request = {
        v: 1,
        domainId,
        identity,
        requestKey,
        time: Math.floor(client.clock() / 1000),
        ...(language ? { language } : {}),
      } as const;
      const sealed = await sealEmailCodeRequest({ random: client.random, hpkeKey, index, request });
      const call = { method: "POST", url: urlAt(url, "/v1/email-codes"), body: encodeSealedRequest(sealed) } as const;
      try {
        await callMpin(client, call, readDone);
        return { index, name, outcome: "asked" };
      } catch (error) {
        if (!(error instanceof MilagroError)) throw error;
        return { index, name, outcome: "offline", code: error.code };
      }
    }),
  );
}

/** One round of asking for shares. */
export interface AskedShares {
  readonly answers: readonly IssuanceAnswer[];
  /** Who did not answer, and why. */
  readonly missing: readonly (AuthorityName & { readonly code: string })[];
}

/** Sends sealed requests. Sending one again is harmless: a D-TA answers the same request with the same shares. */
export async function askForShares(
  client: MpinClient,
  domain: LoginDomain,
  requests: readonly SealedRequest[],
): Promise<AskedShares> {
  const answers: IssuanceAnswer[] = [];
  const missing: (AuthorityName & { readonly code: string })[] = [];
  await Promise.all(
    domain.authorities.map(async ({ entry: { index, name, url } }) => {
      const request = requests.find((one) => one.index === index);
      if (!request) {
        missing.push({ index, name, code: "ERR_EVIDENCE_MISSING" });
        return;
      }
      const body = encodeSealedRequest(request);
      const call = { method: "POST", url: urlAt(url, "/v1/issue"), body, idempotent: true } as const;
      try {
        answers.push(await callMpin(client, call, parseIssuanceAnswer));
      } catch (error) {
        if (!(error instanceof MilagroError)) throw error;
        missing.push({ index, name, code: error.code });
      }
    }),
  );
  return { answers, missing: missing.sort((a, b) => a.index - b.index) };
}

function urlAt(base: string, path: string): string {
  return `${base.replace(/\/+$/, "")}${path}`;
}

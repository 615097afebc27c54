/**
 * Devices and login servers at real D-TAs: their policy, their mails, their enrolment.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { type Identity, parseIdentityPattern } from "@milagro/crypto/identity";
import { type MpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { type EmailCodeRequest, sealEmailCodeRequest } from "@milagro/protocol/email-code";
import {
  type Evidence,
  encodeSealedRequest,
  type IssuanceAnswer,
  parseIssuanceAnswer,
  type SealedRequest,
} from "@milagro/protocol/issuance-messages";
import {
  beginMpinEnrolment,
  finishMpinEnrolment,
  type MpinEnrolment,
  type MpinKeys,
  sealMpinRequest,
} from "@milagro/protocol/mpin-issuance";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { authorityAt } from "@milagro/protocol/trust-domain";
import type { MailFile } from "../src/mailer.ts";
import { engine, joinToken, OPEN_POLICY, post, random, type TestDomain, type TestDta } from "./support.ts";

export const SERVICE = "login.example.org";
export const SERVER = "milagro:example.org/mpin-server/login.example.org" as Identity;
export const device = (name: string, user = "alice@example.org", service = SERVICE): MpinIdentity =>
  parseMpinIdentity(`milagro:example.org/mpin/${service}/${user}/${name}`);
export const LAPTOP = device("k7w2m9x4ab");
export const PHONE = device("q3r8t5y6zc");

/** What an operator writes for one login service. */
export const LOGIN_POLICY: IssuancePolicy = {
  ...OPEN_POLICY,
  rules: [
    ...OPEN_POLICY.rules,
    {
      identities: [parseIdentityPattern("milagro:example.org/mpin/login.example.org/*/*")],
      usages: ["mpin", "sig", "permit"],
      evidence: ["join-token", "grant", "oidc", "renewal", "email-code", "device"],
      maxEpochsAhead: 0,
      maxEpochsBack: 0,
    },
    {
      identities: [parseIdentityPattern(SERVER)],
      usages: ["mpin-server"],
      evidence: ["join-token"],
      maxEpochsAhead: 0,
      maxEpochsBack: 0,
    },
  ],
};

export const MAILS = { mail: "folder:mails" } as const;

/** The mails that this D-TA has sent, oldest first. */
export function mailsOf({ home }: TestDta): MailFile[] {
  const folder = join(home.folder, "mails");
  return readdirSync(folder)
    .sort()
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as MailFile);
}
/** The code in a mail. */
export const codeIn = (mail: MailFile | undefined): string => /^ {4}(\S{4}-\S{4})$/m.exec(mail?.text ?? "")?.[1] ?? "";

export const beginDevice = (
  { domain, clock }: Pick<TestDomain, "domain" | "clock">,
  identity: MpinIdentity = LAPTOP,
  nowMs = clock.nowMs,
): Promise<MpinEnrolment> => beginMpinEnrolment({ random, domain, identity, nowMs });

/** Asks one D-TA for the device's shares. */
export async function askFor(
  { domain, dtas }: TestDomain,
  enrolment: MpinEnrolment,
  evidence: readonly Evidence[],
  index = 1,
): Promise<IssuanceAnswer> {
  const sealed = await sealMpinRequest({ random, domain, enrolment, index, evidence });
  const dta = dtas[index - 1] as TestDta;
  return parseIssuanceAnswer(await post(dta.http, "/v1/issue", encodeSealedRequest(sealed)));
}
/** "issued", or the code of the refusal. */
export async function outcomeOf(...parameters: Parameters<typeof askFor>): Promise<string> {
  const answer = await askFor(...parameters);
  return "refusal" in answer ? answer.refusal.code : "issued";
}

/** A request to one D-TA for a code by e-mail. */
export function sealedCodeRequest(
  { domain, clock }: Pick<TestDomain, "domain" | "clock">,
  wanted: Pick<MpinEnrolment, "claim"> | EmailCodeRequest,
  index = 1,
): Promise<SealedRequest> {
  const request: EmailCodeRequest =
    "claim" in wanted
      ? {
          v: 1,
          domainId: domain.domainId,
          identity: wanted.claim.identity,
          requestKey: wanted.claim.requestKey,
          time: Math.floor(clock.nowMs / 1000),
        }
      : wanted;
  const { hpkeKey } = authorityAt(domain, index);
  return sealEmailCodeRequest({ random, hpkeKey, index, request });
}

/** Sends it, and waits until the D-TA is done with it. */
export async function askForCode(
  world: TestDomain,
  wanted: Pick<MpinEnrolment, "claim"> | EmailCodeRequest,
  index = 1,
): Promise<void> {
  const dta = world.dtas[index - 1] as TestDta;
  const sealed = await sealedCodeRequest(world, wanted, index);
  await post(dta.http, "/v1/email-codes", encodeSealedRequest(sealed));
  await dta.running.codes.idle();
}

/** A device enrolled at every D-TA with join tokens, as by an activation code. */
export async function enrolDevice(world: TestDomain, identity: MpinIdentity): Promise<MpinKeys> {
  const { domain, dtas } = world;
  const enrolment = await beginDevice(world, identity);
  const answers: IssuanceAnswer[] = [];
  for (const [i, dta] of dtas.entries()) {
    const token = await joinToken(dta, { identities: identity, usages: ["mpin", "sig"] });
    answers.push(await askFor(world, enrolment, [{ type: "join-token", token }], i + 1));
  }
  return finishMpinEnrolment({ engine, random, domain, enrolment, answers });
}

export const SERVER_KEYS = [{ usage: "mpin-server", epoch: NO_EXPIRY }] as const;

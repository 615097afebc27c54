/**
 * The operation behind `POST /v1/email-codes`. The answer is given before anything is done, so neither it nor its time tells whether the
 * address is known, allowed, or has had its mails. Mail goes to the user segment of an identity that the policy lets enrol by e-mail, and to
 * nobody else. The code is stored, as a digest and with a record in the log, before the mail leaves.
 * @module
 */
import { matchesIdentity } from "@milagro/crypto/identity";
import { type MpinIdentity, parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { isEmailAddress, mailboxOf } from "@milagro/protocol/email-address";
import { type EmailCodeRequest, emailCodeDigest } from "@milagro/protocol/email-code";
import { isTimely, type SealedRequest } from "@milagro/protocol/issuance-messages";
import type { RuleUsage } from "@milagro/protocol/key-usage";
import type { IssuancePolicy } from "@milagro/protocol/policy";
import { generateShortCode } from "@milagro/protocol/short-code";
import { errorFields } from "@milagro/runtime/log";
import { type DtaContext, domainOf, type FoundedDomain } from "./context.ts";
import { findDevice } from "./device-keys.ts";
import { newestCode } from "./email-code.ts";
import { createSourceLimit, MAILBOX_LIMITS, type MailHistory, mailRefusal, TOTAL_WINDOW_MS } from "./mail-limits.ts";
import { mailText } from "./mail-text.ts";
import type { Mailer } from "./mailer.ts";
import type { StoreTransaction } from "./store.ts";

/** Requests that are worked on at once; more are dropped, like everything that gets no mail. */
const MAX_IN_FLIGHT = 64;

export interface EmailCodes {
  /** Returns at once, whatever becomes of it. @param source - the address the request came from */
  accept(sealed: SealedRequest, source: string): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** What became of a request, for the metrics; refusals say why to the operator alone. */
export type MailOutcome =
  | "sent"
  | "failed"
  | "overloaded"
  | "unreadable"
  | "source-limit"
  | "not-allowed"
  | "issued-before"
  | "again-too-soon"
  | "mailbox-limit"
  | "total-limit";

export function createEmailCodes(
  context: DtaContext,
  mailer: Mailer | undefined,
  count: (outcome: MailOutcome) => void,
): EmailCodes {
  const running = new Set<Promise<void>>();
  const sources = createSourceLimit();
  const run = async (sealed: SealedRequest, source: string): Promise<void> => {
    try {
      const admit = (): boolean => sources.admit(source, context.clock());
      const outcome = mailer === undefined ? "not-allowed" : await answer(context, mailer, sealed, admit);
      count(outcome);
      if (outcome !== "sent") context.log.info("code not mailed", { reason: outcome });
    } catch (error) {
      count("failed");
      context.log.error("code not mailed", errorFields(error));
    }
  };
  return {
    accept: (sealed, source) => {
      if (running.size >= MAX_IN_FLIGHT) return count("overloaded");
      const job = run(sealed, source).finally(() => running.delete(job));
      running.add(job);
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

async function answer(
  context: DtaContext,
  mailer: Mailer,
  sealed: SealedRequest,
  admit: () => boolean,
): Promise<MailOutcome> {
  const domain = domainOf(context);
  if (context.issuer.sealed) return "unreadable";
  const request = await context.issuer.call("openCodeRequest", sealed).catch((error: unknown) => {
    if (error instanceof MilagroError && error.code !== "ERR_INTERNAL") return undefined;
    throw error;
  });
  if (request === undefined || !isTimely(request.time, context.clock())) return "unreadable";
  const recipient = recipientOf(request.identity);
  if (recipient === undefined || !mayEnrolByMail(context, recipient.identity)) return "not-allowed";
  if (!admit()) return "source-limit";
  const code = generateShortCode(context.random);
  const refusal = await context.store.transaction((tx) => remember(context, tx, domain, request, recipient, code));
  if (refusal !== undefined) return refusal;
  const { language = "en" } = request;
  const { authorities } = domain.signed.descriptor;
  const { name, operator } = context.config;
  const facts = { service: recipient.service, code, index: domain.index, count: authorities.length, name, operator };
  await mailer.send({ to: recipient.address, language, ...mailText(language, facts) });
  return "sent";
}

interface Recipient {
  readonly identity: MpinIdentity;
  readonly service: string;
  readonly address: string;
}

/** Whom a mail about this identity goes to: nobody when its user segment is not an address of the strict grammar. */
export function recipientOf(identity: string): Recipient | undefined {
  try {
    const device = parseMpinIdentity(identity);
    const { service, user } = splitMpinIdentity(device);
    return isEmailAddress(user) ? { identity: device, service, address: user } : undefined;
  } catch (error) {
    if (error instanceof MilagroError) return undefined;
    throw error;
  }
}

function mayEnrolByMail({ policy, now }: DtaContext, identity: MpinIdentity): boolean {
  const { rules, denied }: IssuancePolicy = policy.current;
  if ([...now.denied, ...denied].some((pattern) => matchesIdentity(pattern, identity))) return false;
  return rules.some(
    (rule) =>
      (rule.usages as readonly RuleUsage[]).includes("mpin") &&
      rule.evidence.includes("email-code") &&
      rule.identities.some((pattern) => matchesIdentity(pattern, identity)),
  );
}

/** Everything that must be on disk before the mail leaves; or why it must not. */
async function remember(
  context: DtaContext,
  tx: StoreTransaction,
  { domainId }: FoundedDomain,
  { requestKey }: EmailCodeRequest,
  { identity, address }: Recipient,
  code: string,
): Promise<MailOutcome | undefined> {
  const nowMs = context.clock();
  const owner = { domainId, identity, requestKey };
  const mailbox = mailboxOf(address);
  if (await findDevice(tx, domainId, identity)) return "issued-before";
  const history: MailHistory = {
    lastMs: (await newestCode(tx, owner))?.created_ms,
    toMailbox: await Promise.all(
      MAILBOX_LIMITS.map(({ windowMs }) => countMails(tx, domainId, nowMs - windowMs, mailbox)),
    ),
    inAll: await countMails(tx, domainId, nowMs - TOTAL_WINDOW_MS),
  };
  const refusal = mailRefusal(history, nowMs, context.config.mailsPerHour);
  if (refusal !== undefined) return refusal;
  await context.audit.append(tx, { action: "email-code", outcome: "ok", subject: identity, details: {} });
  const digest = emailCodeDigest(domainId, identity, requestKey, code);
  await tx
    .insertInto("email_code")
    .values({
      domain_id: domainId,
      identity,
      request_key: requestKey,
      created_ms: nowMs,
      digest,
      mailbox,
      guesses: 0,
      request_hash: null,
    })
    .execute();
  return undefined;
}

async function countMails(
  tx: StoreTransaction,
  domainId: Uint8Array,
  sinceMs: number,
  mailbox?: string,
): Promise<number> {
  const all = tx
    .selectFrom("email_code")
    .select((expression) => expression.fn.countAll<number | string | bigint>().as("mails"))
    .where("domain_id", "=", domainId)
    .where("created_ms", ">", sinceMs);
  const row = await (mailbox === undefined ? all : all.where("mailbox", "=", mailbox)).executeTakeFirst();
  return Number(row?.mails ?? 0);
}

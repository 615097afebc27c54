/**
 * How much mail may leave: to one mailbox, for one source, in all. Whoever types strangers' addresses must not be able to fill their
 * mailboxes, nor to get this D-TA on block lists.
 * @module
 */
import { clientNetwork } from "@milagro/runtime/client-network";

const MINUTE_MS = 60_000;

/** One device asks again for its code: sooner, and the first mail may still be under way. */
export const RESEND_MS = MINUTE_MS;
/** Windows and how many mails one mailbox gets in each. */
export const MAILBOX_LIMITS = [
  { windowMs: 15 * MINUTE_MS, mails: 3 },
  { windowMs: 1440 * MINUTE_MS, mails: 8 },
] as const;
/** Of the limit in all, which is a setting. */
export const TOTAL_WINDOW_MS = 60 * MINUTE_MS;

const SOURCE_WINDOW_MS = 60 * MINUTE_MS;
const SOURCE_MAILS = 30;
/** More sources than this at once, and the one that has been quiet longest is forgotten: the other limits hold. */
const MAX_SOURCES = 10_000;

export interface SourceLimit {
  /** Counts one more for the source; whether that is still allowed. @param address - as the HTTP server gives it */
  admit(address: string, nowMs: number): boolean;
}

/** In memory: where requests come from is nothing to keep. */
export function createSourceLimit(): SourceLimit {
  const seen = new Map<string, readonly number[]>();
  return {
    admit: (address, nowMs) => {
      const key = clientNetwork(address);
      const recent = (seen.get(key) ?? []).filter((time) => nowMs - time < SOURCE_WINDOW_MS);
      if (recent.length >= SOURCE_MAILS) return false;
      seen.delete(key); // to the end, as the latest
      seen.set(key, [...recent, nowMs]);
      if (seen.size > MAX_SOURCES) seen.delete(seen.keys().next().value as string);
      return true;
    },
  };
}

/** What is known of the past when a mail is asked for. */
export interface MailHistory {
  /** When a code was last mailed for this identity and request key. */
  readonly lastMs: number | undefined;
  /** Mails to this mailbox, for each window of `MAILBOX_LIMITS`. */
  readonly toMailbox: readonly number[];
  /** Mails to everybody in `TOTAL_WINDOW_MS`. */
  readonly inAll: number;
}

/** Why not now; `undefined` when it may leave. */
export function mailRefusal(
  history: MailHistory,
  nowMs: number,
  mailsPerHour: number,
): "again-too-soon" | "mailbox-limit" | "total-limit" | undefined {
  if (history.lastMs !== undefined && nowMs - history.lastMs < RESEND_MS) return "again-too-soon";
  if (MAILBOX_LIMITS.some(({ mails }, i) => (history.toMailbox[i] ?? 0) >= mails)) return "mailbox-limit";
  return history.inAll >= mailsPerHour ? "total-limit" : undefined;
}

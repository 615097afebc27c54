/**
 * Forgetting what can no longer matter: requests that are too old to be answered again, grants that have expired, tokens long past. The audit log keeps everything.
 * @module
 */
import type { FoundedDomain } from "./context.ts";
import { ANSWER_AGAIN_MS } from "./decide-issuance.ts";
import { oldestPermitEpoch } from "./permits.ts";
import type { Store } from "./store.ts";

const DAY_MS = 86_400_000;
const EVERY_MS = 3_600_000;
/** Operators may want to see what became of a token for a while. */
const KEEP_TOKENS_MS = 90 * DAY_MS;
/** A grant past its end is refused by its own date; a day more covers a clock that was set back. */
const KEEP_GRANTS_MS = DAY_MS;

/** As long as they count towards a mailbox's limit. */
const KEEP_CODES_MS = 2 * DAY_MS;

/** @param domain - once there is one */
export async function forgetOld(
  store: Store,
  nowMs: number,
  domain: Pick<FoundedDomain, "epochSeconds"> | undefined,
): Promise<void> {
  const oldest = domain && oldestPermitEpoch(nowMs, domain.epochSeconds);
  await store.transaction(async (tx) => {
    await tx
      .deleteFrom("issuance")
      .where("time_ms", "<", nowMs - ANSWER_AGAIN_MS)
      .execute();
    await tx
      .deleteFrom("attribute_issuance")
      .where("time_ms", "<", nowMs - ANSWER_AGAIN_MS)
      .execute();
    await tx
      .deleteFrom("grant_use")
      .where("expires_ms", "<", nowMs - KEEP_GRANTS_MS)
      .execute();
    await tx
      .deleteFrom("join_token")
      .where("expires_ms", "<", nowMs - KEEP_TOKENS_MS)
      .execute();
    await tx
      .deleteFrom("email_code")
      .where("created_ms", "<", nowMs - KEEP_CODES_MS)
      .execute();
    if (oldest !== undefined) await tx.deleteFrom("permit").where("epoch", "<", oldest).execute();
  });
}

/** Every hour until stopped; does not keep the process alive. */
export function startHousekeeping(work: () => Promise<void>): { stop(): void } {
  const timer = setInterval(() => void work(), EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}

/**
 * What the login server's description says that a device needs to know again and again; the rest is for enrolment.
 * @module
 */
import { epochAt } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { openAccount } from "./mpin-account.ts";
import { callMpin } from "./mpin-call.ts";
import type { NoPermit } from "./mpin-outcomes.ts";
import { prefetchPermits } from "./mpin-permits.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { optional, readBoolean, readInteger, readSome } from "./mpin-read.ts";

const readTerms = readSome({ permits: readBoolean, epochSeconds: readInteger, master: optional(readInteger) });

/** Whether logins need permits, how long an epoch is, and the epoch of the `mpin` master. */
export async function fetchTerms(client: MpinClient) {
  const { master = 0, ...terms } = await callMpin(client, { method: "GET", url: "/v1/service" }, readTerms);
  return { ...terms, master };
}

/**
 * Sees to the permits of this epoch and the next, so that a login waits for no D-TA and an outage of one goes unnoticed. To be called
 * at leisure, such as after a login.
 * @returns undefined when all is well or no permits are needed
 * @throws `ERR_ACCOUNT_UNKNOWN`, `ERR_KEYSTORE_CORRUPT`, `ERR_SHARE_INVALID` naming a D-TA that lied; what calls throw
 */
export async function refreshPermits(client: MpinClient, identity: Identity): Promise<NoPermit | undefined> {
  const { permits, epochSeconds } = await fetchTerms(client);
  if (!permits) return undefined;
  const { account, input, destroy } = await openAccount(client, identity);
  destroy();
  return prefetchPermits(client, account, input, epochAt(client.clock(), epochSeconds));
}

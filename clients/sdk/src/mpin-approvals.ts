/**
 * What applications ask the user to approve, without a page of theirs in this browser (CIBA). Approving is a login of purpose
 * `interaction` with the request's id as `uid`: its message is part of what the PIN answers.
 * @module
 */
import { callMpin, readDone } from "./mpin-call.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { optional, readInteger, readList, readObject, readOneOf, readText } from "./mpin-read.ts";

export interface WaitingApproval {
  readonly id: string;
  /** What the application calls itself. */
  readonly client: string;
  /** What it asks to confirm; to be shown before the PIN. */
  readonly message?: string;
  /** Unix seconds. */
  readonly expires: number;
}

/** @internal exported for the test that compares it with the schema */
export const readApprovals = readObject({
  v: readOneOf(1),
  approvals: readList(
    16,
    readObject({
      id: readText(64, /^ciba_[A-Za-z0-9_-]{22}$/),
      client: readText(255),
      message: optional(readText(256)),
      expires: readInteger,
    }),
  ),
});

/** What waits for whoever is logged in, the newest first. @throws the server's error where nobody is */
export async function listApprovals(client: MpinClient): Promise<readonly WaitingApproval[]> {
  return (await callMpin(client, { method: "GET", url: "/v1/approvals" }, readApprovals)).approvals;
}

/** Says no. @throws `ERR_INTERACTION_UNKNOWN` when it is over */
export async function declineApproval(client: MpinClient, id: string): Promise<void> {
  await callMpin(client, { method: "DELETE", url: `/v1/approvals/${id}`, idempotent: true }, readDone);
}

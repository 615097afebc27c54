/**
 * QuickCode: a further device, approved on one that the user has. The code only brings the two together. What convinces the D-TAs is
 * the old device's signature over the new device's request, and the login server's word that the user logged in for it.
 *
 *   old device   createQuickCode → viewQuickCode until `claimed` → approveDevice with the PIN and the number that the user picked
 *   new device   beginEnrolment → claimQuickCode, shows the number → awaitApproval until `issued` → finish
 *
 * Loaded with enrolment: it checks claims with the schemas of the protocol.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { type MpinIdentity, parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import type { DeviceFactor, Pin } from "@milagro/crypto/mpin-token";
import { MilagroError } from "@milagro/engine/error";
import { isOtherDevice, signDeviceApproval } from "@milagro/protocol/device-approval";
import { type IssuanceClaim, requestHashOf } from "@milagro/protocol/issuance-messages";
import {
  encodeQuickCodeClaim,
  parseQuickCode,
  parseQuickCodeClaimed,
  parseQuickCodeState,
  parseQuickCodeView,
  type QuickCode,
  type QuickCodeView,
} from "@milagro/protocol/quick-code-messages";
import { parseShortCode } from "@milagro/protocol/short-code";
import { openAccount } from "./mpin-account.ts";
import { callMpin, readDone } from "./mpin-call.ts";
import type { AskingEnrolment, EnrolmentProgress } from "./mpin-enrolment-asking.ts";
import type { ClaimedQuickCode } from "./mpin-enrolment-record.ts";
import { type LoginOutcome, prepareLogin } from "./mpin-login.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { isOutage } from "./outage.ts";

/** `approved`: the new device can go on. Otherwise what the login came to, if not `accepted`. */
export type Approval = { readonly outcome: "approved" } | Exclude<LoginOutcome, { readonly outcome: "accepted" }>;

/** A claim that waits for approval, as `viewQuickCode` gives it. */
export type ClaimedView = Extract<QuickCodeView, { readonly state: "claimed" }>;

/** New device: how the approval went. */
export type ApprovalProgress =
  | EnrolmentProgress
  | { readonly outcome: "unapproved" }
  | { readonly outcome: "rejected" };

/** Old device, logged in: a code to type on the new one. Good once, for ten minutes. */
export async function createQuickCode(client: MpinClient): Promise<QuickCode> {
  return callMpin(client, { method: "POST", url: "/v1/quick-codes", body: { v: 1 } }, parseQuickCode);
}

/** Old device: whether a device has claimed the code; waits for up to `waitSeconds`. */
export async function viewQuickCode(client: MpinClient, id: Uint8Array, waitSeconds = 25): Promise<QuickCodeView> {
  const url = `/v1/quick-codes/${encodeBase64url(id)}?wait=${waitSeconds}`;
  return callMpin(client, { method: "GET", url, waitSeconds }, parseQuickCodeView);
}

/**
 * Old device: approves. Logs in for exactly this claim, label and number, then signs. The PIN is destroyed.
 * @param options.view - what the user was shown
 * @param options.number - what the user picked as the number on the new device
 * @throws `ERR_LOGIN_MISMATCH` for a claim that is not for another device of the same user at the same service, or for other keys than
 * a device's; otherwise as `prepareLogin`
 */
export async function approveDevice(
  client: MpinClient,
  options: {
    readonly identity: MpinIdentity;
    readonly id: Uint8Array;
    readonly view: ClaimedView;
    readonly number: string;
    readonly pin: Pin;
    readonly deviceFactor?: DeviceFactor;
  },
): Promise<Approval> {
  const { identity, id, view, number, pin, deviceFactor } = options;
  try {
    const { account, signatureKey, destroy } = await openAccount(client, identity);
    try {
      checkClaim(view.claim, account);
      const requestHash = requestHashOf(view.claim);
      const purpose = { type: "quick-code", id, number, requestHash, label: view.label } as const;
      const prepared = await prepareLogin(client, { identity, purpose });
      if ("outcome" in prepared) return prepared;
      const outcome = await prepared.answer(pin, deviceFactor);
      if (outcome.outcome !== "accepted") return outcome;
      const { engine, random } = client;
      const { domainId, publicKeyHash } = account;
      const publicKey = { hash: publicKeyHash };
      const approval = { engine, random, domainId, publicKey, device: identity, key: signatureKey, requestHash };
      const signature = signDeviceApproval(approval);
      return await sendApproval(client, id, prepared.session, signature);
    } finally {
      destroy();
    }
  } finally {
    pin.destroy();
  }
}

async function sendApproval(
  client: MpinClient,
  id: Uint8Array,
  session: Uint8Array,
  signature: Uint8Array,
): Promise<Approval> {
  const body = { v: 1, session: encodeBase64url(session), signature: encodeBase64url(signature) };
  const url = `/v1/quick-codes/${encodeBase64url(id)}/approvals`;
  try {
    await callMpin(client, { method: "POST", url, body, idempotent: true }, readDone);
    return { outcome: "approved" };
  } catch (error) {
    if (isOutage(error)) return { outcome: "offline", code: error.code, sent: true };
    throw error;
  }
}

/** A server that slips in another user's request, or one for other keys, gets neither login nor signature. */
function checkClaim(
  claim: IssuanceClaim,
  { identity, domainId }: { readonly identity: MpinIdentity; readonly domainId: Uint8Array },
): void {
  const [mpin, sig, ...more] = claim.keys;
  const keys = mpin?.usage === "mpin" && mpin.epoch === 0 && sig?.usage === "sig" && sig.epoch === 0;
  const device = parsedOrNothing(claim.identity);
  if (!keys || more.length > 0 || !device || !isOtherDevice(identity, device) || !equalBytes(claim.domainId, domainId))
    throw new MilagroError("ERR_LOGIN_MISMATCH", "the server asks to approve something that is no device of this user");
}

function parsedOrNothing(text: string): MpinIdentity | undefined {
  try {
    return parseMpinIdentity(text);
  } catch {
    return undefined;
  }
}

/**
 * New device: claims the code that the user has typed.
 * @returns the number to show; remembered with the enrolment
 * @throws `ERR_ENCODING_INVALID` for what cannot be a code, and what the server says of one that is wrong or used
 */
export async function claimQuickCode(
  client: MpinClient,
  enrolment: AskingEnrolment,
  typed: string,
): Promise<ClaimedQuickCode> {
  const code = parseShortCode(typed);
  if (code === undefined) throw new MilagroError("ERR_ENCODING_INVALID", "a code has eight letters and digits");
  const { user, claim, label } = enrolment;
  const body = encodeQuickCodeClaim({ v: 1, code, user, claim, label });
  const call = { method: "POST", url: "/v1/quick-codes/claims", body } as const;
  const { v: _, ...claimed } = await callMpin(client, call, parseQuickCodeClaimed);
  await enrolment.rememberQuickCode(claimed);
  return claimed;
}

/**
 * New device: waits up to `waitSeconds` for the approval and, when it is there, brings it to the D-TAs.
 * @returns `unapproved`: not yet; `rejected`: the user picked another number, or said no
 * @throws `ERR_ENROLMENT_STAGE` before a code was claimed; as `submit`
 */
export async function awaitApproval(
  client: MpinClient,
  enrolment: AskingEnrolment,
  waitSeconds = 25,
): Promise<ApprovalProgress> {
  if (!enrolment.quickCode) throw new MilagroError("ERR_ENROLMENT_STAGE", "no code was claimed for this enrolment");
  const url = `/v1/quick-codes/claims/${encodeBase64url(enrolment.quickCode.id)}?wait=${waitSeconds}`;
  const state = await callMpin(client, { method: "GET", url, waitSeconds }, parseQuickCodeState);
  if (state.state !== "approved") return { outcome: state.state === "waiting" ? "unapproved" : "rejected" };
  const { device, signature, approval } = state;
  return enrolment.submitToAll([{ type: "device", device, signature, approval }]);
}

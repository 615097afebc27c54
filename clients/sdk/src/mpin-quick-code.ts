/**
 * QuickCode: a further device, approved on one that the user has. The code only brings the two together. What convinces the D-TAs is
 * the old device's signature over the new device's request, and the login server's word that the user logged in for it. That it is
 * the new device's request, and none that the server slipped in, is what the number says: both devices compute it.
 *
 *   old device   createQuickCode → meetDevice → look until `met` → approve with the PIN and the number that the user picked, or refuse
 *   new device   beginEnrolment → claimQuickCode → awaitApproval: `number`, to be shown, and then until `issued` → finish
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
  encodeQuickCodeNonce,
  parseQuickCode,
  parseQuickCodeClaimed,
  parseQuickCodeState,
  parseQuickCodeView,
  type QuickCode,
  type QuickCodeView,
} from "@milagro/protocol/quick-code-messages";
import { commitQuickCode, openedQuickCodeNumber, QUICK_CODE_NONCE } from "@milagro/protocol/quick-code-number";
import { parseShortCode } from "@milagro/protocol/short-code";
import { openAccount } from "./mpin-account.ts";
import { callMpin, readDone } from "./mpin-call.ts";
import type { AskingEnrolment, EnrolmentProgress } from "./mpin-enrolment-asking.ts";
import { type LoginOutcome, prepareLogin } from "./mpin-login.ts";
import type { MpinClient } from "./mpin-ports.ts";
import { isOutage } from "./outage.ts";

/** `approved`: the new device can go on. Otherwise what the login came to, if not `accepted`. */
export type Approval = { readonly outcome: "approved" } | Exclude<LoginOutcome, { readonly outcome: "accepted" }>;

/** The old device's view. `met`: `number` is to be recognised among `choices` by the person who sees the new device. */
export type Meeting =
  | { readonly state: "open" | "claimed" | "approved" | "refused" }
  | { readonly state: "met"; readonly label: string; readonly number: string; readonly choices: readonly string[] };

/** New device: how the approval went. */
export type ApprovalProgress =
  | EnrolmentProgress
  /** Show this number; the other device shows it among others. */
  | { readonly outcome: "number"; readonly number: string }
  | { readonly outcome: "unapproved" }
  | { readonly outcome: "rejected" };

/** Old device, logged in: a code to type on the new one. Good once, for ten minutes. */
export async function createQuickCode(client: MpinClient): Promise<QuickCode> {
  return callMpin(client, { method: "POST", url: "/v1/quick-codes", body: { v: 1 } }, parseQuickCode);
}

/** Old device: meeting the new one over one code. */
export interface DeviceMeeting {
  /** Waits for up to `waitSeconds`. @throws `ERR_LOGIN_MISMATCH`: it is over, because the server has changed what it had shown */
  look(waitSeconds?: number): Promise<Meeting>;
  /**
   * Logs in for exactly the request that was met, then signs it. The PIN is destroyed.
   * @param options.number - what the user picked as the number on the new device
   * @throws `ERR_NUMBER_MISMATCH` for another one, which ends it; `ERR_LOGIN_MISMATCH` for a claim that is not for another device of
   * the same user at the same service, or for other keys than a device's; otherwise as `prepareLogin`
   */
  approve(options: {
    readonly identity: MpinIdentity;
    readonly number: string;
    readonly pin: Pin;
    readonly deviceFactor?: DeviceFactor;
  }): Promise<Approval>;
  /** Tells the new device that there will be no approval. */
  refuse(): Promise<void>;
}

/** What this device holds on to from the first sight of a claim: a server gets one chance, not one for each look. */
interface Met {
  readonly claim: IssuanceClaim;
  readonly label: string;
  readonly requestHash: Uint8Array;
  readonly commitment: Uint8Array;
  readonly nonce: Uint8Array;
  known?: { readonly number: string; readonly choices: readonly string[] };
}

/** @param id - of the code that this device has made */
export function meetDevice(client: MpinClient, id: Uint8Array): DeviceMeeting {
  const path = `/v1/quick-codes/${encodeBase64url(id)}`;
  let met: Met | undefined;

  async function look(waitSeconds = 25): Promise<Meeting> {
    const view = await callMpin(
      client,
      { method: "GET", url: `${path}?wait=${waitSeconds}`, waitSeconds },
      parseQuickCodeView,
    );
    if (!("commitment" in view)) return { state: view.state };
    met ??= firstSight(client, view);
    const same = equalBytes(met.requestHash, requestHashOf(view.claim)) && equalBytes(met.commitment, view.commitment);
    if (!same || met.label !== view.label)
      throw new MilagroError("ERR_LOGIN_MISMATCH", "the server shows another claim than before");
    if (view.state === "claimed") {
      const body = encodeQuickCodeNonce({ v: 1, nonce: met.nonce });
      await callMpin(client, { method: "POST", url: `${path}/challenges`, body, idempotent: true }, readDone);
    }
    if (view.state !== "opened") return { state: "claimed" };
    const number = openedQuickCodeNumber(met, met.commitment, view.nonce, met.nonce);
    met.known ??= { number, choices: drawChoices(client, number) };
    return { state: "met", label: met.label, ...met.known };
  }

  async function refuse(): Promise<void> {
    await callMpin(client, { method: "POST", url: `${path}/refusals`, body: { v: 1 }, idempotent: true }, readDone);
  }

  async function approve(options: Parameters<DeviceMeeting["approve"]>[0]): Promise<Approval> {
    const { identity, number, pin, deviceFactor } = options;
    try {
      if (!met?.known) throw new MilagroError("ERR_ENROLMENT_STAGE", "no device has been met over this code");
      if (number !== met.known.number) {
        await refuse().catch(() => {}); // over here in any case
        throw new MilagroError("ERR_NUMBER_MISMATCH", "the number is not the one on the other screen");
      }
      const { claim, label, requestHash } = met;
      const { account, signatureKey, destroy } = await openAccount(client, identity);
      try {
        checkClaim(claim, account);
        const prepared = await prepareLogin(client, {
          identity,
          purpose: { type: "quick-code", id, requestHash, label },
        });
        if ("outcome" in prepared) return prepared;
        const outcome = await prepared.answer(pin, deviceFactor);
        if (outcome.outcome !== "accepted") return outcome;
        const { engine, random } = client;
        const { domainId, publicKeyHash } = account;
        const publicKey = { hash: publicKeyHash };
        const approval = { engine, random, domainId, publicKey, device: identity, key: signatureKey, requestHash };
        return await sendApproval(prepared.session, signDeviceApproval(approval));
      } finally {
        destroy();
      }
    } finally {
      pin.destroy();
    }
  }

  async function sendApproval(session: Uint8Array, signature: Uint8Array): Promise<Approval> {
    const body = { v: 1, session: encodeBase64url(session), signature: encodeBase64url(signature) };
    try {
      await callMpin(client, { method: "POST", url: `${path}/approvals`, body, idempotent: true }, readDone);
      return { outcome: "approved" };
    } catch (error) {
      if (isOutage(error)) return { outcome: "offline", code: error.code, sent: true };
      throw error;
    }
  }

  return { look, approve, refuse };
}

function firstSight(
  { random }: MpinClient,
  { claim, label, commitment }: Extract<QuickCodeView, { readonly commitment: Uint8Array }>,
): Met {
  return { claim, label, requestHash: requestHashOf(claim), commitment, nonce: random(QUICK_CODE_NONCE) };
}

/** The number among two others, sorted: nothing says which is right but the new device. Picking one takes looking there. */
function drawChoices({ random }: MpinClient, number: string): readonly string[] {
  const choices = new Set([number]);
  while (choices.size < 3) {
    const drawn = new DataView(random(8).slice().buffer).getBigUint64(0) % 10n ** BigInt(number.length);
    choices.add(String(drawn).padStart(number.length, "0"));
  }
  return [...choices].sort();
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
 * New device: claims the code that the user has typed, and commits to its request.
 * @throws `ERR_ENCODING_INVALID` for what cannot be a code, and what the server says of one that is wrong or used
 */
export async function claimQuickCode(client: MpinClient, enrolment: AskingEnrolment, typed: string): Promise<void> {
  const code = parseShortCode(typed);
  if (code === undefined) throw new MilagroError("ERR_ENCODING_INVALID", "a code has eight letters and digits");
  const { user, claim, label } = enrolment;
  const nonce = client.random(QUICK_CODE_NONCE);
  const commitment = commitQuickCode({ requestHash: requestHashOf(claim), label }, nonce);
  const body = encodeQuickCodeClaim({ v: 1, code, user, claim, label, commitment });
  const call = { method: "POST", url: "/v1/quick-codes/claims", body } as const;
  const { id, expires } = await callMpin(client, call, parseQuickCodeClaimed);
  await enrolment.rememberQuickCode({ id, nonce, expires });
}

/**
 * New device: waits up to `waitSeconds` for the other device's answer and then for its approval; when that is there, brings it to
 * the D-TAs.
 * @returns `number` once; `unapproved`: not yet; `rejected`: the user picked another number, or said no
 * @throws `ERR_ENROLMENT_STAGE` before a code was claimed; as `submit`
 */
export async function awaitApproval(
  client: MpinClient,
  enrolment: AskingEnrolment,
  waitSeconds = 25,
): Promise<ApprovalProgress> {
  const { quickCode } = enrolment;
  if (!quickCode) throw new MilagroError("ERR_ENROLMENT_STAGE", "no code was claimed for this enrolment");
  const path = `/v1/quick-codes/claims/${encodeBase64url(quickCode.id)}`;
  const state = await callMpin(
    client,
    { method: "GET", url: `${path}?wait=${waitSeconds}`, waitSeconds },
    parseQuickCodeState,
  );
  switch (state.state) {
    case "waiting":
      return { outcome: "unapproved" };
    case "refused":
      return { outcome: "rejected" };
    case "challenged": {
      const { id, nonce, expires } = quickCode;
      if (!quickCode.challenge) await enrolment.rememberQuickCode({ id, nonce, expires, challenge: state.nonce });
      const body = encodeQuickCodeNonce({ v: 1, nonce });
      await callMpin(client, { method: "POST", url: `${path}/openings`, body, idempotent: true }, readDone);
      return { outcome: "number", number: enrolment.quickCode?.number ?? "" };
    }
    case "approved": {
      const { device, signature, approval } = state;
      return enrolment.submitToAll([{ type: "device", device, signature, approval }]);
    }
  }
}

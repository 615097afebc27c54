/**
 * M-Pin login without a user interface, in any engine of the language: no DOM, no Node, everything from outside comes in as a port.
 * This is what a login page loads. Enrolment is `@milagro/client/mpin-enrol`, to be imported when somebody enrols.
 *
 * Expected ends (a wrong PIN, a block, a withheld permit, no network) are values with an `outcome`; a world that is not as it should
 * be throws a `MilagroError` with a stable code. PINs go in as `Pin` (`parsePin` of the digits as bytes) and are destroyed by whatever
 * takes them.
 * @module
 */
export { type DeviceFactor, deviceFactor, type Pin, parsePin } from "@milagro/crypto/mpin-token";
export type { HttpPort, HttpRequest, HttpResponse } from "./http-port.ts";
export { type Account, type AccountAuthority, type AccountList, listAccounts } from "./mpin-account.ts";
export { forgetAccount } from "./mpin-account-write.ts";
export { changePin, type PinChange } from "./mpin-change-pin.ts";
export {
  beginHandover,
  type Handover,
  type HandoverState,
  type HandoverView,
  handoverIdOf,
  handoverState,
  takeHandover,
  viewHandover,
} from "./mpin-handover.ts";
export {
  type Accepted,
  type Blocked,
  type LoginOptions,
  type LoginOutcome,
  type LoginPurpose,
  login,
  type Offline,
  type PreparedLogin,
  prepareLogin,
  type Refused,
} from "./mpin-login.ts";
export type { MasterAway, NoPermit, Outdated } from "./mpin-outcomes.ts";
export { type PinPolicy, type PinWeakness, pinWeakness, samePin } from "./mpin-pin.ts";
export { type MpinClient, type MpinPorts, type MpinStorage, openMpinClient, type UpdateAccount } from "./mpin-ports.ts";
export { type Device, logout, type Me, renameDevice, revokeDevice, whoAmI } from "./mpin-session.ts";
export { isSignable, type KeptSignature, listSignatures, type SignOutcome, signText } from "./mpin-sign.ts";
export { refreshPermits } from "./mpin-terms.ts";

/**
 * Enrolling a device for M-Pin, and approving further ones. Heavier than `@milagro/client/mpin`, which every login loads: sealing, the
 * schemas of the protocol, and the whole engine. Import it when somebody enrols.
 * @module
 */
export type { AuthorityName, CodeAsked } from "./mpin-ask.ts";
export {
  abandonEnrolment,
  beginEnrolment,
  type LoadEngine,
  listEnrolments,
  type PendingEnrolment,
  resumeEnrolment,
} from "./mpin-enrolment.ts";
export type { AskingEnrolment, EnrolmentProgress, EvidenceFor, PinChosen } from "./mpin-enrolment-asking.ts";
export type { ClaimedQuickCode } from "./mpin-enrolment-record.ts";
export type { RegisteringEnrolment, Registration } from "./mpin-enrolment-registering.ts";
export { activationEvidence, codeEvidence, openIdEvidence } from "./mpin-evidence.ts";
export {
  beginOpenIdLogin,
  fetchOpenIdClient,
  finishOpenIdLogin,
  isOpenIdAnswerFor,
  type OpenIdAnswer,
  type OpenIdProgress,
} from "./mpin-openid.ts";
export {
  type Approval,
  type ApprovalProgress,
  awaitApproval,
  claimQuickCode,
  createQuickCode,
  type DeviceMeeting,
  type Meeting,
  meetDevice,
} from "./mpin-quick-code.ts";
export { type DomainPin, fetchLoginService, type LoginDomain, loginDomainOf } from "./mpin-service.ts";

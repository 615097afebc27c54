/**
 * What setting up a device and logging in by phone say, beyond the texts of a login.
 * @module
 */
import type { PinWeakness } from "@milagro/client/mpin-pin";

/** Why a PIN is easily guessed; the codes are those of the client's `pinWeakness`. */
export type WeakPin = Exclude<PinWeakness, "length">;

export interface SetupTexts {
  readonly scanCode: string;
  readonly numberOnScreen: string;
  readonly waitingForPhone: string;
  readonly phoneRefused: string;
  readonly codeExpired: string;
  readonly codeExpiredHelp: string;
  readonly newQrCode: string;
  readonly otherScreen: string;
  readonly otherScreenAsks: (client: string) => string;
  readonly whichNumber: string;
  readonly whichNumberHelp: string;
  readonly noneOfThese: string;
  readonly otherScreenDone: string;
  readonly otherScreenDoneHelp: string;
  readonly otherScreenStopped: string;
  readonly otherScreenStoppedHelp: string;
  readonly networkAddress: string;
  readonly browser: string;
  readonly emailAddress: string;
  readonly emailInvalid: string;
  readonly deviceName: string;
  readonly deviceNameHelp: string;
  readonly aPhone: string;
  readonly aTablet: string;
  readonly aComputer: string;
  readonly alsoPasskey: string;
  readonly alsoPasskeyHelp: string;
  readonly locked: string;
  readonly lockedHelp: string;
  readonly unlock: string;
  readonly passkeyFailed: string;
  readonly makePasskey: string;
  readonly makePasskeyHelp: string;
  readonly makeIt: string;
  readonly notNow: string;
  readonly restoreInstead: string;
  readonly howToConfirm: string;
  readonly byEmail: string;
  readonly byEmailHelp: (authorities: number) => string;
  readonly byOpenId: (provider: string) => string;
  readonly byOpenIdHelp: (provider: string) => string;
  readonly openIdRefused: string;
  readonly byActivation: string;
  readonly byActivationHelp: string;
  readonly byQuickCode: string;
  readonly byQuickCodeHelp: string;
  readonly codesMailed: (authorities: number) => string;
  readonly codesMailedTo: (address: string) => string;
  readonly codeFrom: (authority: string) => string;
  readonly codeIncomplete: string;
  readonly codeRefused: string;
  readonly activationRefused: string;
  readonly quickCodeRefused: string;
  readonly waitingFor: (authorities: string) => string;
  readonly waitingForDevice: string;
  readonly demoMail: string;
  readonly demoMailHelp: string;
  readonly demoMailEmpty: string;
  readonly useCode: string;
  readonly mailAgain: string;
  readonly mailedAgain: string;
  readonly activationCode: string;
  readonly activationHelp: string;
  readonly quickCode: string;
  readonly quickCodeHelp: string;
  readonly pickNumber: string;
  readonly pickNumberHelp: string;
  readonly numberComes: string;
  readonly deviceRefused: string;
  readonly choosePin: string;
  readonly choosePinHelp: (min: number, max: number) => string;
  readonly repeatPin: string;
  readonly repeatPinHelp: string;
  readonly pinsDiffer: string;
  readonly weakPin: Readonly<Record<WeakPin, string>>;
  readonly makingKey: (authorities: number) => string;
  readonly makingKeyHelp: string;
  readonly stepAsked: string;
  readonly stepChecked: string;
  readonly stepFailed: string;
  readonly registering: string;
  readonly interrupted: string;
  readonly interruptedHelp: (user: string) => string;
  readonly goOn: string;
}

/** English. @module */
import type { AccountTexts } from "./texts.ts";

const WORDS = ["no", "one", "two", "three", "four", "five"];

export const texts: AccountTexts = {
  demoTitle: "A PIN is enough",
  demoLead: (count) =>
    `No password, and no list of passwords to steal: ${WORDS[count] ?? count} independent authorities each make a part of your key, and only this browser ever holds the whole.`,
  you: "You",
  user: "User",
  device: "Device",
  identity: "Identity",
  since: "Logged in",
  logOut: "Log out",

  devices: "Your devices",
  thisDevice: "this one",
  neverUsed: "never used",
  isRevoked: "revoked",
  lastLogin: (when) => `last used ${when}`,
  rename: "Rename",
  newName: (label) => `New name for ${label}`,
  save: "Save",
  revoke: "Revoke",
  revokeAsk: (label) => `Revoke ${label}?`,
  revokeHelp: "It can never log in again. You can set it up anew.",

  addDevice: "Add a device",
  addDeviceHelp: "Open this site on the new device, choose “Set up this device”, then “QuickCode”, and type:",
  makeCode: "Show a QuickCode",
  waitingForClaim: "Waiting for the new device …",
  wantsToJoin: (label) => `“${label}” wants to join`,
  whichNumber: "Which number does it show?",
  noneOfThese: "None of these",
  pinToApprove: "Enter your PIN to approve",
  approved: "Approved. Go on at the new device.",
  notApproved: "Not approved. The new device gets nothing.",

  approvals: "Waiting for your approval",
  approvalsHelp: "An application asks you to confirm something. Approve only what you have begun yourself.",
  approve: "Approve",
  decline: "Decline",
  approvalGiven: "Approved.",
  approvalDeclined: "Declined.",

  whatTheySaw: "What each authority saw",
  whatTheySawHelp:
    "From the public log of each. It knows that it made a part of your key and lets it be used. When and where you log in, it never learns.",
  sawNothing: "Nothing about this device.",
  notReached: "Cannot be reached now.",
  entry: (number) => `entry ${number}`,
  actions: {
    issue: "made its part of your key",
    permit: "gave a permit for a period",
    "email-code": "mailed a code",
  },
  refresh: "Look again",

  sign: "Sign a text",
  signHelp: "What you see is what is signed, with your PIN.",
  textToSign: "Text",
  signNow: "Sign",
  notSignable: "Only plain text of up to 4096 characters.",
  pinToSign: "Enter your PIN to sign",
  signed: "Signed.",
  signedSoFar: "Signed so far",

  changePin: "Change your PIN",
  changePinHelp: "It changes on this device alone. No server hears of it.",
  pinNow: "Your current PIN",
  pinNew: "Your new PIN",
  pinChanged: "From now on the new PIN counts.",

  passkey: "Passkey",
  passkeyHelp:
    "Optional: seals what this browser stores once more. Who copies the browser's files needs your passkey as well, besides the PIN.",
  passkeyUse: "Seal with a passkey",
  passkeyDone: "Sealed. From now on this browser asks for the passkey first.",
  passkeyOn: "This browser's accounts are sealed by your passkey. Without it they are lost: keep a backup.",
  passkeyDrop: "Stop sealing",
  passkeyDropped: "The passkey is no longer needed here.",

  backup: "Backup",
  backupHelp:
    "Browsers sometimes forget what they store. A sealed file brings this account back; the PIN is not in it.",
  passphrase: "Passphrase",
  passphraseHelp: (characters) => `At least ${characters} characters; several words are best.`,
  saveBackup: "Save a backup",
  backupSaved: "Saved.",
  restoreBackup: "Restore a backup",
  restored: () => "Restored. You can log in with its PIN.",
  notABackup: "This is not a backup of this site.",
  wrongPassphrase: "The passphrase does not open it.",

  forget: "Remove from this browser",
  forgetHelp: "Before you give this device away. It is revoked as well.",
  forgetAsk: "Remove this account from this browser?",
};

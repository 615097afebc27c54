/**
 * What the account page says, beyond the texts of login and set-up.
 * @module
 */

export interface AccountTexts {
  readonly demoTitle: string;
  readonly demoLead: (authorities: number) => string;
  readonly you: string;
  readonly user: string;
  readonly device: string;
  readonly identity: string;
  readonly since: string;
  readonly logOut: string;

  readonly devices: string;
  readonly thisDevice: string;
  readonly neverUsed: string;
  readonly isRevoked: string;
  readonly lastLogin: (when: string) => string;
  readonly rename: string;
  readonly newName: (label: string) => string;
  readonly save: string;
  readonly revoke: string;
  readonly revokeAsk: (label: string) => string;
  readonly revokeHelp: string;

  readonly addDevice: string;
  readonly addDeviceHelp: string;
  readonly makeCode: string;
  readonly waitingForClaim: string;
  readonly wantsToJoin: (label: string) => string;
  readonly whichNumber: string;
  readonly noneOfThese: string;
  readonly pinToApprove: string;
  readonly approved: string;
  readonly notApproved: string;

  readonly approvals: string;
  readonly approvalsHelp: string;
  readonly approve: string;
  readonly decline: string;
  readonly approvalGiven: string;
  readonly approvalDeclined: string;

  readonly whatTheySaw: string;
  readonly whatTheySawHelp: string;
  readonly sawNothing: string;
  readonly notReached: string;
  readonly entry: (number: number) => string;
  readonly actions: Readonly<Record<"issue" | "permit" | "email-code", string>>;
  readonly refresh: string;

  readonly sign: string;
  readonly signHelp: string;
  readonly textToSign: string;
  readonly signNow: string;
  readonly notSignable: string;
  readonly pinToSign: string;
  readonly signed: string;
  readonly signedSoFar: string;

  readonly changePin: string;
  readonly changePinHelp: string;
  readonly pinNow: string;
  readonly pinNew: string;
  readonly pinChanged: string;

  readonly passkey: string;
  readonly passkeyHelp: string;
  readonly passkeyUse: string;
  readonly passkeyDone: string;
  readonly passkeyOn: string;
  readonly passkeyDrop: string;
  readonly passkeyDropped: string;
  readonly backup: string;
  readonly backupHelp: string;
  readonly passphrase: string;
  readonly passphraseHelp: (characters: number) => string;
  readonly saveBackup: string;
  readonly backupSaved: string;
  readonly restoreBackup: string;
  readonly restored: (records: number) => string;
  readonly notABackup: string;
  readonly wrongPassphrase: string;

  readonly forget: string;
  readonly forgetHelp: string;
  readonly forgetAsk: string;
}

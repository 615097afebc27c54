/** German. @module */
import type { AccountTexts } from "./texts.ts";

const WORDS = ["null", "eine", "zwei", "drei", "vier", "fünf"];

export const texts: AccountTexts = {
  demoTitle: "Eine PIN genügt",
  demoLead: (count) =>
    `Kein Passwort und keine Liste von Passwörtern zum Stehlen: ${WORDS[count] ?? count} unabhängige Stellen machen je einen Teil Ihres Schlüssels, und nur dieser Browser hält je das Ganze.`,
  you: "Sie",
  user: "Konto",
  device: "Gerät",
  identity: "Identität",
  since: "Angemeldet",
  logOut: "Abmelden",

  devices: "Ihre Geräte",
  thisDevice: "dieses hier",
  neverUsed: "nie benutzt",
  isRevoked: "widerrufen",
  lastLogin: (when) => `zuletzt benutzt ${when}`,
  rename: "Umbenennen",
  newName: (label) => `Neuer Name für ${label}`,
  save: "Speichern",
  revoke: "Widerrufen",
  revokeAsk: (label) => `${label} widerrufen?`,
  revokeHelp: "Es kann sich nie mehr anmelden. Sie können es neu einrichten.",

  addDevice: "Gerät hinzufügen",
  addDeviceHelp:
    "Öffnen Sie diese Seite auf dem neuen Gerät, wählen Sie „Dieses Gerät einrichten“, dann „QuickCode“, und tippen Sie:",
  makeCode: "QuickCode zeigen",
  waitingForClaim: "Warten auf das neue Gerät …",
  wantsToJoin: (label) => `„${label}“ möchte dazukommen`,
  whichNumber: "Welche Zahl zeigt es?",
  noneOfThese: "Keine davon",
  pinToApprove: "PIN eingeben, um zuzustimmen",
  approved: "Zugestimmt. Weiter auf dem neuen Gerät.",
  notApproved: "Nicht zugestimmt. Das neue Gerät bekommt nichts.",

  approvals: "Wartet auf Ihre Zustimmung",
  approvalsHelp:
    "Eine Anwendung bittet Sie um eine Bestätigung. Stimmen Sie nur zu, wenn Sie den Vorgang selbst begonnen haben.",
  approve: "Zustimmen",
  decline: "Ablehnen",
  approvalGiven: "Zugestimmt.",
  approvalDeclined: "Abgelehnt.",

  whatTheySaw: "Was jede Stelle gesehen hat",
  whatTheySawHelp:
    "Aus dem öffentlichen Protokoll einer jeden. Sie weiß, dass sie einen Teil Ihres Schlüssels gemacht hat und ihn gelten lässt. Wann und wo Sie sich anmelden, erfährt sie nie.",
  sawNothing: "Nichts über dieses Gerät.",
  notReached: "Gerade nicht erreichbar.",
  entry: (number) => `Eintrag ${number}`,
  actions: {
    issue: "machte ihren Teil Ihres Schlüssels",
    permit: "gab eine Erlaubnis für einen Zeitraum",
    "email-code": "mailte einen Code",
  },
  refresh: "Noch einmal nachsehen",

  sign: "Einen Text unterschreiben",
  signHelp: "Was Sie sehen, wird unterschrieben, mit Ihrer PIN.",
  textToSign: "Text",
  signNow: "Unterschreiben",
  notSignable: "Nur einfacher Text mit bis zu 4096 Zeichen.",
  pinToSign: "PIN eingeben, um zu unterschreiben",
  signed: "Unterschrieben.",
  signedSoFar: "Bisher unterschrieben",

  changePin: "PIN ändern",
  changePinHelp: "Sie ändert sich nur auf diesem Gerät. Kein Server erfährt davon.",
  pinNow: "Ihre bisherige PIN",
  pinNew: "Ihre neue PIN",
  pinChanged: "Von jetzt an gilt die neue PIN.",

  passkey: "Passkey-Siegel",
  passkeyHelp:
    "Wenn Sie möchten: versiegelt, was dieser Browser speichert, noch einmal. Wer dessen Dateien kopiert, braucht außer der PIN auch Ihren Passkey.",
  passkeyUse: "Mit einem Passkey versiegeln",
  passkeyDone: "Versiegelt. Von nun an fragt dieser Browser zuerst nach dem Passkey.",
  passkeyOn:
    "Die Konten dieses Browsers sind mit Ihrem Passkey versiegelt. Ohne ihn sind sie verloren: Bewahren Sie eine Sicherung auf.",
  passkeyDrop: "Nicht mehr versiegeln",
  passkeyDropped: "Der Passkey wird hier nicht mehr gebraucht.",

  backup: "Sicherung",
  backupHelp:
    "Browser vergessen manchmal, was sie speichern. Eine versiegelte Datei bringt dieses Konto zurück; die PIN ist nicht darin.",
  passphrase: "Passphrase",
  passphraseHelp: (characters) => `Mindestens ${characters} Zeichen; am besten mehrere Wörter.`,
  saveBackup: "Sicherung speichern",
  backupSaved: "Gespeichert.",
  restoreBackup: "Sicherung wiederherstellen",
  restored: () => "Wiederhergestellt. Sie können sich mit der zugehörigen PIN anmelden.",
  notABackup: "Das ist keine Sicherung dieser Seite.",
  wrongPassphrase: "Die Passphrase öffnet sie nicht.",

  forget: "Aus diesem Browser entfernen",
  forgetHelp: "Bevor Sie das Gerät weggeben. Es wird dabei auch widerrufen.",
  forgetAsk: "Dieses Konto aus diesem Browser entfernen?",
};

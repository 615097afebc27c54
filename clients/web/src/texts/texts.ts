/**
 * What the components say, in one shape for all languages: a text that is missing somewhere does not compile.
 * Names of people, services and devices come in as arguments and are never part of a sentence's grammar.
 * @module
 */
export interface Texts {
  readonly pin: string;
  /** Said after each digit. The digits themselves are never said. */
  readonly digitsOf: (count: number, of: number) => string;
  readonly digits: (count: number) => string;
  readonly deleteDigit: string;
  readonly confirmPin: string;
  readonly language: string;
  readonly loading: string;
  readonly next: string;
  readonly back: string;
  readonly cancel: string;
  readonly tryAgain: string;
  readonly startOver: string;
  readonly logIn: string;
  readonly logInTo: (client: string) => string;
  readonly chooseAccount: string;
  readonly otherAccount: string;
  readonly setUpDevice: string;
  readonly noAccount: string;
  readonly enterPin: string;
  readonly checking: string;
  readonly wrongPin: string;
  readonly attemptsLeft: (count: number) => string;
  readonly waitSeconds: (seconds: number) => string;
  readonly blocked: string;
  readonly blockedHelp: string;
  /** With day and time, in the language's own way. */
  readonly blockedUntil: (when: string) => string;
  readonly revoked: string;
  readonly revokedHelp: (authority: string) => string;
  /** It was away while the keys of the domain were replaced, for longer than changing over was possible. */
  readonly outdatedHelp: string;
  readonly confirmFirst: (client: string) => string;
  readonly offline: string;
  readonly offlineHelp: string;
  readonly failed: string;
  readonly failedHelp: (code: string) => string;
  readonly loggedIn: string;
  readonly loggedInAs: (user: string) => string;
  readonly withPhone: string;
  readonly withPhoneHelp: string;
}

/**
 * Options that several commands share.
 * @module
 */
import type { OptionSpec } from "./option.ts";

export const ID_OPTION: OptionSpec = {
  flags: "--id <identity>",
  text: "act as this identity: milagro:<domain>/<kind>/<name>",
};
export const DOMAIN_OPTION: OptionSpec = {
  flags: "--domain <name>",
  text: "the trust domain, when several are pinned",
};
export const KMS_OPTION: OptionSpec = {
  flags: "--kms <url>",
  text: "address of the D-KMS (default: the domain's own)",
};
export const PASSPHRASE_OPTION: OptionSpec = {
  flags: "--passphrase-file <file>",
  text: "file with the passphrase of the key store, mode 0600",
};
export const SOCKET_OPTION: OptionSpec = { flags: "--socket <path>", text: "socket of the local endpoint daemon" };
/** What every command that acts as an identity towards the D-KMS takes. */
export const ACTING_OPTIONS: readonly OptionSpec[] = [ID_OPTION, KMS_OPTION, PASSPHRASE_OPTION];

/**
 * The passphrase of a service that is started at a terminal: asked for here, handed over on its standard input. It is in no
 * argument and no environment variable.
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Passphrase, passphraseFromText } from "@milagro/runtime/passphrase";
import type { Context } from "./command.ts";
import { askPassphrase } from "./ports.ts";

export interface ServicePassphrase {
  /** What it opens, as a person says it. */
  readonly what: string;
  readonly home: string;
  /** The key store in the home. Without one the passphrase is a new one and is asked for twice. */
  readonly keyStore: string;
  /** The variable by which the service takes a passphrase file itself, when it does. */
  readonly variable?: string;
  /** What the service does without a passphrase, when it can: an empty answer chooses that. */
  readonly without?: string;
}

/**
 * What to add to a service's arguments, and the passphrase to hand over when a person was asked for it. Nobody is asked
 * when a file is named, here or in the service's own settings, or when there is no terminal.
 */
export async function passphraseFor(
  context: Context,
  { what, home, keyStore, variable, without }: ServicePassphrase,
): Promise<{ readonly args: readonly string[]; readonly passphrase?: Passphrase }> {
  const { isTty, env } = context.io;
  const { passphraseFile } = context.settings;
  if (passphraseFile !== undefined) return { args: ["--passphrase-file", passphraseFile] };
  if (
    !isTty.stdin ||
    !isTty.stderr ||
    (variable !== undefined && env[variable]) ||
    namesPassphraseFile(join(home, "config.json"))
  ) {
    return { args: [] };
  }
  const age = existsSync(join(home, keyStore)) ? "known" : "new";
  const text = await askPassphrase(context, without === undefined ? what : `${what} (empty: ${without})`, age);
  if (text === "" && without !== undefined) return { args: [] };
  return { args: [], passphrase: passphraseFromText(text) };
}

/** What is wrong with the file is for the service to say. */
function namesPassphraseFile(config: string): boolean {
  try {
    const value: unknown = JSON.parse(readFileSync(config, "utf8"));
    return typeof value === "object" && value !== null && "passphraseFile" in value;
  } catch {
    return false;
  }
}

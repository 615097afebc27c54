/**
 * Network and passphrases: what commands need that do without keys and arithmetic.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { createHttpPort, type HttpPort } from "@milagro/runtime/http-port";
import { type Passphrase, readPassphrase } from "@milagro/runtime/passphrase";
import type { Context } from "./command.ts";

/** Runs `work` with a network port that is closed afterwards. */
export async function withHttp<T>(work: (http: HttpPort) => Promise<T>): Promise<T> {
  const http = createHttpPort();
  try {
    return await work(http);
  } finally {
    http.close();
  }
}

/** Asks a person at the terminal; for a new passphrase, twice. @throws `ERR_PASSPHRASE_INVALID` when the two differ */
export async function askPassphrase(context: Context, what: string, age: "new" | "known"): Promise<string> {
  const { password } = await import("@inquirer/prompts");
  const { stdin, stderr } = context.io;
  const ask = (message: string) =>
    password(
      { message, mask: "*" },
      { input: stdin as NodeJS.ReadStream, output: stderr as NodeJS.WriteStream, signal: context.signal },
    );
  const first = await ask(age === "new" ? `New passphrase for ${what}:` : `Passphrase for ${what}:`);
  if (age === "new" && first !== "" && (await ask("The same again:")) !== first) {
    throw new MilagroError("ERR_PASSPHRASE_INVALID", "the two passphrases are not the same");
  }
  return first;
}

/** From `--passphrase-file`, else from a person at the terminal. */
export function readPassphraseFor(context: Context, what: string, age: "new" | "known" = "known"): Promise<Passphrase> {
  const { isTty } = context.io;
  return readPassphrase({
    file: context.settings.passphraseFile,
    prompt: isTty.stdin && isTty.stderr ? () => askPassphrase(context, what, age) : undefined,
  });
}

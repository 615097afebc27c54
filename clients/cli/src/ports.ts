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

/** From `--passphrase-file`, else from a person at the terminal. */
export function readPassphraseFor(context: Context, what: string, age: "new" | "known" = "known"): Promise<Passphrase> {
  const { isTty, stdin, stderr } = context.io;
  const ask = async (message: string) => {
    const { password } = await import("@inquirer/prompts");
    return password(
      { message, mask: "*" },
      { input: stdin as NodeJS.ReadStream, output: stderr as NodeJS.WriteStream, signal: context.signal },
    );
  };
  const prompt = async (): Promise<string> => {
    const first = await ask(age === "new" ? `New passphrase for ${what}:` : `Passphrase for ${what}:`);
    if (age === "new" && (await ask("The same again:")) !== first) {
      throw new MilagroError("ERR_PASSPHRASE_INVALID", "the two passphrases are not the same");
    }
    return first;
  };
  return readPassphrase({
    file: context.settings.passphraseFile,
    prompt: isTty.stdin && isTty.stderr ? prompt : undefined,
  });
}

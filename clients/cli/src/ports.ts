/**
 * Network and passphrases: what commands need that do without keys and arithmetic.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { SelfDeps } from "@milagro/runtime/channel/self";
import type { Connector } from "@milagro/runtime/connector";
import { createHttpPort, type HttpPort } from "@milagro/runtime/http-port";
import { type Passphrase, readPassphrase } from "@milagro/runtime/passphrase";
import type { Context } from "./command.ts";

/** The network, and how it is protected. */
export interface CliHttp extends HttpPort {
  /** From now on the services of this domain are reached over channels: as nobody, for whatever is asked of them carries its own signature or evidence. */
  through(deps: SelfDeps): Promise<void>;
}

/** Runs `work` with a network port that is closed afterwards. */
export async function withHttp<T>(work: (http: CliHttp) => Promise<T>): Promise<T> {
  let connector: Connector | undefined;
  const http = createHttpPort({ connector: (url) => connector?.(url) });
  const through: CliHttp["through"] = async (deps) => {
    // Here, not above: commands that know no domain do without the arithmetic.
    const [{ serviceConnector }, { anonymousSelf }] = await Promise.all([
      import("@milagro/runtime/channel/service-connector"),
      import("@milagro/runtime/channel/self"),
    ]);
    const self = anonymousSelf(deps);
    connector = serviceConnector({ domain: () => deps.domain, self: () => self });
  };
  try {
    return await work(Object.assign(http, { through }));
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

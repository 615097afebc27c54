/**
 * The keys of an endpoint's folder, for a command that acts as the endpoint beside its daemon. They are read and never written: the daemon renews them, and
 * what it has renewed is read again.
 * @module
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { parseIdentity } from "@milagro/crypto/identity";
import { readEndpointConfig } from "@milagro/endpoint/config";
import { type IdentityStore, openIdentityStore } from "@milagro/endpoint/identity-store";
import { openDomain } from "@milagro/endpoint/pinned-domain";
import { MilagroError } from "@milagro/engine/error";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { SigningKeys } from "@milagro/runtime/channel/self";
import { silentLog } from "@milagro/runtime/log";
import { readPassphraseFile } from "@milagro/runtime/passphrase";
import type { Context } from "./command.ts";
import { readPassphraseFor } from "./ports.ts";
import { engineOf } from "./session.ts";

export interface EndpointKeys {
  readonly domain: TrustDomain;
  readonly keys: SigningKeys;
}

/** How often a look is taken at whether the daemon has written. */
const LOOK_MS = 1000;

/** @throws `ERR_KEY_MISSING` for a folder without keys and for `--id` of somebody else; what reading its settings and keys throws */
export async function withEndpointKeys<T>(
  context: Context,
  folder: string,
  work: (keys: EndpointKeys) => Promise<T>,
): Promise<T> {
  const { settings } = context;
  const config = readEndpointConfig(folder, {}, {});
  const { identity } = config;
  if (settings.identity !== undefined && parseIdentity(settings.identity) !== identity)
    throw new MilagroError("ERR_KEY_MISSING", `${folder} is the folder of ${identity}, not of ${settings.identity}`);
  const engine = await engineOf();
  const { current: domain } = await openDomain(config, engine, silentLog);
  const file = settings.passphraseFile ?? config.passphraseFile;
  const passphrase = await (file === undefined ? readPassphraseFor(context, identity) : readPassphraseFile(file));
  const path = join(config.home, "identity.keys");
  const open = (): Promise<IdentityStore> => openIdentityStore({ path, passphrase, engine, domain, identity });
  // An agreement that has begun goes on with the key it began with: the one before stays until the next.
  let before: IdentityStore | undefined;
  let seen = await versionOf(path);
  let now = await open().catch((error: unknown) => {
    if (!(error instanceof MilagroError) || error.code !== "ERR_FILE_MISSING") throw error;
    throw new MilagroError("ERR_KEY_MISSING", `the endpoint of ${folder} has not enrolled yet`);
  });
  const readAgain = async (): Promise<void> => {
    const version = await versionOf(path);
    if (version === seen) return;
    const fresh = await open();
    seen = version;
    await before?.close();
    [before, now] = [now, fresh];
  };
  let looking = Promise.resolve();
  let failed = false;
  const timer = setInterval(() => {
    looking = looking.then(readAgain).then(
      () => {
        failed = false;
      },
      (error: unknown) => {
        if (!failed) context.note(`Note: the endpoint's keys cannot be read (${codeOf(error)}); trying again.`);
        failed = true;
      },
    );
  }, LOOK_MS);
  timer.unref();
  try {
    return await work({ domain, keys: { identity, find: (usage, epoch) => now.ring.find(usage, epoch) } });
  } finally {
    clearInterval(timer);
    await looking;
    await before?.close();
    await now.close();
    passphrase.destroy();
  }
}

/** The daemon replaces the file, so it is another one each time. */
async function versionOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(
    ({ ino, mtimeNs }) => `${ino} ${mtimeNs}`,
    () => "",
  );
}

const codeOf = (error: unknown): string => (error instanceof MilagroError ? error.code : "ERR_INTERNAL");

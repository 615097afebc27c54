/**
 * What the commands about channels share: an identity that stays supplied with keys for as long as the command runs, addresses, and the
 * control socket on which `milagro channel status` asks what goes on.
 * @module
 */
import { unlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { type ChannelSelf, identitySelf } from "@milagro/channel";
import {
  encodeLiveChannels,
  type LiveChannel,
  type LiveChannels,
  serveLiveChannels,
} from "@milagro/channel/live-channels";
import type { ClientDeps } from "@milagro/client/deps";
import type { IdentityStore } from "@milagro/endpoint/identity-store";
import { keepKeys } from "@milagro/endpoint/keys";
import { MilagroError } from "@milagro/engine/error";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { sleep, systemClock } from "@milagro/runtime/clock";
import { silentLog } from "@milagro/runtime/log";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import type { Context, Invocation } from "./command.ts";
import { withEndpointKeys } from "./endpoint-keys.ts";
import type { OptionSpec } from "./option.ts";
import { DOMAIN_OPTION, ID_OPTION, KMS_OPTION, PASSPHRASE_OPTION } from "./options.ts";
import { asIdentity, engineOf } from "./session.ts";

/** Of every command that talks over channels as an identity. */
export const CHANNEL_OPTIONS: readonly OptionSpec[] = [
  ID_OPTION,
  {
    flags: "--endpoint <folder>",
    text: "act as the endpoint of this folder, with its settings; its daemon renews the keys",
  },
  DOMAIN_OPTION,
  KMS_OPTION,
  PASSPHRASE_OPTION,
];
export const ALLOW_OPTION: OptionSpec = {
  flags: "--allow <pattern>",
  text: "whom to let in: milagro:<domain>/<kind>/<name>, with * for one part and ** for the rest; may be repeated",
  many: true,
};

export interface ChannelSession {
  readonly self: ChannelSelf;
  readonly identity: string;
}

/** `host:port` or `[v6]:port`, the port from 0 or 1 on. @throws `ERR_USAGE` */
export function parseHostPort(text: string, least: 0 | 1 = 1): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < least || port > 65_535)
    throw new MilagroError("ERR_USAGE", "an address is host:port or [v6 address]:port");
  return { host, port };
}

/** As `parseHostPort`, where a port alone means this machine. @throws `ERR_USAGE` */
export function parseLocalAddress(text: string): { readonly host: string; readonly port: number } {
  return parseHostPort(/^\d{1,5}$/.test(text) ? `127.0.0.1:${text}` : text, 0);
}

/**
 * Acts as `--id`, and renews its keys in time: a command may run for weeks. While D-TAs are away the keys that are here go on. With `--endpoint` as the
 * endpoint of that folder, whose daemon renews.
 * @param running - set: renew while `work` runs; else only what is there is used
 */
export async function withChannels<T>(
  context: Context,
  invocation: Invocation,
  work: (session: ChannelSession) => Promise<T>,
  running: "for long" | "once" = "for long",
): Promise<T> {
  const folder = invocation.text("endpoint");
  if (folder !== undefined)
    return withEndpointKeys(context, resolve(context.io.cwd, folder), async ({ domain, keys }) => {
      const deps = { engine: await engineOf(), random: systemRandom, clock: systemClock, domain, keys };
      return work({ self: identitySelf(deps), identity: keys.identity });
    });
  return asIdentity(context, async (deps, store) => {
    const { engine, random, clock, domain } = deps;
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, context.signal]);
    const renewing = running === "for long" ? renew(context, deps, store, signal) : Promise.resolve();
    try {
      const self = identitySelf({ engine, random, clock, domain, keys: store.ring });
      return await work({ self, identity: store.ring.identity });
    } finally {
      ended.abort();
      await renewing;
    }
  });
}

/** The same, but a request ends with the signal: what it was about is kept sealed, and goes on with the next run. */
function endingWith(signal: AbortSignal, deps: ClientDeps): ClientDeps {
  const http: ClientDeps["http"] = (request) => {
    const ending = { ...request, signal }; // which the port of the command line takes, whatever the library's asks for
    return deps.http(ending);
  };
  return { ...deps, http };
}

async function renew(context: Context, client: ClientDeps, store: IdentityStore, signal: AbortSignal): Promise<void> {
  const options = {
    client: endingWith(signal, client),
    store,
    log: silentLog,
    evidenceFile: undefined,
    aheadFraction: 0.25,
    jitter: Math.random(),
    keepEpochs: 30,
    neededEpochs: () => [],
    refusedUntil: new Map(),
  };
  for (let failures = 0; !signal.aborted; ) {
    let waitMs: number;
    try {
      waitMs = Math.min(Math.max((await keepKeys(options)).nextMs - client.clock(), 1000), 60_000);
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      if (failures++ === 0) {
        const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
        context.note(`Note: the keys are not renewed yet (${code}); trying again.`);
      }
      waitMs = 1000 + jitteredBackoffMs(Math.min(failures, 8), 1000, 60_000);
    }
    await sleep(waitMs, signal).catch(() => {});
  }
}

/** Resolves when the command is to end. */
export function untilStopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // Something must hold the process: sockets that nobody uses do not.
    const hold = setInterval(() => {}, 60_000);
    signal.addEventListener(
      "abort",
      () => {
        clearInterval(hold);
        resolve();
      },
      { once: true },
    );
  });
}

/** Where running commands of this profile answer. */
export const controlFolder = (home: string): string => join(home, "channels");

/**
 * Tells `milagro channel status` what goes on, on a socket that only the profile's owner may open, while `work` runs. Does without where it cannot.
 */
export async function withControl<T>(
  context: Context,
  program: string,
  identity: string,
  list: () => Promise<readonly LiveChannel[]> | readonly LiveChannel[],
  work: () => Promise<T>,
): Promise<T> {
  const folder = controlFolder(context.settings.home);
  const path = join(folder, `${process.pid}.sock`);
  await makePrivateFolder(folder);
  const server = await serveLiveChannels(
    path,
    async () =>
      encodeLiveChannels({ v: 1, program, pid: process.pid, identity, channels: [...(await list())] }) as LiveChannels,
  ).catch((error: unknown) => {
    const code = error instanceof MilagroError ? error.code : "ERR_INTERNAL";
    context.note(`Note: milagro channel status will not see this program (${code}).`);
    return undefined;
  });
  const remove = (): void => {
    try {
      unlinkSync(path);
    } catch {}
  };
  try {
    return await work();
  } finally {
    await server?.close();
    remove();
  }
}

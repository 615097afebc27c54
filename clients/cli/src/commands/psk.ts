/**
 * `milagro psk`: keys for existing programs that speak TLS-PSK, renewed before they expire.
 * @module
 */
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { createServer, requestKey } from "@milagro/channel";
import {
  encodePskFile,
  holdsOneKey,
  NOBODY,
  PSK_FORMATS,
  type PskEntry,
  type PskFormat,
} from "@milagro/channel/psk-file";
import { createPskStore } from "@milagro/channel/psk-store";
import { parseIdentity } from "@milagro/crypto/identity";
import { writeOutputFile } from "@milagro/endpoint/output-file";
import { RELOAD_SIGNALS, type ReloadSignal, reload } from "@milagro/endpoint/reload";
import { MilagroError } from "@milagro/engine/error";
import { credentialName } from "@milagro/protocol/channel-credential";
import { isErrno } from "@milagro/runtime/atomic-file";
import { sleep } from "@milagro/runtime/clock";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import {
  ALLOW_OPTION,
  CHANNEL_OPTIONS,
  parseHostPort,
  untilStopped,
  withChannels,
  withControl,
} from "../channel-session.ts";
import type { CommandGroup, CommandSpec, Context, Invocation } from "../command.ts";
import type { OptionSpec } from "../option.ts";
import { listen } from "./channel-listen.ts";

const FILE_OPTIONS: readonly OptionSpec[] = [
  { flags: "--format-of <program>", text: "whose form the file has", choices: PSK_FORMATS, default: "mosquitto" },
  { flags: "-o, --out <file>", text: "the file to write, in memory (tmpfs), mode 0400" },
  { flags: "--identity-out <file>", text: "write the PSK identity there, for programs that take it from a file" },
  { flags: "--allow-disk", text: "write although the folder is on a disk" },
  { flags: "--reload-pid <file>", text: "pid file of the program that reads it again on a signal" },
  { flags: "--reload-signal <signal>", text: "the signal", choices: RELOAD_SIGNALS, default: "SIGHUP" },
  { flags: "--reload-command <program>", text: "a program to run instead, without arguments" },
];
const SWEEP_MS = 1000;

type Write = (entries: readonly PskEntry[]) => Promise<void>;

/** What puts keys into the file and tells the program. @throws `ERR_USAGE` */
function writerOf(context: Context, invocation: Invocation): Write {
  const { cwd } = context.io;
  const path = resolve(cwd, invocation.required("out"));
  const format = invocation.required("formatOf") as PskFormat;
  const identityOut = invocation.text("identityOut");
  const pidFile = invocation.text("reloadPid");
  const command = invocation.text("reloadCommand");
  if (pidFile !== undefined && command !== undefined)
    throw new MilagroError("ERR_USAGE", "--reload-pid or --reload-command, not both");
  return async (entries) => {
    // First the name: a program that is told to read anew finds both.
    if (identityOut !== undefined)
      await writeOutputFile(resolve(cwd, identityOut), Buffer.from(`${entries.at(-1)?.identity ?? NOBODY}\n`), {
        mode: 0o400,
        allowDisk: true,
      });
    const bytes = encodePskFile(format, entries, systemRandom);
    try {
      await writeOutputFile(path, bytes, { mode: 0o400, allowDisk: invocation.flag("allowDisk") });
    } finally {
      bytes.fill(0);
    }
    if (pidFile !== undefined)
      await reload({
        kind: "signal",
        pidFile: resolve(cwd, pidFile),
        signal: invocation.required("reloadSignal") as ReloadSignal,
      }).catch((error: unknown) => {
        // A program that does not run needs no signal: it reads the file when it starts, as it cannot before there is one.
        if (!(error instanceof MilagroError) || !isGone(error.cause)) throw error;
      });
    else if (command !== undefined)
      await reload({ kind: "command", command: [resolve(cwd, command)], timeoutMs: 30_000 });
  };
}

const isGone = (cause: unknown): boolean => isErrno(cause, "ENOENT") || isErrno(cause, "ESRCH");

const pskServe: CommandSpec = {
  name: "serve",
  summary: "beside a TLS-PSK server: agree on keys with those who are let in, and put them into its file",
  details:
    "Each agreement gives one key with a random name and an end. The file holds those that are good; the program is told after each change.",
  options: [
    ...CHANNEL_OPTIONS,
    { flags: "--listen <host:port>", text: "where to wait for agreements" },
    ALLOW_OPTION,
    ...FILE_OPTIONS,
    { flags: "--lifetime <seconds>", text: "how long a key is good", default: "3600" },
  ],
  examples: [
    {
      text: "For Mosquitto (psk_file /run/mosquitto/psk)",
      line: "milagro psk serve --id milagro:acme/service/mqtt --listen 0.0.0.0:7800 --allow 'milagro:acme/endpoint/**' \\\n  --out /run/mosquitto/psk --reload-pid /run/mosquitto/mosquitto.pid",
    },
  ],
  async run(context, invocation) {
    const address = parseHostPort(invocation.required("listen"), 0);
    const allow = invocation.list("allow");
    if (allow.length === 0)
      throw new MilagroError("ERR_USAGE", "say who gets keys: --allow milagro:<domain>/<kind>/<name>");
    const lifetimeSeconds = invocation.integer("lifetime", { min: 5, max: 7 * 86_400 }) ?? 3600;
    const oneKey = holdsOneKey(invocation.required("formatOf") as PskFormat);
    if (!oneKey && invocation.text("identityOut") !== undefined)
      throw new MilagroError("ERR_USAGE", "--identity-out is for a file with one key: --format-of openssl");
    const write = writerOf(context, invocation);
    return withChannels(context, invocation, async ({ self, identity }) => {
      const store = createPskStore({ lifetimeSeconds, random: self.random, clock: self.clock, write, oneKey });
      const server = createServer({
        self,
        allow,
        grant: (peer, psk) => store.add(credentialName(peer), psk),
      });
      // A channel is not what this port is for.
      server.on("channel", (channel) => channel.destroy());
      server.on("channelError", (error) =>
        context.note(`refused a connection (${error instanceof MilagroError ? error.code : "ERR_INTERNAL"})`),
      );
      const sweeper = setInterval(() => {
        store.sweep().catch(() => context.note("Note: expired keys could not be taken out of the file; trying again."));
      }, SWEEP_MS);
      const list = () =>
        store.list().map(({ holder, expiresMs }) => ({
          peer: holder,
          origin: "agreement",
          since: Math.floor((expiresMs - lifetimeSeconds * 1000) / 1000),
          received: 0,
          sent: 0,
          detail: `key good until ${new Date(expiresMs).toISOString()}`,
        }));
      try {
        return await withControl(context, "psk", identity, list, async () => {
          await store.open();
          await listen(server, address);
          context.note(`${identity} gives out keys on ${address.host}:${(server.address() as AddressInfo).port}`);
          await untilStopped(context.signal);
          return 0;
        });
      } finally {
        clearInterval(sweeper);
        server.close();
        await store.close().catch(() => context.note("Note: the keys could not be taken out of the file."));
      }
    });
  },
};

const pskGet: CommandSpec = {
  name: "get",
  summary: "beside a TLS-PSK client: agree on a key with `milagro psk serve`, and put it into a file",
  details:
    "Prints the PSK identity that the client is to send, or writes it with --identity-out. With --keep it stays and renews the key when\nhalf of its time is over.",
  options: [
    ...CHANNEL_OPTIONS,
    { flags: "--to <identity>", text: "who gives out the keys" },
    { flags: "--at <host:port>", text: "where it listens" },
    ...FILE_OPTIONS,
    { flags: "--keep", text: "renew before the key expires, until Ctrl-C" },
  ],
  examples: [
    {
      text: "For stunnel (PSKsecrets = /run/stunnel/psk)",
      line: "milagro psk get --to milagro:acme/service/mqtt --at mqtt.example:7800 --format-of stunnel --out /run/stunnel/psk --keep",
    },
    {
      text: "The key in hex, for a program like openssl",
      line: "milagro psk get --to milagro:acme/service/mqtt --at mqtt.example:7800 --format-of openssl --out /run/user/1000/psk.hex",
    },
  ],
  async run(context, invocation) {
    const to = parseIdentity(invocation.required("to"));
    const address = parseHostPort(invocation.required("at"));
    const keep = invocation.flag("keep");
    const write = writerOf(context, invocation);
    return withChannels(
      context,
      invocation,
      async ({ self }) => {
        const renewOnce = async () => {
          const { identity, lifetimeSeconds, psk } = await requestKey({ self, to, ...address, signal: context.signal });
          const key = psk.use((bytes) => bytes.slice());
          psk.destroy();
          try {
            await write([{ identity, key }]);
          } finally {
            key.fill(0);
          }
          return { identity, lifetimeSeconds };
        };
        const first = await context.progress("agreeing on a key", renewOnce());
        if (!keep) return { data: { pskIdentity: first.identity, lifetimeSeconds: first.lifetimeSeconds } };
        context.io.stdout.write(`${first.identity}\n`);
        let { lifetimeSeconds } = first;
        for (let failures = 0; !context.signal.aborted; ) {
          const wait = failures === 0 ? lifetimeSeconds * 500 : 500 + jitteredBackoffMs(failures, 500, 30_000);
          await sleep(wait, context.signal).catch(() => {});
          if (context.signal.aborted) break;
          try {
            const renewed = await renewOnce();
            context.io.stdout.write(`${renewed.identity}\n`);
            lifetimeSeconds = renewed.lifetimeSeconds;
            failures = 0;
          } catch (error) {
            if (failures++ === 0)
              context.note(
                `Note: the key is not renewed yet (${error instanceof MilagroError ? error.code : "ERR_INTERNAL"}); trying again.`,
              );
          }
        }
        return 0;
      },
      keep ? "for long" : "once",
    );
  },
};

export const psk: CommandGroup = {
  name: "psk",
  summary: "keys for existing programs that speak TLS-PSK",
  commands: [pskServe, pskGet],
};

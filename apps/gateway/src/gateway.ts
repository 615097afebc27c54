/**
 * Puts a gateway together.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import type { ChannelSelf } from "@milagro/runtime/channel/self";
import type { Clock } from "@milagro/runtime/clock";
import { parseListenAddress } from "@milagro/runtime/http-listen";
import type { Log } from "@milagro/runtime/log";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { watchAccessKeys } from "./access-keys.ts";
import { createAudit } from "./audit.ts";
import type { Backend } from "./backend/backend.ts";
import { openBackend } from "./backend-open.ts";
import { listenForChannels } from "./channels.ts";
import type { GatewayConfig } from "./config.ts";
import { createDigestThreads } from "./digest-threads.ts";
import type { Gateway } from "./exchange.ts";
import { createKeks } from "./keks.ts";
import { createNames } from "./names.ts";
import { createObjects } from "./objects.ts";
import { type Rules, readRules } from "./policies.ts";
import type { PolicyKeys } from "./policy-keys.ts";
import { startServer } from "./server.ts";
import { openGatewayStore } from "./store.ts";

export interface GatewayParts {
  readonly gateway: Gateway;
  close(): Promise<void>;
}

export interface OpenOptions {
  readonly config: GatewayConfig;
  readonly policyKeys: PolicyKeys;
  readonly clock: Clock;
  readonly log: Log;
  /** For tests; by default what the configuration says. */
  readonly backend?: Backend;
  readonly rules?: Rules;
}

/** Everything but the server: what rotation needs as well. */
export async function openGateway({ config, policyKeys, clock, log, ...given }: OpenOptions): Promise<GatewayParts> {
  const rules = given.rules ?? (await readRules(config.rules, policyKeys.schema));
  const store = await openGatewayStore(config.database);
  const backend = given.backend ?? (await openBackend(config, clock));
  const audit = createAudit(store, clock);
  const keks = createKeks({ backend, store, audit, policyKeys, writers: config.writers });
  const names = createNames({ keks, rules, random: policyKeys.random });
  const digests = createDigestThreads(config.digestThreads);
  const objects = createObjects({ backend, keks, names, digests, random: policyKeys.random });
  const { region } = config;
  const gateway: Gateway = { backend, store, audit, keks, names, objects, rules, policyKeys, clock, log, region };
  return {
    gateway,
    async close() {
      keks.close();
      await digests.close();
      await backend.close();
      await store.close();
    },
  };
}

export interface RunningGateway extends GatewayParts {
  readonly url: string;
  readonly port: number;
  /** Where channels are taken, when they are. */
  readonly channelPort: number | undefined;
}

export interface StartOptions extends OpenOptions {
  readonly accessKeysPath: string;
  /** Of the access keys; kept for as long as the gateway runs, which follows changes of the file. */
  readonly passphrase: Passphrase;
  /** Who the gateway is on channels, for a configuration with `channelListen`. */
  readonly self?: ChannelSelf | undefined;
}

export async function startGateway(options: StartOptions): Promise<RunningGateway> {
  const { config, log, self } = options;
  const listen = parseListenAddress(config.listen);
  const forChannels = config.channelListen === undefined ? undefined : parseListenAddress(config.channelListen);
  if (forChannels && !("host" in forChannels && self))
    throw new MilagroError("ERR_CONFIG_INVALID", "channelListen is host:port");
  const tls = await readTls(config);
  if (!tls && "host" in listen && !["127.0.0.1", "::1", "localhost"].includes(listen.host) && !config.plainHttp) {
    throw new MilagroError(
      "ERR_CONFIG_INVALID",
      "beyond this machine the gateway serves plaintext by TLS only: set tlsCert and tlsKey, or plainHttp behind a proxy",
    );
  }
  const parts = await openGateway(options);
  try {
    const accessKeys = await watchAccessKeys(options.accessKeysPath, options.passphrase, log);
    await parts.gateway.audit.record({ action: "gateway.start", outcome: "ok" });
    const { domain, idleTimeoutMs } = config;
    const server = await startServer({ gateway: parts.gateway, accessKeys, listen, domain, tls, idleTimeoutMs });
    const channels =
      forChannels && "host" in forChannels && self
        ? await listenForChannels({ self, listen: forChannels, accessKeys, server, log }).catch(async (error) => {
            await server.close();
            throw error;
          })
        : undefined;
    return {
      ...parts,
      url: server.url,
      port: server.port,
      channelPort: channels?.port,
      async close() {
        await server.close(channels?.close());
        await accessKeys.close();
        await parts.close();
      },
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

async function readTls({ tlsCert, tlsKey }: GatewayConfig) {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const [cert, key] = await Promise.all([readFileLimited(tlsCert, 1_048_576), readFileLimited(tlsKey, 1_048_576)]);
  return { cert, key };
}

/**
 * The message bus of the D-KMS: a broker of its own, or an outside one by URL.
 *
 * The broker inside knows whoever comes over a channel by the identity that the channel has proved, asks every plain connection for a signed
 * token (fresh, good once), and every topic for permission. An outside
 * broker does that with its own means; what passes over it is ciphertext or numbers, and answers are checked for
 * authorship here, because nothing tells who published them.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { type BusSubject, decideTopic, formatBusSubject } from "@milagro/protocol/bus-token";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { type Broker, createBroker } from "@milagro/runtime/broker";
import { type Bus, connectBus } from "@milagro/runtime/bus";
import type { Clock } from "@milagro/runtime/clock";
import type { PlainFrom } from "@milagro/runtime/front";
import type { Log } from "@milagro/runtime/log";
import { readPassphraseFile } from "@milagro/runtime/passphrase";
import type { WorkerPool } from "@milagro/runtime/worker-pool";
import type { KmsChannels } from "./channels.ts";
import type { KmsConfig } from "./config.ts";
import type { KmsStore } from "./store.ts";
import type { Tasks } from "./tasks.ts";

export interface KmsBus {
  readonly bus: Bus;
  /** Where others connect. */
  readonly url: string;
  /** Whether whoever publishes has been authenticated by us. */
  readonly trusted: boolean;
  connections(): number;
  close(): Promise<void>;
}

export interface BusOptions {
  readonly config: Pick<KmsConfig, "bus" | "limits">;
  /** The embedded broker's port takes channels, and knows whoever comes over one. */
  readonly channels: Pick<KmsChannels, "front">;
  readonly plain: PlainFrom;
  readonly domain: TrustDomain;
  readonly pool: WorkerPool<Tasks>;
  readonly store: Pick<KmsStore, "rememberNonce">;
  readonly clock: Clock;
  readonly log: Log;
  /** A D-TA has begun to listen: what it owes can be sent now. */
  onDtaListening(index: number): void;
}

/** A subscription counts a moment after it was allowed. */
const SETTLE_MS = 50;

/** @throws `ERR_MESSAGE_INVALID` or `ERR_IDENTITY_INVALID`: nothing that was authenticated */
function subjectOf(text: string): BusSubject {
  const index = /^dta:([1-9][0-9]?)$/.exec(text)?.[1];
  return index === undefined
    ? { kind: "identity", identity: parseIdentity(text) }
    : { kind: "dta", index: Number(index) };
}

/** Whether this token proves this user name, now and for the first time. */
export async function admits(options: BusOptions, user: string, token: string): Promise<boolean> {
  const { pool, store, clock, log } = options;
  try {
    const { subject, nonce, expiresMs } = await pool.call("verifyBusToken", { text: token, nowMs: clock() });
    if (formatBusSubject(subject) !== user)
      throw new MilagroError("ERR_BUS_TOKEN_INVALID", "the token is for another user name");
    // A second longer than the token lives: whole seconds are compared.
    const expires = Math.ceil(expiresMs / 1000) + 1;
    if (!(await store.rememberNonce("bus", `${user} ${encodeBase64url(nonce)}`, expires)))
      throw new MilagroError("ERR_BUS_TOKEN_INVALID", "the token was used before");
    return true;
  } catch (error) {
    if (!(error instanceof MilagroError) || error.code !== "ERR_BUS_TOKEN_INVALID") throw error;
    log.info("bus token refused", { reason: error.message });
    return false;
  }
}

/** @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` for the broker inside; an outside one may be away */
export async function openBus(options: BusOptions): Promise<KmsBus> {
  const { config, domain, log } = options;
  if (config.bus.kind === "embedded") {
    const made: { broker?: Broker } = {};
    const { limits } = config;
    const front = options.channels.front({
      anonymous: false,
      maxChannels: limits.busConnections,
      onChannel: (channel) =>
        made.broker?.accept(channel, { subject: channel.peerName, address: channel.remoteAddress ?? "" }),
    });
    const broker = await createBroker({
      front: { channel: front.accept, plain: options.plain },
      host: config.bus.host,
      port: config.bus.port,
      log,
      maxConnections: config.limits.busConnections,
      maxConnectionsPerAddress: config.limits.busConnectionsPerAddress,
      authenticate: (user, token) => admits(options, user, token),
      authorise(user, action, topic) {
        const subject = subjectOf(user);
        const allowed = decideTopic(domain, subject, action, topic);
        if (allowed && action === "subscribe" && subject.kind === "dta")
          setTimeout(() => options.onDtaListening(subject.index), SETTLE_MS).unref();
        return allowed;
      },
    });
    made.broker = broker;
    const { bus, url, connections } = broker;
    const close = async (): Promise<void> => {
      front.close();
      await broker.close();
    };
    return { bus, url, trusted: true, connections, close };
  }
  const { url, user, credentialFile } = config.bus;
  const credential = credentialFile === undefined ? undefined : await readPassphraseFile(credentialFile);
  const bus = connectBus({
    url,
    log,
    ...(user === undefined || credential === undefined
      ? {}
      : {
          credentials: {
            subject: user,
            token: () => credential.use((bytes) => new TextDecoder().decode(bytes)), // MQTT passwords are text
          },
        }),
  });
  return { bus, url, trusted: false, connections: () => 0, close: () => bus.close() };
}

/**
 * The bus: topics, small payloads, at-least-once while connected and nothing while not. It only hurries things: the truth is a database outbox, so
 * every consumer catches up by sequence number whenever the state becomes "connected", and a publisher that fails does nothing but log.
 * @module
 */
import { randomBytes } from "node:crypto";
import { MilagroError } from "@milagro/engine/error";
import type { IClientOptions, MqttClient } from "mqtt";
import { sleep } from "./clock.ts";
import { CHANNEL_SCHEME, type Connector, type Way } from "./connector.ts";
import { errorFields, type Log } from "./log.ts";
import { clientIdPrefix, topicMatches } from "./mqtt-topic.ts";
import { checkPlainTarget } from "./plain.ts";
import { jitteredBackoffMs } from "./random.ts";

export type BusState = "connecting" | "connected" | "closed";

/**
 * Called for each message in the order of arrival, without waiting for the one before: it may publish and await that. What throws or rejects here is
 * logged, and the message counts as delivered. Beyond 1024 unfinished calls messages are dropped, which the log says.
 */
export type BusHandler = (payload: Uint8Array, topic: string) => Promise<void> | void;

export interface Bus {
  /**
   * Resolves when the broker has the message.
   * @throws `ERR_BUS_UNAVAILABLE` at once when not connected, or when no acknowledgement came in time: it may then be delivered all the same
   */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /**
   * Holds over reconnections. Resolves when the broker has accepted it, or at once while not connected: the state says when it counts.
   * @returns takes the subscription back
   * @throws `ERR_BUS_REFUSED` when the broker does not allow it
   */
  subscribe(filter: string, handler: BusHandler): Promise<() => Promise<void>>;
  readonly state: BusState;
  /** Called with every change, after subscriptions are in place again. @returns takes the listener off */
  onState(listener: (state: BusState) => void): () => void;
  close(): Promise<void>;
}

export interface BusCredentials {
  /** An identity or `dta:<index>`. */
  readonly subject: string;
  /** Asked for at each connection, because tokens are fresh for a minute only. */
  token(): Promise<string> | string;
}

export interface BusOptions {
  /** `mqtt://host:port`, `mqtts://…`, or `milagro://host:port` with a connector. */
  readonly url: string;
  /** Asked for the way to the URL; a broker that knows us by our channel needs no token. */
  readonly connector?: Connector | undefined;
  readonly credentials?: BusCredentials;
  readonly log: Log;
  /** PEM certificates to trust for mqtts instead of the system's. */
  readonly ca?: string | undefined;
  readonly connectTimeoutMs?: number;
  readonly publishTimeoutMs?: number;
  /** Longest pause between attempts. Default 15 s. */
  readonly maxDelayMs?: number;
}

const BASE_DELAY_MS = 100;
const KEEP_ALIVE_SECONDS = 30;
const MAX_PENDING = 1024;
/** MQTT 3.1.1 §3.9.3: the return code of a refused subscription. */
const SUBACK_FAILURE = 0x80;

/** Runs handlers without waiting for them, up to a limit. */
export function handlerCalls(log: Log): (handler: BusHandler, topic: string, payload: Uint8Array) => void {
  let pending = 0;
  return (handler, topic, payload) => {
    if (pending >= MAX_PENDING) {
      log.warn("bus message dropped: too many are being handled", { topic, pending });
      return;
    }
    pending++;
    // A promise's callback, so that a handler that throws at once is one that rejects.
    Promise.resolve(new Uint8Array(payload))
      .then((bytes) => handler(bytes, topic))
      .catch((error: unknown) => log.error("a bus handler failed", { topic, ...errorFields(error) }))
      .finally(() => pending--);
  };
}

/** Starts connecting and goes on trying until closed; never throws because a broker is away. */
export function connectBus(options: BusOptions): Bus {
  const { log } = options;
  const handlers = new Map<string, Set<BusHandler>>();
  const listeners = new Set<(state: BusState) => void>();
  /** Publications that wait for their acknowledgement. */
  const inFlight = new Set<AbortController>();
  const closing = new AbortController();
  let state: BusState = "connecting";
  let client: MqttClient | undefined;

  const setState = (next: BusState): void => {
    if (state === next || state === "closed") return;
    state = next;
    log.info("bus state changed", { state: next });
    for (const listener of listeners) listener(next);
  };
  const call = handlerCalls(log);
  const run = async (): Promise<void> => {
    for (let attempt = 0; !closing.signal.aborted; attempt++) {
      try {
        const session = await openSession(options, closing.signal);
        client = session.client;
        client.handleMessage = (packet, done) => {
          for (const [filter, set] of handlers) {
            if (!topicMatches(filter, packet.topic)) continue;
            for (const handler of set) call(handler, packet.topic, packet.payload as Buffer);
          }
          done(); // now: the library reads nothing more until then, the acknowledgement of a handler's own message included
        };
        for (const filter of handlers.keys()) await subscribeOn(client, filter);
        attempt = 0;
        setState("connected");
        await session.ended;
      } catch (error) {
        if (!closing.signal.aborted) log.warn("bus connection failed", { attempt, ...errorFields(error) });
      } finally {
        client?.end(true);
        client = undefined;
        for (const lost of inFlight) lost.abort();
      }
      if (closing.signal.aborted) return;
      setState("connecting");
      await sleep(
        BASE_DELAY_MS + jitteredBackoffMs(attempt, BASE_DELAY_MS, options.maxDelayMs ?? 15_000),
        closing.signal,
      ).catch(() => {});
    }
  };
  const running = run();

  return {
    async publish(topic, payload) {
      if (!client || state !== "connected") throw unavailable("the bus is not connected");
      const timeoutMs = options.publishTimeoutMs ?? 10_000;
      const lost = new AbortController();
      inFlight.add(lost);
      try {
        await Promise.race([
          client.publishAsync(topic, Buffer.from(payload), { qos: 1 }),
          sleep(timeoutMs, lost.signal).then(
            () => Promise.reject(unavailable("the bus did not acknowledge the message in time")),
            () => Promise.reject(unavailable("the bus connection broke before the message was acknowledged")),
          ),
        ]);
      } catch (cause) {
        if (cause instanceof MilagroError) throw cause;
        throw unavailable("the bus did not take the message", cause);
      } finally {
        inFlight.delete(lost);
        lost.abort();
      }
    },
    async subscribe(filter, handler) {
      const set = handlers.get(filter) ?? new Set();
      set.add(handler);
      handlers.set(filter, set);
      const forget = (): boolean => {
        set.delete(handler);
        return set.size === 0 && handlers.get(filter) === set && handlers.delete(filter);
      };
      try {
        if (client && state === "connected" && set.size === 1) await subscribeOn(client, filter);
      } catch (error) {
        forget();
        throw error;
      }
      return async () => {
        if (forget() && client && state === "connected") await client.unsubscribeAsync(filter).catch(() => {});
      };
    },
    get state() {
      return state;
    },
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      if (state !== "closed") {
        closing.abort();
        // Politely first, so that messages on their way are acknowledged; `run` ends it hard.
        await client?.endAsync(false).catch(() => {});
        setState("closed");
      }
      await running;
    },
  };
}

interface Session {
  readonly client: MqttClient;
  /** Resolves when the connection has ended, for whatever reason. */
  readonly ended: Promise<void>;
}

/** One connection, without the library's own reconnection: that would repeat a stale token. */
async function openSession(options: BusOptions, signal: AbortSignal): Promise<Session> {
  const { credentials } = options;
  // Here, not above: a D-KMS with the broker inside has no use for a client, nor for the memory it takes.
  const { connect, MqttClient } = await import("mqtt");
  const way = wayTo(options);
  const stream = await way?.open();
  const token = way ? undefined : await credentials?.token();
  if (signal.aborted) stream?.destroy();
  signal.throwIfAborted();
  const connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
  const settings: IClientOptions = {
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    writeCache: false, // as in broker.ts: 8 MB of two-byte buffers
    keepalive: KEEP_ALIVE_SECONDS,
    connectTimeout: connectTimeoutMs,
    clientId: `${credentials ? clientIdPrefix(credentials.subject) : "anonymous"}-${randomBytes(9).toString("base64url")}`,
    ...(credentials ? { username: credentials.subject } : {}),
    ...(token === undefined ? {} : { password: token }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
  const client = stream ? new MqttClient(() => stream, settings) : connect(options.url, settings);
  client.on("error", () => {}); // each is followed by "close", which we wait for
  const ended = new Promise<void>((resolve) => client.once("close", () => resolve()));
  const onAbort = (): unknown => client.end(true);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", (cause) =>
        reject(unavailable("the bus refused the connection or cannot be reached", cause)),
      );
      void ended.then(() => reject(unavailable("the bus closed the connection")));
    });
    return { client, ended };
  } catch (error) {
    client.end(true);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** @throws `ERR_BUS_UNAVAILABLE` for an address that only a connector leads to, `ERR_PLAIN_REFUSED` */
function wayTo({ url, connector }: BusOptions): Way | undefined {
  const target = new URL(url);
  const way = connector?.(target);
  if (!way && url.startsWith(CHANNEL_SCHEME)) throw unavailable("this bus is reached over a channel only");
  if (!way) checkPlainTarget("the bus", target);
  return way;
}

async function subscribeOn(client: MqttClient, filter: string): Promise<void> {
  try {
    const granted = await client.subscribeAsync(filter, { qos: 1 });
    if (granted.every(({ qos }) => Number(qos) < SUBACK_FAILURE)) return;
  } catch (cause) {
    if (!client.connected) throw unavailable("the bus connection broke while subscribing", cause);
    throw new MilagroError("ERR_BUS_REFUSED", "the bus does not allow this subscription", { cause });
  }
  throw new MilagroError("ERR_BUS_REFUSED", "the bus does not allow this subscription");
}

function unavailable(message: string, cause?: unknown): MilagroError {
  return new MilagroError("ERR_BUS_UNAVAILABLE", message, { cause });
}

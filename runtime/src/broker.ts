/**
 * An MQTT 3.1.1 broker inside the process: who connects and who may use which topic is asked of the service. It keeps nothing: no retained messages, no
 * sessions that outlive a connection, no wills, no QoS 2; what a consumer missed it fetches from the service.
 * @module
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { Duplex, pipeline } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import { Aedes, type AuthenticateError, type Client } from "aedes";
import mqttPacket from "mqtt-packet";
import type { Bus, BusState } from "./bus.ts";
import { handlerCalls } from "./bus.ts";
import { clientNetwork } from "./client-network.ts";
import { addFront, checkPlainListen, type FrontOptions } from "./front.ts";
import { errorFields, type Log } from "./log.ts";
import { limitPackets } from "./mqtt-limit.ts";
import { clientIdPrefix, topicMatches } from "./mqtt-topic.ts";

export interface BrokerOptions {
  readonly host: string;
  readonly port: number;
  readonly log: Log;
  /** Whether the token proves the subject. What it throws counts as no. */
  authenticate(subject: string, token: string): Promise<boolean> | boolean;
  /** Whether the subject may publish to a topic, or subscribe to a filter (which may hold wildcards). What it throws counts as no. */
  authorise(subject: string, action: "publish" | "subscribe", topic: string): Promise<boolean> | boolean;
  /** Default 256 KiB. */
  readonly maxPacketBytes?: number;
  /** Default 10,000. */
  readonly maxConnections?: number;
  /** Default 100. IPv6: per /64. */
  readonly maxConnectionsPerAddress?: number;
  /** A connection ends after this, so that its subject must prove itself again. Default 1 h. */
  readonly maxSessionMs?: number;
  /** Who may speak plain MQTT, and who takes channels. Default: this machine, nobody. */
  readonly front?: FrontOptions;
}

export interface Broker {
  /** `mqtt://host:port` */
  readonly url: string;
  readonly port: number;
  /** The service's own side: no network, no token, every topic. */
  readonly bus: Bus;
  /** Ends all connections of a subject: it was revoked. Returns how many there were. */
  disconnect(subject: string): number;
  connections(): number;
  /** A connection that came another way: its subject has proved itself there, by a channel, and needs no token. */
  accept(stream: Duplex, from: { readonly subject: string; readonly address: string }): void;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
/** CONNACK return codes, MQTT 3.1.1 §3.2.2.3. */
const BAD_USERNAME_OR_PASSWORD = 4;

/** @throws `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE` */
export async function createBroker(options: BrokerOptions): Promise<Broker> {
  const { log } = options;
  checkPlainListen(options.host, options.front ?? {});
  // It would make one buffer for each 16-bit number when it first writes a packet, 8 MB in all, and keep them.
  mqttPacket.writeToStream.cacheNumbers = false;
  const subjects = new Map<Client, string>();
  /** Whom a channel has vouched for, by its stream. */
  const vouched = new WeakMap<object, string>();
  const aedes = await Aedes.createBroker({
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxClientsIdLength: 64,
    maxTopicLevels: 16,
    preConnect: (_client, packet, done) => {
      const fits = packet.clean === true && packet.will === undefined && packet.clientId.length <= 64;
      // With an error, or the broker would leave the connection open and unproven.
      done(fits ? null : new Error("connection refused"), fits);
    },
    authenticate: (client, username, password, done) => {
      const refuse = (): void => {
        log.warn("bus connection refused", { subject: username ?? "" });
        done(Object.assign(new Error("refused"), { returnCode: BAD_USERNAME_OR_PASSWORD }) as AuthenticateError, false);
      };
      const known = vouched.get(client.conn);
      const named = known === undefined ? username && password : username === known;
      if (!username || !named || !client.id.startsWith(`${clientIdPrefix(username)}-`)) {
        refuse();
        return;
      }
      if (known !== undefined) {
        subjects.set(client, known);
        done(null, true);
        return;
      }
      asked(() => options.authenticate(username, (password as Buffer).toString("utf8")), log).then((yes) => {
        if (!yes) {
          refuse();
          return;
        }
        subjects.set(client, username);
        done(null, true);
      });
    },
    authorizePublish: (client, packet, done) => {
      const subject = client && subjects.get(client);
      const refused = new Error("publishing refused");
      if (!subject || packet.retain || packet.qos > 1 || packet.topic.startsWith("$")) {
        done(refused);
        return;
      }
      asked(() => options.authorise(subject, "publish", packet.topic), log).then((yes) => {
        if (!yes) log.warn("bus publication refused", { subject, topic: packet.topic });
        done(yes ? null : refused);
      });
    },
    authorizeSubscribe: (client, subscription, done) => {
      const subject = subjects.get(client);
      if (!subject || subscription.topic.startsWith("$")) {
        done(null, null);
        return;
      }
      asked(() => options.authorise(subject, "subscribe", subscription.topic), log).then((yes) => {
        if (!yes) log.warn("bus subscription refused", { subject, topic: subscription.topic });
        done(null, yes ? subscription : null);
      });
    },
  });
  aedes.on("clientDisconnect", (client) => subjects.delete(client));
  aedes.on("clientError", (client, error) =>
    log.debug("bus client failed", { subject: subjects.get(client) ?? "", ...errorFields(error) }),
  );
  aedes.on("connectionError", (_client, error) => log.debug("bus connection failed", errorFields(error)));

  const perAddress = new Map<string, number>();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    const connection = accept(socket, socket.remoteAddress ?? "", perAddress, options);
    if (connection) aedes.handle(connection);
  });
  addFront(server, options.front ?? {});
  /** Whoever is connected, whatever it has said: aedes closes those only that it knows. */
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.maxConnections = options.maxConnections ?? 10_000;
  try {
    await listen(server, options.host, options.port);
  } catch (error) {
    await new Promise<void>((resolve) => aedes.close(resolve));
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  const url = `mqtt://${options.host.includes(":") ? `[${options.host}]` : options.host}:${port}`;
  log.info("bus listening", { url });

  let closed: Promise<void> | undefined;
  const bus = localBus(aedes, log);
  return {
    url,
    port,
    bus,
    connections: () => subjects.size,
    accept(stream, { subject, address }) {
      const connection = accept(stream, address, perAddress, options);
      if (!connection) return;
      vouched.set(connection, subject);
      aedes.handle(connection);
    },
    disconnect(subject) {
      const clients = [...subjects].filter(([, other]) => other === subject).map(([client]) => client);
      for (const client of clients) client.close();
      return clients.length;
    },
    close() {
      closed ??= (async () => {
        await bus.close();
        const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
        await new Promise<void>((resolve) => aedes.close(resolve));
        for (const socket of sockets) socket.destroy();
        await stopped;
      })();
      return closed;
    },
  };
}

/** @returns what the broker is to handle, undefined when there are too many from there */
function accept(
  socket: Duplex,
  from: string,
  perAddress: Map<string, number>,
  options: BrokerOptions,
): Duplex | undefined {
  const address = clientNetwork(from);
  const count = (perAddress.get(address) ?? 0) + 1;
  if (count > (options.maxConnectionsPerAddress ?? 100)) {
    options.log.warn("too many bus connections from one address", { address, count });
    socket.destroy();
    return undefined;
  }
  perAddress.set(address, count);
  const expiry = setTimeout(() => socket.destroy(), options.maxSessionMs ?? 3_600_000);
  socket.once("close", () => {
    clearTimeout(expiry);
    const left = (perAddress.get(address) ?? 1) - 1;
    if (left > 0) perAddress.set(address, left);
    else perAddress.delete(address);
  });
  const limited = limitPackets(options.maxPacketBytes ?? 262_144);
  pipeline(socket, limited, (error) => {
    if (error) socket.destroy();
  });
  return Duplex.from({ readable: limited, writable: socket });
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "ERR_ADDRESS_IN_USE" : "ERR_ADDRESS_UNAVAILABLE";
      reject(new MilagroError(code, "the bus cannot listen on this address", { cause }));
    });
    server.listen({ host, port }, resolve);
  });
}

/** Fails closed: a hook that throws has said no. */
async function asked(question: () => Promise<boolean> | boolean, log: Log): Promise<boolean> {
  try {
    return (await question()) === true;
  } catch (error) {
    log.error("a bus hook failed", errorFields(error));
    return false;
  }
}

function localBus(aedes: Aedes, log: Log): Bus {
  const listeners = new Set<(state: BusState) => void>();
  const call = handlerCalls(log);
  let state: BusState = "connected";
  return {
    publish: (topic, payload) =>
      new Promise((resolve, reject) => {
        if (state === "closed") reject(new MilagroError("ERR_BUS_UNAVAILABLE", "the bus was closed"));
        const packet = {
          cmd: "publish",
          topic,
          payload: Buffer.from(payload),
          qos: 1,
          retain: false,
          dup: false,
        } as const;
        aedes.publish(packet, (error) => (error ? reject(error) : resolve()));
      }),
    subscribe: (filter, handler) =>
      new Promise((resolve) => {
        const deliver = (packet: { topic: string; payload: string | Buffer }, done: () => void): void => {
          // The broker's own reports about clients (`$SYS/…`) are not messages.
          if (topicMatches(filter, packet.topic)) call(handler, packet.topic, Buffer.from(packet.payload));
          done();
        };
        const off = (): Promise<void> => new Promise((resolved) => aedes.unsubscribe(filter, deliver, resolved));
        aedes.subscribe(filter, deliver, () => resolve(off));
      }),
    get state() {
      return state;
    },
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async close() {
      if (state === "closed") return;
      state = "closed";
      for (const listener of listeners) listener(state);
    },
  };
}

/**
 * The D-KMS put together: database, workers, bus, relay, outbox, own identity, HTTP. Everything is opened in the order in
 * which it is needed and closed in reverse.
 * @module
 */
import { readFile } from "node:fs/promises";
import { concat, u64 } from "@milagro/crypto/bytes";
import { parseDomainId } from "@milagro/crypto/domain-id";
import { createEngine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { encodeSignedDescriptor, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { kmsAuditHeadMessage } from "@milagro/protocol/kms-audit";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import type { AuditSigner } from "@milagro/runtime/audit-log";
import { type Clock, sleep, systemClock, unixSeconds } from "@milagro/runtime/clock";
import { CHANNEL_SCHEME } from "@milagro/runtime/connector";
import { createHttpPort } from "@milagro/runtime/http-port";
import { createHttpServer, type HttpServer } from "@milagro/runtime/http-server";
import { errorFields, type Log } from "@milagro/runtime/log";
import { createMetrics } from "@milagro/runtime/metrics";
import { createNotifier } from "@milagro/runtime/notifier";
import { systemRandom } from "@milagro/runtime/random";
import { createRateLimiter } from "@milagro/runtime/rate-limit";
import { createWaitLimit } from "@milagro/runtime/wait-limit";
import { createWorkerPool, workerUrl } from "@milagro/runtime/worker-pool";
import { openPolicy } from "./access-policy.ts";
import { createAuthenticate } from "./authenticate.ts";
import { openBus } from "./bus.ts";
import { createKmsChannels } from "./channels.ts";
import type { KmsConfig } from "./config.ts";
import { createCursorBox } from "./cursor.ts";
import { createOutbox } from "./outbox.ts";
import { type OwnIdentity, openOwnIdentity } from "./own-identity.ts";
import { authenticAnswer, createRelay, relayTopic } from "./relay-enrolment.ts";
import { addDeliveryRoutes } from "./routes-deliveries.ts";
import { addPublicRoutes } from "./routes-public.ts";
import { addSecretRoutes } from "./routes-secrets.ts";
import { openStore } from "./sql-store.ts";
import type { Tasks } from "./tasks.ts";
import { VERSION } from "./version.ts";

export interface Kms {
  readonly url: string;
  readonly busUrl: string;
  readonly domain: TrustDomain;
  /** Reads the policy file again. */
  reloadPolicy(): Promise<boolean>;
  close(): Promise<void>;
}

export interface KmsEnvironment {
  readonly log: Log;
  readonly clock?: Clock;
}

const FIRST_KEYS_MS = 5000;
const SWEEP_MS = 60_000;
const SIGN_HEAD_MS = 60_000;
/** Status questions while an enrolment is open; each may wait for half a minute. */
const ENROLMENT_CALLS_PER_MINUTE = 600;

/** @throws `ERR_CONFIG_INVALID` for a file that is no descriptor; `ERR_DESCRIPTOR_…` */
async function loadDomain(config: KmsConfig): Promise<{ readonly text: string; readonly domain: TrustDomain }> {
  let text: string;
  let parsed: unknown;
  try {
    text = await readFile(config.domainFile, "utf8");
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new MilagroError("ERR_CONFIG_INVALID", 'setting "domain": the file cannot be read as JSON', { cause });
  }
  const engine = await createEngine({ random: systemRandom });
  const pin = config.pin === undefined ? undefined : parseDomainId(config.pin);
  return { text, domain: verifyDescriptor(engine, systemRandom, parseSignedDescriptor(parsed), { pin }) };
}

/** Starts everything. What was opened before something failed is closed again. */
export async function startKms(config: KmsConfig, environment: KmsEnvironment): Promise<Kms> {
  const { log, clock = systemClock } = environment;
  const closers: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        log.error("closing a part failed", errorFields(error));
      }
    }
  };
  try {
    return await assemble(config, log, clock, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  config: KmsConfig,
  log: Log,
  clock: Clock,
  closers: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<Kms> {
  const { limits } = config;
  const { text, domain } = await loadDomain(config);
  const policy = await openPolicy(config.policyFile, log);

  const store = await openStore(config.database, clock);
  closers.push(() => store.close());

  const pool = createWorkerPool<Tasks>({
    url: workerUrl(import.meta.url, "./worker"),
    log,
    size: config.workers,
    data: () => ({ descriptor: text }),
  });
  closers.push(() => pool.close());
  await pool.ready();

  const notifier = createNotifier();
  closers.push(() => notifier.close());

  const made: { own?: OwnIdentity; server?: HttpServer } = {};
  const channels = createKmsChannels({ domain, pool, clock, log, own: () => made.own });
  const plain = config.tlsInFront ? "anywhere" : "this-machine";
  const bus = await openBus({
    config,
    channels,
    plain,
    domain,
    pool,
    store,
    clock,
    log,
    onDtaListening: (index) => void relay.wake(index).catch((error) => log.warn("relay waits", errorFields(error))),
  });
  closers.push(() => bus.close());

  const outbox = createOutbox({ store, bus: bus.bus, domainId: domain.domainId, log });
  closers.push(() => outbox.stop());

  const relay = createRelay({
    store,
    bus: bus.bus,
    domain,
    clock,
    log,
    notifier,
    limits: {
      perSource: limits.enrolmentsPerAddress,
      total: limits.enrolmentsTotal,
      ttlSeconds: limits.enrolmentTtlSeconds,
    },
    sourceKey: systemRandom(32),
    ...(bus.trusted ? {} : { isAuthentic: authenticAnswer((order) => pool.call("isAuthenticAnswer", order)) }),
  });
  closers.push(() => relay.stop());
  await bus.bus.subscribe(relayTopic(domain), (payload, topic) => relay.receive(topic, payload));
  bus.bus.onState((state) => {
    if (state !== "connected") return;
    outbox.kick();
    relay.kick();
  });

  const http = createHttpPort({ connector: channels.connector, retries: 1 });
  closers.push(() => http.close());
  const own = await openOwnIdentity({ ...config, domain, relay, http, pool, clock, log });
  made.own = own;
  closers.push(() => own.stop());

  const front = channels.front({ anonymous: true, onChannel: (channel) => made.server?.accept(channel) });
  const metrics = createMetrics("milagro-kms", VERSION);
  const server = await createHttpServer({
    name: "milagro-kms",
    version: VERSION,
    description: "D-KMS API: keeps and relays secrets that only their receivers can open.",
    log,
    metrics,
    bodyLimitBytes: limits.bodyBytes,
    rateLimit: { max: limits.addressPerMinute, windowMs: 60_000 },
    front: { channel: front.accept, plain },
    readiness: {
      database: () => store.check(),
      bus: () => {
        if (bus.bus.state !== "connected") throw new MilagroError("ERR_BUS_UNAVAILABLE", "the bus is not connected");
      },
    },
  });
  made.server = server;
  closers.push(async () => {
    front.stop();
    await server.close();
    front.close();
  });
  const waits = createWaitLimit(limits.waiting, server.closing);
  metrics.gauge({ name: "milagro_kms_waiting", help: "Requests that wait for news", read: () => waits.waiting });
  metrics.gauge({
    name: "milagro_kms_bus_connections",
    help: "Connections to the embedded bus",
    read: bus.connections,
  });
  metrics.gauge({ name: "milagro_kms_channels", help: "Channels to the API", read: () => front.count });
  metrics.gauge({
    name: "milagro_kms_worker_queue",
    help: "Tasks that wait for a worker",
    read: () => pool.load.queued,
  });

  let listening = "";
  const origins = (): readonly string[] => [
    ...config.publicUrls,
    ...(domain.descriptor.kms ? [domain.descriptor.kms.url] : []),
    listening,
    listening.replace(/^http:/, CHANNEL_SCHEME),
  ];
  const limiter = createRateLimiter({ burst: limits.identityBurst, perSecond: limits.identityPerSecond });
  const authenticate = createAuthenticate({ domain, pool, store, clock, limiter, origins });
  const deps = { store, domain, policy, clock, notifier, own, pool, kickOutbox: outbox.kick };
  // Behind the plugins, so that limits and the OpenAPI document know these routes.
  server.app.after(() => {
    server.app.decorateRequest("caller", undefined);
    addPublicRoutes(server.app, {
      descriptor: encodeSignedDescriptor(domain.signed),
      relay,
      waits,
      enrolmentsPerMinute: ENROLMENT_CALLS_PER_MINUTE,
    });
    addSecretRoutes(server.app, authenticate, deps, createCursorBox(systemRandom(32)));
    addDeliveryRoutes(server.app, authenticate, { store, notifier, waits, clock });
  });
  const { host, port } = config.listen;
  listening = (await server.listen({ host, port })).url;
  // Without its keys it takes no channels. D-TAs that are away keep nobody from plain connections on this machine.
  await Promise.race([own.settled, sleep(FIRST_KEYS_MS).catch(() => {})]);

  const sweeper = setInterval(() => {
    store.sweep(unixSeconds(clock)).catch((error) => log.warn("sweeping failed", errorFields(error)));
  }, SWEEP_MS);
  closers.push(() => clearInterval(sweeper));

  const signHead: AuditSigner = async ({ index, hash, time }) => {
    const key = own.signingKey();
    if (key === undefined) throw new MilagroError("ERR_SERVICE_NOT_ENROLLED", "there is no key to sign with");
    const message = kmsAuditHeadMessage(domain.domainId, { index, hash, time: Math.floor(time / 1000) });
    const { epoch } = key.author;
    const signature = await pool.call("sign", { key, message }, { transfer: [key.bytes.buffer as ArrayBuffer] });
    return concat(u64(epoch), signature);
  };
  const signer = setInterval(() => {
    if (!own.ready) return;
    store.signAuditHead(signHead).catch((error) => log.warn("audit head not signed", errorFields(error)));
  }, SIGN_HEAD_MS);
  closers.push(() => clearInterval(signer));

  return { url: listening, busUrl: bus.url, domain, reloadPolicy: () => policy.reload(), close };
}

/**
 * The login server put together. Everything is opened in the order in which it is needed and closed in reverse.
 * @module
 */
import { parseDomainId } from "@milagro/crypto/domain-id";
import { generateDvsKey } from "@milagro/crypto/mpin-dvs";
import { createEngine } from "@milagro/engine";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { encodeSignedDescriptor, parseSignedDescriptor } from "@milagro/protocol/descriptor";
import { masterField } from "@milagro/protocol/issuing-domain";
import { encodeLoginService, type LoginServiceWire } from "@milagro/protocol/login-messages";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { auditMigrations } from "@milagro/runtime/audit-log";
import { anonymousSelf } from "@milagro/runtime/channel/self";
import { serviceConnector } from "@milagro/runtime/channel/service-connector";
import { type Clock, systemClock } from "@milagro/runtime/clock";
import { openDatabase } from "@milagro/runtime/database";
import { createHttpServer } from "@milagro/runtime/http-server";
import { errorFields, type Log } from "@milagro/runtime/log";
import { createMetrics, type Metrics } from "@milagro/runtime/metrics";
import { createNotifier } from "@milagro/runtime/notifier";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";
import { createRateLimiter } from "@milagro/runtime/rate-limit";
import { createWaitLimit } from "@milagro/runtime/wait-limit";
import { addAdminRoutes } from "./admin.ts";
import { createAudit } from "./audit.ts";
import { checkNewestHead, startSigning } from "./audit-heads.ts";
import type { AuthConfig, Home } from "./config.ts";
import type { AuthContext, Counters } from "./context.ts";
import { isHttps } from "./cookies.ts";
import { addDemoRoutes } from "./demo-mail.ts";
import { appendEvent } from "./events.ts";
import { addGuard } from "./guard.ts";
import { sweep } from "./housekeeping.ts";
import { openKeys } from "./keys.ts";
import { watchMaster } from "./master-watch.ts";
import { addOpenIdAdminRoutes } from "./openid/admin-routes.ts";
import { createOpenId } from "./openid/openid.ts";
import { guardedPost } from "./openid/outbound.ts";
import { addOpenIdRoutes, isProviderPath } from "./openid/routes.ts";
import { openIdMigrations } from "./openid/tables.ts";
import { usersOf } from "./openid/users.ts";
import { addOutsideProviderRoutes, createOutsideProvider } from "./outside-provider.ts";
import { addPages, loadPages } from "./pages.ts";
import { addAccountRoutes } from "./routes-account.ts";
import { addHandoverRoutes, addQuickCodeRoutes } from "./routes-devices.ts";
import { addLoginRoutes } from "./routes-login.ts";
import { addSecurityHeaders } from "./security-headers.ts";
import { serverIdentity, storedDomain, storedServerSecret } from "./server-secret.ts";
import { networkList } from "./ssrf-guard.ts";
import { type AuthTables, authMigrations } from "./store-schema.ts";
import { VERSION } from "./version.ts";
import { createDeliverer } from "./webhooks.ts";
import { createWorkers } from "./workers.ts";

/** A running login server. */
export interface Auth {
  /** Where it listens. */
  readonly url: string;
  /** How browsers reach it. */
  readonly origin: string;
  readonly adminSocket: string;
  readonly context: AuthContext;
  close(): Promise<void>;
}

export interface AuthEnvironment {
  readonly home: Home;
  readonly config: AuthConfig;
  readonly log: Log;
  /** Opens the key store; destroyed afterwards. */
  readonly passphrase: Passphrase;
  readonly clock?: Clock;
}

const MAX_DESCRIPTOR_BYTES = 1_048_576;
const SWEEP_MS = 60_000;
/** The largest message is a registration with the receipts of 32 D-TAs. */
const MAX_BODY_BYTES = 65_536;

/** Reads and verifies the domain. @throws `ERR_CONFIG_INVALID` for a file that is no descriptor; `ERR_DESCRIPTOR_…` */
export async function loadDomain(
  file: string,
  pin: string | undefined,
): Promise<{ readonly text: string; readonly domain: TrustDomain; readonly engine: Engine }> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder().decode(await readFileLimited(file, MAX_DESCRIPTOR_BYTES));
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new MilagroError("ERR_CONFIG_INVALID", 'setting "domain": the file cannot be read as JSON', { cause });
  }
  const engine = await createEngine({ random: systemRandom });
  const pinned = pin === undefined ? undefined : parseDomainId(pin);
  const domain = verifyDescriptor(engine, systemRandom, parseSignedDescriptor(parsed), { pin: pinned });
  return { text, domain, engine };
}

/** Starts everything. What was opened before something failed is closed again. */
export async function startAuth(environment: AuthEnvironment): Promise<Auth> {
  const closers: (() => Promise<unknown> | unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (error) {
        environment.log.error("closing a part failed", errorFields(error));
      }
    }
  };
  try {
    return await assemble(environment, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function assemble(
  { home, config, log, passphrase, clock = systemClock }: AuthEnvironment,
  closers: (() => Promise<unknown> | unknown)[],
  close: () => Promise<void>,
): Promise<Auth> {
  const { limits } = config;
  const allowed = networkList(config.webhookAllow);
  const pages = config.pages === undefined ? new Map() : loadPages(config.pages);
  const { text: genesis, domain: first, engine } = await loadDomain(config.domain, config.pin);
  const server = serverIdentity(first.name, config.service);
  const nobody = generateDvsKey(engine);

  const keys = await openKeys(home.keys, passphrase);
  passphrase.destroy();
  closers.push(() => keys.close());
  let domain = await storedDomain(engine, first, keys, log);
  const store = await openDatabase<AuthTables>(config.database, {
    migrations: [auditMigrations, authMigrations, openIdMigrations],
    takeTurns: true,
  });
  closers.push(() => store.close());

  const metrics = createMetrics("milagro-auth", VERSION);
  const batches = metrics.histogram({
    name: "milagro_auth_batch_size",
    help: "Logins checked in one product",
    buckets: [1, 2, 4, 8, 16, 32, 64],
  });
  const workers = await createWorkers({
    genesis,
    master: { descriptor: JSON.stringify(encodeSignedDescriptor(domain.signed)), epoch: domain.masterEpoch },
    secret: await storedServerSecret(engine, domain, keys, log),
    size: config.workers,
    maxWaiting: limits.verifying,
    log,
    onBatch: (size) => batches.observe(size),
  });
  closers.push(() => workers.close());

  const audit = createAudit(clock);
  const notifier = createNotifier();
  closers.push(() => notifier.close());
  const at = { origin: config.origin ?? "" };
  const common = { config, log, clock, random: systemRandom, domain, server, store, audit, keys, workers, notifier };
  await checkNewestHead(common);
  closers.push(startSigning(common));
  const deliverer = createDeliverer({ ...common, origin: () => at.origin, allowed });
  closers.push(() => deliverer.stop());
  const openId = await createOpenId({
    ...common,
    keyStore: keys.store,
    origin: () => at.origin,
    users: usersOf(common),
    fetch: guardedPost(allowed),
    onApproval: async ({ user }) => {
      await store.transaction((tx) => appendEvent(common, tx, { type: "approval.requested", data: { user } }));
      deliverer.kick();
    },
  });
  const context: AuthContext = {
    ...common,
    genesis: first.signed,
    get domain() {
      return domain;
    },
    interactions: openId,
    userLimit: createRateLimiter({ burst: limits.userPerMinute, perSecond: limits.userPerMinute / 60 }),
    nobody: nobody.input,
    origin: () => at.origin,
    kickWebhooks: () => deliverer.kick(),
    count: countersOf(metrics),
  };
  nobody.destroy();

  const self = anonymousSelf({ engine, random: systemRandom, clock, domain });
  metrics.gauge({
    name: "milagro_auth_master_epoch",
    help: "Epoch of the mpin master that logins are checked by",
    read: () => workers.masterEpoch,
  });
  const secret = watchMaster({
    ...common,
    engine,
    domain: () => domain,
    setDomain: (later) => {
      domain = later;
    },
    connector: serviceConnector({ domain: () => domain, self: () => self }),
    joinTokensFile: config.joinTokensFile,
    everySeconds: config.descriptorSeconds,
    onCollected: (epoch) =>
      store.transaction(async (tx) => {
        const details = epoch === 0 ? {} : { master: epoch };
        await audit.append(tx, { action: "server-secret", outcome: "ok", subject: server, details });
      }),
  });
  closers.push(() => secret.stop());

  const http = await createHttpServer({
    name: "milagro-auth",
    version: VERSION,
    description: "Login server: logs in with a PIN and a token; keeps no credential.",
    log,
    metrics,
    bodyLimitBytes: MAX_BODY_BYTES,
    rateLimit: { max: limits.addressPerMinute, windowMs: 60_000 },
    trustProxy: config.trustProxy,
    front: { plain: config.tlsInFront ? "anywhere" : "this-machine" },
    readiness: {
      database: () => store.ping(),
      "server-secret": () => workers.admit(),
    },
  });
  closers.push(() => http.close());
  const waits = createWaitLimit(limits.waiting, http.closing);
  metrics.gauge({ name: "milagro_auth_waiting", help: "Requests that wait for news", read: () => waits.waiting });
  metrics.gauge({
    name: "milagro_auth_logins_waiting",
    help: "Logins that wait for a worker",
    read: () => workers.waiting,
  });
  const service = serviceOf(context);
  addSecurityHeaders(http.app, {
    origin: context.origin,
    dtaOrigins: [...new Set(domain.authorities.map(({ entry }) => new URL(entry.url).origin))],
    redirectOrigins: config.redirectOrigins,
  });
  addGuard(http.app, context.origin, isProviderPath);
  // Behind the plugins, so that limits and the OpenAPI document know these routes.
  http.app.after(() => {
    addLoginRoutes(http.app, context, service);
    addAccountRoutes(http.app, context);
    addQuickCodeRoutes(http.app, context, waits);
    addHandoverRoutes(http.app, context, waits);
    addOpenIdRoutes(http.app, context, openId);
    if (config.openIdProvider)
      addOutsideProviderRoutes(http.app, context, createOutsideProvider(config.openIdProvider, context));
    if (config.demo) addDemoRoutes(http.app, context);
    addPages(http.app, pages);
  });
  const { url, port } = await http.listen(config.listen);
  if (at.origin === "") at.origin = `http://localhost:${port}`;
  if (!isHttps(at.origin) && !isLoopback(url)) log.warn("without https this server is for this machine only");

  const admin = await createHttpServer({
    name: "milagro-auth-admin",
    version: VERSION,
    description: "Administration of the login server. Whoever may open its socket is the administrator.",
    log: log.with({ part: "admin" }),
    rateLimit: false,
  });
  closers.push(() => admin.close());
  admin.app.after(() => {
    addAdminRoutes(admin.app, { ...context, allowed });
    addOpenIdAdminRoutes(admin.app, context, openId);
  });
  await admin.listen({ socketPath: home.adminSocket });

  const sweeper = setInterval(() => {
    Promise.all([sweep(context), openId.forgetEnded()]).catch((error) =>
      log.warn("sweeping failed", errorFields(error)),
    );
  }, SWEEP_MS);
  closers.push(() => clearInterval(sweeper));
  return { url, origin: at.origin, adminSocket: home.adminSocket, context, close };
}

const isLoopback = (url: string): boolean => /^http:\/\/(?:127\.|localhost|\[::1\])/.test(url);

function countersOf(metrics: Metrics): Counters {
  const logins = metrics.counter({
    name: "milagro_auth_logins_total",
    help: "Logins by purpose and outcome",
    labels: ["purpose", "outcome"],
  });
  const signatures = metrics.counter({
    name: "milagro_auth_signatures_total",
    help: "Signatures by outcome",
    labels: ["outcome"],
  });
  const registrations = metrics.counter({
    name: "milagro_auth_registrations_total",
    help: "Registrations by outcome",
    labels: ["outcome"],
  });
  return {
    login: (purpose, outcome) => logins.inc({ purpose, outcome }),
    signature: (outcome) => signatures.inc({ outcome }),
    registration: (outcome) => registrations.inc({ outcome }),
  };
}

/** The answer of `GET /v1/service`: the same until there is a later descriptor. */
function serviceOf(context: AuthContext): () => LoginServiceWire {
  const { config, server, origin, genesis } = context;
  let made: LoginServiceWire | undefined;
  let of: TrustDomain | undefined;
  return () => {
    const { domain } = context;
    if (made !== undefined && of === domain) return made;
    of = domain;
    made = encodeLoginService({
      v: 1,
      service: config.service,
      origin: origin(),
      domainId: domain.domainId,
      descriptor: domain.signed,
      descriptorHash: domain.hash,
      ...(domain.descriptor.sequence > 0 ? { genesis } : {}),
      ...masterField(domain.masterEpoch),
      server,
      permits: config.permits,
      epochSeconds: domain.epochSeconds,
      policy: { pin: config.pinDigits, attempts: config.attempts.max },
      enrolment: config.enrolment,
      ...(config.openIdProvider ? { openId: { name: config.openIdProvider.name } } : {}),
      languages: config.languages,
      demo: config.demo,
      ...(config.demo && config.demoMail.length > 0 ? { mail: true } : {}),
    });
    return made;
  };
}

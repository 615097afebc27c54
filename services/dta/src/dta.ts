/**
 * One D-TA as a running thing: opens what is on disk, starts the issuer sealed, listens, and takes it all down in order. `main` wraps a process around it; tests run
 * several in one.
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { removeLeftovers } from "@milagro/runtime/atomic-file";
import type { Clock } from "@milagro/runtime/clock";
import { createHttpServer, type HttpServer } from "@milagro/runtime/http-server";
import { errorFields, type Log } from "@milagro/runtime/log";
import { createMetrics, type Metrics } from "@milagro/runtime/metrics";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { addAdminRoutes } from "./admin.ts";
import { createDtaAudit } from "./audit.ts";
import { startBusWorker } from "./bus-worker.ts";
import { type Ceremonies, createCeremonies } from "./ceremony.ts";
import { createDtaChannels, type DtaChannels } from "./channels.ts";
import { type DtaConfig, type Home, publicAddress } from "./config.ts";
import { type DtaContext, domainOf } from "./context.ts";
import { allowBrowsers } from "./cors.ts";
import { readDenials } from "./deny-list.ts";
import { createEmailCodes, type EmailCodes, type MailOutcome } from "./email-codes.ts";
import { forgetOld, startHousekeeping } from "./housekeeping.ts";
import { startInvitations } from "./invitations.ts";
import { createIssuance, type IssuanceCounters } from "./issue.ts";
import { createIssuer, type Issuer } from "./issuer.ts";
import { checkAuditLog, checkNewestHead } from "./log-page.ts";
import { createMailer } from "./mailer.ts";
import { createOidcAttestor } from "./oidc.ts";
import { createPermits } from "./permits.ts";
import { openPolicyFile } from "./policy-file.ts";
import { createRotations, forgetPastMasters, type Rotations } from "./rotation.ts";
import { addPublicRoutes } from "./routes.ts";
import { addCeremonyRoutes, addRotationRoutes } from "./routes-ceremony.ts";
import { addMpinRoutes } from "./routes-mpin.ts";
import { unseal } from "./seal.ts";
import { loadDomain, serveDomain, trustOf } from "./served-domain.ts";
import { openStore, type Store } from "./store.ts";
import { createTokenUpdates } from "./token-updates.ts";
import { VERSION } from "./version.ts";

export interface DtaOptions {
  readonly home: Home;
  readonly config: DtaConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Reads the passphrase at start, and again when the issuer was lost. Without it, or when it has none, the operator unseals over the admin socket. */
  readonly readPassphrase?: (() => Promise<Passphrase | undefined>) | undefined;
  /** For tests that stand in the way of the issuer or the store. */
  readonly wrap?: { issuer?(issuer: Issuer): Issuer; store?(store: Store): Store };
}

export interface RunningDta {
  /** `undefined` when it listens to nobody. */
  readonly url: string | undefined;
  readonly adminSocket: string;
  readonly context: DtaContext;
  readonly codes: EmailCodes;
  close(): Promise<void>;
}

/** A D-TA's evidence is at most 96 KiB sealed; ceremonies of 32 members stay below this too. */
const BODY_LIMIT_BYTES = 262_144;

/** @throws `ERR_DATABASE_CORRUPT`, `ERR_AUDIT_CORRUPT`, `ERR_CONFIG_INVALID`, `ERR_KEYSTORE_PASSPHRASE`, `ERR_ADDRESS_IN_USE` and others: a D-TA that cannot start well does not start */
export async function startDta(options: DtaOptions): Promise<RunningDta> {
  const { home, config, log, clock } = options;
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).toReversed()) await close();
  };
  try {
    await removeLeftovers(home.folder);
    const policy = await openPolicyFile(home.policy);
    const opened = await openStore(home.database);
    const store = options.wrap?.store?.(opened) ?? opened;
    closers.push(() => opened.close());
    const audit = createDtaAudit(clock);
    await checkAuditLog({ audit, store });
    const metrics = createMetrics("milagro-dta", VERSION);
    // Set once there is something to recover: a thread that dies before fails the start itself.
    const lost: { recover?: () => Promise<void> } = {};
    const issuer = startIssuer(options, () => void lost.recover?.());
    closers.push(() => issuer.close());
    await issuer.call("seal", null); // a thread that cannot start is found out now
    const context: DtaContext = {
      ...options,
      store,
      audit,
      issuer,
      policy,
      oidc: createOidcAttestor(),
      now: { domain: undefined, denied: [] },
      listeners: new Set(),
    };
    lost.recover = async () => {
      for (const notify of context.listeners) notify();
      try {
        const { domain } = context.now;
        if (domain !== undefined) await issuer.call("trust", trustOf(domain));
        await unsealFromFile(options, context);
      } catch (error) {
        log.error("the issuer stays sealed", errorFields(error));
      }
    };
    await serveDomain(context, await loadDomain(context));
    await checkNewestHead(context);
    await forgetOld(store, clock(), context.now.domain);
    const rotations = createRotations(context);
    const housekeeping = startHousekeeping(() =>
      forgetOld(store, clock(), context.now.domain)
        .then(() => forgetPastMasters(context))
        .then(() => rotations.forgetGivenUp())
        .catch((error: unknown) => log.error("housekeeping failed", errorFields(error))),
    );
    closers.push(() => housekeeping.stop());
    const { domain } = context.now;
    if (domain !== undefined) {
      context.now.denied = (await store.transaction((tx) => readDenials(tx, domain.domainId))).map(
        ({ pattern }) => pattern,
      );
    }
    await unsealFromFile(options, context);
    await forgetPastMasters(context);
    await rotations.forgetGivenUp();

    const issue = createIssuance(context, issuanceCounters(metrics));
    const ceremonies = createCeremonies(context);
    const admin = await createHttpServer({
      name: "milagro-dta-admin",
      version: VERSION,
      log: log.with({ kind: "admin" }),
      rateLimit: false,
      bodyLimitBytes: 4_194_304,
    });
    addAdminRoutes(admin.app, context, ceremonies, rotations);
    closers.push(() => admin.close());
    const codes = createEmailCodes(context, await createMailer(options), mailCounter(metrics));
    const channels = createDtaChannels(context);
    const open = await openPublicServer(context, metrics, issue, { ceremonies, rotations }, codes, channels);
    closers.push(() => codes.idle());
    closers.push(async () => {
      channels.stop();
      await open.close();
      channels.close();
    });
    const bus = startBusWorker(context, issue, channels);
    closers.push(() => bus.close());
    const invitations = startInvitations(context, issue, channels, bus);
    closers.push(() => invitations.close());
    await admin.listen({ socketPath: home.adminSocket });
    const address = publicAddress(config);
    const listening = address === undefined ? undefined : await open.listen(address);
    return { url: listening?.url, adminSocket: home.adminSocket, context, codes, close: closeAll };
  } catch (error) {
    await closeAll().catch(() => {});
    throw error;
  }
}

function startIssuer({ log, wrap }: DtaOptions, onLost: () => void): Issuer {
  const issuer = createIssuer({
    onLost: (error) => {
      log.error("the issuer was lost", errorFields(error));
      onLost();
    },
    onFault: (operation, fields) => log.error("the issuer failed", { ...fields, operation }),
  });
  return wrap?.issuer?.(issuer) ?? issuer;
}

async function unsealFromFile(options: DtaOptions, context: DtaContext): Promise<void> {
  const passphrase = await options.readPassphrase?.();
  if (passphrase === undefined) return;
  try {
    await unseal(context, passphrase);
  } finally {
    passphrase.destroy();
  }
}

async function openPublicServer(
  context: DtaContext,
  metrics: Metrics,
  issue: ReturnType<typeof createIssuance>,
  { ceremonies, rotations }: { readonly ceremonies: Ceremonies; readonly rotations: Rotations },
  codes: EmailCodes,
  channels: DtaChannels,
): Promise<HttpServer> {
  const { issuer, store, config, log } = context;
  const server: HttpServer = await createHttpServer({
    name: "milagro-dta",
    version: VERSION,
    description: "One Distributed Trust Authority",
    log,
    metrics,
    bodyLimitBytes: BODY_LIMIT_BYTES,
    rateLimit: { max: config.requestsPerMinute, windowMs: 60_000 },
    front: {
      channel: (socket) => channels.accept(socket, server),
      plain: config.tlsInFront ? "anywhere" : "this-machine",
    },
    ...(config.trustProxy.length > 0 ? { trustProxy: config.trustProxy } : {}),
    readiness: {
      database: () => store.ping(),
      domain: () => void domainOf(context),
      seal: () => {
        if (issuer.sealed) throw new MilagroError("ERR_SEALED", "this D-TA is sealed");
      },
    },
  });
  metrics.gauge({
    name: "milagro_dta_sealed",
    help: "1 while the masters are sealed",
    read: () => (issuer.sealed ? 1 : 0),
  });
  metrics.gauge({
    name: "milagro_dta_issuer_pending",
    help: "Calls the issuer has not answered",
    read: () => issuer.pending,
  });
  allowBrowsers(server.app);
  addPublicRoutes(server.app, context, issue);
  addMpinRoutes(server.app, {
    permit: createPermits(context, permitCounter(metrics)),
    update: createTokenUpdates(context, updateCounter(metrics)),
    codes,
  });
  addCeremonyRoutes(server.app, ceremonies);
  addRotationRoutes(server.app, rotations);
  return server;
}

function mailCounter(metrics: Metrics): (outcome: MailOutcome) => void {
  const mails = metrics.counter({
    name: "milagro_dta_mails_total",
    help: "Requests for a code by e-mail, by outcome",
    labels: ["outcome"],
  });
  return (outcome) => mails.inc({ outcome });
}

function permitCounter(metrics: Metrics): (outcome: string) => void {
  const permits = metrics.counter({
    name: "milagro_dta_permits_total",
    help: "Requests for time permits, by outcome",
    labels: ["outcome"],
  });
  return (outcome) => permits.inc({ outcome });
}

function updateCounter(metrics: Metrics): (outcome: string) => void {
  const updates = metrics.counter({
    name: "milagro_dta_token_updates_total",
    help: "Requests for token updates, by outcome",
    labels: ["outcome"],
  });
  return (outcome) => updates.inc({ outcome });
}

function issuanceCounters(metrics: Metrics): IssuanceCounters {
  const requests = metrics.counter({
    name: "milagro_dta_requests_total",
    help: "Issuance requests that were decided, by outcome",
    labels: ["outcome"],
  });
  return {
    issued: (again) => requests.inc({ outcome: again ? "again" : "issued" }),
    refused: (code) => requests.inc({ outcome: code }),
  };
}

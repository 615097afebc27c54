/**
 * The daemon: keys, deliveries, files and the local API, each in its own loop, none waiting for the others. What is here goes on being
 * served whatever is away.
 * @module
 */
import { join } from "node:path";
import type { ClientDeps } from "@milagro/client/deps";
import {
  encodeKnownDomain,
  firstSight,
  type KnownDomain,
  laterSight,
  openKnownDomain,
  parseKnownDomain,
} from "@milagro/client/known-domain";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { formatDomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { epochAt } from "@milagro/crypto/epoch";
import { createEngine, type Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { eventsTopic, parseBusEvent } from "@milagro/protocol/bus-messages";
import { makeIdentityBusToken } from "@milagro/protocol/bus-token";
import { parseSignedDescriptor } from "@milagro/protocol/descriptor";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { makePrivateFolder, readFileLimited, writeFileAtomic } from "@milagro/runtime/atomic-file";
import { type Bus, type BusState, connectBus } from "@milagro/runtime/bus";
import { type Clock, sleep } from "@milagro/runtime/clock";
import { createHttpPort } from "@milagro/runtime/http-port";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import type { EndpointConfig } from "./config.ts";
import { catchUp, type DeliveryDeps, loadShelf, openLocked, sendAcks, takeDelivery } from "./deliveries.ts";
import { createIdentityStore, type IdentityStore, openIdentityStore } from "./identity-store.ts";
import { keepKeys } from "./keys.ts";
import { startLocalApi } from "./local-api.ts";
import { createOutputs, type Outputs } from "./outputs.ts";
import { createShelf, type Shelf } from "./shelf.ts";
import type { EndpointStatus } from "./status.ts";
import { type EndpointStore, openEndpointStore } from "./store.ts";
import { VERSION } from "./version.ts";

export interface EndpointPorts {
  readonly log: Log;
  readonly clock: Clock;
  readonly passphrase: Passphrase;
}

export interface RunningEndpoint {
  /** `unix:/path` of the local API. */
  readonly url: string;
  readonly identity: string;
  status(): Promise<EndpointStatus>;
  close(): Promise<void>;
}

/** Long-polling without a bus; with one, a safety net for what it might have lost. */
const POLL_SECONDS = 25;
const SAFETY_MS = 60_000;
const MAX_DESCRIPTOR_BYTES = 1024 * 1024;

/** @throws when it cannot start: configuration, key store, database, descriptor. D-TAs and D-KMS may be away. */
export async function startEndpoint(
  config: EndpointConfig,
  { log, clock, passphrase }: EndpointPorts,
): Promise<RunningEndpoint> {
  await makePrivateFolder(config.home);
  const engine = await createEngine({ random: systemRandom });
  const domain = await openDomain(config, engine, log);
  const identityStore = await openKeys(config, engine, domain, passphrase);
  const store = await openEndpointStore(join(config.home, "endpoint.sqlite"));
  const stopping = new AbortController();
  const { signal } = stopping;
  const http = createHttpPort();
  const client: ClientDeps = {
    engine,
    random: systemRandom,
    clock,
    sleep: (ms) => sleep(ms, signal),
    http: (request) => http({ ...request, signal }),
    domain,
    x25519: nativeX25519,
    kmsUrl: config.kms,
  };
  const shelf = createShelf();
  const outputs = await createOutputs(config, shelf, log);
  const wakeKeys = createWake();
  const wakeDeliveries = createWake();
  const problems = new Map<string, { readonly code: string; readonly message: string }>();
  const deliveries: DeliveryDeps = {
    client,
    ring: identityStore.ring,
    store,
    shelf,
    log,
    authors: config.authors,
    onChange: (paths) => void outputs.update(paths),
    onLocked: () => wakeKeys.ring(),
  };
  await loadShelf(deliveries);
  await outputs.update();

  let bus: Bus | undefined;
  const status = () =>
    describe({ client, identityStore, store, shelf, outputs, problems, busState: bus ? bus.state : "none" });
  const api = await startLocalApi({ socket: config.socket, version: VERSION, shelf, log, status });

  const keysLoop = async (): Promise<void> => {
    const jitter = Math.random();
    for (let failures = 0; !signal.aborted; ) {
      let waitMs: number;
      try {
        const round = await keepKeys({
          client,
          store: identityStore,
          log,
          evidenceFile: config.evidenceFile,
          aheadFraction: config.renewAheadFraction,
          jitter,
          keepEpochs: config.keepEpochs,
          neededEpochs: () => neededEpochs(shelf, identityStore),
        });
        problems.delete("keys");
        failures = 0;
        if (round.changed) {
          await deliver(() => openLocked(deliveries));
          wakeDeliveries.ring();
        }
        // A clock that jumps must not put us to sleep for an epoch.
        waitMs = Math.min(Math.max(round.nextMs - clock(), 50), SAFETY_MS);
      } catch (error) {
        if (signal.aborted) return;
        report("keys", error, failures++);
        waitMs = 250 + jitteredBackoffMs(Math.min(failures, 8), 250, 30_000);
      }
      await wakeKeys.wait(waitMs, signal);
    }
  };

  /** Deliveries are taken one after the other, whether the bus or the API brings them. */
  let queue: Promise<unknown> = Promise.resolve();
  const deliver = <T>(work: () => Promise<T>): Promise<T> => {
    const run = queue.then(work);
    queue = run.catch(() => {});
    return run;
  };

  const deliveriesLoop = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      const epoch = epochAt(clock(), domain.epochSeconds);
      if (!identityStore.ring.find("sig", epoch)) {
        await wakeDeliveries.wait(1000, signal);
        continue;
      }
      bus ??= startBus();
      try {
        const connected = bus?.state === "connected";
        // Without a bus the request itself waits for news; it is not put into the queue, so nothing else waits for it.
        if (!connected && failures === 0) await pollForNews();
        await deliver(() => catchUp(deliveries));
        await sendAcks(deliveries);
        problems.delete("deliveries");
        failures = 0;
        if (connected) await wakeDeliveries.wait(SAFETY_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        report("deliveries", error, failures++);
        await wakeDeliveries.wait(250 + jitteredBackoffMs(Math.min(failures, 8), 250, 15_000), signal);
      }
    }
  };
  let polled = false;
  const pollForNews = async (): Promise<void> => {
    // The first round does not wait: there may be much already.
    if (polled) {
      const { createKmsClient } = await import("@milagro/client/kms-client");
      const after = await store.cursor();
      await Promise.race([
        createKmsClient(client, identityStore.ring).events({ after, limit: 1, waitSeconds: POLL_SECONDS }),
        wakeDeliveries.wait(POLL_SECONDS * 1000, signal),
      ]);
    }
    polled = true;
  };

  function startBus(): Bus | undefined {
    const url = config.bus === "none" ? undefined : (config.bus ?? domain.descriptor.kms?.busUrl);
    if (url === undefined) return undefined;
    const started = connectBus({
      url,
      log,
      credentials: {
        subject: config.identity,
        token: () => {
          const epoch = epochAt(clock(), domain.epochSeconds);
          const key = identityStore.ring.need("sig", epoch);
          return makeIdentityBusToken(engine, systemRandom, {
            domain,
            identity: config.identity,
            epoch,
            key,
            nowMs: clock(),
          });
        },
      },
    });
    started.onState((state) => {
      // Whatever came while it was away is fetched by sequence number.
      if (state === "connected") wakeDeliveries.ring();
    });
    void started
      .subscribe(eventsTopic(domain.domainId, config.identity), onBusMessage)
      .catch((error: unknown) => report("bus", error, 0));
    return started;
  }

  async function onBusMessage(payload: Uint8Array): Promise<void> {
    const { sequence, event } = parseBusEvent(parseJson(parseUtf8(payload)));
    const cursor = await store.cursor();
    if (sequence <= cursor) return;
    if (event && event.sequence === cursor + 1) {
      await deliver(() => takeDelivery(deliveries, event));
      if (sequence === event.sequence) {
        await sendAcks(deliveries).catch((error: unknown) => report("deliveries", error, 0));
        return;
      }
    }
    wakeDeliveries.ring();
  }

  function report(part: string, error: unknown, failures: number): void {
    const known = error instanceof MilagroError;
    problems.set(part, {
      code: known ? error.code : "ERR_INTERNAL",
      message: known ? error.message : "unexpected; see the log",
    });
    if (failures === 0 || failures % 20 === 0)
      log.warn("trying again", { part, attempt: failures, ...errorFields(error) });
  }

  const loops = Promise.all([keysLoop(), deliveriesLoop()]);
  loops.catch((error: unknown) => log.fatal("a loop ended", errorFields(error)));

  return {
    url: `unix:${config.socket.path}`,
    identity: config.identity,
    status,
    async close() {
      stopping.abort(new MilagroError("ERR_OVERLOADED", "the endpoint is shutting down"));
      await api.close();
      await loops.catch(() => {});
      await bus?.close();
      await queue.catch(() => {});
      http.close();
      shelf.clear();
      await identityStore.close();
      await store.close();
    },
  };
}

function neededEpochs(shelf: Shelf, { ring }: IdentityStore) {
  const open = shelf
    .open()
    .flatMap(({ record }) =>
      record.recipients.filter(({ identity }) => identity === ring.identity).map(({ epoch }) => epoch),
    );
  return [...new Set([...open, ...shelf.locked().map(({ epoch }) => epoch)])];
}

async function openKeys(
  config: EndpointConfig,
  engine: Engine,
  domain: TrustDomain,
  passphrase: Passphrase,
): Promise<IdentityStore> {
  const options = { path: join(config.home, "identity.keys"), passphrase, engine, domain, identity: config.identity };
  try {
    return await openIdentityStore(options);
  } catch (error) {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return createIdentityStore(options);
    throw error;
  }
}

/** The configured descriptor beside the newest one seen: an older or foreign one is refused. */
async function openDomain(config: EndpointConfig, engine: Engine, log: Log): Promise<TrustDomain> {
  const memory = join(config.home, "known-domain.json");
  const readJson = async (path: string) => parseJson(parseUtf8(await readFileLimited(path, MAX_DESCRIPTOR_BYTES)));
  const known = await readJson(memory).then(parseKnownDomain, (error: unknown): KnownDomain | undefined => {
    if (error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  });
  const configured = await readJson(config.domainFile).then(parseSignedDescriptor, (error: unknown) => {
    if (known && error instanceof MilagroError && error.code === "ERR_FILE_MISSING") return undefined;
    throw error;
  });
  const pin = config.pin === undefined ? undefined : parseDomainId(config.pin);
  if (!known) {
    if (!configured) throw new MilagroError("ERR_DOMAIN_UNKNOWN", "there is no domain descriptor");
    const sight = firstSight(engine, systemRandom, configured, pin);
    await writeFileAtomic(memory, utf8(JSON.stringify(encodeKnownDomain(sight.known))));
    log.info("domain pinned", { domain: sight.domain.name, domainId: formatDomainId(sight.domain.domainId) });
    return sight.domain;
  }
  if (!configured || configured.descriptor.sequence <= known.newest.descriptor.sequence) {
    const domain = openKnownDomain(engine, systemRandom, known);
    if (pin && formatDomainId(pin) !== formatDomainId(domain.domainId))
      throw new MilagroError("ERR_DESCRIPTOR_PIN", "another domain was pinned here before");
    return domain;
  }
  const sight = laterSight(engine, systemRandom, known, configured);
  await writeFileAtomic(memory, utf8(JSON.stringify(encodeKnownDomain(sight.known))));
  return sight.domain;
}

interface StatusParts {
  readonly client: ClientDeps;
  readonly identityStore: IdentityStore;
  readonly store: EndpointStore;
  readonly shelf: Shelf;
  readonly outputs: Outputs;
  readonly problems: ReadonlyMap<string, { readonly code: string; readonly message: string }>;
  readonly busState: BusState | "none";
}

async function describe(parts: StatusParts): Promise<EndpointStatus> {
  const { client, identityStore, store, shelf } = parts;
  const { ring } = identityStore;
  const epoch = epochAt(client.clock(), client.domain.epochSeconds);
  const refused = await store.refusals(20);
  return {
    v: 1,
    identity: ring.identity,
    domain: client.domain.name,
    domainId: formatDomainId(client.domain.domainId),
    state: ring.find("enc", epoch) && ring.find("sig", epoch) ? "serving" : "enrolling",
    epoch,
    keys: ring.slots().map((slot) => ({ usage: slot.usage, epoch: slot.epoch })),
    bus: parts.busState,
    cursor: await store.cursor(),
    secrets: [
      ...shelf.open().map(({ record }) => ({
        path: record.path,
        version: record.version,
        author: record.author.identity,
        state: "open" as const,
      })),
      ...shelf.locked().map(({ record }) => ({
        path: record.path,
        version: record.version,
        author: record.author.identity,
        state: "locked" as const,
      })),
    ],
    files: [...parts.outputs.states()],
    refused: refused.map(({ path, version, code, timeMs }) => ({
      path,
      version,
      code,
      time: Math.floor(timeMs / 1000),
    })),
    problems: [...parts.problems].map(([part, problem]) => ({ part, ...problem })),
  };
}

/** A bell: `wait` ends when it rings, also when it rang since the last wait. */
function createWake() {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring(): void {
      rung = true;
      wake?.();
    },
    async wait(ms: number, signal: AbortSignal): Promise<void> {
      if (!rung && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const finish = (): void => {
            clearTimeout(timer);
            signal.removeEventListener("abort", finish);
            wake = undefined;
            resolve();
          };
          const timer = setTimeout(finish, ms);
          signal.addEventListener("abort", finish, { once: true });
          wake = finish;
        });
      }
      rung = false;
    },
  };
}

/**
 * The daemon: keys, deliveries, files and the local API, each in its own loop, none waiting for the others. What is here goes on being
 * served whatever is away.
 * @module
 */
import { join } from "node:path";
import type { ClientDeps } from "@milagro/client/deps";
import { createKmsClient } from "@milagro/client/kms-client";
import { isRefusedDescriptor } from "@milagro/client/later-descriptor";
import { parseUtf8 } from "@milagro/crypto/bytes";
import { type Epoch, epochAt } from "@milagro/crypto/epoch";
import { createEngine, type Engine } from "@milagro/engine";
import { MilagroError } from "@milagro/engine/error";
import { eventsTopic, parseBusEvent } from "@milagro/protocol/bus-messages";
import { makeIdentityBusToken } from "@milagro/protocol/bus-token";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { makePrivateFolder } from "@milagro/runtime/atomic-file";
import { type Bus, connectBus } from "@milagro/runtime/bus";
import { clientConnectors } from "@milagro/runtime/channel/client-selves";
import { type Clock, sleep } from "@milagro/runtime/clock";
import { createHttpPort } from "@milagro/runtime/http-port";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import { nativeX25519 } from "@milagro/runtime/x25519";
import { createAttributeKeeper } from "./attribute-keys.ts";
import type { EndpointConfig } from "./config.ts";
import { catchUp, type DeliveryDeps, loadShelf, openLocked, sendAcks, takeAnnouncement } from "./deliveries.ts";
import { describe } from "./describe.ts";
import { createIdentityStore, type IdentityStore, openIdentityStore } from "./identity-store.ts";
import { keepKeys } from "./keys.ts";
import { startLocalApi } from "./local-api.ts";
import { createOutputs } from "./outputs.ts";
import { openDomain } from "./pinned-domain.ts";
import { createShelf, type Shelf } from "./shelf.ts";
import type { EndpointStatus } from "./status.ts";
import { openEndpointStore } from "./store.ts";
import { VERSION } from "./version.ts";
import { createWake } from "./wake.ts";

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
/** How often the D-KMS is asked for a newer descriptor. */
const DESCRIPTOR_MS = 900_000;

/** @throws when it cannot start: configuration, key store, database, descriptor. D-TAs and D-KMS may be away. */
export async function startEndpoint(
  config: EndpointConfig,
  { log, clock, passphrase }: EndpointPorts,
): Promise<RunningEndpoint> {
  await makePrivateFolder(config.home);
  const engine = await createEngine({ random: systemRandom });
  const pinned = await openDomain(config, engine, log);
  // Of one domain, id, keys and epochs never change; addresses may, so those are looked up in `pinned.current`.
  const domain = pinned.current;
  const identityStore = await openKeys(config, engine, domain, passphrase);
  const store = await openEndpointStore(join(config.home, "endpoint.sqlite"));
  const stopping = new AbortController();
  const { signal } = stopping;
  const keys = { engine, random: systemRandom, clock, domain, keys: identityStore.ring };
  const connectors = clientConnectors(keys, () => pinned.current);
  const http = createHttpPort({ connector: connectors.http });
  const client: ClientDeps = {
    engine,
    random: systemRandom,
    clock,
    sleep: (ms) => sleep(ms, signal),
    http: (request) => http({ ...request, signal }),
    get domain() {
      return pinned.current;
    },
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
    attributes: identityStore.attributes,
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
    const refusedUntil = new Map<Epoch, number>();
    const attributeKeys = createAttributeKeeper({ config, client, store: identityStore, shelf, log });
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
          refusedUntil,
        });
        problems.delete("keys");
        if (round.refused) report("past keys", round.refused, 0);
        else if (refusedUntil.size === 0) problems.delete("past keys");
        failures = 0;
        // Apart from the others: a D-TA that refuses an attribute must not cost the keys.
        const more = await attributeKeys.keep().then(
          (changed) => {
            problems.delete("attributes");
            return changed;
          },
          (error: unknown) => {
            if (!signal.aborted) report("attributes", error, 0);
            return false;
          },
        );
        if (round.changed || more) {
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
      try {
        if (!identityStore.ring.find("sig", epochAt(clock(), domain.epochSeconds))) {
          await wakeDeliveries.wait(1000, signal);
          continue;
        }
        bus ??= startBus();
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
  // The first round does not wait: there may be much already.
  let polled = false;
  const pollForNews = async (): Promise<void> => {
    if (polled) {
      const after = await store.cursor();
      const news = createKmsClient(client, identityStore.ring).events({ after, limit: 1, waitSeconds: POLL_SECONDS });
      await Promise.race([news, wakeDeliveries.wait(POLL_SECONDS * 1000, signal)]);
    }
    polled = true;
  };

  /** The D-KMS may move, the D-TAs too: newer descriptors say where to. */
  const descriptorLoop = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted; ) {
      const before = busUrl();
      let waitMs = DESCRIPTOR_MS * (0.75 + Math.random() / 2);
      try {
        const newer = await pinned.refresh(client);
        problems.delete("descriptor");
        failures = 0;
        if (newer && busUrl() !== before) {
          const old = bus;
          bus = undefined;
          await old?.close();
        }
        if (newer) for (const wake of [wakeKeys, wakeDeliveries]) wake.ring();
      } catch (error) {
        if (signal.aborted) return;
        // That the D-KMS is away is said by those who need it more.
        if (isRefusedDescriptor(error)) report("descriptor", error, failures);
        waitMs = Math.min(waitMs, 1000 + jitteredBackoffMs(Math.min(failures++, 12), 1000, DESCRIPTOR_MS));
      }
      await sleep(waitMs, signal).catch(() => {});
    }
  };

  function busUrl(): string | undefined {
    return config.bus === "none" ? undefined : (config.bus ?? pinned.current.descriptor.kms?.busUrl);
  }

  function startBus(): Bus | undefined {
    const url = busUrl();
    if (url === undefined) return undefined;
    const started = connectBus({
      url,
      connector: connectors.bus,
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
    // When it is back, what came meanwhile is fetched by sequence number; when it goes, polling begins.
    started.onState(() => wakeDeliveries.ring());
    void started
      .subscribe(eventsTopic(domain.domainId, config.identity), onBusMessage)
      .catch((error: unknown) => report("bus", error, 0));
    return started;
  }

  async function onBusMessage(payload: Uint8Array): Promise<void> {
    const { sequence, event } = parseBusEvent(parseJson(parseUtf8(payload)));
    if (sequence <= (await store.cursor())) return;
    if (event) await deliver(() => takeAnnouncement(deliveries, event));
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

  const loops = Promise.all([keysLoop(), deliveriesLoop(), descriptorLoop()]);
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

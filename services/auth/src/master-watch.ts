/**
 * Keeps the server secret that of the domain's newest `mpin` master: asks the D-TAs now and then for a later descriptor, believes what all
 * of them have signed, collects the secret anew and switches at once. Until then logins are checked with the old one. Also collects it the
 * first time.
 * @module
 */
import { equalBytes, parseUtf8 } from "@milagro/crypto/bytes";
import type { Identity } from "@milagro/crypto/identity";
import { Secret } from "@milagro/crypto/secret";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import {
  encodeSignedDescriptor,
  hashDescriptor,
  parseSignedDescriptor,
  type SignedDescriptor,
} from "@milagro/protocol/descriptor";
import { type TrustDomain, verifyDescriptor } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { type Clock, sleep } from "@milagro/runtime/clock";
import type { Connector } from "@milagro/runtime/connector";
import { createHttpPort } from "@milagro/runtime/http-client";
import type { HttpPort } from "@milagro/runtime/http-port";
import { errorFields, type Log } from "@milagro/runtime/log";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import { collectSecret, type SecretEvidence } from "./collect-secret.ts";
import type { Keys } from "./keys.ts";
import { storeDomain } from "./server-secret.ts";
import type { Workers } from "./workers.ts";

export interface MasterWatchOptions {
  readonly engine: Engine;
  /** The newest descriptor that is believed. */
  domain(): TrustDomain;
  /** A later one is believed from now on. */
  setDomain(domain: TrustDomain): void;
  readonly server: Identity;
  readonly keys: Keys;
  readonly workers: Workers;
  readonly joinTokensFile: string | undefined;
  /** How often the D-TAs are asked, in seconds. */
  readonly everySeconds: number;
  /** The way to the D-TAs. */
  readonly connector: Connector;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once a secret is there, before it is used. @param epoch - of the master that it is of */
  onCollected(epoch: number): Promise<void>;
}

const TIMEOUT_MS = 10_000;
/** Who has refused the server's own word will not have thought better of it a second later. */
const REFUSED_MS = 60_000;

export function watchMaster(options: MasterWatchOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = watch(options, stopping.signal);
  return {
    async stop() {
      stopping.abort(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      await running;
    },
  };
}

async function watch(options: MasterWatchOptions, signal: AbortSignal): Promise<void> {
  const { workers, log, everySeconds } = options;
  const pause = (ms: number): Promise<void> => sleep(ms, signal).catch(() => {});
  const http = createHttpPort({ retries: 1, connector: options.connector });
  const everyMs = everySeconds * 1000;
  // Many servers that start together do not ask together.
  const aboutEvery = (): number => everyMs * (0.5 + (systemRandom(1)[0] as number) / 256);
  let own: SecretEvidence = "own";
  let failures = 0;
  try {
    if (workers.ready) await pause(aboutEvery());
    while (!signal.aborted) {
      try {
        await round(options, http, own, signal);
        failures = 0;
        await pause(aboutEvery());
      } catch (error) {
        if (signal.aborted) return;
        const refused = error instanceof MilagroError && error.code === "ERR_ENROLMENT_REFUSED";
        if (refused) own = own === "own" && options.joinTokensFile !== undefined ? "join-tokens" : "own";
        failures++;
        if (failures === 1 || failures % 30 === 0)
          log.warn("server secret not collected yet", { attempt: failures, ...errorFields(error) });
        const tokensNext = own === "join-tokens" || !workers.ready;
        await pause(refused && !tokensNext ? REFUSED_MS : 200 + jitteredBackoffMs(failures, 250, 10_000));
      }
    }
  } finally {
    http.close();
  }
}

/** Learns of a later descriptor, if there is one, and sees to its secret. */
async function round(
  options: MasterWatchOptions,
  http: HttpPort,
  own: SecretEvidence,
  signal: AbortSignal,
): Promise<void> {
  const { workers, keys, setDomain, log } = options;
  const known = options.domain();
  const domain = (await findLater(options, http, signal)) ?? known;
  const missing = !workers.ready;
  if (!missing && domain.masterEpoch === workers.masterEpoch) {
    if (domain === known) return;
    await storeDomain(keys, domain);
    setDomain(domain);
    log.info("later descriptor", { sequence: domain.descriptor.sequence });
    return;
  }
  const bytes = await collectSecret({ ...options, domain, http }, missing ? "join-tokens" : own, signal);
  await options.onCollected(domain.masterEpoch);
  await storeDomain(keys, domain, bytes);
  const master = { descriptor: JSON.stringify(encodeSignedDescriptor(domain.signed)), epoch: domain.masterEpoch };
  // A device that is told of the new master and given the old descriptor would have nothing to update its token by.
  await workers.setSecret(new Secret("server secret", bytes), master, () => setDomain(domain));
  log.info("server secret collected", { identity: options.server, epoch: domain.masterEpoch });
}

/** The newest that any D-TA gives and that is to be believed beside the known one. One that is refused is told, and does not hide a good one. */
async function findLater(
  { engine, domain, log }: MasterWatchOptions,
  http: HttpPort,
  signal: AbortSignal,
): Promise<TrustDomain | undefined> {
  const known = domain();
  const given = await Promise.all(known.authorities.map(({ entry: { url } }) => fetchDescriptor(http, url, signal)));
  const hashes: Uint8Array[] = [known.hash];
  let newest: TrustDomain | undefined;
  for (const [i, signed] of given.entries()) {
    if (signed === undefined || signed.descriptor.sequence <= (newest ?? known).descriptor.sequence) continue;
    const hash = hashDescriptor(signed.descriptor);
    if (hashes.some((seen) => equalBytes(seen, hash))) continue;
    hashes.push(hash);
    try {
      newest = verifyDescriptor(engine, systemRandom, signed, { newest: known });
    } catch (error) {
      log.warn("a D-TA gives a descriptor that is refused", { index: i + 1, ...errorFields(error) });
    }
  }
  return newest;
}

/** Undefined where none is to be had: the D-TA is away, or gives something else. */
async function fetchDescriptor(
  http: HttpPort,
  url: string,
  signal: AbortSignal,
): Promise<SignedDescriptor | undefined> {
  try {
    const call = { method: "GET", url: `${url}/v1/descriptor`, headers: {}, timeoutMs: TIMEOUT_MS } as const;
    const { status, body } = await http({ ...call, idempotent: true, signal });
    return status === 200 ? parseSignedDescriptor(parseJson(parseUtf8(body))) : undefined;
  } catch (error) {
    if (error instanceof MilagroError) return undefined;
    throw error;
  }
}

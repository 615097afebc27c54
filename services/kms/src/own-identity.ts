/**
 * The identity of the D-KMS itself, `milagro:<domain>/service/kms`. It enrols as everybody does, at each D-TA, directly or, while a D-TA
 * cannot be reached but over the bus, through its own relay: the first time with join tokens from a file, then each epoch with a signature by its earlier key. Keys rest
 * in a key store sealed by a passphrase; an enrolment under way rests there too, so that a restart goes on with it.
 *
 * Without a passphrase the D-KMS has no identity: it stores and relays, refuses to generate, and takes no channels.
 * @module
 */
import { existsSync } from "node:fs";
import { wipe } from "@milagro/crypto/bytes";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import type { Identity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import { beginEnrolment, type Enrolment, exportEnrolment, resumeEnrolment } from "@milagro/protocol/enrolment";
import { type Evidence, LATE_REQUEST_SECONDS } from "@milagro/protocol/issuance-messages";
import { parseJoinTokens } from "@milagro/protocol/join-token";
import type { Party } from "@milagro/protocol/secret-record";
import { currentEpoch, isSigningEpoch, type TrustDomain } from "@milagro/protocol/trust-domain";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { type Clock, sleep } from "@milagro/runtime/clock";
import type { HttpPort } from "@milagro/runtime/http-port";
import { createKeyStore, type KeyStore, openKeyStore } from "@milagro/runtime/key-store";
import { errorFields, type Log } from "@milagro/runtime/log";
import { type PassphraseSources, readPassphrase } from "@milagro/runtime/passphrase";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import type { WorkerPool } from "@milagro/runtime/worker-pool";
import { askDtas } from "./ask-dtas.ts";
import type { Relay } from "./relay-enrolment.ts";
import type { SigningKeyBytes, Tasks } from "./tasks.ts";

export interface OwnIdentityOptions {
  readonly domain: TrustDomain;
  readonly keyStoreFile: string;
  readonly passphrase: PassphraseSources | undefined;
  readonly joinTokensFile: string | undefined;
  readonly relay: Relay;
  /** To the D-TAs themselves. */
  readonly http: HttpPort;
  readonly pool: WorkerPool<Tasks>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OwnSigner {
  readonly author: Party;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

export interface OwnIdentity {
  readonly identity: Identity;
  /** Whether there is a key whose signatures count now. */
  readonly ready: boolean;
  /** Resolves when there are keys, or the first attempt to get some has failed. */
  readonly settled: Promise<void>;
  /** Who we are now, and what signs as that, in a worker; undefined before the first enrolment. */
  signer(): OwnSigner | undefined;
  /** A copy of the newest key whose signatures count now, for one call to a worker; undefined before the first enrolment. */
  signingKey(): SigningKeyBytes | undefined;
  stop(): Promise<void>;
}

const KIND = "kms-identity";
const PENDING = "enrolment";
const MAX_TOKENS_BYTES = 65_536;
/** How often it looks whether a key is missing; epochs are a minute or longer. */
const LOOK_MS = 5000;
const POLL_MS = 5000;

const entryName = (epoch: number): string => `sig/${epoch}`;

/** The epochs whose keys are in the store, ascending. */
function epochsIn(keys: KeyStore): Epoch[] {
  return keys
    .names()
    .flatMap((name) => (name.startsWith("sig/") ? [parseEpoch(Number(name.slice(4)))] : []))
    .sort((a, b) => a - b);
}

/** @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT` and what reading the passphrase throws */
export async function openOwnIdentity(options: OwnIdentityOptions): Promise<OwnIdentity> {
  const { domain, keyStoreFile, clock, log, relay, pool } = options;
  const identity = kmsIdentity(domain);
  if (options.passphrase === undefined) {
    log.warn("no passphrase: this D-KMS has no identity and will not generate secrets");
    return {
      identity,
      ready: false,
      settled: Promise.resolve(),
      signer: () => undefined,
      signingKey: () => undefined,
      stop: async () => {},
    };
  }
  const passphrase = await readPassphrase(options.passphrase);
  const opened = { kind: KIND, passphrase, random: systemRandom };
  const keys = existsSync(keyStoreFile)
    ? await openKeyStore(keyStoreFile, opened)
    : await createKeyStore(keyStoreFile, opened);
  passphrase.destroy();

  function keyOf(epoch: Epoch): SigningKeyBytes | undefined {
    const entry = keys.get(entryName(epoch));
    if (entry === undefined) return undefined;
    const bytes = entry.use((secret) => secret.slice());
    entry.destroy();
    return { author: { identity, epoch }, bytes };
  }

  async function evidenceFor(requestHash: Uint8Array): Promise<readonly (readonly Evidence[])[]> {
    const current = currentEpoch(domain, clock());
    const earlier = epochsIn(keys).findLast((epoch) => epoch <= current);
    if (earlier !== undefined) {
      const key = keyOf(earlier) as SigningKeyBytes;
      const evidence = await pool.call(
        "renewal",
        { key, requestHash },
        { transfer: [key.bytes.buffer as ArrayBuffer] },
      );
      return domain.authorities.map(() => [evidence]);
    }
    if (options.joinTokensFile === undefined)
      throw new MilagroError(
        "ERR_EVIDENCE_MISSING",
        "the first enrolment needs a file with join tokens: --join-tokens",
      );
    const text = new TextDecoder().decode(await readFileLimited(options.joinTokensFile, MAX_TOKENS_BYTES));
    return parseJoinTokens(text, domain.authorities.length).map((token) => [{ type: "join-token", token }]);
  }

  /** The enrolment that was under way, unless no D-TA would take its requests any more. */
  function pending(): Enrolment | undefined {
    const entry = keys.get(PENDING);
    if (entry === undefined) return undefined;
    const enrolment = entry.use(resumeEnrolment);
    entry.destroy();
    return enrolment.claim.time + LATE_REQUEST_SECONDS > clock() / 1000 ? enrolment : undefined;
  }

  async function begin(epochs: readonly Epoch[]): Promise<Enrolment> {
    const enrolment = await beginEnrolment({
      random: systemRandom,
      domain,
      identity,
      keys: epochs.map((epoch) => ({ usage: "sig", epoch })),
      evidence: ({ requestHash }) => evidenceFor(requestHash),
      nowMs: clock(),
    });
    const exported = exportEnrolment(enrolment);
    await exported.use((bytes) => keys.update({ set: { [PENDING]: bytes } }));
    exported.destroy();
    return enrolment;
  }

  async function enrol(epochs: readonly Epoch[], signal: AbortSignal): Promise<void> {
    const enrolment = pending() ?? (await begin(epochs));
    if (await enrolDirectly(enrolment, signal)) return;
    const id = await relay.enrol(enrolment.requests, "own identity");
    for (;;) {
      const state = await relay.status(id, POLL_MS, signal);
      if (signal.aborted) return;
      if (state.pending.length > 0) {
        // Who was away may be back, and may not get onto a bus that cannot prove itself yet.
        if (await enrolDirectly(enrolment, signal)) return;
        continue;
      }
      const parsed = state.answers.map(
        ({ answer }) => JSON.parse(answer) as { answer?: unknown; problem?: { code: string } },
      );
      const problem = parsed.find((answer) => answer.problem)?.problem;
      await finish(enrolment, () => {
        if (problem)
          throw new MilagroError("ERR_ENROLMENT_REFUSED", `a D-TA could not read our request (${problem.code})`);
        return parsed.map(({ answer }) => JSON.stringify(answer));
      });
      return;
    }
  }

  /** @returns false when a D-TA cannot be reached but over the bus */
  async function enrolDirectly(enrolment: Enrolment, signal: AbortSignal): Promise<boolean> {
    let answers: readonly string[];
    try {
      answers = await askDtas(options.http, domain, enrolment.requests, signal);
    } catch (error) {
      if (error instanceof MilagroError && (error.code === "ERR_UNREACHABLE" || error.code === "ERR_TIMEOUT"))
        return false;
      throw error;
    }
    await finish(enrolment, () => answers);
    return true;
  }

  async function finish(enrolment: Enrolment, answersOf: () => readonly string[]): Promise<void> {
    try {
      const answers = answersOf();
      const exported = exportEnrolment(enrolment);
      const bytes = exported.use((secret) => secret.slice());
      exported.destroy();
      await keep(await pool.call("finishEnrolment", { enrolment: bytes, answers }, { transfer: [bytes.buffer] }));
    } catch (error) {
      // Refused is refused. Whatever else it was, the same request may yet bring the keys, and a new one would find its join tokens spent.
      if (error instanceof MilagroError && error.code === "ERR_ENROLMENT_REFUSED")
        await keys.update({ remove: [PENDING] });
      throw error;
    }
  }

  async function keep(got: readonly { readonly epoch: number; readonly bytes: Uint8Array }[]): Promise<void> {
    const current = currentEpoch(domain, clock());
    const set = Object.fromEntries(got.map(({ epoch, bytes }) => [entryName(epoch), bytes]));
    // The last key before this epoch stays: it proves who we are if the D-KMS was off for long.
    const old = epochsIn(keys)
      .filter((epoch) => epoch < current - 1)
      .map(entryName);
    await keys.update({ set, remove: [PENDING, ...old] });
    for (const { bytes } of got) wipe(bytes);
    log.info("own identity enrolled", { identity, epoch: current });
  }

  const stopping = new AbortController();
  let settle: () => void = () => {};
  const settled = new Promise<void>((resolve) => {
    settle = resolve;
  });
  async function run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const current = currentEpoch(domain, clock());
      const there = new Set(epochsIn(keys));
      const missing = [current, parseEpoch(current + 1)].filter((epoch) => !there.has(epoch));
      try {
        if (missing.length > 0) await enrol(missing, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        if (failures === 1 || failures % 30 === 0)
          log.warn("own identity not enrolled yet", { attempt: failures, ...errorFields(error) });
      }
      settle();
      const wait = failures === 0 ? LOOK_MS : 500 + jitteredBackoffMs(failures, 500, 15_000);
      await sleep(wait, signal).catch(() => {});
    }
  }
  const running = run(stopping.signal);

  /** The current epoch when its key is there; else one whose key still or already counts. */
  function usableEpoch(): Epoch | undefined {
    const now = clock();
    const current = currentEpoch(domain, now);
    const usable = epochsIn(keys).filter((epoch) => isSigningEpoch(domain, epoch, now));
    return usable.find((epoch) => epoch === current) ?? usable[0];
  }

  return {
    identity,
    settled,
    get ready() {
      return usableEpoch() !== undefined;
    },
    signer() {
      const epoch = usableEpoch();
      if (epoch === undefined) return undefined;
      return {
        author: { identity, epoch },
        async sign(message) {
          const key = keyOf(epoch);
          if (key === undefined) throw new MilagroError("ERR_SERVICE_NOT_ENROLLED", "the key is gone");
          return pool.call("sign", { key, message }, { transfer: [key.bytes.buffer as ArrayBuffer] });
        },
      };
    },
    signingKey() {
      const epoch = usableEpoch();
      return epoch === undefined ? undefined : keyOf(epoch);
    },
    async stop() {
      stopping.abort(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      await running;
      await keys.close();
    },
  };
}

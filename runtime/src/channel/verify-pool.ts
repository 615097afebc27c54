/**
 * Signatures of peers, checked in worker threads: a pairing takes a millisecond or two, and live channels must not wait for the
 * agreements of new ones. What arrives while a worker is busy is checked in one batch, so that a rush costs less for each.
 * @module
 */
import { concat } from "@milagro/crypto/bytes";
import { encodeServerSecret, type MpinServerSecret } from "@milagro/crypto/mpin-server-key";
import type { Engine } from "@milagro/engine/engine";
import type { CredentialClaim } from "@milagro/protocol/channel-credential";
import { checkMpinAnswer, type MpinCheck, type MpinChecked } from "@milagro/protocol/channel-mpin";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { errorFields, type Log } from "../log.ts";
import { createWorkerPool, type WorkerPool, workerUrl } from "../worker-pool.ts";
import type { VerifyMethods, WorkerInput } from "./verify-worker.ts";

export interface VerifyPool {
  /** Where the workers cannot do it (they do not start, or die of it) `here` does. */
  verify(claim: CredentialClaim): Promise<boolean>;
  /** A person's answer, in the same way; there when there is a server secret. */
  checkPerson: ((check: MpinCheck) => Promise<MpinChecked>) | undefined;
  close(): Promise<void>;
}

interface Waiting {
  readonly claim: CredentialClaim;
  resolve(holds: boolean): void;
}

/** More in one product gain little, and one that is false costs the others more. */
const MAX_BATCH = 16;

/** @param options.size - threads, 1 or more; they start with the first claim */
export function startVerifyPool(options: {
  readonly domain: TrustDomain;
  readonly log: Log;
  readonly size: number;
  /** The worker's module, where it is not beside this one. */
  readonly url?: URL;
  /** Verifies on this thread. */
  here(claim: CredentialClaim): boolean | Promise<boolean>;
  /** Of a server that lets persons in: its secret is in the workers too. */
  readonly persons?: { readonly engine: Engine; readonly serverSecret: MpinServerSecret } | undefined;
}): VerifyPool {
  const { domain, log, size, persons } = options;
  let pool: WorkerPool<VerifyMethods> | undefined;
  const waiting: Waiting[] = [];
  let running = 0;

  const data = (): WorkerInput => ({
    domainId: domain.domainId,
    authorities: domain.authorities.map(({ entry }) => ({
      id: concat(entry.keys.id.g1, entry.keys.id.g2),
      statement: entry.statementKey,
    })),
    ...(persons ? { serverSecret: encodeServerSecret(persons.engine, persons.serverSecret) } : {}),
  });
  const started = (): WorkerPool<VerifyMethods> => {
    pool ??= createWorkerPool({ url: options.url ?? workerUrl(import.meta.url, "./channel-worker"), log, size, data });
    return pool;
  };

  async function run(): Promise<void> {
    running += 1;
    const workers = started();
    while (waiting.length > 0) {
      const batch = waiting.splice(0, MAX_BATCH);
      const claims = batch.map(({ claim }) => claim);
      const results = await workers.call("verifyClaims", claims).catch((error: unknown) => {
        log.warn("signatures are checked on the main thread", errorFields(error));
        return Promise.all(claims.map(async (claim) => options.here(claim)).map((holds) => holds.catch(() => false)));
      });
      for (const [i, { resolve }] of batch.entries()) resolve(results[i] === true);
    }
    running -= 1;
  }

  return {
    verify(claim) {
      return new Promise((resolve) => {
        waiting.push({ claim, resolve });
        if (running < size) void run();
      });
    },
    checkPerson:
      persons &&
      ((check) =>
        started()
          .call("checkPerson", check)
          .catch((error: unknown) => {
            log.warn("a person's answer is checked on the main thread", errorFields(error));
            return checkMpinAnswer(persons.engine, persons.serverSecret, check);
          })),
    async close() {
      await pool?.close(0);
    },
  };
}

/**
 * The server secret: collected from all D-TAs with one join token of each, kept in the sealed key store, and collected anew when
 * the domain's key is another one. It goes on asking while D-TAs are down: the same requests, which each D-TA answers the same way.
 * @module
 */
import { parseUtf8, utf8, wipe } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { type Identity, identityOf } from "@milagro/crypto/identity";
import { parseServerSecret, verifyServerSecret } from "@milagro/crypto/mpin-server-key";
import { Secret } from "@milagro/crypto/secret";
import type { Engine } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { beginEnrolment, type Enrolment, exportEnrolment, resumeEnrolment } from "@milagro/protocol/enrolment";
import { encodeSealedRequest, LATE_REQUEST_SECONDS } from "@milagro/protocol/issuance-messages";
import { parseJoinTokens } from "@milagro/protocol/join-token";
import { parseProblem } from "@milagro/protocol/problem";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { readFileLimited } from "@milagro/runtime/atomic-file";
import { type Clock, sleep } from "@milagro/runtime/clock";
import type { Connector } from "@milagro/runtime/connector";
import { createHttpPort, type HttpPort } from "@milagro/runtime/http-client";
import { errorFields, type Log } from "@milagro/runtime/log";
import { jitteredBackoffMs, systemRandom } from "@milagro/runtime/random";
import type { Keys } from "./keys.ts";
import type { ServerSecretBytes, Workers } from "./workers.ts";

export interface ServerSecretOptions {
  readonly domain: TrustDomain;
  readonly server: Identity;
  readonly keys: Keys;
  readonly workers: Workers;
  readonly joinTokensFile: string | undefined;
  /** The way to the D-TAs. */
  readonly connector: Connector;
  readonly clock: Clock;
  readonly log: Log;
  /** Called once it is there. */
  onCollected(): Promise<void>;
}

const SECRET = "server-secret";
const PENDING = "enrolment";
const TOKENS = "join-tokens";
const MAX_TOKENS_BYTES = 65_536;
const TIMEOUT_MS = 15_000;

/** `milagro:<domain>/mpin-server/<service>`. @throws `ERR_IDENTITY_INVALID` */
export const serverIdentity = (domain: string, service: string): Identity =>
  identityOf({ domain, kind: "mpin-server", name: service });

/** Seals join tokens beside the keys until they are used. @throws `ERR_JOIN_TOKEN_INVALID`, `ERR_FILE_MISSING` */
export async function keepJoinTokens(keys: Keys, file: string, count: number): Promise<void> {
  const text = parseUtf8(await readFileLimited(file, MAX_TOKENS_BYTES));
  const bytes = utf8(parseJoinTokens(text, count).join("\n"));
  await keys.store.update({ set: { [TOKENS]: bytes } });
  wipe(bytes);
}

/** The secret that rests in the key store, if it is still the domain's; another one is thrown away. */
export async function storedServerSecret(
  engine: Engine,
  domain: TrustDomain,
  keys: Keys,
  log: Log,
): Promise<ServerSecretBytes | undefined> {
  const entry = keys.store.get(SECRET);
  if (!entry) return undefined;
  const bytes = entry.use((secret) => secret.slice());
  entry.destroy();
  if (isOfDomain(engine, domain, bytes)) return new Secret("server secret", bytes);
  wipe(bytes);
  log.warn("the stored server secret is not that of the domain: it is collected anew");
  await keys.store.update({ remove: [SECRET, PENDING] });
  return undefined;
}

function isOfDomain(engine: Engine, domain: TrustDomain, bytes: Uint8Array): boolean {
  const secret = parseServerSecret(engine, bytes);
  try {
    return verifyServerSecret(engine, domain.publicKeys.mpin, secret);
  } finally {
    secret.destroy();
  }
}

/** Collects it, unless it is there, and goes on until it is. @returns what stops it */
export function collectServerSecret(options: ServerSecretOptions): { stop(): Promise<void> } {
  if (options.workers.ready) return { stop: async () => {} };
  const stopping = new AbortController();
  const running = collect(options, stopping.signal);
  return {
    async stop() {
      stopping.abort(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      await running;
    },
  };
}

async function collect(options: ServerSecretOptions, signal: AbortSignal): Promise<void> {
  const { keys, workers, log } = options;
  const http = createHttpPort({ retries: 1, connector: options.connector });
  try {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const enrolment = pending(options) ?? (await begin(options));
        const answers = await askAll(http, options.domain, enrolment, signal);
        const exported = exportEnrolment(enrolment);
        const copy = exported.use((bytes) => bytes.slice());
        exported.destroy();
        const bytes = await workers.pool.call("finishServerEnrolment", { enrolment: copy, answers });
        await keys.store.update({ set: { [SECRET]: bytes }, remove: [PENDING, TOKENS] });
        await workers.setSecret(new Secret("server secret", bytes));
        await options.onCollected();
        log.info("server secret collected", { identity: options.server });
        return;
      } catch (error) {
        if (signal.aborted) return;
        // Refused is refused; whatever else it was, the same requests may yet be answered, and new ones would find the tokens spent.
        if (error instanceof MilagroError && error.code === "ERR_ENROLMENT_REFUSED")
          await keys.store.update({ remove: [PENDING, TOKENS] });
        failures++;
        if (failures === 1 || failures % 30 === 0)
          log.warn("server secret not collected yet", { attempt: failures, ...errorFields(error) });
        await sleep(200 + jitteredBackoffMs(failures, 250, 10_000), signal).catch(() => {});
      }
    }
  } finally {
    http.close();
  }
}

/** The requests that are under way, unless no D-TA would take them any more. */
function pending({ keys, clock, domain }: ServerSecretOptions): Enrolment | undefined {
  const entry = keys.store.get(PENDING);
  if (!entry) return undefined;
  const enrolment = entry.use(resumeEnrolment);
  entry.destroy();
  const late = enrolment.claim.time + LATE_REQUEST_SECONDS < clock() / 1000;
  return late || enrolment.requests.length !== domain.authorities.length ? undefined : enrolment;
}

async function begin(options: ServerSecretOptions): Promise<Enrolment> {
  const { domain, server, keys, joinTokensFile, clock } = options;
  const count = domain.authorities.length;
  if (joinTokensFile !== undefined && !keys.store.names().includes(TOKENS))
    await keepJoinTokens(keys, joinTokensFile, count);
  const entry = keys.store.get(TOKENS);
  if (!entry)
    throw new MilagroError("ERR_EVIDENCE_MISSING", "the server secret needs a file with join tokens: --join-tokens");
  const tokens = entry.use((bytes) => parseJoinTokens(parseUtf8(bytes), count));
  entry.destroy();
  const enrolment = await beginEnrolment({
    random: systemRandom,
    domain,
    identity: server,
    keys: [{ usage: "mpin-server", epoch: NO_EXPIRY }],
    evidence: tokens.map((token) => [{ type: "join-token", token }]),
    nowMs: clock(),
  });
  const exported = exportEnrolment(enrolment);
  await exported.use((bytes) => keys.store.update({ set: { [PENDING]: bytes } }));
  exported.destroy();
  return enrolment;
}

/** One answer of each D-TA, as JSON text. @throws what the first D-TA without an answer gave */
async function askAll(
  http: HttpPort,
  domain: TrustDomain,
  { requests }: Enrolment,
  signal: AbortSignal,
): Promise<readonly string[]> {
  return Promise.all(
    requests.map(async (request, i) => {
      const { status, body } = await http({
        method: "POST",
        url: `${domain.authorities[i]?.entry.url}/v1/issue`,
        headers: { "content-type": "application/json" },
        body: utf8(JSON.stringify(encodeSealedRequest(request))),
        timeoutMs: TIMEOUT_MS,
        idempotent: true,
        signal,
      });
      if (status === 200) return parseUtf8(body);
      const code = problemCode(body);
      throw new MilagroError(code ?? "ERR_PEER_INVALID", `D-TA ${i + 1} gave no answer (status ${status})`);
    }),
  );
}

function problemCode(body: Uint8Array): string | undefined {
  try {
    return parseProblem(JSON.parse(parseUtf8(body))).code;
  } catch {
    return undefined;
  }
}

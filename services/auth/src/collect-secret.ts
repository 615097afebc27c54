/**
 * Collecting the server secret from all D-TAs, once, for one descriptor. What was begun is stored and repeated: each D-TA answers the same
 * request the same way, so nothing is spent twice while one of them is down.
 *
 * The first time it takes a join token of each D-TA. After a rotation the server's own word will do, a grant by the approval key that the
 * D-TAs' policies name under `loginServers`, where their rule for its identity takes grants; else, or where that is refused, fresh join tokens.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { NO_EXPIRY } from "@milagro/crypto/epoch";
import { type Identity, splitIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import {
  beginEnrolment,
  type Enrolment,
  type EvidenceSource,
  exportEnrolment,
  resumeEnrolment,
} from "@milagro/protocol/enrolment";
import { encodeSealedRequest, LATE_REQUEST_SECONDS } from "@milagro/protocol/issuance-messages";
import { masterField } from "@milagro/protocol/issuing-domain";
import { parseJoinTokens } from "@milagro/protocol/join-token";
import { parseProblem } from "@milagro/protocol/problem";
import { requestKeyThumbprint } from "@milagro/protocol/request-key";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Clock } from "@milagro/runtime/clock";
import type { HttpPort } from "@milagro/runtime/http-port";
import { systemRandom } from "@milagro/runtime/random";
import { SignJWT } from "jose";
import type { Keys } from "./keys.ts";
import { keepJoinTokens, PENDING, TOKENS } from "./server-secret.ts";
import type { Workers } from "./workers.ts";

export interface CollectOptions {
  /** Whose `mpin` key the secret is to be of. */
  readonly domain: TrustDomain;
  readonly server: Identity;
  readonly keys: Keys;
  readonly workers: Workers;
  readonly joinTokensFile: string | undefined;
  readonly http: HttpPort;
  readonly clock: Clock;
}

/** `own`: the server's own word. */
export type SecretEvidence = "join-tokens" | "own";

const TIMEOUT_MS = 15_000;
const GRANT_SECONDS = 600;

/**
 * @returns 96 bytes
 * @throws `ERR_ENROLMENT_REFUSED`, after which the next try begins anew; `ERR_SHARE_INVALID` naming a D-TA; what stopped one of them
 */
export async function collectSecret(
  options: CollectOptions,
  evidence: SecretEvidence,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { domain, keys, workers } = options;
  const enrolment = pending(options) ?? (await begin(options, evidence));
  try {
    const answers = await askAll(options, enrolment, signal);
    const exported = exportEnrolment(enrolment);
    const copy = exported.use((bytes) => bytes.slice());
    exported.destroy();
    const later = domain.descriptor.sequence > 0 ? JSON.stringify(encodeSignedDescriptor(domain.signed)) : undefined;
    return await workers.pool.call("finishServerEnrolment", { enrolment: copy, answers, later });
  } catch (error) {
    // Refused is refused; whatever else it was, the same requests may yet be answered, and new ones would find the tokens spent.
    if (error instanceof MilagroError && error.code === "ERR_ENROLMENT_REFUSED")
      await keys.store.update({ remove: [PENDING, TOKENS] });
    throw error;
  } finally {
    enrolment.privateKey.destroy();
  }
}

/** The requests that are under way, unless no D-TA would take them any more, or they are for another master. */
function pending({ keys, clock, domain }: CollectOptions): Enrolment | undefined {
  const entry = keys.store.get(PENDING);
  if (!entry) return undefined;
  const enrolment = entry.use(resumeEnrolment);
  entry.destroy();
  const { time, keys: asked } = enrolment.claim;
  const [key] = asked;
  const late = time + LATE_REQUEST_SECONDS < clock() / 1000;
  const other = key?.usage !== "mpin-server" || (key.master ?? 0) !== domain.masterEpoch;
  return late || other || enrolment.requests.length !== domain.authorities.length ? undefined : enrolment;
}

async function begin(options: CollectOptions, kind: SecretEvidence): Promise<Enrolment> {
  const { domain, server, keys, clock } = options;
  const evidence = kind === "own" ? ownWord(options) : await tokens(options);
  const enrolment = await beginEnrolment({
    random: systemRandom,
    domain,
    identity: server,
    keys: [{ usage: "mpin-server", epoch: NO_EXPIRY, ...masterField(domain.masterEpoch) }],
    evidence,
    nowMs: clock(),
  });
  const exported = exportEnrolment(enrolment);
  await exported.use((bytes) => keys.store.update({ set: { [PENDING]: bytes } }));
  exported.destroy();
  return enrolment;
}

async function tokens({ domain, keys, joinTokensFile }: CollectOptions): Promise<EvidenceSource> {
  const count = domain.authorities.length;
  if (joinTokensFile !== undefined && !keys.store.names().includes(TOKENS))
    await keepJoinTokens(keys, joinTokensFile, count);
  const entry = keys.store.get(TOKENS);
  if (!entry)
    throw new MilagroError("ERR_EVIDENCE_MISSING", "the server secret needs a file with join tokens: --join-tokens");
  const list = entry.use((bytes) => parseJoinTokens(parseUtf8(bytes), count));
  entry.destroy();
  return list.map((token) => [{ type: "join-token", token }] as const);
}

/** A grant by the approval key, for this server and this request key alone; the same for every D-TA. */
function ownWord({ domain, server, keys, clock }: CollectOptions): EvidenceSource {
  return async ({ requestKey }) => {
    const now = Math.floor(clock() / 1000);
    const jwt = await new SignJWT({ request_key: requestKeyThumbprint(requestKey), usages: ["mpin-server"] })
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
      .setIssuer(splitIdentity(server).name)
      .setSubject(server)
      .setAudience(encodeBase64url(domain.domainId))
      .setJti(encodeBase64url(systemRandom(16)))
      .setIssuedAt(now)
      .setExpirationTime(now + GRANT_SECONDS)
      .sign(keys.approvalKey);
    return domain.authorities.map(() => [{ type: "grant", jwt }] as const);
  };
}

/** One answer of each D-TA, as JSON text. @throws what the first D-TA without an answer gave */
async function askAll(
  { http, domain }: CollectOptions,
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

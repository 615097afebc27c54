/**
 * Enrolment over the network: the same n sealed requests go out directly or through the D-KMS, come back as answers, and are
 * repeated unchanged until every D-TA has answered or the time is up. What each D-TA said is kept.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import type { Secret } from "@milagro/crypto/secret";
import { MilagroError } from "@milagro/engine/error";
import {
  beginEnrolment,
  type EnrolmentResult,
  type EvidenceSource,
  exportEnrolment,
  finishEnrolment,
  resumeEnrolment,
} from "@milagro/protocol/enrolment";
import {
  encodeSealedRequest,
  type IssuanceAnswer,
  parseIssuanceAnswer,
  type Receipt,
  type SealedRequest,
} from "@milagro/protocol/issuance-messages";
import { encodeEnrolmentRequest, parseEnrolmentAccepted, parseEnrolmentStatus } from "@milagro/protocol/kms-messages";
import { errorOfProblem } from "@milagro/protocol/problem";
import type { ClientDeps } from "./deps.ts";
import { apiUrl, callJson, jsonBody } from "./json-call.ts";
import { KeyRing, type KeySlot } from "./key-ring.ts";
import { kmsUrlOf } from "./kms-client.ts";
import { isOutage } from "./outage.ts";

export { isOutage } from "./outage.ts";

/** `auto`: through the D-KMS where there is one; D-TAs that do not answer that way are asked directly. */
export type EnrolmentRoute = "auto" | "relay" | "direct";

export interface CollectOptions {
  readonly route?: EnrolmentRoute | undefined;
  /** Give up after so long. */
  readonly timeoutMs?: number | undefined;
}

export interface EnrolOptions extends CollectOptions {
  readonly identity: Identity;
  readonly keys: readonly KeySlot[];
  /** What to show each D-TA, in the order of the domain's authorities; a function when it must be bound to the request. */
  readonly evidence: EvidenceSource;
  /**
   * Called before anything is sent, with all that is needed to go on after a crash (`resumeEnrol`). Seal it, then resolve: one-time
   * evidence is spent on this very request.
   */
  readonly onBegun?: (enrolment: Secret<"enrolment">) => Promise<void>;
}

const DEFAULT_DEADLINE_MS = 30_000;
const RETRY_MS = 400;
const RELAY_WAIT_SECONDS = 10;
/** When there is another way. */
const IMPATIENT_WAIT_SECONDS = 3;

/** What one round of asking brought. */
interface Round {
  readonly answers: readonly IssuanceAnswer[];
  /** Why a D-TA has not answered, by index. */
  readonly faults: ReadonlyMap<number, MilagroError>;
}

/**
 * Asks all D-TAs, adds their shares, checks the sum.
 * @throws `ERR_ENROLMENT_REFUSED` naming the D-TA and its reason, `ERR_SHARE_INVALID` naming the one that lied,
 * `ERR_ENROLMENT_INCOMPLETE` naming those that did not answer and why
 */
export async function enrol(deps: ClientDeps, options: EnrolOptions): Promise<EnrolmentResult> {
  const { random, domain, x25519 } = deps;
  const { identity, keys, evidence } = options;
  const enrolment = await beginEnrolment({ random, domain, identity, keys, evidence, nowMs: deps.clock(), x25519 });
  if (options.onBegun) {
    const exported = exportEnrolment(enrolment);
    await options.onBegun(exported).finally(() => exported.destroy());
  }
  const answers = await collectAnswers(deps, enrolment.requests, options);
  return finishEnrolment({ engine: deps.engine, random, domain, enrolment, answers, x25519 });
}

/** Goes on with an enrolment that a crash cut short: the same requests, which spend no evidence a second time. */
export async function resumeEnrol(
  deps: ClientDeps,
  exported: Uint8Array,
  options: CollectOptions = {},
): Promise<EnrolmentResult & { readonly identity: Identity }> {
  const enrolment = resumeEnrolment(exported);
  const answers = await collectAnswers(deps, enrolment.requests, options);
  const result = await finishEnrolment({
    engine: deps.engine,
    random: deps.random,
    domain: deps.domain,
    enrolment,
    answers,
    x25519: deps.x25519,
  });
  return { ...result, identity: enrolment.claim.identity };
}

/** As `enrol`, into a fresh ring. */
export async function enrolRing(
  deps: ClientDeps,
  options: EnrolOptions,
): Promise<{ readonly ring: KeyRing; readonly receipts: readonly Receipt[] }> {
  const { keys, receipts } = await enrol(deps, options);
  const ring = new KeyRing(deps.domain.domainId, options.identity);
  ring.add(keys);
  return { ring, receipts };
}

/** Asks until every D-TA has answered, one has refused, or the time is up. */
export async function collectAnswers(
  deps: ClientDeps,
  requests: readonly SealedRequest[],
  options: CollectOptions,
): Promise<readonly IssuanceAnswer[]> {
  const deadlineMs = deps.clock() + (options.timeoutMs ?? DEFAULT_DEADLINE_MS);
  const answered = new Map<number, IssuanceAnswer>();
  const ask = askFor(deps, options.route ?? "auto");
  for (let attempt = 0; ; attempt++) {
    const open = requests.filter((request) => !answered.has(request.index));
    const { answers, faults } = await ask(deps, open, Math.max(1, Math.ceil((deadlineMs - deps.clock()) / 1000)));
    for (const answer of answers) answered.set(answer.index, answer);
    // One refusal decides: there will be no whole key, so there is nothing to wait for.
    if (answered.size === requests.length || answers.some((answer) => "refusal" in answer))
      return [...answered.values()];
    for (const [index, fault] of faults) if (!isOutage(fault)) throw named(deps, index, fault);
    if (deps.clock() >= deadlineMs) {
      throw incomplete(
        deps,
        requests.filter((request) => !answered.has(request.index)).map((request) => request.index),
        faults,
      );
    }
    await deps.sleep(Math.min(RETRY_MS * 2 ** Math.min(attempt, 4), Math.max(0, deadlineMs - deps.clock())));
  }
}

/** @param leftSeconds - until the whole enrolment is given up */
type Ask = (deps: ClientDeps, requests: readonly SealedRequest[], leftSeconds: number) => Promise<Round>;

function askFor(deps: ClientDeps, route: EnrolmentRoute): Ask {
  if (route === "direct") return askDirectly;
  if (route === "relay")
    return (inner, requests, left) => askThroughKms(inner, requests, Math.min(RELAY_WAIT_SECONDS, left));
  return deps.kmsUrl !== undefined || deps.domain.descriptor.kms !== undefined ? askBothWays : askDirectly;
}

/** First the way that also reaches D-TAs behind a firewall; who has not answered is asked directly, with the same request. */
async function askBothWays(deps: ClientDeps, requests: readonly SealedRequest[], leftSeconds: number): Promise<Round> {
  const relayed = await askThroughKms(deps, requests, Math.min(IMPATIENT_WAIT_SECONDS, leftSeconds)).catch(
    (error: unknown): Round => {
      if (!isOutage(error)) throw error;
      return { answers: [], faults: new Map() };
    },
  );
  if (relayed.answers.some((answer) => "refusal" in answer)) return relayed;
  const missing = requests.filter(({ index }) => !relayed.answers.some((answer) => answer.index === index));
  if (missing.length === 0) return relayed;
  const direct = await askDirectly(deps, missing);
  return { answers: [...relayed.answers, ...direct.answers], faults: new Map([...relayed.faults, ...direct.faults]) };
}

async function askDirectly(deps: ClientDeps, requests: readonly SealedRequest[]): Promise<Round> {
  const answers: IssuanceAnswer[] = [];
  const faults = new Map<number, MilagroError>();
  await Promise.all(
    requests.map(async (request) => {
      const authority = deps.domain.descriptor.authorities.find(({ index }) => index === request.index);
      if (!authority) throw new TypeError("a request for no authority of this domain");
      try {
        const call = {
          method: "POST",
          url: apiUrl(authority.url, "/v1/issue"),
          body: jsonBody(encodeSealedRequest(request)),
          idempotent: true,
        } as const;
        answers.push(await callJson(deps.http, call, parseIssuanceAnswer));
      } catch (error) {
        if (!(error instanceof MilagroError)) throw error;
        faults.set(request.index, error);
      }
    }),
  );
  return { answers, faults };
}

async function askThroughKms(
  deps: ClientDeps,
  requests: readonly SealedRequest[],
  waitSeconds: number,
): Promise<Round> {
  const kms = kmsUrlOf(deps);
  const body = jsonBody(encodeEnrolmentRequest({ v: 1, requests }));
  const { id } = await callJson(
    deps.http,
    { method: "POST", url: apiUrl(kms, "/v1/enrolments"), body, idempotent: true },
    parseEnrolmentAccepted,
  );
  const status = await callJson(
    deps.http,
    {
      method: "GET",
      url: apiUrl(kms, `/v1/enrolments/${id}`, { wait: waitSeconds }),
      timeoutMs: (waitSeconds + 5) * 1000,
      idempotent: true,
    },
    parseEnrolmentStatus,
  );
  const faults = new Map(status.problems.map(({ index, problem }) => [index, errorOfProblem(problem)]));
  return { answers: status.answers, faults };
}

const nameAt = ({ domain }: ClientDeps, index: number): string =>
  domain.descriptor.authorities.find((authority) => authority.index === index)?.name ?? String(index);

/** A D-TA's own words, with its name in front. */
function named(deps: ClientDeps, index: number, fault: MilagroError): MilagroError {
  return new MilagroError(fault.code, `D-TA ${index} (${nameAt(deps, index)}): ${fault.message}`, { cause: fault });
}

function incomplete(
  deps: ClientDeps,
  missing: readonly number[],
  faults: ReadonlyMap<number, MilagroError>,
): MilagroError {
  const names = missing.map((index) => `${nameAt(deps, index)} (${faults.get(index)?.code ?? "no answer yet"})`);
  return new MilagroError("ERR_ENROLMENT_INCOMPLETE", `no share from ${names.join(", ")}`);
}

/**
 * Relayed enrolment: sealed requests go to the D-TAs over the bus, their answers come back and wait for the requester.
 * Neither can be read here. Everything is in the database, so a D-TA that is down is asked again until it answers or the
 * enrolment expires, and so is one that was asked by a D-KMS that has died since.
 *
 * An enrolment's id is the hash of its requests: who posts the same again, having lost the answer, finds the same
 * enrolment. Requests hold fresh HPKE encapsulations, so nobody else can name it.
 * @module
 */
import { createHmac } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { equalBytes } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import {
  allAnswersTopic,
  type BusAnswer,
  encodeBusAnswer,
  parseBusAnswer,
  parseTopic,
  requestsTopic,
} from "@milagro/protocol/bus-messages";
import { hashCanonical } from "@milagro/protocol/canonical";
import { definitionOf } from "@milagro/protocol/error-codes";
import { encodeIssuanceAnswer, encodeSealedRequest, type SealedRequest } from "@milagro/protocol/issuance-messages";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { parseJson } from "@milagro/protocol/wire";
import { clientNetwork } from "@milagro/runtime/client-network";
import { type Clock, unixSeconds } from "@milagro/runtime/clock";
import { errorFields, type Log } from "@milagro/runtime/log";
import type { Notifier } from "@milagro/runtime/notifier";
import type { Publisher } from "./outbox.ts";
import type { EnrolmentState, KmsStore } from "./store.ts";

export interface RelayOptions {
  readonly store: KmsStore;
  readonly bus: Publisher;
  readonly domain: TrustDomain;
  readonly clock: Clock;
  readonly log: Log;
  readonly notifier: Notifier;
  readonly limits: { readonly perSource: number; readonly total: number; readonly ttlSeconds: number };
  /** Keys the hash under which an address is counted: 32 secret bytes. */
  readonly sourceKey: Uint8Array;
  /** Where the broker does not tell who published (an outside one): checks that this D-TA signed the answer. */
  readonly isAuthentic?: (answer: BusAnswer) => Promise<boolean>;
}

export interface Relay {
  /**
   * Takes requests on. @returns the enrolment's id
   * @throws `ERR_DOMAIN_MISMATCH`, `ERR_MESSAGE_INVALID`, `ERR_RATE_LIMITED`, `ERR_OVERLOADED`
   */
  enrol(requests: readonly SealedRequest[], address: string): Promise<string>;
  /**
   * The state when all have answered or the time is over.
   * @throws `ERR_ENROLMENT_UNKNOWN` when there is no such enrolment (any more)
   */
  status(id: string, waitMs: number, signal?: AbortSignal): Promise<EnrolmentState>;
  /** What came in on an answers topic. Never throws: strangers' bytes are logged and dropped. */
  receive(topic: string, payload: Uint8Array): Promise<void>;
  /** Asks this D-TA at once for everything that it owes: it has just come back. */
  wake(index: number): Promise<void>;
  kick(): void;
  stop(): Promise<void>;
}

const BATCH = 50;
const LOOK_MS = 1000;
const LONGEST_RETRY_SECONDS = 15;

/** Seconds until a part is sent again: 1, 2, 4, 8, then every 15. */
export function retryDelaySeconds(attempts: number): number {
  return Math.min(LONGEST_RETRY_SECONDS, 2 ** Math.min(attempts - 1, 10));
}

/** Whether a D-TA that reports this may answer otherwise later: its own state, not the request, is at fault. */
export function isPassing(code: string): boolean {
  return definitionOf(code).status >= 500;
}

/** @throws as `Relay.enrol` */
export function checkRequests(domain: TrustDomain, requests: readonly SealedRequest[]): void {
  const seen = new Set<number>();
  for (const { domainId, index } of requests) {
    if (!equalBytes(domainId, domain.domainId))
      throw new MilagroError("ERR_DOMAIN_MISMATCH", "a request is for another domain than this D-KMS serves");
    if (index > domain.authorities.length)
      throw new MilagroError("ERR_MESSAGE_INVALID", "a request is for a D-TA that the domain does not have");
    if (seen.has(index)) throw new MilagroError("ERR_MESSAGE_INVALID", "two requests are for the same D-TA");
    seen.add(index);
  }
}

export function createRelay(options: RelayOptions): Relay {
  const { store, bus, domain, clock, log, notifier, limits } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failing = false;

  async function sendDue(): Promise<void> {
    for (;;) {
      const now = unixSeconds(clock);
      const parts = await store.takeDueParts(now, BATCH, (attempts) => now + retryDelaySeconds(attempts));
      for (const { enrolmentId, index, request } of parts) {
        const payload = `{"v":1,"id":"${enrolmentId}","request":${request}}`;
        await bus.publish(requestsTopic(domain.domainId, index), new TextEncoder().encode(payload));
      }
      if (parts.length < BATCH) return;
    }
  }

  function run(): void {
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    running = sendDue()
      .then(
        () => {
          failing = false;
        },
        (error: unknown) => {
          if (!failing) log.warn("relay waits", errorFields(error));
          failing = true;
          again = false;
        },
      )
      .finally(() => {
        running = undefined;
        clearTimeout(timer);
        if (!stopped) timer = setTimeout(run, again ? 0 : LOOK_MS);
        again = false;
      });
  }

  async function take(topic: string, payload: Uint8Array): Promise<void> {
    const place = parseTopic(topic);
    if (place?.kind !== "answers" || !equalBytes(place.domainId, domain.domainId)) return;
    const answer = parseBusAnswer(parseJson(new TextDecoder("utf-8", { fatal: true }).decode(payload)));
    if (answer.index !== place.index) throw new MilagroError("ERR_MESSAGE_INVALID", "the answer names another D-TA");
    if ("answer" in answer && answer.answer.index !== place.index)
      throw new MilagroError("ERR_MESSAGE_INVALID", "the answer names another D-TA");
    if ("problem" in answer && isPassing(answer.problem.code)) {
      log.info("D-TA cannot answer yet", { dta: answer.index, code: answer.problem.code });
      return;
    }
    if (options.isAuthentic && !(await options.isAuthentic(answer)))
      throw new MilagroError("ERR_RECEIPT_INVALID", "this D-TA did not sign the answer");
    const wire = encodeBusAnswer(answer);
    const text = JSON.stringify("answer" in wire ? { answer: wire.answer } : { problem: wire.problem });
    if (await store.answerEnrolment(answer.id, answer.index, text, unixSeconds(clock))) {
      log.debug("D-TA answered", { dta: answer.index });
      notifier.wake(`enrolment:${answer.id}`);
    }
  }

  run();
  return {
    async enrol(requests, address) {
      checkRequests(domain, requests);
      const wire = requests.map(encodeSealedRequest);
      const id = encodeBase64url(hashCanonical(wire));
      const created = unixSeconds(clock);
      const outcome = await store.createEnrolment(
        {
          id,
          source: createHmac("sha256", options.sourceKey)
            .update(clientNetwork(address))
            .digest("base64url")
            .slice(0, 22),
          created,
          expires: created + limits.ttlSeconds,
          requests: wire.map((request) => ({ index: request.index, request: JSON.stringify(request) })),
        },
        limits,
      );
      if (outcome === "source-full")
        throw new MilagroError("ERR_RATE_LIMITED", "too many enrolments from this address are still open");
      if (outcome === "full") throw new MilagroError("ERR_OVERLOADED", "too many enrolments are still open");
      run();
      return id;
    },

    async status(id, waitMs, signal) {
      let state: EnrolmentState | undefined;
      await notifier.waitFor(
        `enrolment:${id}`,
        waitMs,
        async () => {
          state = await store.readEnrolment(id, unixSeconds(clock));
          return state === undefined || state.pending.length === 0 ? true : undefined;
        },
        signal,
      );
      if (state === undefined)
        throw new MilagroError("ERR_ENROLMENT_UNKNOWN", "there is no such enrolment, or it has expired: begin again");
      return state;
    },

    async receive(topic, payload) {
      try {
        await take(topic, payload);
      } catch (error) {
        log.warn("answer dropped", { topic, bytes: payload.length, ...errorFields(error) });
      }
    },

    async wake(index) {
      await store.makeDue(index);
      run();
    },

    kick: run,

    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/**
 * The authorship check for an outside broker. Only answers can be signed: a problem, which says that the D-TA could not
 * even read the request, might be anybody's and counts for nothing.
 */
export function authenticAnswer(
  verify: (order: { readonly index: number; readonly answer: string }) => Promise<boolean>,
): (answer: BusAnswer) => Promise<boolean> {
  return async (bus) =>
    "answer" in bus && (await verify({ index: bus.index, answer: JSON.stringify(encodeIssuanceAnswer(bus.answer)) }));
}

/** What the relay subscribes to. */
export function relayTopic(domain: TrustDomain): string {
  return allAnswersTopic(domain.domainId);
}

/**
 * Signed routes of a recipient: its deliveries in order, what became of them, and the head of the audit log.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import {
  AckAcceptedSchema,
  AckRequestSchema,
  AuditHeadSchema,
  EventPageSchema,
  parseAckRequest,
} from "@milagro/protocol/kms-messages";
import { type Clock, unixSeconds } from "@milagro/runtime/clock";
import { problems, WaitSeconds, withExample } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { Notifier } from "@milagro/runtime/notifier";
import type { WaitLimit } from "@milagro/runtime/wait-limit";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import { callerOf } from "./authenticate.ts";
import { eventText } from "./event-text.ts";
import { sendJsonText } from "./json-answer.ts";
import { SIGNED_CODES, SignatureHeaders } from "./openapi.ts";
import { ACCEPTED_EXAMPLE, ACK_EXAMPLE, AUDIT_HEAD_EXAMPLE, EVENTS_EXAMPLE } from "./openapi-examples.ts";
import type { KmsStore, StoredEvent } from "./store.ts";

export interface DeliveryDeps {
  readonly store: KmsStore;
  readonly notifier: Notifier;
  readonly waits: WaitLimit;
  readonly clock: Clock;
}

const MAX_EVENTS = 100;
/** Records that one page carries; the first may be as large as a record gets. */
const PAGE_RECORD_BYTES = 2_000_000;

/** A page of deliveries as `EventPageSchema`. */
export async function eventPage(store: KmsStore, events: readonly StoredEvent[], after: number): Promise<string> {
  const texts: string[] = [];
  let left = PAGE_RECORD_BYTES;
  for (const event of events) {
    const text = await eventText(store, event, Math.max(0, left));
    left -= text.length;
    texts.push(text);
  }
  return `{"v":1,"events":[${texts.join(",")}],"next":${events.at(-1)?.sequence ?? after}}`;
}

export function addDeliveryRoutes(
  app: HttpApp,
  authenticate: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
  deps: DeliveryDeps,
): void {
  const { store, notifier, waits, clock } = deps;
  const signed = { preValidation: authenticate };

  app.get(
    "/v1/events",
    {
      ...signed,
      schema: {
        tags: ["deliveries"],
        summary: "The caller's deliveries after a sequence number, oldest first",
        description: "Ask again with `after` = `next`. With `wait`, answers as soon as there is one.",
        headers: SignatureHeaders,
        querystring: Type.Object(
          {
            after: Type.Optional(
              Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "0 when absent" }),
            ),
            limit: Type.Optional(
              Type.Integer({ minimum: 1, maximum: MAX_EVENTS, description: `${MAX_EVENTS} when absent` }),
            ),
            wait: WaitSeconds,
          },
          { additionalProperties: false },
        ),
        response: { 200: withExample(EventPageSchema, EVENTS_EXAMPLE), ...problems(...SIGNED_CODES) },
      },
    },
    async (request, reply) => {
      const { identity } = callerOf(request);
      const { after = 0, limit = MAX_EVENTS, wait } = request.query;
      const found = await waits.run(request, reply, wait, (waitMs, signal) =>
        notifier.waitFor(
          `events:${identity}`,
          waitMs,
          async () => {
            const events = await store.eventsFor(identity, after, limit);
            return events.length > 0 ? events : undefined;
          },
          signal,
        ),
      );
      return sendJsonText(reply, 200, await eventPage(store, found ?? [], after));
    },
  );

  app.post(
    "/v1/acks",
    {
      ...signed,
      schema: {
        tags: ["deliveries"],
        summary: "Say what became of deliveries",
        description: "Saying it twice changes nothing. A failed delivery may still be reported as delivered later.",
        headers: SignatureHeaders,
        body: withExample(AckRequestSchema, ACK_EXAMPLE),
        response: { 200: withExample(AckAcceptedSchema, ACCEPTED_EXAMPLE), ...problems(...SIGNED_CODES) },
      },
    },
    async (request, reply) => {
      const { acks } = parseAckRequest(request.body);
      const accepted = await store.acknowledge(
        callerOf(request).identity,
        acks.map(({ sequence, outcome, code }) => ({ sequence, outcome, code })),
        unixSeconds(clock),
      );
      return reply.send({ v: 1, accepted });
    },
  );

  app.get(
    "/v1/audit/head",
    {
      ...signed,
      schema: {
        tags: ["audit"],
        summary: "Where the audit log ends; and the last head that the D-KMS has signed",
        headers: SignatureHeaders,
        response: { 200: withExample(AuditHeadSchema, AUDIT_HEAD_EXAMPLE), ...problems(...SIGNED_CODES) },
      },
    },
    async (_request, reply) => {
      const { index, hash } = await store.auditHead();
      const last = await store.lastSignedAuditHead();
      return reply.send({
        v: 1,
        index,
        hash: encodeBase64url(hash),
        time: unixSeconds(clock),
        ...(last === undefined
          ? {}
          : {
              signed: {
                index: last.index,
                hash: encodeBase64url(last.hash),
                time: Math.floor(last.time / 1000),
                epoch: epochOfSignature(last.signature),
                signature: encodeBase64url(last.signature.subarray(8)),
              },
            }),
      });
    },
  );
}

/** Head signatures are kept with the epoch of their key in front: eight bytes, big-endian. */
function epochOfSignature(kept: Uint8Array): number {
  return Number(new DataView(kept.buffer, kept.byteOffset).getBigUint64(0));
}

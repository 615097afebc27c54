/**
 * Routes without a signature: the domain's descriptor, and relayed enrolment, whose requests are sealed and carry their own
 * evidence. Limited by address, because there is no identity yet.
 * @module
 */
import { SignedDescriptorSchema, type SignedDescriptorWire } from "@milagro/protocol/descriptor";
import {
  EnrolmentAcceptedSchema,
  EnrolmentRequestSchema,
  EnrolmentStatusSchema,
  parseEnrolmentRequest,
} from "@milagro/protocol/kms-messages";
import type { Wire } from "@milagro/protocol/wire";
import { problems, WaitSeconds, withExample } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { WaitLimit } from "@milagro/runtime/wait-limit";
import Type from "typebox";
import { uncheckedBody } from "./openapi.ts";
import { ENROLMENT_EXAMPLE, ENROLMENT_ID_EXAMPLE, ENROLMENT_STATUS_EXAMPLE } from "./openapi-examples.ts";
import type { Relay } from "./relay-enrolment.ts";
import type { EnrolmentState } from "./store.ts";

export interface PublicRoutesOptions {
  /** The signed descriptor, as it goes out. */
  readonly descriptor: SignedDescriptorWire;
  readonly relay: Relay;
  readonly waits: WaitLimit;
  /** Enrolments and looks at them, a minute, from one address. */
  readonly enrolmentsPerMinute: number;
}

/** An enrolment's state as `EnrolmentStatusSchema`; stored texts are put in as they are. */
export function enrolmentStatus({ id, answers, pending }: EnrolmentState): Wire<typeof EnrolmentStatusSchema> {
  const parts = answers.map(({ index, answer }) => ({
    index,
    ...(JSON.parse(answer) as { answer?: object; problem?: object }),
  }));
  return {
    v: 1,
    id,
    answers: parts.flatMap(({ answer }) => (answer ? [answer] : [])),
    problems: parts.flatMap(({ index, problem }) => (problem ? [{ index, problem }] : [])),
    pending,
  } as Wire<typeof EnrolmentStatusSchema>;
}

export function addPublicRoutes(app: HttpApp, options: PublicRoutesOptions): void {
  const { descriptor, relay, waits } = options;
  const config = { rateLimit: { max: options.enrolmentsPerMinute, timeWindow: 60_000 } };

  app.get(
    "/v1/descriptor",
    {
      schema: {
        tags: ["domain"],
        summary: "The signed descriptor of the trust domain",
        response: { 200: SignedDescriptorSchema },
      },
    },
    async () => descriptor,
  );

  app.post(
    "/v1/enrolments",
    {
      ...uncheckedBody,
      config,
      schema: {
        tags: ["enrolment"],
        summary: "Relay sealed issuance requests to the D-TAs",
        description: "The same requests again give the same id. The D-KMS can read neither requests nor answers.",
        body: withExample(EnrolmentRequestSchema, ENROLMENT_EXAMPLE),
        response: {
          202: withExample(EnrolmentAcceptedSchema, ENROLMENT_ID_EXAMPLE),
          ...problems(
            "ERR_MESSAGE_INVALID",
            "ERR_DOMAIN_MISMATCH",
            "ERR_BODY_TOO_LARGE",
            "ERR_RATE_LIMITED",
            "ERR_OVERLOADED",
            "ERR_STORAGE_FULL",
          ),
        },
      },
    },
    async (request, reply) => {
      const { requests } = parseEnrolmentRequest(request.body);
      const id = await relay.enrol(requests, request.ip);
      return reply.code(202).send({ v: 1, id });
    },
  );

  app.get(
    "/v1/enrolments/:id",
    {
      config,
      schema: {
        tags: ["enrolment"],
        summary: "The answers of the D-TAs so far",
        description: "With `wait`, answers when all D-TAs have answered or after so many seconds.",
        params: Type.Object({ id: Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" }) }),
        querystring: Type.Object({ wait: WaitSeconds }, { additionalProperties: false }),
        response: {
          200: withExample(EnrolmentStatusSchema, ENROLMENT_STATUS_EXAMPLE),
          ...problems("ERR_MESSAGE_INVALID", "ERR_ENROLMENT_UNKNOWN", "ERR_RATE_LIMITED", "ERR_OVERLOADED"),
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const state = await waits.run(request, reply, request.query.wait, (waitMs, signal) =>
        relay.status(id, waitMs, signal),
      );
      return reply.send(enrolmentStatus(state));
    },
  );
}

/**
 * The routes that devices need for M-Pin beside `POST /v1/issue`: time permits, token updates, and codes by e-mail.
 * @module
 */
import { DoneSchema, encodeDone } from "@milagro/protocol/dta-messages";
import { parseSealedRequest, SealedRequestSchema } from "@milagro/protocol/issuance-messages";
import {
  encodePermitAnswer,
  type PermitAnswer,
  PermitAnswerSchema,
  type PermitRequest,
  PermitRequestSchema,
  parsePermitRequest,
} from "@milagro/protocol/permit-messages";
import {
  encodeTokenUpdateAnswer,
  parseTokenUpdateRequest,
  type TokenUpdateAnswer,
  TokenUpdateAnswerSchema,
  type TokenUpdateRequest,
  TokenUpdateRequestSchema,
} from "@milagro/protocol/token-update-messages";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { EmailCodes } from "./email-codes.ts";

export function addMpinRoutes(
  app: HttpApp,
  {
    permit,
    update,
    codes,
  }: {
    readonly permit: (request: PermitRequest) => Promise<PermitAnswer>;
    readonly update: (request: TokenUpdateRequest) => Promise<TokenUpdateAnswer>;
    readonly codes: EmailCodes;
  },
): void {
  app.post(
    "/v1/permits",
    {
      schema: {
        tags: ["login"],
        summary: "This D-TA's shares of a device's time permits",
        body: PermitRequestSchema,
        response: { 200: PermitAnswerSchema },
      },
    },
    async (request) => encodePermitAnswer(await permit(parsePermitRequest(request.body))),
  );

  app.post(
    "/v1/mpin/updates",
    {
      schema: {
        tags: ["login"],
        summary: "This D-TA's part of a token's update to a later mpin master, sealed to the device that signed",
        body: TokenUpdateRequestSchema,
        response: { 200: TokenUpdateAnswerSchema },
      },
    },
    async (request) => encodeTokenUpdateAnswer(await update(parseTokenUpdateRequest(request.body))),
  );

  app.post(
    "/v1/email-codes",
    {
      schema: {
        tags: ["login"],
        summary: "Ask for a code by e-mail; the answer is the same whatever becomes of it",
        body: SealedRequestSchema,
        response: { 202: DoneSchema },
      },
    },
    async (request, reply) => {
      codes.accept(parseSealedRequest(request.body), request.ip);
      return reply.code(202).send(encodeDone({ v: 1, done: true }));
    },
  );
}

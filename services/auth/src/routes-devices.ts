/**
 * Routes that bring two devices together: QuickCode, and handover by QR code.
 * @module
 */
import { DoneSchema } from "@milagro/protocol/dta-messages";
import {
  encodeHandover,
  encodeHandoverState,
  encodeHandoverView,
  HandoverRequestSchema,
  HandoverSchema,
  HandoverStateSchema,
  HandoverViewSchema,
  parseHandoverRequest,
} from "@milagro/protocol/handover-messages";
import { EmptySchema, encodeLoginOutcome, LoginOutcomeSchema } from "@milagro/protocol/login-messages";
import {
  encodeQuickCode,
  encodeQuickCodeClaimed,
  encodeQuickCodeState,
  encodeQuickCodeView,
  parseQuickCodeApproval,
  parseQuickCodeClaim,
  parseQuickCodeNonce,
  QuickCodeApprovalSchema,
  QuickCodeClaimedSchema,
  QuickCodeClaimSchema,
  QuickCodeNonceSchema,
  QuickCodeSchema,
  QuickCodeStateSchema,
  QuickCodeViewSchema,
} from "@milagro/protocol/quick-code-messages";
import { problems, WaitSeconds } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { WaitLimit } from "@milagro/runtime/wait-limit";
import { Type } from "typebox";
import { IdPath, nameOf, returning, visitor } from "./calls.ts";
import type { AuthContext } from "./context.ts";
import { drawCookie, sendCookie } from "./cookies.ts";
import { beginHandover, collectHandover, handoverState, viewHandover } from "./handover.ts";
import {
  approveQuickCode,
  challengeQuickCode,
  claimQuickCode,
  openQuickCode,
  quickCodeState,
  refuseQuickCode,
  revealQuickCode,
  viewQuickCode,
} from "./quick-code.ts";
import { requireSession } from "./sessions.ts";

const Waiting = Type.Object({ wait: WaitSeconds }, { additionalProperties: false });

export function addQuickCodeRoutes(app: HttpApp, context: AuthContext, waits: WaitLimit): void {
  const config = { rateLimit: { max: context.config.limits.loginsPerMinute, timeWindow: 60_000 } };

  app.post(
    "/v1/quick-codes",
    {
      config,
      schema: {
        tags: ["quick-code"],
        summary: "A code for a further device of one's own",
        body: EmptySchema,
        response: { 200: QuickCodeSchema, ...problems("ERR_SESSION_MISSING", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request) => encodeQuickCode(await openQuickCode(context, await requireSession(context, request))),
  );

  app.post(
    "/v1/quick-codes/claims",
    {
      config,
      schema: {
        tags: ["quick-code"],
        summary: "The new device brings code and claim, and commits to its nonce",
        body: QuickCodeClaimSchema,
        response: {
          200: QuickCodeClaimedSchema,
          ...problems("ERR_QUICK_CODE_INVALID", "ERR_IDENTITY_INVALID", "ERR_DOMAIN_MISMATCH", "ERR_ORIGIN_REFUSED"),
        },
      },
    },
    async (request) => encodeQuickCodeClaimed(await claimQuickCode(context, parseQuickCodeClaim(request.body))),
  );

  app.get(
    "/v1/quick-codes/:id",
    {
      schema: {
        tags: ["quick-code"],
        summary: "What the device that made the code sees",
        params: IdPath,
        querystring: Waiting,
        response: { 200: QuickCodeViewSchema, ...problems("ERR_SESSION_MISSING", "ERR_QUICK_CODE_UNKNOWN") },
      },
    },
    async (request, reply) => {
      const session = await requireSession(context, request);
      const view = await waits.run(request, reply, request.query.wait, (waitMs, signal) =>
        viewQuickCode(context, session, nameOf(request.params.id), waitMs, signal),
      );
      return encodeQuickCodeView(view);
    },
  );

  const done = { v: 1 as const, done: true as const };
  const closed = problems("ERR_SESSION_MISSING", "ERR_QUICK_CODE_UNKNOWN", "ERR_ORIGIN_REFUSED");

  app.post(
    "/v1/quick-codes/:id/challenges",
    {
      schema: {
        tags: ["quick-code"],
        summary: "The nonce of the device that made the code, once",
        params: IdPath,
        body: QuickCodeNonceSchema,
        response: { 200: DoneSchema, ...closed },
      },
    },
    async (request) => {
      const session = await requireSession(context, request);
      await challengeQuickCode(context, session, nameOf(request.params.id), parseQuickCodeNonce(request.body));
      return done;
    },
  );

  app.post(
    "/v1/quick-codes/claims/:id/openings",
    {
      schema: {
        tags: ["quick-code"],
        summary: "The nonce that the new device has committed to, once",
        params: IdPath,
        body: QuickCodeNonceSchema,
        response: { 200: DoneSchema, ...problems("ERR_QUICK_CODE_UNKNOWN", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request) => {
      await revealQuickCode(context, nameOf(request.params.id), parseQuickCodeNonce(request.body));
      return done;
    },
  );

  app.post(
    "/v1/quick-codes/:id/refusals",
    {
      schema: {
        tags: ["quick-code"],
        summary: "The numbers differ, or the new device is not one's own",
        params: IdPath,
        body: EmptySchema,
        response: { 200: DoneSchema, ...closed },
      },
    },
    async (request) => {
      await refuseQuickCode(context, await requireSession(context, request), nameOf(request.params.id));
      return done;
    },
  );

  app.post(
    "/v1/quick-codes/:id/approvals",
    {
      schema: {
        tags: ["quick-code"],
        summary: "Approve, after a login with purpose quick-code",
        params: IdPath,
        body: QuickCodeApprovalSchema,
        response: {
          200: DoneSchema,
          ...problems(
            "ERR_SESSION_MISSING",
            "ERR_QUICK_CODE_UNKNOWN",
            "ERR_LOGIN_UNKNOWN",
            "ERR_SIGNATURE_INVALID",
            "ERR_ORIGIN_REFUSED",
          ),
        },
      },
    },
    async (request) => {
      const session = await requireSession(context, request);
      await approveQuickCode(context, session, nameOf(request.params.id), parseQuickCodeApproval(request.body));
      return done;
    },
  );

  app.get(
    "/v1/quick-codes/claims/:id",
    {
      schema: {
        tags: ["quick-code"],
        summary: "What the new device sees; its evidence, when approved",
        params: IdPath,
        querystring: Waiting,
        response: { 200: QuickCodeStateSchema, ...problems("ERR_QUICK_CODE_UNKNOWN", "ERR_OVERLOADED") },
      },
    },
    async (request, reply) => {
      const state = await waits.run(request, reply, request.query.wait, (waitMs, signal) =>
        quickCodeState(context, nameOf(request.params.id), waitMs, signal),
      );
      return encodeQuickCodeState(state);
    },
  );
}

export function addHandoverRoutes(app: HttpApp, context: AuthContext, waits: WaitLimit): void {
  app.post(
    "/v1/handovers",
    {
      config: { rateLimit: { max: context.config.limits.loginsPerMinute, timeWindow: 60_000 } },
      schema: {
        tags: ["handover"],
        summary: "A login on this screen by another device",
        body: HandoverRequestSchema,
        response: { 200: HandoverSchema, ...problems("ERR_INTERACTION_UNKNOWN", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request, reply) => {
      const { interaction } = parseHandoverRequest(request.body);
      const caller = { ...visitor(context, request, reply), agent: request.headers["user-agent"] };
      return encodeHandover(await beginHandover(context, caller, interaction));
    },
  );

  app.get(
    "/v1/handovers/:id",
    {
      schema: {
        tags: ["handover"],
        summary: "What the other device shows before the person picks a number",
        params: IdPath,
        response: { 200: HandoverViewSchema, ...problems("ERR_HANDOVER_UNKNOWN") },
      },
    },
    async (request) => encodeHandoverView(await viewHandover(context, nameOf(request.params.id))),
  );

  app.get(
    "/v1/handovers/:id/state",
    {
      schema: {
        tags: ["handover"],
        summary: "Whether it was accepted; for the browser that began it",
        params: IdPath,
        querystring: Waiting,
        response: { 200: HandoverStateSchema, ...problems("ERR_HANDOVER_UNKNOWN", "ERR_OVERLOADED") },
      },
    },
    async (request, reply) => {
      const { browser } = returning(context, request, "ERR_HANDOVER_UNKNOWN");
      const state = await waits.run(request, reply, request.query.wait, (waitMs, signal) =>
        handoverState(context, nameOf(request.params.id), browser, waitMs, signal),
      );
      return encodeHandoverState(state);
    },
  );

  app.post(
    "/v1/handovers/:id/session",
    {
      schema: {
        tags: ["handover"],
        summary: "The screen's own session, once, when it was accepted",
        params: IdPath,
        body: EmptySchema,
        response: { 200: LoginOutcomeSchema, ...problems("ERR_HANDOVER_UNKNOWN", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request, reply) => {
      const { browser } = returning(context, request, "ERR_HANDOVER_UNKNOWN");
      const cookie = drawCookie(context.random);
      const outcome = await collectHandover(context, nameOf(request.params.id), browser, cookie.hash);
      sendCookie(reply, context.origin(), cookie, context.config.sessionSeconds);
      return encodeLoginOutcome(outcome);
    },
  );
}

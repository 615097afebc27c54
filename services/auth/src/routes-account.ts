/**
 * Routes for who is logged in: who one is, devices, signatures, leaving.
 * @module
 */

import { parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { DoneSchema } from "@milagro/protocol/dta-messages";
import {
  DeviceChangeSchema,
  EmptySchema,
  encodeMe,
  MeSchema,
  parseDeviceChange,
} from "@milagro/protocol/login-messages";
import { encodeSignatureList, SignatureListSchema } from "@milagro/protocol/signature-messages";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import { Type } from "typebox";
import { DevicePath } from "./calls.ts";
import type { AuthContext } from "./context.ts";
import { browserOf, dropCookie } from "./cookies.ts";
import { devicesOf, renameDevice, revokeDevice } from "./devices.ts";
import { findSession, requireSession } from "./sessions.ts";
import { signaturesOf } from "./signatures.ts";

const DONE = { v: 1, done: true } as const;

export function addAccountRoutes(app: HttpApp, context: AuthContext): void {
  app.get(
    "/v1/me",
    {
      schema: {
        tags: ["account"],
        summary: "Who is logged in, and with which devices",
        response: { 200: MeSchema, ...problems("ERR_SESSION_MISSING") },
      },
    },
    async (request) => {
      const { user, identity, authenticated_ms, expires_ms } = await requireSession(context, request);
      return encodeMe({
        v: 1,
        user,
        identity: parseMpinIdentity(identity),
        authenticated: Math.floor(authenticated_ms / 1000),
        expires: Math.floor(expires_ms / 1000),
        devices: await devicesOf(context, user),
      });
    },
  );

  app.post(
    "/v1/logout",
    {
      schema: {
        tags: ["account"],
        summary: "End this session; harmless without one",
        body: EmptySchema,
        response: { 200: DoneSchema, ...problems("ERR_ORIGIN_REFUSED") },
      },
    },
    async (request, reply) => {
      const session = await findSession(context, browserOf(request, context.origin()));
      if (session) {
        await context.store.transaction(async (tx) => {
          await tx.deleteFrom("auth_sessions").where("token_hash", "=", session.token_hash).execute();
          await context.audit.append(tx, { action: "logout", outcome: "ok", subject: session.identity });
        });
      }
      dropCookie(reply, context.origin());
      return DONE;
    },
  );

  app.patch(
    "/v1/devices/:device",
    {
      schema: {
        tags: ["account"],
        summary: "Rename one of one's devices",
        params: DevicePath,
        body: DeviceChangeSchema,
        response: { 200: DoneSchema, ...problems("ERR_SESSION_MISSING", "ERR_DEVICE_UNKNOWN", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request) => {
      const session = await requireSession(context, request);
      await renameDevice(context, session, request.params.device, parseDeviceChange(request.body).label);
      return DONE;
    },
  );

  app.delete(
    "/v1/devices/:device",
    {
      schema: {
        tags: ["account"],
        summary: "Remove one of one's devices, for good, and end its sessions",
        params: DevicePath,
        response: { 200: DoneSchema, ...problems("ERR_SESSION_MISSING", "ERR_DEVICE_UNKNOWN", "ERR_ORIGIN_REFUSED") },
      },
    },
    async (request) => {
      const { user } = await requireSession(context, request);
      await revokeDevice(context, user, request.params.device, "user");
      return DONE;
    },
  );

  app.get(
    "/v1/signatures",
    {
      schema: {
        tags: ["signatures"],
        summary: "What one has signed, newest first",
        querystring: Type.Object(
          { cursor: Type.Optional(Type.String({ maxLength: 128 })) },
          { additionalProperties: false },
        ),
        response: { 200: SignatureListSchema, ...problems("ERR_SESSION_MISSING", "ERR_CURSOR_INVALID") },
      },
    },
    async (request) => {
      const { user } = await requireSession(context, request);
      return encodeSignatureList(await signaturesOf(context, user, request.query.cursor));
    },
  );
}

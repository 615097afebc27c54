/**
 * What routes take from a request: whose browser, from where, and names in the path.
 * @module
 */
import { parseBase64url } from "@milagro/crypto/base64url";
import { MilagroError } from "@milagro/engine/error";
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { AuthContext } from "./context.ts";
import { browserOf, drawCookie, sendCookie } from "./cookies.ts";
import type { Caller } from "./login.ts";

/** How long a browser keeps the cookie that it got before anybody has logged in. */
const VISITOR_SECONDS = 3600;

const Name = Type.String({ pattern: "^[A-Za-z0-9_\\-]{42}[AEIMQUYcgkosw048]$", description: "32 bytes, base64url" });
export const SessionPath = Type.Object({ session: Name });
export const IdPath = Type.Object({ id: Name });
export const DevicePath = Type.Object({ device: Type.String({ pattern: "^[a-z0-9]{10}$" }) });

/** 32 bytes from the path, whose schema has been checked. */
export const nameOf = (text: string): Uint8Array => parseBase64url(text);

/** The browser that calls, which gets a cookie if it has none. */
export function visitor(context: AuthContext, request: FastifyRequest, reply: FastifyReply): Caller {
  const known = browserOf(request, context.origin());
  if (known !== undefined) return { browser: known, address: request.ip };
  const cookie = drawCookie(context.random);
  sendCookie(reply, context.origin(), cookie, VISITOR_SECONDS);
  return { browser: cookie.hash, address: request.ip };
}

/** The browser that called before. @throws what `missing` is, without a cookie */
export function returning(
  context: AuthContext,
  request: FastifyRequest,
  missing: "ERR_LOGIN_UNKNOWN" | "ERR_HANDOVER_UNKNOWN",
): Caller {
  const browser = browserOf(request, context.origin());
  if (browser === undefined) throw new MilagroError(missing, "the request has no cookie: begin again in this browser");
  return { browser, address: request.ip };
}

/**
 * The provider's place among the server's routes: everything below `/oidc/` and the discovery document is handed on as it came;
 * approvals are ours.
 * @module
 */

import { MilagroError } from "@milagro/engine/error";
import { ApprovalListSchema, ApprovalName, encodeApprovalList } from "@milagro/protocol/approval-messages";
import { DoneSchema } from "@milagro/protocol/dta-messages";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import { Type } from "typebox";
import { visitor } from "../calls.ts";
import type { AuthContext } from "../context.ts";
import { requireSession } from "../sessions.ts";
import type { OpenId } from "./openid.ts";
import { STYLESHEET, STYLESHEET_PATH } from "./pages.ts";
import { DISCOVERY_PATH, OPENID_PATH } from "./provider.ts";

/** Applications call these from their own servers and pages: no Origin of ours, forms instead of JSON. The provider has checks of its own. */
export const isProviderPath = (path: string): boolean => path.startsWith(OPENID_PATH) || path === DISCOVERY_PATH;

/** @param openId - of the same context */
export function addOpenIdRoutes(app: HttpApp, context: AuthContext, openId: OpenId): void {
  app.get(STYLESHEET_PATH, { schema: { hide: true } }, (_request, reply) =>
    reply.type("text/css; charset=utf-8").header("cache-control", "public, max-age=3600").send(STYLESHEET),
  );
  void app.register(async (inner) => {
    // The body stays unread: it is the provider's to parse.
    inner.removeAllContentTypeParsers();
    inner.addContentTypeParser("*", (_request, _payload, done) => done(null));
    for (const url of [`${OPENID_PATH}*`, DISCOVERY_PATH])
      inner.all(url, { schema: { hide: true } }, async (request, reply) => {
        for (const [name, value] of Object.entries(reply.getHeaders()))
          if (value !== undefined) reply.raw.setHeader(name, value);
        reply.hijack();
        await openId.handle(request.raw, reply.raw, request.ip);
      });
  });

  // The page of an application's login: only for the browser that the application has sent here.
  app.addHook("preHandler", async (request, reply) => {
    if (request.routeOptions.url !== "/interaction/:uid") return;
    const { uid = "" } = request.params as { readonly uid?: string };
    const { browser } = visitor(context, request, reply);
    if (!(await openId.open(uid, request.raw, reply.raw, browser)))
      throw new MilagroError("ERR_INTERACTION_UNKNOWN", "no application waits for this login in this browser");
  });

  app.get(
    "/v1/approvals",
    {
      schema: {
        tags: ["account"],
        summary: "What applications wait for you to approve",
        response: { 200: ApprovalListSchema, ...problems("ERR_SESSION_MISSING") },
      },
    },
    async (request) => {
      const session = await requireSession(context, request);
      const waiting = await openId.waiting((await userIdOf(context, session.user)) ?? "");
      const approvals = await Promise.all(
        waiting.map(async ({ id, client, message, expiresMs }) => ({
          id,
          client: (await openId.clients.nameOf(client)) ?? client,
          ...(message === undefined ? {} : { message }),
          expires: Math.floor(expiresMs / 1000),
        })),
      );
      return encodeApprovalList({ v: 1, approvals });
    },
  );

  app.delete(
    "/v1/approvals/:id",
    {
      schema: {
        tags: ["account"],
        summary: "Decline what an application asks",
        params: Type.Object({ id: ApprovalName }),
        response: {
          200: DoneSchema,
          ...problems("ERR_SESSION_MISSING", "ERR_INTERACTION_UNKNOWN", "ERR_ORIGIN_REFUSED"),
        },
      },
    },
    async (request) => {
      const { user } = await requireSession(context, request);
      const userId = await userIdOf(context, user);
      if (userId === undefined || !(await openId.deny(request.params.id, userId)))
        throw new MilagroError("ERR_INTERACTION_UNKNOWN", "this request is not yours, or is over");
      return { v: 1, done: true } as const;
    },
  );
}

async function userIdOf({ store }: AuthContext, user: string): Promise<string | undefined> {
  return (await store.db.selectFrom("auth_users").select("id").where("user", "=", user).executeTakeFirst())?.id;
}

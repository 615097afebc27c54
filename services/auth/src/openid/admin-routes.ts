/**
 * The administrator's side of OpenID: applications and the provider's keys.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import {
  ClientId,
  ClientListSchema,
  ClientRegisteredSchema,
  ClientRegistrationSchema,
  encodeClientList,
  encodeClientRegistered,
  encodeKeysRotated,
  KeysRotatedSchema,
  parseClientRegistration,
} from "@milagro/protocol/client-messages";
import { DoneSchema } from "@milagro/protocol/dta-messages";
import { EmptySchema } from "@milagro/protocol/login-messages";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import { Type } from "typebox";
import type { AuthContext } from "../context.ts";
import type { OpenId } from "./openid.ts";

const tags = ["applications"];

export function addOpenIdAdminRoutes(
  app: HttpApp,
  { store, audit }: AuthContext,
  { clients, rotateKeys }: OpenId,
): void {
  const record = (action: "client.create" | "client.delete" | "keys.rotate", client?: string): Promise<unknown> =>
    store.transaction((tx) =>
      audit.append(tx, { action, outcome: "ok", ...(client === undefined ? {} : { details: { client } }) }),
    );

  app.get("/v1/clients", { schema: { tags, response: { 200: ClientListSchema } } }, async () =>
    encodeClientList({
      v: 1,
      clients: (await clients.list()).map(({ backchannelLogoutUri, ...client }) => ({
        ...client,
        ...(backchannelLogoutUri === undefined ? {} : { backchannelLogoutUri }),
      })),
    }),
  );

  app.post(
    "/v1/clients",
    {
      schema: {
        tags,
        summary: "Register an application; its secret is shown once",
        body: ClientRegistrationSchema,
        response: { 201: ClientRegisteredSchema, ...problems("ERR_CLIENT_EXISTS", "ERR_VALUE_INVALID") },
      },
    },
    async (request, reply) => {
      const { v: _, ...client } = parseClientRegistration(request.body);
      // Recorded before it can be used: what cannot be recorded is not registered.
      await record("client.create", client.id);
      const secret = await clients.add(client);
      return reply.code(201).send(encodeClientRegistered({ v: 1, id: client.id, ...(secret ? { secret } : {}) }));
    },
  );

  app.delete(
    "/v1/clients/:id",
    {
      schema: {
        tags,
        summary: "Remove an application",
        params: Type.Object({ id: ClientId }),
        response: { 200: DoneSchema, ...problems("ERR_CLIENT_UNKNOWN") },
      },
    },
    async ({ params }) => {
      if (!(await clients.remove(params.id)))
        throw new MilagroError("ERR_CLIENT_UNKNOWN", "there is no such application");
      await record("client.delete", params.id);
      return { v: 1, done: true } as const;
    },
  );

  app.post(
    "/v1/keys/rotate",
    {
      schema: {
        tags: ["operation"],
        summary: "New keys for tokens and cookies; the old ones stay published while anything they signed is good",
        body: EmptySchema,
        response: { 200: KeysRotatedSchema },
      },
    },
    async () => {
      await record("keys.rotate");
      return encodeKeysRotated({ v: 1, keys: [...(await rotateKeys())] });
    },
  );
}

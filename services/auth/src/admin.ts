/**
 * The administrator's API, on a Unix socket that only its owner can open: users, devices and their blocks, webhooks, keys, the
 * audit log. Everything that changes something is recorded with it.
 * @module
 */
import type { BlockList } from "node:net";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { parseMpinIdentity, splitMpinIdentity } from "@milagro/crypto/mpin-identity";
import { MilagroError } from "@milagro/engine/error";
import { DoneSchema, LogEntrySchema } from "@milagro/protocol/dta-messages";
import {
  AuthStatusSchema,
  DeviceOrderSchema,
  encodeAuthStatus,
  encodeUserDetails,
  encodeUserList,
  encodeWebhookCreated,
  encodeWebhookList,
  parseDeviceOrder,
  parseWebhookRequest,
  UserDetailsSchema,
  UserListSchema,
  WebhookCreatedSchema,
  WebhookListSchema,
  WebhookRequestSchema,
} from "@milagro/protocol/login-admin-messages";
import { EmptySchema } from "@milagro/protocol/login-messages";
import { problems } from "@milagro/runtime/http-openapi";
import type { HttpApp } from "@milagro/runtime/http-server";
import { Type } from "typebox";
import { blockForever, FOREVER_MS, forgetAttempts } from "./attempts.ts";
import type { AuthContext } from "./context.ts";
import { endSessions, parseOwnIdentity, revokeDevice, toDevice } from "./devices.ts";
import { appendEvent, EVENT_TYPES, type EventType } from "./events.ts";
import type { UserRow } from "./store-schema.ts";
import { createWebhook, deleteWebhook, testWebhook } from "./webhooks.ts";

export type AdminContext = AuthContext & { readonly allowed: BlockList };

const DONE = { v: 1, done: true } as const;
const PAGE = 200;
const UserPath = Type.Object({ user: Type.String({ minLength: 1, maxLength: 200 }) });
const WebhookPath = Type.Object({ id: Type.String({ pattern: "^[A-Za-z0-9_\\-]{16}$" }) });

export function addAdminRoutes(app: HttpApp, context: AdminContext): void {
  addStatusRoutes(app, context);
  addUserRoutes(app, context);
  addDeviceRoutes(app, context);
  addWebhookRoutes(app, context);
}

function addStatusRoutes(app: HttpApp, context: AdminContext): void {
  const { store, keys, domain, config, server, workers, audit } = context;
  app.get("/v1/status", { schema: { tags: ["operation"], response: { 200: AuthStatusSchema } } }, async () => {
    const count = async (table: "auth_users" | "auth_devices"): Promise<number> => {
      const row = await store.db
        .selectFrom(table)
        .select((e) => e.fn.countAll<number>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    };
    return encodeAuthStatus({
      v: 1,
      service: config.service,
      server,
      domain: domain.name,
      domainId: domain.domainId,
      origin: context.origin(),
      ready: workers.ready,
      approvalKey: { kty: "OKP", crv: "Ed25519", x: encodeBase64url(keys.approvalPublicKey) },
      users: await count("auth_users"),
      devices: await count("auth_devices"),
    });
  });

  app.get(
    "/v1/log",
    {
      schema: {
        tags: ["operation"],
        summary: "The audit log after an entry",
        querystring: Type.Object(
          {
            after: Type.Optional(Type.Integer({ minimum: 0 })),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ v: Type.Literal(1), entries: Type.Array(LogEntrySchema) }) },
      },
    },
    async ({ query }) => {
      const entries = await audit.read(store.db, query.after ?? 0, query.limit ?? 100);
      return {
        v: 1 as const,
        entries: entries.map(({ previous, hash, ...entry }) => ({
          ...entry,
          previous: encodeBase64url(previous),
          hash: encodeBase64url(hash),
        })),
      };
    },
  );
}

function addUserRoutes(app: HttpApp, context: AdminContext): void {
  const { store, audit } = context;
  const toUser = async (row: UserRow) => {
    const { count } = await store.db
      .selectFrom("auth_devices")
      .select((e) => e.fn.countAll<number>().as("count"))
      .where("user", "=", row.user)
      .where("state", "!=", "revoked")
      .executeTakeFirstOrThrow();
    const { user, id, created_ms, blocked } = row;
    return { user, id, created: Math.floor(created_ms / 1000), blocked: blocked === 1, devices: Number(count) };
  };

  app.get(
    "/v1/users",
    {
      schema: {
        tags: ["users"],
        querystring: Type.Object(
          { after: Type.Optional(Type.String({ maxLength: 200 })) },
          { additionalProperties: false },
        ),
        response: { 200: UserListSchema },
      },
    },
    async ({ query }) => {
      const rows = await store.db
        .selectFrom("auth_users")
        .selectAll()
        .where("user", ">", query.after ?? "")
        .orderBy("user")
        .limit(PAGE + 1)
        .execute();
      const page = rows.slice(0, PAGE);
      const next = rows.length > PAGE ? page.at(-1)?.user : undefined;
      return encodeUserList({ v: 1, users: await Promise.all(page.map(toUser)), ...(next ? { next } : {}) });
    },
  );

  app.get(
    "/v1/users/:user",
    {
      schema: {
        tags: ["users"],
        params: UserPath,
        response: { 200: UserDetailsSchema, ...problems("ERR_USER_UNKNOWN") },
      },
    },
    async ({ params }) => {
      const row = await store.db
        .selectFrom("auth_users")
        .selectAll()
        .where("user", "=", params.user)
        .executeTakeFirst();
      if (!row) throw unknownUser();
      const devices = await store.db
        .selectFrom("auth_devices as d")
        .leftJoin("auth_attempts as a", "a.subject", "d.identity")
        .selectAll("d")
        .select(["a.failures", "a.blocked_until_ms"])
        .where("d.user", "=", row.user)
        .orderBy("d.created_ms")
        .limit(100)
        .execute();
      const now = context.clock();
      return encodeUserDetails({
        v: 1,
        user: await toUser(row),
        devices: devices.map((device) => {
          const until = device.blocked_until_ms ?? 0;
          return {
            device: toDevice(device),
            failures: device.failures ?? 0,
            blocked: until > now,
            ...(until > now && until !== FOREVER_MS ? { blockedUntil: Math.floor(until / 1000) } : {}),
          };
        }),
      });
    },
  );

  const setBlocked = async (user: string, blocked: boolean): Promise<void> => {
    await store.transaction(async (tx) => {
      const row = await tx
        .updateTable("auth_users")
        .set({ blocked: blocked ? 1 : 0 })
        .where("user", "=", user)
        .returning("user")
        .executeTakeFirst();
      if (!row) throw unknownUser();
      if (blocked) await endSessions(tx, "user", user);
      await audit.append(tx, { action: blocked ? "user.block" : "user.unblock", outcome: "ok", subject: user });
      await appendEvent(context, tx, { type: blocked ? "user.blocked" : "user.unblocked", data: { user } });
    });
    context.kickWebhooks();
  };
  const route = {
    schema: { tags: ["users"], params: UserPath, response: { 200: DoneSchema, ...problems("ERR_USER_UNKNOWN") } },
  };
  app.post("/v1/users/:user/block", { schema: { ...route.schema, body: EmptySchema } }, async ({ params }) => {
    await setBlocked(params.user, true);
    return DONE;
  });
  app.post("/v1/users/:user/unblock", { schema: { ...route.schema, body: EmptySchema } }, async ({ params }) => {
    await setBlocked(params.user, false);
    return DONE;
  });
}

function addDeviceRoutes(app: HttpApp, context: AdminContext): void {
  const { store, audit, clock } = context;
  const schema = {
    tags: ["devices"],
    body: DeviceOrderSchema,
    response: { 200: DoneSchema, ...problems("ERR_DEVICE_UNKNOWN", "ERR_IDENTITY_INVALID", "ERR_DOMAIN_MISMATCH") },
  };
  const order = async (body: unknown) => {
    const identity = parseOwnIdentity(context, parseDeviceOrder(body).identity);
    const known = await store.db
      .selectFrom("auth_devices")
      .select("identity")
      .where("identity", "=", identity)
      .executeTakeFirst();
    if (!known) throw new MilagroError("ERR_DEVICE_UNKNOWN", "there is no such device");
    return identity;
  };
  app.post("/v1/devices/revoke", { schema: { ...schema, summary: "Remove a device, for good" } }, async ({ body }) => {
    const { user, device } = splitMpinIdentity(parseMpinIdentity(await order(body)));
    await revokeDevice(context, user, device, "administrator");
    return DONE;
  });
  app.post("/v1/devices/block", { schema: { ...schema, summary: "Until it is unblocked" } }, async ({ body }) => {
    const identity = await order(body);
    await store.transaction(async (tx) => {
      await blockForever(tx, identity, clock());
      await endSessions(tx, "identity", identity);
      await audit.append(tx, { action: "user.block", outcome: "device", subject: identity });
    });
    return DONE;
  });
  app.post("/v1/devices/unblock", { schema: { ...schema, summary: "Forget its failures" } }, async ({ body }) => {
    const identity = await order(body);
    await store.transaction(async (tx) => {
      await forgetAttempts(tx, identity);
      await audit.append(tx, { action: "user.unblock", outcome: "device", subject: identity });
    });
    return DONE;
  });
}

function addWebhookRoutes(app: HttpApp, context: AdminContext): void {
  const { store } = context;
  app.get("/v1/webhooks", { schema: { tags: ["webhooks"], response: { 200: WebhookListSchema } } }, async () => {
    const rows = await store.db.selectFrom("auth_webhooks").selectAll().orderBy("created_ms").limit(1000).execute();
    const webhooks = await Promise.all(
      rows.map(async ({ id, url, types, created_ms }) => {
        const { count } = await store.db
          .selectFrom("auth_deliveries")
          .select((e) => e.fn.countAll<number>().as("count"))
          .where("webhook", "=", id)
          .executeTakeFirstOrThrow();
        return { id, url, types: JSON.parse(types), created: Math.floor(created_ms / 1000), waiting: Number(count) };
      }),
    );
    return encodeWebhookList({ v: 1, webhooks });
  });

  app.post(
    "/v1/webhooks",
    {
      schema: {
        tags: ["webhooks"],
        summary: "Events to this address from now on; the secret is shown once",
        description: `Types: ${EVENT_TYPES.join(", ")}`,
        body: WebhookRequestSchema,
        response: {
          200: WebhookCreatedSchema,
          ...problems("ERR_MESSAGE_INVALID", "ERR_WEBHOOK_REFUSED", "ERR_UNREACHABLE"),
        },
      },
    },
    async ({ body }) => {
      const { url, types } = parseWebhookRequest(body);
      if (!types.every((type) => (EVENT_TYPES as readonly string[]).includes(type)))
        throw new MilagroError("ERR_MESSAGE_INVALID", `webhook: a type is one of ${EVENT_TYPES.join(", ")}`);
      return encodeWebhookCreated({ v: 1, ...(await createWebhook(context, url, types as EventType[])) });
    },
  );

  const schema = {
    tags: ["webhooks"],
    params: WebhookPath,
    response: { 200: DoneSchema, ...problems("ERR_WEBHOOK_UNKNOWN") },
  };
  app.delete("/v1/webhooks/:id", { schema }, async ({ params }) => {
    await deleteWebhook(context, params.id);
    return DONE;
  });
  app.post("/v1/webhooks/:id/test", { schema: { ...schema, body: EmptySchema } }, async ({ params }) => {
    await testWebhook(context, params.id);
    context.kickWebhooks();
    return DONE;
  });
}

const unknownUser = (): MilagroError => new MilagroError("ERR_USER_UNKNOWN", "there is no such user");

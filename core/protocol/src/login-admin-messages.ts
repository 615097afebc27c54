/**
 * Bodies of the login server's admin API, on its Unix socket.
 * @module
 */
import { Type } from "typebox";
import { DomainName } from "./descriptor.ts";
import { DeviceSchema, UserName } from "./login-messages.ts";
import { Ed25519Jwk } from "./policy.ts";
import {
  Counter,
  DomainIdBytes,
  encoderOf,
  HttpUrl,
  IdentityText,
  type Parsed,
  parserOf,
  strict,
  UnixSeconds,
  Version,
} from "./wire.ts";

/** Answer of `GET /v1/status`. `approvalKey` goes into the policies of D-TAs, under `loginServers`. */
export const AuthStatusSchema = strict({
  v: Version,
  service: Type.String({ minLength: 1, maxLength: 200 }),
  server: IdentityText,
  domain: DomainName,
  domainId: DomainIdBytes,
  origin: HttpUrl,
  /** Whether the server secret is there. */
  ready: Type.Boolean(),
  approvalKey: Ed25519Jwk,
  users: Counter,
  devices: Counter,
});
export type AuthStatus = Parsed<typeof AuthStatusSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseAuthStatus = parserOf("status", AuthStatusSchema);
export const encodeAuthStatus = encoderOf("status", AuthStatusSchema);

const UserSchema = strict({
  user: UserName,
  id: Type.String({ pattern: "^[A-Za-z0-9_\\-]{22}$", description: "What applications know the user by" }),
  created: UnixSeconds,
  blocked: Type.Boolean(),
  devices: Counter,
});

/** Answer of `GET /v1/users`, by name; ask again with `after` = `next`. */
export const UserListSchema = strict({
  v: Version,
  users: Type.Array(UserSchema, { maxItems: 1000 }),
  next: Type.Optional(UserName),
});
export type UserList = Parsed<typeof UserListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseUserList = parserOf("user list", UserListSchema);
export const encodeUserList = encoderOf("user list", UserListSchema);

/** Answer of `GET /v1/users/:user`. `failures`: attempts since the last success; `blockedUntil` is absent for a block without end. */
export const UserDetailsSchema = strict({
  v: Version,
  user: UserSchema,
  devices: Type.Array(
    strict({
      device: DeviceSchema,
      failures: Counter,
      blocked: Type.Boolean(),
      blockedUntil: Type.Optional(UnixSeconds),
    }),
    { maxItems: 100 },
  ),
});
export type UserDetails = Parsed<typeof UserDetailsSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseUserDetails = parserOf("user", UserDetailsSchema);
export const encodeUserDetails = encoderOf("user", UserDetailsSchema);

/** Body of `POST /v1/devices/revoke`, `/block` and `/unblock`. */
export const DeviceOrderSchema = strict({ v: Version, identity: IdentityText });
export type DeviceOrder = Parsed<typeof DeviceOrderSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseDeviceOrder = parserOf("device", DeviceOrderSchema);
export const encodeDeviceOrder = encoderOf("device", DeviceOrderSchema);

const EventType = Type.String({ maxLength: 64, pattern: "^[a-z]+\\.[a-z]+$", description: "Type of an event" });
const EventTypes = Type.Array(EventType, { minItems: 1, maxItems: 32 });
const WebhookUrl = Type.String({
  maxLength: 2048,
  pattern: "^https?://[^\\s#]+$",
  description: "Address of a webhook",
});
const WebhookId = Type.String({ pattern: "^[A-Za-z0-9_\\-]{16}$" });

/** Body of `POST /v1/webhooks`. */
export const WebhookRequestSchema = strict({ v: Version, url: WebhookUrl, types: EventTypes });
export type WebhookRequest = Parsed<typeof WebhookRequestSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseWebhookRequest = parserOf("webhook", WebhookRequestSchema);
export const encodeWebhookRequest = encoderOf("webhook", WebhookRequestSchema);

/** Answer to it: the only time the secret is shown. */
export const WebhookCreatedSchema = strict({
  v: Version,
  id: WebhookId,
  secret: Type.String({ pattern: "^whsec_[A-Za-z0-9+/]{43}=$", description: "Secret, as in Standard Webhooks" }),
});
export type WebhookCreated = Parsed<typeof WebhookCreatedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseWebhookCreated = parserOf("webhook", WebhookCreatedSchema);
export const encodeWebhookCreated = encoderOf("webhook", WebhookCreatedSchema);

/** Answer of `GET /v1/webhooks`. `waiting`: deliveries that are still due. */
export const WebhookListSchema = strict({
  v: Version,
  webhooks: Type.Array(
    strict({ id: WebhookId, url: WebhookUrl, types: EventTypes, created: UnixSeconds, waiting: Counter }),
    { maxItems: 1000 },
  ),
});
export type WebhookList = Parsed<typeof WebhookListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseWebhookList = parserOf("webhook list", WebhookListSchema);
export const encodeWebhookList = encoderOf("webhook list", WebhookListSchema);

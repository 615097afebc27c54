/**
 * Applications at the login server, as its administrator registers them. All on the admin socket.
 *
 *   GET    /v1/clients                    → ClientList
 *   POST   /v1/clients                    ClientRegistration → ClientRegistered
 *   DELETE /v1/clients/:id                → Done
 *   POST   /v1/keys/rotate                Empty → KeysRotated
 * @module
 */
import { Type } from "typebox";
import { encoderOf, line, type Parsed, parserOf, strict, Version } from "./wire.ts";

/** How an application gets its tokens: from a server, in a browser, on a device without one, or by asking the user elsewhere (CIBA). */
export const CLIENT_FLOWS = ["web", "browser", "device", "backchannel"] as const;
export type ClientFlow = (typeof CLIENT_FLOWS)[number];

/** `client_id` of the application. */
export const ClientId = Type.String({
  pattern: "^[A-Za-z0-9][A-Za-z0-9._\\-]{0,127}$",
  description: "Id of the application",
});
const Uri = Type.String({ minLength: 1, maxLength: 2048, description: "https URL; http on this machine" });

const client = {
  id: ClientId,
  name: line(128, "What users read"),
  flow: Type.Enum([...CLIENT_FLOWS]),
  redirectUris: Type.Array(Uri, { maxItems: 32 }),
  postLogoutRedirectUris: Type.Array(Uri, { maxItems: 32 }),
  backchannelLogoutUri: Type.Optional(Uri),
} as const;

export const ClientRegistrationSchema = strict({ v: Version, ...client });
export type ClientRegistration = Parsed<typeof ClientRegistrationSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseClientRegistration = parserOf("application", ClientRegistrationSchema);
export const encodeClientRegistration = encoderOf("application", ClientRegistrationSchema);

/** The only time the secret is shown; applications in browsers and on devices have none. */
export const ClientRegisteredSchema = strict({
  v: Version,
  id: ClientId,
  secret: Type.Optional(Type.String({ pattern: "^[A-Za-z0-9_\\-]{43}$" })),
});
export type ClientRegistered = Parsed<typeof ClientRegisteredSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseClientRegistered = parserOf("application", ClientRegisteredSchema);
export const encodeClientRegistered = encoderOf("application", ClientRegisteredSchema);

export const ClientListSchema = strict({ v: Version, clients: Type.Array(strict(client), { maxItems: 10_000 }) });
export type ClientList = Parsed<typeof ClientListSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseClientList = parserOf("applications", ClientListSchema);
export const encodeClientList = encoderOf("applications", ClientListSchema);

/** Ids of the keys that are published now, the signing ones first. */
export const KeysRotatedSchema = strict({
  v: Version,
  keys: Type.Array(Type.String({ pattern: "^[A-Za-z0-9_\\-]{43}$" }), { maxItems: 64 }),
});
export type KeysRotated = Parsed<typeof KeysRotatedSchema>;
/** @throws `ERR_MESSAGE_INVALID` */
export const parseKeysRotated = parserOf("keys", KeysRotatedSchema);
export const encodeKeysRotated = encoderOf("keys", KeysRotatedSchema);

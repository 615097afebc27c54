/**
 * Applications that may ask for logins. The operator registers them; nobody registers by himself.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { CLIENT_FLOWS, type ClientFlow } from "@milagro/protocol/client-messages";
import type { AdapterPayload } from "oidc-provider";
import { allRecords, type RecordDeps, recordAdapter } from "./adapter.ts";

export interface NewClient {
  readonly id: string;
  readonly name: string;
  readonly flow: ClientFlow;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
  readonly backchannelLogoutUri?: string | undefined;
}

export interface Clients {
  /** @returns the secret, shown once; none for applications that cannot keep one. @throws `ERR_CLIENT_EXISTS`, `ERR_VALUE_INVALID` */
  add(client: NewClient): Promise<string | undefined>;
  list(): Promise<readonly NewClient[]>;
  /** @returns whether it was there */
  remove(id: string): Promise<boolean>;
  /** What the application calls itself. */
  nameOf(id: string): Promise<string | undefined>;
}

const KIND = "Client";
const GRANTS: Readonly<Record<ClientFlow, readonly string[]>> = {
  web: ["authorization_code", "refresh_token"],
  browser: ["authorization_code", "refresh_token"],
  device: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
  backchannel: ["urn:openid:params:grant-type:ciba", "refresh_token"],
};
/** Programs in a browser or on a device have nowhere to keep a secret. */
const PUBLIC: readonly ClientFlow[] = ["browser", "device"];

export function createClients(records: RecordDeps, random: RandomBytes): Clients {
  const adapter = recordAdapter(records, KIND);
  return {
    add: async (client) => {
      if (await adapter.find(client.id))
        throw new MilagroError("ERR_CLIENT_EXISTS", "there is a client with this id: remove it first");
      checkUris(client);
      const secret = PUBLIC.includes(client.flow) ? undefined : encodeBase64url(random(32));
      await adapter.upsert(client.id, metadataOf(client, secret));
      return secret;
    },
    list: async () => (await allRecords(records, KIND)).map(clientOf).sort((a, b) => (a.id < b.id ? -1 : 1)),
    remove: async (id) => {
      const known = await adapter.find(id);
      await adapter.destroy(id);
      return known !== undefined;
    },
    nameOf: async (id) => (await adapter.find(id))?.client_name,
  };
}

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

function isReachable(url: URL | null): boolean {
  if (url === null || url.hash !== "" || url.username !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && LOCAL_HOSTS.includes(url.hostname));
}

/** An application outside this machine is reached by https: a code on plain http is everybody's. */
function checkUris({ redirectUris, postLogoutRedirectUris, backchannelLogoutUri, flow }: NewClient): void {
  const all = [...redirectUris, ...postLogoutRedirectUris, ...(backchannelLogoutUri ? [backchannelLogoutUri] : [])];
  for (const text of all) {
    if (!isReachable(URL.parse(text)))
      throw new MilagroError(
        "ERR_VALUE_INVALID",
        "an application's addresses are https URLs without a fragment, http on this machine only",
      );
  }
  const redirects = flow === "web" || flow === "browser";
  if (redirects !== redirectUris.length > 0)
    throw new MilagroError("ERR_VALUE_INVALID", redirects ? "a redirect URI is needed" : "this flow has no redirects");
}

function metadataOf(client: NewClient, secret: string | undefined): AdapterPayload {
  const { id, name, flow, redirectUris, postLogoutRedirectUris, backchannelLogoutUri } = client;
  const redirects = redirectUris.length > 0;
  return {
    client_id: id,
    client_name: name,
    ...(secret === undefined
      ? { token_endpoint_auth_method: "none" }
      : { client_secret: secret, token_endpoint_auth_method: "client_secret_basic" }),
    // Local addresses are for trying things out, and only native applications have them (RFC 8252 §7.3).
    application_type: redirectUris.some((uri) => uri.startsWith("http:")) ? "native" : "web",
    grant_types: [...GRANTS[flow]],
    response_types: redirects ? ["code"] : [],
    redirect_uris: [...redirectUris],
    post_logout_redirect_uris: [...postLogoutRedirectUris],
    ...(backchannelLogoutUri === undefined
      ? {}
      : { backchannel_logout_uri: backchannelLogoutUri, backchannel_logout_session_required: true }),
    ...(flow === "backchannel" ? { backchannel_token_delivery_mode: "poll" } : {}),
  };
}

function clientOf(payload: AdapterPayload): NewClient {
  const grants = payload.grant_types ?? [];
  const found = CLIENT_FLOWS.filter((flow) => GRANTS[flow][0] === grants[0]);
  const isPublic = payload.token_endpoint_auth_method === "none";
  const flow = found.find((one) => PUBLIC.includes(one) === isPublic) ?? "web";
  return {
    id: payload.client_id ?? "",
    name: payload.client_name ?? "",
    flow,
    redirectUris: payload.redirect_uris ?? [],
    postLogoutRedirectUris: payload.post_logout_redirect_uris ?? [],
    backchannelLogoutUri: payload.backchannel_logout_uri,
  };
}

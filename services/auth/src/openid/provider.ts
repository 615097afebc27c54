/**
 * The OpenID provider: `oidc-provider` set up so that its defaults hurt nobody. Authorization code with PKCE and nothing older; every
 * interaction ends with a PIN, which is the consent too; records, keys and pages are ours.
 *
 * Source: OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 8628 (device flow), CIBA 1.0, OpenID Connect RP-Initiated and Back-Channel Logout 1.0.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import Provider, { type Account, type Configuration, errors, type KoaContextWithOIDC } from "oidc-provider";
import { isHttps } from "../cookies.ts";
import { type RecordDeps, recordAdapter } from "./adapter.ts";
import type { Approvals } from "./approvals.ts";
import { deviceConfirmPage, deviceDonePage, deviceInputPage, errorPage, loggedOutPage, logoutPage } from "./pages.ts";
import type { ProviderKeys } from "./signing-keys.ts";

/** A token and a PIN, and proof that they were there; with the user's own key not even all D-TAs together could have been the user. */
export const ACR = "urn:milagro:acr:mpin";
/** RFC 8176: a PIN, possession of a key, hence several factors. */
export const AMR: readonly string[] = ["pin", "pop", "mfa"];

/** Where the provider's routes are; everything below is handed to it. */
export const OPENID_PATH = "/oidc/";
export const DISCOVERY_PATH = "/.well-known/openid-configuration";

const MINUTE = 60;
const DAY = 86_400;
const TTL = {
  AccessToken: 10 * MINUTE,
  AuthorizationCode: MINUTE,
  BackchannelAuthenticationRequest: 5 * MINUTE,
  DeviceCode: 10 * MINUTE,
  Grant: 14 * DAY,
  IdToken: 10 * MINUTE,
  Interaction: 10 * MINUTE,
  RefreshToken: 14 * DAY,
  Session: DAY / 2,
} as const;

export interface OpenIdUser {
  /** Random, and never somebody else's: `sub`. */
  readonly id: string;
  /** A name or an e-mail address. */
  readonly user: string;
  readonly blocked: boolean;
}

/** Who there is. */
export interface OpenIdUsers {
  byId(id: string): Promise<OpenIdUser | undefined>;
  byName(user: string): Promise<OpenIdUser | undefined>;
}

export interface ProviderOptions {
  readonly origin: string;
  readonly keys: ProviderKeys;
  readonly records: RecordDeps;
  readonly users: OpenIdUsers;
  readonly approvals: Approvals;
  /** Reaches applications for back-channel logout; refuses private addresses. */
  readonly fetch: (url: string | URL, options: RequestInit) => Promise<Response>;
  /** An approval waits: tell the user. */
  readonly onApproval: (user: OpenIdUser, approval: string) => Promise<void>;
}

export function createProvider(options: ProviderOptions): Provider {
  const { origin, keys, records, users, fetch } = options;
  const secure = isHttps(origin);
  const cookie = { httpOnly: true, sameSite: "lax", signed: true, secure, overwrite: true } as const;
  const name = (text: string) => (secure ? `__Secure-openid-${text}` : `openid-${text}`);
  const configuration: Configuration = {
    adapter: (kind) => recordAdapter(records, kind),
    jwks: { keys: keys.signing.map(({ jwk }) => jwk) } as NonNullable<Configuration["jwks"]>,
    cookies: {
      keys: [...keys.cookies],
      long: cookie,
      short: cookie,
      names: { session: name("session"), interaction: name("interaction"), resume: name("resume") },
    },
    routes: routesBelow(OPENID_PATH),
    responseTypes: ["code"],
    subjectTypes: ["public"],
    pkce: { required: () => true },
    scopes: ["openid", "offline_access", "profile", "email"],
    claims: {
      // Always there: an application that has to ask for them will not look.
      openid: ["sub", "acr", "amr", "auth_time"],
      profile: ["preferred_username"],
      email: ["email", "email_verified"],
      sid: null,
    },
    acrValues: [ACR],
    clientDefaults: {
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
      id_token_signed_response_alg: "RS256",
    },
    ttl: TTL,
    clockTolerance: 5,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true },
      ciba: cibaOf(options),
      deviceFlow: {
        enabled: true,
        charset: "base-20",
        mask: "****-****",
        userCodeInputSource: async (ctx, form, out, error) => deviceInputPage(ctx, form, out, error),
        userCodeConfirmSource: async (ctx, form, client, info, code) =>
          deviceConfirmPage(ctx, form, client, info, code),
        successSource: async (ctx) => deviceDonePage(ctx),
      },
      introspection: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
      },
      resourceIndicators: { enabled: false },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => logoutPage(ctx, form),
        postLogoutSuccessSource: async (ctx) => loggedOutPage(ctx),
      },
      userinfo: { enabled: true },
    },
    findAccount: async (_ctx, id) => accountOf(await users.byId(id)),
    interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
    loadExistingGrant: (ctx) => grantOf(ctx),
    rotateRefreshToken: true,
    // A browser application that was given the code may fetch its tokens, from the origins that it redirects to.
    clientBasedCORS: (_ctx, from, client) => (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === from),
    fetch: fetch as NonNullable<Configuration["fetch"]>,
    renderError: async (ctx, out) => errorPage(ctx, out),
  };
  const provider = new Provider(origin, configuration);
  // The address and scheme come from our own listener, which has checked its proxies; see `openid.ts`.
  provider.proxy = true;
  return provider;
}

function routesBelow(path: string): NonNullable<Configuration["routes"]> {
  return {
    authorization: `${path}auth`,
    backchannel_authentication: `${path}backchannel`,
    code_verification: `${path}device`,
    device_authorization: `${path}device/auth`,
    end_session: `${path}session/end`,
    introspection: `${path}token/introspection`,
    jwks: `${path}jwks`,
    pushed_authorization_request: `${path}request`,
    revocation: `${path}token/revocation`,
    token: `${path}token`,
    userinfo: `${path}me`,
  };
}

/** D-TAs have admitted the user under this address, on evidence of their own: so it is verified. */
function accountOf(user: OpenIdUser | undefined): Account | undefined {
  if (!user || user.blocked) return undefined;
  const email = user.user.includes("@") ? { email: user.user, email_verified: true } : {};
  return {
    accountId: user.id,
    claims: async () => ({ sub: user.id, preferred_username: user.user, ...email }),
  };
}

/** Whoever enters the PIN for an application's request has agreed to it: applications are registered by the operator. */
async function grantOf(ctx: KoaContextWithOIDC): Promise<InstanceType<Provider["Grant"]> | undefined> {
  const { provider, client, session, result, account, params, requestParamScopes } = ctx.oidc;
  if (!client || !account) return undefined;
  const id = result?.consent?.grantId ?? session?.grantIdFor(client.clientId);
  const known = id === undefined ? undefined : await provider.Grant.find(id);
  const grant = known ?? new provider.Grant({ clientId: client.clientId, accountId: account.accountId });
  // `prompt=consent` means that the user is asked anew; so does a refresh token, which outlives the session.
  const asked = result?.login !== undefined;
  const offline = requestParamScopes.has("offline_access") && String(params?.["prompt"] ?? "").includes("consent");
  const wanted = [...requestParamScopes].filter((scope) => scope !== "offline_access" || (offline && asked) || known);
  grant.addOIDCScope(wanted.join(" "));
  grant.addOIDCClaims([...ctx.oidc.requestParamClaims]);
  await grant.save();
  return grant;
}

function cibaOf({
  users,
  approvals,
  onApproval,
  records,
}: ProviderOptions): NonNullable<Configuration["features"]>["ciba"] {
  return {
    enabled: true,
    deliveryModes: ["poll", "ping"],
    processLoginHint: async (_ctx, hint) => (hint === undefined ? undefined : (await users.byName(hint))?.id),
    processLoginHintToken: async () => {
      throw new errors.InvalidRequest("login_hint_token is not supported: send login_hint");
    },
    verifyUserCode: async (_ctx, _account, userCode) => {
      if (userCode !== undefined) throw new errors.InvalidRequest("user_code is not supported");
    },
    validateRequestContext: async (_ctx, context) => {
      if (context !== undefined) throw new errors.InvalidRequest("request_context is not supported");
    },
    // What a person reads and confirms: one line, nothing invisible in it.
    validateBindingMessage: async (_ctx, message) => {
      if (message !== undefined && !/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,120}$/u.test(message))
        throw new errors.InvalidBindingMessage("binding_message is one line of 1 to 120 printable characters");
    },
    triggerAuthenticationDevice: async (_ctx, request, account, client) => {
      const user = await users.byId(account.accountId);
      if (!user || request.jti === undefined) throw new MilagroError("ERR_INTERNAL", "a request of nobody");
      const message = request.params?.["binding_message"];
      const id = await approvals.add({
        userId: user.id,
        client: client.clientId,
        message: typeof message === "string" ? message : undefined,
        expiresMs: records.clock() + request.expiration * 1000,
        request: request.jti,
      });
      await onApproval(user, id);
    },
  };
}

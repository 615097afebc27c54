/**
 * OpenID at the login server: its routes, the logins that applications ask for, its clients, its keys.
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { LoginPayload } from "@milagro/protocol/login-messages";
import type { KeyStore } from "@milagro/runtime/key-store";
import { errors } from "oidc-provider";
import { isHttps } from "../cookies.ts";
import type { Interaction, InteractionResult, Interactions } from "../interactions.ts";
import { forgetEnded, type RecordDeps, recordAdapter } from "./adapter.ts";
import { type Approval, createApprovals, isApproval } from "./approvals.ts";
import { type Clients, createClients } from "./clients.ts";
import { ACR, AMR, createProvider, type ProviderOptions } from "./provider.ts";
import { createRecordSeal } from "./record-seal.ts";
import { openProviderKeys, rotateProviderKeys } from "./signing-keys.ts";

export interface OpenId extends Interactions {
  /** Answers a request below `/oidc/`, or for the discovery document. @param address - of the caller, as our own listener knows it */
  handle(request: IncomingMessage, response: ServerResponse, address: string): Promise<void>;
  /**
   * Ties an interaction to the browser that began it, which shows the provider's own cookie for that.
   * @param browser - hash of our cookie
   * @returns whether it is this browser's
   */
  open(uid: string, request: IncomingMessage, response: ServerResponse, browser: string): Promise<boolean>;
  readonly clients: Clients;
  /** What applications wait for a user to approve. */
  waiting(userId: string): Promise<readonly Approval[]>;
  /** Says no. @returns whether it was there, and this user's */
  deny(id: string, userId: string): Promise<boolean>;
  rotateKeys(): Promise<readonly string[]>;
  forgetEnded(): Promise<void>;
}

export interface OpenIdOptions extends Pick<ProviderOptions, "users" | "fetch" | "onApproval"> {
  readonly origin: () => string;
  readonly store: RecordDeps["store"];
  readonly keyStore: KeyStore;
  readonly random: RandomBytes;
  readonly clock: () => number;
}

/** Long enough to type a PIN, get it wrong, and enrol a device first. */
const BOUND_SECONDS = 600;

export async function createOpenId(options: OpenIdOptions): Promise<OpenId> {
  const { origin, store, keyStore, random, clock } = options;
  const keyDeps = { store: keyStore, random, clock };
  let keys = await openProviderKeys(keyDeps);
  const records: RecordDeps = { store, clock, seal: createRecordSeal(keys.records, random) };
  keys.records.fill(0);
  const approvals = createApprovals(records, random);
  const browsers = recordAdapter(records, "Browser");
  let provider: ReturnType<typeof createProvider> | undefined;
  // The origin is known once the server listens, and the keys change: so the provider is made when it is needed.
  const current = () => {
    provider ??= createProvider({ ...options, origin: origin(), keys, records, approvals });
    return provider;
  };

  const interactionOf = async (uid: string): Promise<Interaction | undefined> => {
    if (isApproval(uid)) {
      const approval = await approvals.find(uid);
      if (!approval) return undefined;
      const payload: LoginPayload = { type: "message", text: approval.message ?? approval.client };
      return { client: approval.client, payload };
    }
    const found = await current().Interaction.find(uid);
    const client = found?.params["client_id"];
    return typeof client === "string" ? { client } : undefined;
  };

  return {
    clients: createClients(records, random),
    handle: async (request, response, address) => {
      const own = new URL(origin());
      request.headers["x-forwarded-proto"] = isHttps(origin()) ? "https" : "http";
      request.headers["x-forwarded-host"] = own.host;
      request.headers["x-forwarded-for"] = address;
      await current().callback()(request, response);
    },
    open: async (uid, request, response, browser) => {
      try {
        if ((await current().interactionDetails(request, response)).uid !== uid) return false;
      } catch (error) {
        if (error instanceof errors.OIDCProviderError) return false;
        throw error;
      }
      await browsers.upsert(uid, { extra: { browser } }, BOUND_SECONDS);
      return true;
    },
    // Only the browser that began a login may end it, or a link would log its receiver's account in at the sender's.
    find: async (uid, browser) => {
      const interaction = await interactionOf(uid);
      if (!interaction || isApproval(uid)) return interaction;
      const bound = await browsers.find(uid);
      return bound && bound.extra?.["browser"] === browser ? interaction : undefined;
    },
    finish: async (uid, result) => {
      if (isApproval(uid)) {
        await approve(uid, result);
        return "/";
      }
      const interaction = await current().Interaction.find(uid);
      if (!interaction) throw new MilagroError("ERR_INTERACTION_UNKNOWN", "the application waits no longer");
      interaction.result = {
        login: { accountId: result.userId, acr: ACR, amr: [...AMR], ts: Math.floor(result.authenticatedMs / 1000) },
        consent: {},
      };
      await interaction.persist();
      return interaction.returnTo;
    },
    waiting: (userId) => approvals.waiting(userId),
    deny: async (id, userId) => {
      const approval = await approvals.find(id);
      if (approval?.userId !== userId || !(await approvals.take(id))) return false;
      await current().backchannelResult(approval.request, new errors.AccessDenied("the user has said no"));
      return true;
    },
    rotateKeys: async () => {
      keys = await rotateProviderKeys(keyDeps);
      keys.records.fill(0);
      provider = undefined;
      return keys.signing.map(({ jwk }) => jwk.kid);
    },
    forgetEnded: () => forgetEnded(records),
  };

  async function approve(id: string, { userId, authenticatedMs }: InteractionResult): Promise<void> {
    const approval = await approvals.find(id);
    if (approval?.userId !== userId || !(await approvals.take(id)))
      throw new MilagroError("ERR_INTERACTION_UNKNOWN", "this request is not yours, or is over");
    const { Grant, BackchannelAuthenticationRequest } = current();
    const request = await BackchannelAuthenticationRequest.find(approval.request);
    if (!request) throw new MilagroError("ERR_INTERACTION_UNKNOWN", "the application waits no longer");
    const grant = new Grant({ clientId: approval.client, accountId: userId });
    grant.addOIDCScope(request.scope ?? "openid");
    await grant.save();
    await current().backchannelResult(request, grant, {
      acr: ACR,
      amr: [...AMR],
      authTime: Math.floor(authenticatedMs / 1000),
    });
  }
}

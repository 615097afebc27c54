/**
 * Who sent this request: its RFC 9421 signature, fresh, for this service, over this very body, and not seen before.
 *
 * In order of cost: form, times, epoch, digest here; the two pairings in a worker; then the nonce, which only a verified
 * request can use up, so that nobody fills the table or burns another's nonces. Nonces rest in the database: a restart or
 * a second instance forgets none.
 * @module
 */
import { splitIdentity } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import { checkRequest } from "@milagro/protocol/http-signature";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import type { Clock } from "@milagro/runtime/clock";
import type { RateLimiter } from "@milagro/runtime/rate-limit";
import type { WorkerPool } from "@milagro/runtime/worker-pool";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Caller } from "./secrets.ts";
import type { KmsStore } from "./store.ts";
import type { Tasks } from "./tasks.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set by `authenticate`; routes behind it may rely on it. */
    caller: Caller | undefined;
  }
}

export interface AuthenticateOptions {
  readonly domain: TrustDomain;
  readonly pool: Pick<WorkerPool<Tasks>, "call">;
  readonly store: Pick<KmsStore, "rememberNonce">;
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  /** Origins under which clients may address us: what a signature names as its target must begin with one of them. */
  origins(): readonly string[];
}

/**
 * The absolute URI that the client meant, by its Host header; a host that is not ours gives undefined, so that a request
 * signed for another service cannot be replayed here.
 */
export function targetUri(origins: readonly string[], host: string | undefined, target: string): string | undefined {
  const origin = origins.find((known) => new URL(known).host === host?.toLowerCase());
  return origin === undefined ? undefined : `${origin.replace(/\/+$/, "")}${target}`;
}

/** For Fastify's `preValidation`: the body is there, nothing has been done with it yet. */
export function createAuthenticate(options: AuthenticateOptions) {
  const { domain, pool, store, clock, limiter } = options;
  return async function authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const uri = targetUri(options.origins(), request.headers.host, request.raw.url ?? "");
    if (uri === undefined && request.headers["signature-input"] !== undefined)
      throw new MilagroError("ERR_SIGNATURE_INVALID", "the request is addressed to another host than this service");
    const { identity, epoch, nonce, expiresMs, claim } = checkRequest(
      domain,
      { method: request.method, targetUri: uri ?? "", headers: request.headers, body: request.rawBody },
      clock(),
    );
    if (splitIdentity(identity).domain !== domain.name)
      throw new MilagroError("ERR_DOMAIN_MISMATCH", "the identity belongs to another trust domain");
    if (!(await pool.call("verifyClaim", { ...claim })))
      throw new MilagroError("ERR_SIGNATURE_INVALID", "the signature is wrong");
    if (!(await store.rememberNonce("request", `${identity}#${epoch} ${nonce}`, Math.ceil(expiresMs / 1000) + 1)))
      throw new MilagroError("ERR_SIGNATURE_REPLAYED", "this signed request was seen before: sign again");
    const waitSeconds = limiter.take(identity, clock());
    if (waitSeconds > 0) {
      reply.header("retry-after", String(waitSeconds));
      throw new MilagroError("ERR_RATE_LIMITED", "too many requests by this identity");
    }
    request.caller = { identity, epoch };
  };
}

/** The identity behind a request that has passed `authenticate`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === undefined) throw new TypeError("this route is not behind authenticate");
  return request.caller;
}

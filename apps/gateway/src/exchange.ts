/**
 * One request on its way through the gateway: what it asks, who asks, and what the operations have at hand.
 * @module
 */
import type { AttributeSet } from "@milagro/crypto/attribute-set";
import { satisfiesPolicy } from "@milagro/crypto/policy-satisfy";
import { MilagroError } from "@milagro/engine/error";
import type { Clock } from "@milagro/runtime/clock";
import type { Log } from "@milagro/runtime/log";
import type { Admitted } from "./access-keys.ts";
import type { Audit, AuditAction, AuditEvent } from "./audit.ts";
import type { Backend } from "./backend/backend.ts";
import { RESERVED_PREFIX } from "./kek-reader.ts";
import type { Keks } from "./keks.ts";
import type { Names } from "./names.ts";
import type { OpenedObject } from "./object-reader.ts";
import type { Objects } from "./objects.ts";
import { decideWrite, type Rules } from "./policies.ts";
import type { PolicyKeys } from "./policy-keys.ts";
import type { RequestBody } from "./s3/body.ts";
import { S3Error } from "./s3/errors.ts";
import type { S3Request } from "./s3/request.ts";
import type { GatewayStore } from "./store.ts";

/** The parts of a running gateway. */
export interface Gateway {
  readonly backend: Backend;
  readonly store: GatewayStore;
  readonly audit: Audit;
  readonly keks: Keks;
  readonly names: Names;
  readonly objects: Objects;
  readonly rules: Rules;
  readonly policyKeys: PolicyKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly region: string;
}

export interface Exchange {
  readonly gateway: Gateway;
  readonly request: S3Request;
  readonly caller: Admitted;
  readonly attributes: AttributeSet;
  /** Asks the client for the body, when it waits for that. */
  body(): RequestBody;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Writes down that this is allowed. Call it before acting, once a request. */
  allow(action: AuditAction, details?: AuditEvent["details"]): Promise<void>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is XML. A stream's length stands in the headers. */
  readonly body?: string | AsyncGenerator<Uint8Array, void>;
}

export type Operation = (exchange: Exchange) => Promise<Reply>;

/** The object that the request names, for whoever may read it. @throws `NoSuchKey`, `ERR_POLICY_UNSATISFIED` */
export async function openForReading(
  exchange: Exchange,
  bucket = exchange.request.bucket,
  key = exchange.request.key,
  version = exchange.request.query.get("versionId"),
): Promise<OpenedObject> {
  checkKey(key);
  checkBucket(exchange, bucket);
  const opened = await exchange.gateway.objects.open(bucket, key, version);
  if (!opened) throw new S3Error(version === undefined ? "NoSuchKey" : "NoSuchVersion", "there is no such object");
  mayRead(exchange, opened);
  return opened;
}

/** @throws `ERR_POLICY_UNSATISFIED` */
export function mayRead({ attributes }: Exchange, { kek }: OpenedObject): void {
  if (!satisfiesPolicy(kek.policy, attributes))
    throw new MilagroError("ERR_POLICY_UNSATISFIED", "your attributes do not satisfy the object's policy");
}

/** The policy of what the caller writes to a place. @throws the code of the refusal */
export function policyForWriting(exchange: Exchange, bucket: string, key: string, own: string | undefined): string {
  checkKey(key);
  checkBucket(exchange, bucket);
  if (exchange.caller.readOnly) throw new S3Error("AccessDenied", "you may only read");
  const decision = decideWrite(exchange.gateway.rules, bucket, key, exchange.attributes, own);
  if (decision.kind === "allow") return decision.policy;
  throw new MilagroError(decision.code, REFUSALS[decision.code]);
}

const REFUSALS = {
  ERR_NO_RULE: "no rule says who may read what is written here",
  ERR_RESIDENCY: "the data would leave the region that it may be in: the writer, or the store, is elsewhere",
  ERR_POLICY_UNSATISFIED: "your attributes do not let you write here",
} as const;

/** @throws `AccessDenied` */
export function checkBucket({ caller }: Exchange, bucket: string): void {
  if (caller.buckets && !caller.buckets.includes(bucket))
    throw new S3Error("AccessDenied", "you are let into other buckets only");
}

/** @throws `AccessDenied` for the gateway's own records */
export function checkKey(key: string): void {
  if (key.startsWith(RESERVED_PREFIX)) throw new S3Error("AccessDenied", "this name belongs to the gateway");
}

/** An ETag as headers have it. */
export const quoted = (etag: string): string => `"${etag}"`;
/** As XML has it. */
export const isoTime = (ms: number): string => new Date(ms).toISOString();
/** As headers have it. */
export const httpTime = (ms: number): string => new Date(ms).toUTCString();

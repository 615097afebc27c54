/**
 * The D-KMS API, called as an identity: every request is signed with its `sig` key of this epoch. What comes back is
 * ciphertext and metadata; believing it is the business of `secrets.ts`.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import { epochAt } from "@milagro/crypto/epoch";
import { MilagroError } from "@milagro/engine/error";
import { signRequest } from "@milagro/protocol/http-signature";
import {
  type AckAccepted,
  type AckRequest,
  type EventPage,
  encodeAckRequest,
  encodeGenerateRequest,
  type GenerateRequest,
  parseAckAccepted,
  parseEventPage,
  parseSecretDeleted,
  parseSecretList,
  parseSecretStored,
  parseVersionList,
  type SecretDeleted,
  type SecretList,
  type SecretStored,
  type VersionList,
} from "@milagro/protocol/kms-messages";
import type { SecretPath } from "@milagro/protocol/secret-path";
import { encodeSecretRecord, parseSecretRecord, type SecretRecord } from "@milagro/protocol/secret-record";
import type { ClientDeps } from "./deps.ts";
import type { HttpRequest } from "./http-port.ts";
import { apiUrl, callJson, DEFAULT_TIMEOUT_MS, jsonBody } from "./json-call.ts";
import type { KeyRing } from "./key-ring.ts";

/** What the D-KMS's policy is asked for: `put` makes and renews, `rotate` renews only, `import` is for secrets made elsewhere. */
export type PutOperation = "put" | "import" | "rotate";

export interface KmsClient {
  /** Stores a version that the caller has encapsulated and signed. */
  put(record: SecretRecord, operation?: PutOperation): Promise<SecretStored>;
  /** Lets the D-KMS draw the secret: it sees the plaintext for a moment. */
  generate(path: SecretPath, request: GenerateRequest, operation?: "generate" | "rotate"): Promise<SecretStored>;
  read(path: SecretPath, version?: number): Promise<SecretRecord>;
  versions(path: SecretPath): Promise<VersionList>;
  list(query?: {
    readonly prefix?: string | undefined;
    readonly cursor?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<SecretList>;
  remove(path: SecretPath): Promise<SecretDeleted>;
  /** Deliveries after a sequence number. @param query.waitSeconds - wait so long for one when there is none */
  events(query: { readonly after: number; readonly limit?: number; readonly waitSeconds?: number }): Promise<EventPage>;
  acknowledge(acks: AckRequest["acks"]): Promise<AckAccepted>;
}

interface SignedCall {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
}

/** The address of the D-KMS. @throws `ERR_KMS_UNKNOWN` when neither the domain nor a setting names one */
export function kmsUrlOf(deps: ClientDeps): string {
  const url = deps.kmsUrl ?? deps.domain.descriptor.kms?.url;
  if (url === undefined) throw new MilagroError("ERR_KMS_UNKNOWN", `the domain ${deps.domain.name} names no D-KMS`);
  return url;
}

export function createKmsClient(deps: ClientDeps, ring: KeyRing): KmsClient {
  const call = async <T>(request: SignedCall, parse: (value: unknown) => T): Promise<T> => {
    const url = apiUrl(kmsUrlOf(deps), request.path, request.query);
    const body = request.body === undefined ? undefined : jsonBody(request.body);
    const epoch = epochAt(deps.clock(), deps.domain.epochSeconds);
    const fields: Record<string, string> =
      request.idempotencyKey === undefined ? {} : { "idempotency-key": request.idempotencyKey };
    const signed = signRequest({
      engine: deps.engine,
      random: deps.random,
      domain: deps.domain,
      author: { party: { identity: ring.identity, epoch }, key: ring.need("sig", epoch) },
      request: { method: request.method, targetUri: url, headers: fields, ...(body ? { body } : {}) },
      nowMs: deps.clock(),
    });
    const headers = { ...fields, ...signed };
    return callJson(
      deps.http,
      {
        method: request.method,
        url,
        headers,
        ...(body ? { body } : {}),
        timeoutMs: request.timeoutMs ?? DEFAULT_TIMEOUT_MS,
        // A signed request is used once: its nonce is refused the second time, so the port must not repeat it.
        idempotent: false,
      },
      parse,
    );
  };
  const freshKey = (): string => encodeBase64url(deps.random(16));
  return {
    put: (record, operation) =>
      call(
        {
          method: "POST",
          path: secretPath("secrets", record.path),
          query: { operation },
          body: encodeSecretRecord(record),
          idempotencyKey: freshKey(),
        },
        parseSecretStored,
      ),
    generate: (path, request, operation) =>
      call(
        {
          method: "POST",
          path: secretPath("generate", path),
          query: { operation },
          body: encodeGenerateRequest(request),
          idempotencyKey: freshKey(),
        },
        parseSecretStored,
      ),
    read: (path, version) =>
      call({ method: "GET", path: secretPath("secrets", path), query: { version } }, parseSecretRecord),
    versions: (path) => call({ method: "GET", path: secretPath("versions", path) }, parseVersionList),
    list: (query = {}) => call({ method: "GET", path: "/v1/secrets", query }, parseSecretList),
    remove: (path) =>
      call({ method: "DELETE", path: secretPath("secrets", path), idempotencyKey: freshKey() }, parseSecretDeleted),
    events: ({ after, limit, waitSeconds }) =>
      call(
        {
          method: "GET",
          path: "/v1/events",
          query: { after, limit, wait: waitSeconds },
          timeoutMs: DEFAULT_TIMEOUT_MS + (waitSeconds ?? 0) * 1000,
        },
        parseEventPage,
      ),
    acknowledge: (acks) =>
      call({ method: "POST", path: "/v1/acks", body: encodeAckRequest({ v: 1, acks }) }, parseAckAccepted),
  };
}

/** A secret path needs no escaping: its grammar has URL characters only. */
function secretPath(kind: "secrets" | "generate" | "versions", path: SecretPath): string {
  return `/v1/${kind}/${path}`;
}

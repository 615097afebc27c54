/**
 * Server-side generation: the D-KMS draws a secret, seals it to the recipients, signs the record as its own author, and
 * forgets the secret. For a moment it was in the memory of one worker thread; whoever wants that not to be puts.
 * @module
 */
import { splitIdentity } from "@milagro/crypto/identity";
import { parsePolicy } from "@milagro/crypto/policy-parser";
import { MilagroError } from "@milagro/engine/error";
import { type GenerateRequest, parseGenerateRequest } from "@milagro/protocol/kms-messages";
import type { SecretPath } from "@milagro/protocol/secret-path";
import type { TrustDomain } from "@milagro/protocol/trust-domain";
import { unixSeconds } from "@milagro/runtime/clock";
import type { WorkerPool } from "@milagro/runtime/worker-pool";
import { decideWrite } from "./access-policy.ts";
import { type IdempotentUse, type KeptAnswer, once } from "./idempotency.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { announce, type Caller, keptAnswer, refuseAudited, type SecretsDeps, writeVersion } from "./secrets.ts";
import type { Tasks } from "./tasks.ts";

export interface GenerateDeps extends SecretsDeps {
  readonly own: Pick<OwnIdentity, "signingKey">;
  readonly pool: Pick<WorkerPool<Tasks>, "call">;
}

/** Times the next version's number is taken by somebody else before we give up. */
const ATTEMPTS = 4;

/** Before anything is drawn. @throws `ERR_DOMAIN_MISMATCH`, `ERR_RECIPIENTS_INVALID`, `ERR_POLICY_INVALID` */
export function checkRecipients(domain: Pick<TrustDomain, "name">, { recipients, policy }: GenerateRequest): void {
  if (policy !== undefined) parsePolicy(policy);
  if (recipients.some(({ identity }) => splitIdentity(identity).domain !== domain.name))
    throw new MilagroError("ERR_DOMAIN_MISMATCH", "a recipient belongs to another trust domain");
  if (new Set(recipients.map(({ identity, epoch }) => `${identity}#${epoch}`)).size !== recipients.length)
    throw new MilagroError("ERR_RECIPIENTS_INVALID", "a recipient is named twice");
}

/**
 * @param body - the request's bytes: they go to the worker, which reads them again
 * @throws `ERR_ACCESS_DENIED`, `ERR_SECRET_UNKNOWN`, `ERR_VERSION_CONFLICT`, `ERR_SERVICE_NOT_ENROLLED`, and what the
 * checks of the request throw
 */
export async function generateSecret(
  deps: GenerateDeps,
  caller: Caller,
  operation: "generate" | "rotate",
  path: SecretPath,
  body: unknown,
  use: IdempotentUse | undefined,
): Promise<KeptAnswer> {
  const request = parseGenerateRequest(body);
  checkRecipients(deps.domain, request);
  const kept = await keptAnswer(deps, use);
  if (kept) return kept;
  try {
    for (let attempt = 1; ; attempt++) {
      const head = await deps.store.readHead(path);
      const exists = head !== undefined && head.version > 0 && !head.deleted;
      // Asked before anything is drawn; asked again inside the transaction, where it counts.
      if (decideWrite(deps.policy.current.rules, caller.identity, operation, path, exists).kind === "deny")
        throw new MilagroError("ERR_ACCESS_DENIED", "no rule of the policy allows this identity to do this here");
      const version = request.version ?? (head?.version ?? 0) + 1;
      const key = deps.own.signingKey();
      if (key === undefined)
        throw new MilagroError("ERR_SERVICE_NOT_ENROLLED", "this D-KMS has no identity key to sign with yet");
      const bytes = new TextEncoder().encode(JSON.stringify(body));
      const record = await deps.pool.call(
        "generate",
        { body: bytes, path, version, key, nowMs: deps.clock() },
        { transfer: [key.bytes.buffer as ArrayBuffer] },
      );
      try {
        const answer = await deps.store.transaction((tx) =>
          once(tx, use, unixSeconds(deps.clock), () => writeVersion(tx, deps, caller, operation, record)),
        );
        announce(
          deps,
          record.recipients.map(({ identity }) => identity),
        );
        return answer;
      } catch (error) {
        const taken = error instanceof MilagroError && error.code === "ERR_VERSION_CONFLICT";
        if (!taken || request.version !== undefined || attempt === ATTEMPTS) throw error;
      }
    }
  } catch (error) {
    return refuseAudited(deps, caller, operation, path, error);
  }
}

/**
 * What the worker thread of `verify-pool` does. The thread's module is `channel-worker`, beside whatever looks for it: a program that is bundled
 * has one of its own.
 * @module
 */
import type { DomainId } from "@milagro/crypto/domain-id";
import { combinePublicShares, parsePublicShare } from "@milagro/crypto/master-public";
import { parseServerSecret } from "@milagro/crypto/mpin-server-key";
import { createEngine } from "@milagro/engine";
import type { CredentialClaim, VerifyingKeys } from "@milagro/protocol/channel-credential";
import { checkMpinAnswer, type MpinCheck, type MpinChecked } from "@milagro/protocol/channel-mpin";
import { systemRandom } from "../random.ts";
import { serveWorker, workerInput } from "../worker-side.ts";
import { verifyClaims } from "./verify-tasks.ts";

/** Of a domain that the main thread has verified: its id, and of each D-TA the public shares (144 and 96 bytes). */
export interface WorkerInput {
  readonly domainId: Uint8Array;
  readonly authorities: readonly { readonly id: Uint8Array; readonly statement: Uint8Array }[];
  /** Of a server that lets persons in. */
  readonly serverSecret?: Uint8Array;
}

export interface VerifyMethods {
  readonly verifyClaims: (claims: readonly CredentialClaim[]) => boolean[];
  /** @throws TypeError without a server secret */
  readonly checkPerson: (check: MpinCheck) => MpinChecked;
  readonly [name: string]: (argument: never) => unknown;
}

/** Runs in the thread. */
export async function serveVerifyWorker(): Promise<void> {
  const input = workerInput() as WorkerInput;
  const engine = await createEngine({ random: systemRandom });
  const keys: VerifyingKeys = {
    domainId: input.domainId as DomainId,
    publicKey: combinePublicShares(
      engine,
      input.authorities.map(({ id }) => parsePublicShare(engine, "id", id)),
    ),
    authorities: input.authorities.map(({ statement }) => ({
      publicShares: { statement: parsePublicShare(engine, "statement", statement) },
    })),
  };
  const serverSecret = input.serverSecret && parseServerSecret(engine, input.serverSecret);
  input.serverSecret?.fill(0);
  const verify: VerifyMethods = {
    verifyClaims: (claims) => verifyClaims(engine, systemRandom, keys, claims),
    checkPerson(check) {
      if (!serverSecret) throw new TypeError("this server lets no persons in");
      try {
        return checkMpinAnswer(engine, serverSecret, check);
      } finally {
        check.session.w.fill(0);
      }
    },
  };
  serveWorker(verify);
}

/**
 * Weighing evidence, in two steps. `examineEvidence` does what takes time and touches no state: signatures, and other people's key servers.
 * `weighEvidence` runs inside the transaction that decides, where "unspent" means something; `spendEvidence` marks the piece that carried the request.
 * @module
 */
import type { Identity } from "@milagro/crypto/identity";
import type { OpenedRequest } from "@milagro/protocol/issuance";
import type { DtaContext, FoundedDomain } from "./context.ts";
import type { EvidenceVerdict } from "./decide-issuance.ts";
import { judgeApproval } from "./device-approval.ts";
import { findDevice } from "./device-keys.ts";
import { judgeEmailCode, spendEmailCode } from "./email-code.ts";
import {
  type GrantVerdict,
  isSpentElsewhere,
  type JwtContext,
  judgeGrant,
  type SpentGrant,
  spendGrant,
} from "./grant.ts";
import { findJoinToken, judgeJoinToken, spendJoinToken } from "./join-token.ts";
import { judgeRenewal } from "./renewal.ts";
import type { StoreTransaction } from "./store.ts";

/** One piece of evidence, examined as far as possible without the store. */
export type ExaminedEvidence =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "code"; readonly code: string }
  | {
      readonly kind: "judged";
      readonly verdict: EvidenceVerdict;
      readonly grant?: SpentGrant | undefined;
      /** A device whose keys must have been issued here. */
      readonly approver?: Identity | undefined;
    };

export async function examineEvidence(
  context: DtaContext,
  domain: FoundedDomain,
  opened: OpenedRequest,
): Promise<ExaminedEvidence[]> {
  const { request } = opened;
  const policy = context.policy.current;
  const binding: JwtContext = {
    identity: request.identity,
    domainId: domain.domainId,
    requestKey: request.requestKey,
    nowMs: context.clock(),
  };
  const judged = (verdict: GrantVerdict & { readonly approver?: Identity }): ExaminedEvidence => ({
    kind: "judged",
    verdict,
    grant: verdict.spends,
    approver: verdict.approver,
  });
  return Promise.all(
    request.evidence.map(async (piece) => {
      switch (piece.type) {
        case "join-token":
          return { kind: "token", token: piece.token };
        case "grant":
          return judged(await judgeGrant(policy, piece.jwt, binding));
        case "oidc":
          return judged(await context.oidc.judge(policy, piece.jwt, binding));
        case "renewal":
          return judged(await judgeRenewal(context.issuer, opened, piece));
        case "email-code":
          return { kind: "code", code: piece.code };
        case "device":
          return judged(await judgeApproval(context, domain, opened, piece));
      }
    }),
  );
}

const ownerOf = (domain: FoundedDomain, { request }: OpenedRequest) => ({
  domainId: domain.domainId,
  identity: request.identity,
  requestKey: request.requestKey,
});

/** What each piece is worth now. */
export async function weighEvidence(
  tx: StoreTransaction,
  domain: FoundedDomain,
  opened: OpenedRequest,
  pieces: readonly ExaminedEvidence[],
  nowMs: number,
): Promise<EvidenceVerdict[]> {
  const { request, requestHash } = opened;
  const verdicts: EvidenceVerdict[] = [];
  for (const piece of pieces) {
    if (piece.kind === "token") {
      const row = await findJoinToken(tx, domain.domainId, piece.token);
      verdicts.push(
        judgeJoinToken({
          token: piece.token,
          ownIndex: domain.index,
          row,
          identity: request.identity,
          requestHash,
          nowMs,
        }),
      );
    } else if (piece.kind === "code") {
      verdicts.push(await judgeEmailCode(tx, ownerOf(domain, opened), piece.code, requestHash, nowMs));
    } else if (piece.grant !== undefined && (await isSpentElsewhere(tx, domain.domainId, piece.grant, requestHash))) {
      verdicts.push({ type: piece.verdict.type, ok: false, code: "ERR_EVIDENCE_INVALID" });
    } else if (piece.approver !== undefined && !(await findDevice(tx, domain.domainId, piece.approver))) {
      verdicts.push({ type: piece.verdict.type, ok: false, code: "ERR_EVIDENCE_INVALID" });
    } else {
      verdicts.push(piece.verdict);
    }
  }
  return verdicts;
}

export async function spendEvidence(
  tx: StoreTransaction,
  domain: FoundedDomain,
  opened: OpenedRequest,
  piece: ExaminedEvidence,
  nowMs: number,
): Promise<void> {
  const { request, requestHash } = opened;
  if (piece.kind === "token") {
    await spendJoinToken(tx, domain.domainId, piece.token, { requestHash, identity: request.identity, nowMs });
  } else if (piece.kind === "code") {
    await spendEmailCode(tx, ownerOf(domain, opened), requestHash);
  } else if (piece.grant !== undefined) {
    await spendGrant(tx, domain.domainId, piece.grant, requestHash);
  }
}

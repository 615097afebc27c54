/**
 * What a D-TA writes into its audit log: the actions, and the only details they may carry. Refusals are recorded like grants: an operator wants
 * to see who tried.
 * @module
 */
import { type AuditLog, createAuditLog } from "@milagro/runtime/audit-log";
import type { Clock } from "@milagro/runtime/clock";

const DETAILS = [
  "ceremonyId",
  "code",
  "domain",
  "domainId",
  "evidence",
  "expires",
  "index",
  "keys",
  "master",
  "pattern",
  "phase",
  "policyHash",
  "policyVersion",
  "reason",
  "registrar",
  "requestHash",
  "tokenId",
  "usages",
] as const;

export type DtaDetail = (typeof DETAILS)[number];

export type DtaAction =
  | "issue"
  | "epoch-share"
  | "permit"
  | "email-code"
  | "unseal"
  | "seal"
  | "passphrase"
  | "token-update"
  | "rotation"
  | "rotate"
  | "master-forgotten"
  | "ceremony"
  | "found"
  | "join-token.create"
  | "join-token.delete"
  | "deny"
  | "allow"
  | "policy";

export type DtaAudit = AuditLog<DtaAction, DtaDetail>;

export function createDtaAudit(clock: Clock): DtaAudit {
  return createAuditLog<DtaAction, DtaDetail>({ clock, details: DETAILS });
}

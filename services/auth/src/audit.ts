/**
 * What the login server records. Names and outcomes, never a code, cookie or point.
 * @module
 */
import { type AuditLog, createAuditLog } from "@milagro/runtime/audit-log";
import type { Clock } from "@milagro/runtime/clock";

export type AuditAction =
  | "login"
  | "logout"
  | "signature"
  | "device.register"
  | "device.rename"
  | "device.revoke"
  | "quick-code.open"
  | "quick-code.claim"
  | "quick-code.approve"
  | "quick-code.refuse"
  | "handover"
  | "user.block"
  | "user.unblock"
  | "webhook.create"
  | "webhook.delete"
  | "client.create"
  | "client.delete"
  | "keys.rotate"
  | "server-secret";
const DETAILS = [
  "purpose",
  "client",
  "device",
  "attemptsLeft",
  "text",
  "requestHash",
  "address",
  "webhook",
  "master",
] as const;
export type AuditDetail = (typeof DETAILS)[number];
export type Audit = AuditLog<AuditAction, AuditDetail>;

export const createAudit = (clock: Clock): Audit =>
  createAuditLog<AuditAction, AuditDetail>({ clock, details: DETAILS });

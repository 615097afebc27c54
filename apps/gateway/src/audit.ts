/**
 * What the gateway records: every access, whoever made it and however it went, before anything is done. Names and outcomes, never content.
 * @module
 */
import { type AuditLog, createAuditLog } from "@milagro/runtime/audit-log";
import type { Clock } from "@milagro/runtime/clock";
import type { GatewayStore } from "./store.ts";

export type AuditAction =
  | "bucket.create"
  | "bucket.delete"
  | "bucket.list"
  | "bucket.versioning"
  | "object.read"
  | "object.head"
  | "object.attributes"
  | "object.write"
  | "object.copy"
  | "object.delete"
  | "object.list"
  | "object.tags"
  | "upload.create"
  | "upload.part"
  | "upload.complete"
  | "upload.abort"
  | "upload.list"
  | "request"
  | "kek.create"
  | "rotation.begin"
  | "rotation.end"
  | "gateway.start";
const DETAILS = [
  "bucket",
  "key",
  "accessKey",
  "channel",
  "address",
  "policy",
  "range",
  "count",
  "level",
  "epoch",
  "kek",
] as const;
export type AuditDetail = (typeof DETAILS)[number];

export interface AuditEvent {
  readonly action: AuditAction;
  /** "ok" for what was allowed, or the code of the refusal. */
  readonly outcome: string;
  /** Who asked. */
  readonly subject?: string | undefined;
  readonly details?: { readonly [K in AuditDetail]?: string | number | undefined };
}

export interface Audit {
  readonly log: AuditLog<AuditAction, AuditDetail>;
  /** Durable when it resolves. What rejects here must not go on: no record, no access. */
  record(event: AuditEvent): Promise<void>;
}

/** Longer texts are cut: keys have up to 1024 bytes, policies more. */
const MAX_TEXT = 1000;

export function createAudit(store: GatewayStore, clock: Clock): Audit {
  const log = createAuditLog<AuditAction, AuditDetail>({ clock, details: DETAILS });
  return {
    log,
    async record({ details = {}, ...event }) {
      const short = Object.fromEntries(
        Object.entries(details).map(([name, value]) => [
          name,
          typeof value === "string" ? value.slice(0, MAX_TEXT) : value,
        ]),
      );
      await store.transaction((tx) => log.append(tx, { ...event, details: short }));
    },
  };
}

/**
 * Events: what happened, for applications. Each is written in the transaction of what it reports, together with one delivery for
 * each webhook that asked for it; so none is lost, and none reports what did not happen.
 *
 * Source: CloudEvents 1.0.2 §3 (attributes), JSON format.
 * @module
 */
import { encodeBase64url } from "@milagro/crypto/base64url";
import type { AuthContext, Tx } from "./context.ts";
import type { EventRow } from "./store-schema.ts";

/** Everything that is reported. */
export const EVENT_TYPES = [
  "login.accepted",
  "login.refused",
  "login.blocked",
  "approval.requested",
  "device.registered",
  "device.revoked",
  "signature.made",
  "user.blocked",
  "user.unblocked",
  "webhook.test",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface NewEvent {
  readonly type: EventType;
  /** The identity it is about; absent where it is about a user as a whole. */
  readonly subject?: string;
  readonly data: Readonly<Record<string, string | number>>;
}

const PREFIX = "dev.milagro.";

/** Adds an event and its deliveries. @param only - to this webhook and no other */
export async function appendEvent(
  { clock, random }: Pick<AuthContext, "clock" | "random">,
  tx: Tx,
  event: NewEvent,
  only?: string,
): Promise<void> {
  const hooks = await tx.selectFrom("auth_webhooks").select(["id", "types"]).orderBy("id").execute();
  const wanted = hooks.filter(({ id, types }) =>
    only === undefined ? (JSON.parse(types) as string[]).includes(event.type) : id === only,
  );
  if (wanted.length === 0) return;
  const id = encodeBase64url(random(16));
  const now = clock();
  await tx
    .insertInto("auth_events")
    .values({
      id,
      time_ms: now,
      type: event.type,
      subject: event.subject ?? null,
      data: JSON.stringify(event.data),
    })
    .execute();
  await tx
    .insertInto("auth_deliveries")
    .values(wanted.map((hook) => ({ event: id, webhook: hook.id, attempts: 0, due_ms: now })))
    .execute();
}

/** The event as JSON text, the same at every delivery. */
export function cloudEvent(row: EventRow, source: string): string {
  return JSON.stringify({
    specversion: "1.0",
    id: row.id,
    source,
    type: PREFIX + row.type,
    ...(row.subject === null ? {} : { subject: row.subject }),
    time: new Date(row.time_ms).toISOString(),
    datacontenttype: "application/json",
    data: JSON.parse(row.data),
  });
}

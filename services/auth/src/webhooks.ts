/**
 * Delivering events. Each delivery is taken from the database for a while, so that several servers share the work, posted with a
 * signature, and struck out when the receiver says 2xx; else it is due again later, twice as late each time, for three days.
 *
 * Source: Standard Webhooks 1.0.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`).
 * @module
 */
import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { BlockList } from "node:net";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { utf8, wipe } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { errorFields } from "@milagro/runtime/log";
import { jitteredBackoffMs } from "@milagro/runtime/random";
import type { AuthContext } from "./context.ts";
import { appendEvent, cloudEvent, type EventType } from "./events.ts";
import type { Keys } from "./keys.ts";
import { parseWebhookUrl, resolveTarget, type Target } from "./ssrf-guard.ts";
import type { DeliveryRow, EventRow, WebhookRow } from "./store-schema.ts";

/** Text that is posted, and how it is signed. */
export interface SignedDelivery {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export type WebhookContext = Pick<AuthContext, "store" | "audit" | "clock" | "random" | "log" | "keys" | "origin">;

const TAKE = 16;
const LEASE_MS = 60_000;
const TIMEOUT_MS = 10_000;
const FIRST_RETRY_MS = 5000;
const LONGEST_RETRY_MS = 6 * 3_600_000;
const ATTEMPTS = 24;
const LOOK_MS = 5000;
const MAX_ANSWER_BYTES = 65_536;

/** `v1,` and base64 of HMAC-SHA-256 over `id.timestamp.body`. */
export function signDelivery(secret: Uint8Array, id: string, timestamp: number, text: string): SignedDelivery {
  const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${text}`).digest("base64");
  return {
    headers: {
      "content-type": "application/cloudevents+json; charset=utf-8",
      "webhook-id": id,
      "webhook-timestamp": String(timestamp),
      "webhook-signature": `v1,${signature}`,
      "user-agent": "milagro-auth",
    },
    body: utf8(text),
  };
}

/** How the secret is shown, once. */
export function webhookSecretText(keys: Keys, id: string): string {
  const secret = keys.webhookSecret(id);
  const text = `whsec_${Buffer.from(secret).toString("base64")}`;
  wipe(secret);
  return text;
}

/** @throws `ERR_WEBHOOK_REFUSED`, also for a host that does not resolve: a typing error, most likely */
export async function createWebhook(
  context: WebhookContext & { readonly allowed: BlockList },
  url: string,
  types: readonly EventType[],
): Promise<{ readonly id: string; readonly secret: string }> {
  parseWebhookUrl(url);
  await resolveTarget(url, context.allowed);
  const id = encodeBase64url(context.random(12));
  await context.store.transaction(async (tx) => {
    await tx
      .insertInto("auth_webhooks")
      .values({
        id,
        url,
        types: JSON.stringify([...new Set(types)]),
        key_id: context.keys.webhookKeyId,
        created_ms: context.clock(),
      })
      .execute();
    await context.audit.append(tx, { action: "webhook.create", outcome: "ok", details: { webhook: id } });
  });
  return { id, secret: webhookSecretText(context.keys, id) };
}

/** @throws `ERR_WEBHOOK_UNKNOWN` */
export async function deleteWebhook(context: WebhookContext, id: string): Promise<void> {
  await context.store.transaction(async (tx) => {
    const gone = await tx.deleteFrom("auth_webhooks").where("id", "=", id).executeTakeFirst();
    if (gone.numDeletedRows === 0n) throw unknownWebhook();
    await tx.deleteFrom("auth_deliveries").where("webhook", "=", id).execute();
    await context.audit.append(tx, { action: "webhook.delete", outcome: "ok", details: { webhook: id } });
  });
}

/** Sends an event to this webhook alone. @throws `ERR_WEBHOOK_UNKNOWN` */
export async function testWebhook(context: WebhookContext, id: string): Promise<void> {
  await context.store.transaction(async (tx) => {
    const hook = await tx.selectFrom("auth_webhooks").select("id").where("id", "=", id).executeTakeFirst();
    if (!hook) throw unknownWebhook();
    await appendEvent(context, tx, { type: "webhook.test", data: {} }, id);
  });
}

export interface Deliverer {
  /** Something new is due. */
  kick(): void;
  stop(): Promise<void>;
}

export function createDeliverer(context: WebhookContext & { readonly allowed: BlockList }): Deliverer {
  const { log } = context;
  const stopping = new AbortController();
  let wake = (): void => {};
  let kicked = false;

  const idle = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, kicked ? 0 : LOOK_MS);
      wake = done;
      if (stopping.signal.aborted) done();
    });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      kicked = false;
      try {
        const taken = await take(context);
        await Promise.all(taken.map((delivery) => deliver(context, delivery, stopping.signal)));
        if (taken.length === TAKE) continue;
      } catch (error) {
        log.warn("webhooks wait", errorFields(error));
      }
      await idle();
    }
  }
  const running = run();
  return {
    kick() {
      kicked = true;
      wake();
    },
    async stop() {
      stopping.abort(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
      wake();
      await running;
    },
  };
}

interface Due {
  readonly delivery: DeliveryRow;
  readonly event: EventRow;
  readonly hook: WebhookRow;
}

/** Takes what is due, for as long as a delivery may last: another server, or this one after a crash, takes it up again afterwards. */
async function take({ store, clock, keys }: WebhookContext): Promise<readonly Due[]> {
  const now = clock();
  const some = await store.db
    .selectFrom("auth_deliveries")
    .select("event")
    .where("due_ms", "<=", now)
    .limit(1)
    .execute();
  if (some.length === 0) return [];
  return store.transaction(async (tx) => {
    const rows = await tx
      .selectFrom("auth_deliveries as d")
      .innerJoin("auth_webhooks as w", "w.id", "d.webhook")
      .selectAll("d")
      .where("d.due_ms", "<=", now)
      .where("w.key_id", "=", keys.webhookKeyId)
      .orderBy("d.due_ms")
      .limit(TAKE)
      .execute();
    const due: Due[] = [];
    for (const delivery of rows) {
      await tx
        .updateTable("auth_deliveries")
        .set({ attempts: delivery.attempts + 1, due_ms: now + LEASE_MS })
        .where("event", "=", delivery.event)
        .where("webhook", "=", delivery.webhook)
        .execute();
      const event = await tx.selectFrom("auth_events").selectAll().where("id", "=", delivery.event).executeTakeFirst();
      const hook = await tx
        .selectFrom("auth_webhooks")
        .selectAll()
        .where("id", "=", delivery.webhook)
        .executeTakeFirst();
      if (event && hook) due.push({ delivery, event, hook });
    }
    return due;
  });
}

async function deliver(
  context: WebhookContext & { readonly allowed: BlockList },
  { delivery, event, hook }: Due,
  signal: AbortSignal,
): Promise<void> {
  const { store, clock, log, keys } = context;
  const mine = store.db.deleteFrom("auth_deliveries").where("event", "=", event.id).where("webhook", "=", hook.id);
  try {
    const target = await resolveTarget(hook.url, context.allowed);
    const secret = keys.webhookSecret(hook.id);
    const text = cloudEvent(event, context.origin());
    const signed = signDelivery(secret, event.id, Math.floor(clock() / 1000), text);
    wipe(secret);
    const status = await post(target, signed, signal);
    if (status < 200 || status > 299)
      throw new MilagroError("ERR_PEER_INVALID", `the receiver of a webhook answered ${status}`);
    await mine.execute();
  } catch (error) {
    if (signal.aborted) return; // it is due again when the lease ends
    const attempts = delivery.attempts + 1;
    const last = attempts >= ATTEMPTS;
    log.warn("a webhook was not delivered", { attempt: attempts, name: hook.id, retry: !last, ...errorFields(error) });
    if (last) await mine.execute();
    else {
      const delayMs = Math.min(FIRST_RETRY_MS * 2 ** (attempts - 1), LONGEST_RETRY_MS);
      await store.db
        .updateTable("auth_deliveries")
        .set({ due_ms: clock() + delayMs + jitteredBackoffMs(1, 100, 1000) })
        .where("event", "=", event.id)
        .where("webhook", "=", hook.id)
        .execute();
    }
  }
}

/** Posts to the address that was looked at, and follows nothing. @throws `ERR_UNREACHABLE`, `ERR_TIMEOUT` */
export function post(
  { url, address, family }: Target,
  { headers, body }: SignedDelivery,
  signal: AbortSignal,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      method: "POST",
      agent: false as const,
      headers: { ...headers, "content-length": String(body.length) },
      timeout: TIMEOUT_MS,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      lookup: (
        _host: string,
        asked: { readonly all?: boolean | undefined },
        done: (error: null, found: string | { address: string; family: number }[], family?: number) => void,
      ) => (asked.all ? done(null, [{ address, family }]) : done(null, address, family)),
    };
    const outgoing = url.protocol === "https:" ? httpsRequest(url, options) : httpRequest(url, options);
    outgoing.on("error", (cause) => {
      const late = cause.name === "TimeoutError" || (cause.name === "AbortError" && !signal.aborted);
      reject(
        new MilagroError(
          late ? "ERR_TIMEOUT" : "ERR_UNREACHABLE",
          late ? "the receiver of a webhook did not answer in time" : "the receiver of a webhook cannot be reached",
          { cause },
        ),
      );
    });
    outgoing.on("response", (incoming) => {
      let read = 0;
      incoming.on("data", (chunk: Buffer) => {
        read += chunk.length;
        if (read > MAX_ANSWER_BYTES) outgoing.destroy();
      });
      incoming.on("close", () => resolve(incoming.statusCode ?? 0));
      incoming.on("error", () => {});
    });
    outgoing.end(body);
  });
}

const unknownWebhook = (): MilagroError => new MilagroError("ERR_WEBHOOK_UNKNOWN", "there is no such webhook");

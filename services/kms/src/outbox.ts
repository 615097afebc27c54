/**
 * The outbox: tells the bus about deliveries that the database holds. A recipient is told its newest sequence number,
 * with the delivery itself when it is small; what the bus loses, the recipient catches up by sequence number over HTTP.
 * So publishing twice, late or never changes nothing but the waiting.
 * @module
 */
import type { DomainId } from "@milagro/crypto/domain-id";
import { type Identity, parseIdentity } from "@milagro/crypto/identity";
import { eventsTopic } from "@milagro/protocol/bus-messages";
import { errorFields, type Log } from "@milagro/runtime/log";
import { jitteredBackoffMs } from "@milagro/runtime/random";
import { eventText } from "./event-text.ts";
import type { KmsStore } from "./store.ts";

/** What the relay and the outbox need of the bus. */
export interface Publisher {
  /** Resolves once the broker has taken the message over. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
}

export interface OutboxOptions {
  readonly store: KmsStore;
  readonly bus: Publisher;
  readonly domainId: DomainId;
  readonly log: Log;
}

export interface Outbox {
  /** There is something new: look now. */
  kick(): void;
  /** Publishes what is there until nothing is left or the bus fails. @returns recipients told */
  drain(): Promise<number>;
  stop(): Promise<void>;
}

const BATCH = 100;
/** An outside instance may have written, or a kick may have been lost with a process. */
const LOOK_MS = 2000;
/** Records up to this size travel inside the notice. */
const MAX_INLINE_BYTES = 32_768;

export function createOutbox({ store, bus, domainId, log }: OutboxOptions): Outbox {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let failures = 0;

  async function publishOne(recipient: Identity, sequence: number): Promise<void> {
    const [event] = await store.eventsFor(recipient, sequence - 1, 1);
    const text = event && (await eventText(store, event, MAX_INLINE_BYTES));
    const payload = `{"v":1,"sequence":${sequence}${text === undefined ? "" : `,"event":${text}`}}`;
    await bus.publish(eventsTopic(domainId, recipient), new TextEncoder().encode(payload));
    await store.markPublished(recipient, sequence);
  }

  async function drain(): Promise<number> {
    let told = 0;
    for (;;) {
      const waiting = await store.unpublished(BATCH);
      for (const { recipient, sequence } of waiting) {
        await publishOne(parseIdentity(recipient), sequence);
        told++;
      }
      if (waiting.length < BATCH) return told;
    }
  }

  function schedule(ms: number): void {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(run, ms);
  }

  function run(): void {
    if (stopped) return;
    if (running) {
      again = true;
      return;
    }
    running = drain()
      .then(
        () => {
          if (failures > 0) log.info("outbox caught up", { attempt: failures });
          failures = 0;
        },
        (error: unknown) => {
          failures++;
          again = false;
          // One line when it begins and one now and then: a broker that is down for a night must not fill the disk.
          if (failures === 1 || failures % 60 === 0)
            log.warn("outbox waits", { attempt: failures, ...errorFields(error) });
        },
      )
      .finally(() => {
        running = undefined;
        const wait = failures === 0 ? LOOK_MS : 100 + jitteredBackoffMs(failures, 200, 5000);
        schedule(again ? 0 : wait);
        again = false;
      });
  }

  schedule(0);
  return {
    kick: run,
    drain,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/**
 * While the bus does not take this D-TA, it offers itself to whoever listens there: a D-KMS that has no keys yet cannot prove itself, so the bus stays closed, and
 * its keys are what it needs this D-TA for. On such a channel the D-TA is proved and the other end is not; it is asked for the D-KMS's own keys and for
 * nothing else, and their evidence is looked at as ever.
 * @module
 */
import { once } from "node:events";
import { kmsIdentity } from "@milagro/protocol/bus-token";
import { IssuanceAnswerSchema, SealedRequestSchema } from "@milagro/protocol/issuance-messages";
import { sleep } from "@milagro/runtime/clock";
import { CHANNEL_SCHEME } from "@milagro/runtime/connector";
import { createHttpServer, type HttpServer } from "@milagro/runtime/http-server";
import { errorFields } from "@milagro/runtime/log";
import { jitteredBackoffMs } from "@milagro/runtime/random";
import type { BusWorker } from "./bus-worker.ts";
import type { DtaChannels } from "./channels.ts";
import { type DtaContext, domainOf } from "./context.ts";
import type { createIssuance } from "./issue.ts";
import { VERSION } from "./version.ts";

/** How often it looks whether the bus is there; the bus itself tries each 15 s at least. */
const LOOK_MS = 1000;
const LONGEST_MS = 15_000;
const BODY_LIMIT_BYTES = 262_144;

export interface Invitations {
  close(): Promise<void>;
}

export function startInvitations(
  context: DtaContext,
  issue: ReturnType<typeof createIssuance>,
  channels: DtaChannels,
  bus: BusWorker,
): Invitations {
  const { log, issuer, now } = context;
  let made: HttpServer | undefined;
  /** Few D-TAs ever need it. */
  async function serverFor(): Promise<HttpServer> {
    if (made) return made;
    const server = await createHttpServer({
      name: "milagro-dta-invited",
      version: VERSION,
      log: log.with({ kind: "invited" }),
      bodyLimitBytes: BODY_LIMIT_BYTES,
      rateLimit: { max: 60, windowMs: 60_000 },
    });
    server.app.post(
      "/v1/issue",
      { schema: { body: SealedRequestSchema, response: { 200: IssuanceAnswerSchema } } },
      (request) => issue(request.body, kmsIdentity(domainOf(context))),
    );
    await server.app.ready();
    made = server;
    return server;
  }

  const stopping = new AbortController();
  const { signal } = stopping;
  const isWanted = (): boolean =>
    now.domain !== undefined && !issuer.sealed && bus.state === "connecting" && !signal.aborted;

  /** One channel, until it ends or the bus is there. */
  async function offer(url: URL): Promise<void> {
    const channel = await channels.invite(url);
    channel.on("error", () => {});
    log.info("invited a D-KMS without keys");
    const closed = once(channel, "close");
    closed.catch(() => {}); // a connection may break before anybody waits for its end
    (await serverFor()).accept(channel);
    while (isWanted() && !channel.destroyed) await Promise.race([sleep(LOOK_MS, signal).catch(() => {}), closed]);
    channel.destroy();
  }

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await sleep(LOOK_MS + jitteredBackoffMs(Math.min(failures, 8), 250, LONGEST_MS), signal).catch(() => {});
      const url = bus.url === undefined ? undefined : new URL(bus.url);
      if (!isWanted() || url?.protocol !== CHANNEL_SCHEME) continue;
      try {
        await offer(url);
        failures = 0;
      } catch (error) {
        failures++;
        log.debug("nobody takes an invitation", errorFields(error));
      }
    }
  }
  const running = run();
  return {
    async close() {
      stopping.abort();
      await running;
      await made?.close();
    },
  };
}

import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import rateLimitPlugin from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import { TypeBoxValidatorCompiler } from "@fastify/type-provider-typebox";
import { MilagroError } from "@milagro/engine/error";
import type { FastifyReply, FastifyRequest } from "fastify";
import { monotonicMs } from "./clock.ts";
import { addFront, checkPlainListen, type FrontOptions } from "./front.ts";
import { createHttpApp, type HttpApp } from "./http-app.ts";
import { addContentTypes } from "./http-content.ts";
import { addDrain, type Drain } from "./http-drain.ts";
import { answerError, unknownRoute } from "./http-error.ts";
import { addHealthRoutes, type ReadinessCheck } from "./http-health.ts";
import { type ListenAddress, type Listening, listenOn } from "./http-listen.ts";
import type { Log } from "./log.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

export type { HttpApp } from "./http-app.ts";
export type { ReadinessCheck } from "./http-health.ts";
export type { ListenAddress, Listening } from "./http-listen.ts";

export interface HttpServerOptions {
  /** In the OpenAPI document and the metrics. */
  readonly name: string;
  readonly version: string;
  readonly description?: string;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** All must resolve for `/ready` to say so. Each gets two seconds. */
  readonly readiness?: Readonly<Record<string, ReadinessCheck>>;
  /** Default 256 KiB. */
  readonly bodyLimitBytes?: number;
  /** Per client address (IPv6: per /64). Default 1200 a minute; `false` on a Unix socket, where there are no addresses. Routes may set `config.rateLimit`. */
  readonly rateLimit?: { readonly max: number; readonly windowMs: number } | false;
  /** How long a client may take to send a whole request. Default 30 s; headers 10 s at most. */
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
  /** Addresses of proxies whose X-Forwarded-For is believed. Default: nobody's. */
  readonly trustProxy?: readonly string[];
  /** Who may speak plain HTTP, and who takes channels. Default: this machine, nobody. */
  readonly front?: FrontOptions;
}

export interface HttpServer {
  /** Register routes here, before `listen`. */
  readonly app: HttpApp;
  readonly metrics: Metrics;
  /** Aborts when closing begins: long polls should answer then. */
  readonly closing: AbortSignal;
  /** @throws `ERR_PLAIN_REFUSED` for an address that others can reach, when nothing would protect it */
  listen(address: ListenAddress): Promise<Listening>;
  /** HTTP on a stream that came another way, such as a channel. It ends with the server as other connections do. */
  accept(stream: Duplex): void;
  /** Stops accepting, lets running requests and their handlers end for as long as `http-drain` says, ends everything else at once. Idempotent. */
  close(): Promise<void>;
}

/** Builds the server; nothing listens yet. */
export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const metrics = options.metrics ?? createMetrics(options.name, options.version);
  const controller = new AbortController();
  const app = createHttpApp(options);
  const drain = addDrain(app.server);
  addWork(app, drain);
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  // Answers are what handlers return, unabridged: a response schema documents, it does not filter.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler((error, request, reply) => answerError(error, request, reply, options.log));
  addContentTypes(app);
  addObservation(app, options.log, metrics);
  addFarewell(app, controller.signal);
  await addRateLimit(app, options.rateLimit ?? { max: 1200, windowMs: 60_000 });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: options.name, version: options.version, description: options.description ?? "" },
    },
  });
  addHealthRoutes(app, { metrics, readiness: options.readiness ?? {} });
  const exempt = options.rateLimit === false ? {} : { preHandler: app.rateLimit() };
  app.setNotFoundHandler(exempt, (request) => {
    throw unknownRoute(request.method);
  });

  const front = options.front ?? {};
  const onConnection = app.server.listeners("connection") as ((this: Server, stream: Duplex) => void)[];
  const door = addFront(app.server, front);
  let listening: Listening | undefined;
  let closed: Promise<void> | undefined;
  return {
    app,
    metrics,
    closing: controller.signal,
    async listen(address) {
      if (!("socketPath" in address)) checkPlainListen(address.host, front);
      await app.ready();
      app.server.maxConnections = options.maxConnections ?? 10_000;
      listening = await listenOn(app.server, address);
      options.log.info("listening", { url: listening.url });
      return listening;
    },
    accept(stream) {
      for (const listener of onConnection) listener.call(app.server, stream);
    },
    close() {
      closed ??= (async () => {
        controller.abort(new MilagroError("ERR_OVERLOADED", "the service is shutting down"));
        const stopped = listening?.stop();
        door.close();
        const drained = drain.begin();
        await app.close();
        await stopped;
        const left = await drained();
        if (left > 0) options.log.warn("requests are still worked on; what they ask for is refused", { count: left });
      })();
      return closed;
    },
  };
}

function addObservation(app: HttpApp, log: Log, metrics: Metrics): void {
  app.decorateRequest("rawBody");
  app.decorateRequest("startedMs", 0);
  app.addHook("onRequest", async (request: FastifyRequest, reply: FastifyReply) => {
    request.startedMs = monotonicMs();
    request.rawBody = new Uint8Array(0);
    reply
      .header("x-request-id", request.id)
      .header("cache-control", "no-store")
      .header("x-content-type-options", "nosniff");
  });
  app.addHook("onResponse", async (request: FastifyRequest, reply: FastifyReply) => {
    const durationMs = monotonicMs() - request.startedMs;
    const route = request.routeOptions.url ?? "unknown";
    metrics.observeHttp(request.method, route, reply.statusCode, durationMs / 1000);
    // A flood that is turned away must not fill the disk: the metrics count it.
    const turnedAway = reply.statusCode === 429;
    const quiet = turnedAway || route === "/health" || route === "/ready" || route === "/metrics";
    log[quiet ? "debug" : "info"]("request", {
      requestId: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      durationMs: Math.round(durationMs * 10) / 10,
    });
  });
}

/** A stop waits for handlers, also those whose client has gone. */
function addWork(app: HttpApp, drain: Drain): void {
  app.addHook("onRoute", (route) => {
    const { handler } = route;
    route.handler = function (request, reply) {
      const result: unknown = handler.call(this, request, reply);
      return result instanceof Promise ? drain.work(result) : result;
    };
  });
}

/** A request that comes over an open connection while the server closes is told to come back. */
function addFarewell(app: HttpApp, closing: AbortSignal): void {
  app.addHook("onRequest", async (_request, reply) => {
    if (!closing.aborted) return;
    reply.header("connection", "close");
    throw new MilagroError("ERR_OVERLOADED", "the service is shutting down");
  });
}

async function addRateLimit(app: HttpApp, limit: { max: number; windowMs: number } | false): Promise<void> {
  if (limit === false) return;
  await app.register(rateLimitPlugin, {
    max: limit.max,
    timeWindow: limit.windowMs,
    ipv6Subnet: 64,
    errorResponseBuilder: () => new MilagroError("ERR_RATE_LIMITED", "too many requests from this address"),
  });
}

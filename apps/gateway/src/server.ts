/**
 * The S3 endpoint on `node:http`: who asks, what, may they; then the answer, streamed. Why not through the runtime's HTTP server: ADR 0052.
 *
 * Before the first byte of a body is sent, its first segments are open: what is damaged there is an error with a status. What is damaged later ends the connection, so
 * that no client takes a part for the whole.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { Identity } from "@milagro/crypto/identity";
import { monotonicMs } from "@milagro/runtime/clock";
import { addDrain } from "@milagro/runtime/http-drain";
import { type ListenAddress, listenOn } from "@milagro/runtime/http-listen";
import { errorFields } from "@milagro/runtime/log";
import type { AccessKeys, Admitted } from "./access-keys.ts";
import type { AuditAction } from "./audit.ts";
import type { Exchange, Gateway, Reply } from "./exchange.ts";
import { attributesOfCaller } from "./policies.ts";
import { routeOf } from "./router.ts";
import { openBody, type RequestBody } from "./s3/body.ts";
import { asS3Error, codeOf, S3Error } from "./s3/errors.ts";
import { parseRequest, type S3Request } from "./s3/request.ts";
import { unsignedRequest, type Verified, verifyRequest } from "./s3/signature.ts";
import { writeErrorXml } from "./s3/xml.ts";
import { createUnknownRefusals, type UnknownRefusals } from "./unknown-refusals.ts";

export interface ServerOptions {
  readonly gateway: Gateway;
  readonly accessKeys: AccessKeys;
  readonly listen: ListenAddress;
  /** Host names `<bucket>.<domain>` name a bucket. */
  readonly domain: string | undefined;
  readonly tls: { readonly cert: Uint8Array; readonly key: Uint8Array } | undefined;
  /** How long a client may keep silent. */
  readonly idleTimeoutMs: number;
}

/** Whom a channel has proven to be at its other end. */
export interface ChannelPeer {
  readonly identity: Identity;
  /** How the channel's key came about. */
  readonly origin: string;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** A connection whose requests are this peer's, whatever they are signed with. */
  accept(connection: Duplex, peer: ChannelPeer): void;
  /**
   * Finishes what is on its way, also on connections that others have brought, for as long as `http-drain` says.
   * @param others - resolves when theirs have ended
   */
  close(others?: Promise<void>): Promise<void>;
}

/** Bytes read ahead of sealing, and written ahead of the network. */
const BUFFER_BYTES = 256 * 1024;
/** What is left of a refused body is read up to here, so that the connection can stay; beyond, the answer comes, and the connection ends. */
const MAX_DRAIN_BYTES = 1024 * 1024;
/** How long the rest of a refused body is taken after the answer. */
const LINGER_MS = 10_000;

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { tls } = options;
  const peers = new WeakMap<Duplex, ChannelPeer>();
  const refusals = createUnknownRefusals();
  const settings = { highWaterMark: BUFFER_BYTES, requestTimeout: 0, headersTimeout: 30_000, keepAliveTimeout: 75_000 };
  const listener = (message: IncomingMessage, response: ServerResponse) =>
    void drain.work(answer({ ...options, refusals }, peers.get(message.socket), message, response, false));
  const server = (
    tls
      ? createTlsServer({ ...settings, cert: Buffer.from(tls.cert), key: Buffer.from(tls.key) }, listener)
      : createServer(settings, listener)
  ) as Server;
  server.on(
    "checkContinue",
    (message, response) =>
      void drain.work(answer({ ...options, refusals }, peers.get(message.socket), message, response, true)),
  );
  server.setTimeout(options.idleTimeoutMs);
  const drain = addDrain(server, tls ? "secureConnection" : "connection");
  const listening = await listenOn(server, options.listen);
  const url = tls ? listening.url.replace(/^http:/, "https:") : listening.url;
  return {
    url,
    port: listening.port,
    accept(connection, peer) {
      peers.set(connection, peer);
      // The channel is encrypted already.
      server.emit(tls ? "secureConnection" : "connection", connection);
    },
    async close(others) {
      const stopped = listening.stop();
      const drained = drain.begin();
      await Promise.all([stopped, others]);
      const left = await drained();
      if (left > 0) options.gateway.log.warn("requests are still worked on", { count: left });
    },
  };
}

/** @throws `AccessDenied`, and what `verifyRequest` throws */
async function authenticate(
  { accessKeys, gateway }: ServerOptions,
  peer: ChannelPeer | undefined,
  request: S3Request,
): Promise<{ readonly caller: Admitted; readonly verified: Verified }> {
  if (peer) {
    const caller = await accessKeys.findPeer(peer.identity);
    if (!caller) throw new S3Error("AccessDenied", "the identity of this channel is not let in");
    return { caller, verified: unsignedRequest(request) };
  }
  let caller: Awaited<ReturnType<AccessKeys["find"]>>;
  const verified = await verifyRequest(
    request,
    async (id) => {
      caller = await accessKeys.find(id);
      return caller?.secret;
    },
    gateway.clock(),
  );
  return { caller: caller as NonNullable<typeof caller>, verified };
}

async function answer(
  options: ServerOptions & { readonly refusals: UnknownRefusals },
  peer: ChannelPeer | undefined,
  message: IncomingMessage,
  response: ServerResponse,
  expectsContinue: boolean,
): Promise<void> {
  const { gateway } = options;
  const started = monotonicMs();
  const requestId = Buffer.from(gateway.policyKeys.random(8)).toString("hex").toUpperCase();
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  message.on("error", () => {});
  let request: S3Request | undefined;
  let action: AuditAction = "request";
  let subject: string | undefined;
  let isRecorded = false;
  response.setHeader("x-amz-request-id", requestId);
  response.setHeader("server", "Milagro");
  try {
    const parsed = parseRequest(message, options.domain);
    request = parsed;
    subject = peer?.identity;
    const { caller, verified } = await authenticate(options, peer, parsed);
    subject = caller.identity;
    const route = routeOf(parsed, verified);
    action = route.action;
    let body: RequestBody | undefined;
    const exchange: Exchange = {
      gateway,
      request: parsed,
      caller,
      attributes: attributesOfCaller(gateway.rules.schema, caller, gateway.policyKeys.currentEpoch()),
      signal: gone.signal,
      body() {
        if (body) return body;
        body = openBody(parsed, verified, message);
        if (expectsContinue) response.writeContinue();
        return body;
      },
      async allow(allowed, details = {}) {
        const by = peer ? { channel: peer.origin } : { accessKey: caller.id };
        const more = { ...by, address: parsed.address };
        await gateway.audit.record({ action: allowed, outcome: "ok", subject, details: { ...details, ...more } });
        isRecorded = true;
      },
    };
    const reply = await route.run(exchange);
    await send(message, response, reply);
  } catch (error) {
    if (!isRecorded) await recordRefusal(options, action, subject, request, error);
    await refuse(gateway, message, response, request, requestId, error);
  }
  gateway.log.debug("request", {
    requestId,
    method: request?.method,
    operation: action,
    status: response.statusCode,
    durationMs: Math.round(monotonicMs() - started),
  });
}

async function recordRefusal(
  { gateway, refusals }: { readonly gateway: Gateway; readonly refusals: UnknownRefusals },
  action: AuditAction,
  subject: string | undefined,
  request: S3Request | undefined,
  error: unknown,
): Promise<void> {
  // Who is known has a key, and is always written down.
  const leftOut = subject === undefined ? refusals.admit(request?.address ?? "", monotonicMs()) : 0;
  if (leftOut === undefined) return;
  const details = request && {
    bucket: request.bucket,
    key: request.key,
    address: request.address,
    ...(leftOut > 0 ? { count: leftOut } : {}),
  };
  try {
    await gateway.audit.record({ action, outcome: codeOf(error), subject, ...(details ? { details } : {}) });
  } catch (failure) {
    gateway.log.error("a refusal could not be written down", errorFields(failure));
  }
}

async function send(message: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  const { body = "", headers = {} } = reply;
  if (typeof body === "string") {
    const bytes = Buffer.from(body);
    // A HEAD tells the length of what it does not send.
    const length =
      "content-length" in headers || reply.status === 204 || reply.status === 304
        ? {}
        : { "content-length": bytes.length };
    const type = bytes.length > 0 ? { "content-type": "application/xml" } : {};
    await drain(message);
    response.writeHead(reply.status, { ...type, ...length, ...headers });
    response.end(bytes);
    return;
  }
  try {
    // The first piece is authenticated before anything is said.
    let next = await body.next();
    response.writeHead(reply.status, { ...headers });
    while (!next.done) {
      if (!response.write(next.value)) await writable(response);
      if (response.destroyed) return;
      next = await body.next();
    }
    response.end();
  } finally {
    await body.return();
  }
}

function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

async function refuse(
  gateway: Gateway,
  message: IncomingMessage,
  response: ServerResponse,
  request: S3Request | undefined,
  requestId: string,
  error: unknown,
): Promise<void> {
  const known = asS3Error(error);
  if (known.status >= 500) {
    const { code: _, ...fields } = errorFields(error);
    gateway.log.error("a request failed", { requestId, code: codeOf(error), ...fields });
  }
  if (response.headersSent) {
    // Too late for a status: the client must not take what it has for the whole.
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) if (name.startsWith("content-")) response.removeHeader(name);
  const sends = !waitsForContinue(message);
  const isWhole = await drain(message);
  if (!isWhole) response.setHeader("connection", "close");
  if (known.code === "NotModified" || request?.method === "HEAD") {
    response.writeHead(known.status).end();
    return;
  }
  const xml = writeErrorXml({
    Code: known.code,
    Message: known.message,
    Resource: request && `/${request.bucket}${request.key === "" ? "" : `/${request.key}`}`,
    RequestId: requestId,
  });
  const bytes = Buffer.from(xml);
  response.writeHead(known.status, { "content-type": "application/xml", "content-length": bytes.length });
  if (isWhole || !sends) response.end(bytes);
  else {
    response.write(bytes);
    void linger(message).then(() => response.end());
  }
}

/** It has not sent anything of its body, and will not. */
const waitsForContinue = (message: IncomingMessage): boolean =>
  message.headers.expect !== undefined && !message.readableDidRead;

/**
 * Takes what still comes of a body, until it has ended, its client has gone, or the time is over. A connection that is closed while bytes are on their way is reset,
 * and the reset can overtake the answer: the client would see that its connection broke, and not why.
 */
function linger(message: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(finish, LINGER_MS);
    message.once("end", finish).once("close", finish);
    if (message.destroyed) finish();
    message.resume();
  });
}

/** Reads what is left of a body, within bounds. @returns whether nothing is left */
async function drain(message: IncomingMessage): Promise<boolean> {
  if (message.readableEnded || message.complete) return true;
  if (waitsForContinue(message)) return false;
  let seen = 0;
  return new Promise((resolve) => {
    const finish = (isWhole: boolean): void => {
      message.removeAllListeners("data");
      resolve(isWhole);
    };
    message.on("data", (chunk: Uint8Array) => {
      seen += chunk.length;
      if (seen > MAX_DRAIN_BYTES) finish(false);
    });
    message.once("end", () => finish(true));
    message.once("close", () => finish(message.complete));
    if (message.destroyed) finish(message.complete);
    message.resume();
  });
}

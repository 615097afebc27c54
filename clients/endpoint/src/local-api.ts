/**
 * The local API: HTTP on a Unix socket. Whoever may open the socket file may read the secrets: mode and group of the file are
 * the access control (Node gives no peer credentials, and no kept library does for Node 24).
 * @module
 */
import { chmodSync, chownSync } from "node:fs";
import { MilagroError } from "@milagro/engine/error";
import { parseSecretPath } from "@milagro/protocol/secret-path";
import { createHttpServer, type HttpServer } from "@milagro/runtime/http-server";
import type { Log } from "@milagro/runtime/log";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import type { EndpointConfig } from "./config.ts";
import type { OpenSecret, Shelf } from "./shelf.ts";
import { type EndpointStatus, EndpointStatusSchema } from "./status.ts";

const MAX_WAIT_SECONDS = 55;

export interface LocalApiOptions {
  readonly socket: EndpointConfig["socket"];
  readonly version: string;
  readonly shelf: Shelf;
  readonly log: Log;
  status(): Promise<EndpointStatus>;
}

export async function startLocalApi(options: LocalApiOptions): Promise<HttpServer> {
  const { shelf, socket } = options;
  const server = await createHttpServer({
    name: "milagro-endpoint",
    version: options.version,
    log: options.log,
    rateLimit: false,
  });
  const { app } = server;

  app.get(
    "/v1/secrets/*",
    {
      schema: {
        tags: ["secrets"],
        summary: "A secret: its bytes, or JSON when that is what you accept",
        response: { 200: Type.Any() },
      },
    },
    async (request, reply) => {
      const path = parseSecretPath((request.params as { "*": string })["*"]);
      const secret = shelf.find(path);
      if (!secret) throw new MilagroError("ERR_SECRET_UNKNOWN", "this endpoint has no such secret");
      return sendSecret(request, reply, secret);
    },
  );

  app.get(
    "/v1/wait/*",
    {
      schema: {
        tags: ["secrets"],
        summary: "As above, but waits for a version above `after`; 204 when none came",
        querystring: Type.Object(
          {
            after: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 }),
            wait: Type.Integer({ minimum: 0, maximum: MAX_WAIT_SECONDS, default: 30 }),
          },
          { additionalProperties: false },
        ),
      },
    },
    async (request, reply) => {
      const path = parseSecretPath((request.params as { "*": string })["*"]);
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, server.closing]);
      const secret = await shelf.waitFor(path, request.query.after, request.query.wait * 1000, signal);
      if (!secret) return reply.code(204).send();
      return sendSecret(request, reply, secret);
    },
  );

  app.get(
    "/v1/status",
    { schema: { tags: ["status"], summary: "How this endpoint is", response: { 200: EndpointStatusSchema } } },
    () => options.status(),
  );

  // Ours alone first: opened to a group before it is that group's, it would be open to our own.
  await server.listen({ socketPath: socket.path });
  if (socket.gid !== undefined) chownSync(socket.path, -1, socket.gid);
  chmodSync(socket.path, socket.mode);
  return server;
}

function sendSecret(request: FastifyRequest, reply: FastifyReply, { record, plaintext }: OpenSecret): FastifyReply {
  reply.header("milagro-version", String(record.version)).header("milagro-author", encodeURI(record.author.identity));
  if (request.headers.accept?.includes("application/json")) {
    const value = plaintext.use((bytes) => Buffer.from(bytes).toString("base64url"));
    const { path, version, created, contentType } = record;
    return reply.send({
      v: 1,
      path,
      version,
      author: record.author.identity,
      created,
      ...(contentType === undefined ? {} : { contentType }),
      value,
    });
  }
  return reply
    .type(record.contentType ?? "application/octet-stream")
    .send(plaintext.use((bytes) => Buffer.from(bytes)));
}

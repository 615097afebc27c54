/** Answers whose JSON exists already: kept answers, stored records. @module */
import type { FastifyReply } from "fastify";

/** Sends the text as it is. */
export function sendJsonText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply.code(status).type("application/json; charset=utf-8").serializer(String).send(text);
}

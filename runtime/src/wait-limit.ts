/**
 * Requests that wait for news (`?wait=`): how many at most, and that they end when the client or the service goes.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { FastifyReply, FastifyRequest } from "fastify";

export interface WaitLimit {
  /**
   * Runs a question that may wait.
   * @param seconds - undefined and 0 ask once
   * @throws `ERR_OVERLOADED` when too many wait already
   */
  run<T>(
    request: FastifyRequest,
    reply: FastifyReply,
    seconds: number | undefined,
    ask: (waitMs: number, signal: AbortSignal) => Promise<T>,
  ): Promise<T>;
  readonly waiting: number;
}

export function createWaitLimit(maximum: number, closing: AbortSignal): WaitLimit {
  let waiting = 0;
  return {
    get waiting() {
      return waiting;
    },
    async run(_request, reply, seconds, ask) {
      if (seconds === undefined || seconds === 0) return ask(0, closing);
      if (waiting >= maximum)
        throw new MilagroError("ERR_OVERLOADED", "too many requests are waiting: poll without wait");
      const gone = new AbortController();
      const leave = (): void => gone.abort();
      reply.raw.once("close", leave);
      waiting++;
      try {
        return await ask(seconds * 1000, AbortSignal.any([gone.signal, closing]));
      } finally {
        waiting--;
        reply.raw.off("close", leave);
      }
    },
  };
}

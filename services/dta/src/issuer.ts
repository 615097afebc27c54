/**
 * The main thread's end of the issuer: typed calls into one worker thread, which is the only place where unsealed master secrets exist. Pairings and
 * scalar multiplications happen there too, so the thread that answers HTTP stays free.
 *
 * A worker that dies takes the secrets with it: calls under way fail with `ERR_SEALED`, a new worker starts sealed.
 * @module
 */
import { Worker } from "node:worker_threads";
import { MilagroError } from "@milagro/engine/error";
import type { LogFields } from "@milagro/runtime/log";
import type { IssuerCall, IssuerCalls, IssuerReply, IssuerRequest } from "./issuer-messages.ts";

export interface Issuer {
  /** Runs one call; calls run in the order in which they were made. @throws what the worker threw, `ERR_SEALED` when it needs the masters and they are sealed */
  call<C extends IssuerCall>(call: C, input: IssuerCalls[C][0]): Promise<IssuerCalls[C][1]>;
  readonly sealed: boolean;
  /** Calls that have not been answered. */
  readonly pending: number;
  close(): Promise<void>;
}

export interface IssuerOptions {
  /** For tests of what happens when a thread dies. Default: the issuer's own. */
  readonly file?: URL;
  /** Called when the worker died by itself; the secrets are gone with it. */
  onLost(error: unknown): void;
  /** Called when a call failed on something that is nobody's input. */
  onFault(call: IssuerCall, fields: LogFields): void;
}

interface Waiting {
  readonly call: IssuerCall;
  resolve(output: unknown): void;
  reject(error: Error): void;
}

/** The file of this folder as the running program has it: source or build. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./issuer-worker.ts" : "./issuer-worker.js", import.meta.url);

const lostError = (): MilagroError =>
  new MilagroError("ERR_SEALED", "the issuer was lost and starts again sealed; its operator unseals it");
const brokenError = (): MilagroError =>
  new MilagroError("ERR_INTERNAL", "the issuer's thread does not start; the log says why");

/** As `faultError` made it over there: the report is its cause again. */
function errorOf(reply: IssuerReply & { ok: false }): Error {
  return new MilagroError(reply.code, reply.message, { cause: reply.report });
}

export function createIssuer(options: IssuerOptions): Issuer {
  const waiting = new Map<number, Waiting>();
  const outbox: IssuerRequest[] = [];
  let nextId = 1;
  let sealed = true;
  let closing = false;
  /** Whether the present thread has ever answered: one that dies before is broken, and another would die as well. */
  let proven = false;
  let broken = false;
  let worker = start();

  function start(): Worker {
    const fresh = new Worker(options.file ?? WORKER, {
      name: "issuer",
      stdout: false,
      stderr: false,
    });
    fresh.on("message", (replies: readonly IssuerReply[]) => replies.forEach(settle));
    fresh.on("error", lost);
    fresh.on("exit", (code) => {
      if (!closing && fresh === worker) lost(new Error(`the issuer's thread ended with status ${code}`));
    });
    return fresh;
  }

  function lost(error: unknown): void {
    if (closing) return;
    sealed = true;
    worker.removeAllListeners();
    // A thread may die of a full heap while its port is still open: make sure before the next one starts.
    void worker.terminate();
    for (const { reject } of waiting.values()) reject(proven ? lostError() : brokenError());
    waiting.clear();
    outbox.length = 0;
    broken = !proven;
    proven = false;
    if (!broken) worker = start();
    options.onLost(error);
  }

  /** Waking a thread costs as much as opening a request: what one turn of the event loop brings goes over together. */
  function send(request: IssuerRequest): void {
    if (outbox.push(request) > 1) return;
    setImmediate(() => {
      const requests = outbox.splice(0);
      if (requests.length > 0 && !closing) worker.postMessage(requests);
    });
  }

  function settle(reply: IssuerReply): void {
    proven = true;
    const caller = waiting.get(reply.id);
    if (caller === undefined) return;
    waiting.delete(reply.id);
    if (!reply.ok) {
      if (reply.fields !== undefined) options.onFault(caller.call, reply.fields);
      caller.reject(errorOf(reply));
      return;
    }
    if (caller.call === "unseal") sealed = false;
    if (caller.call === "seal") sealed = true;
    caller.resolve(reply.output);
  }

  return {
    call: <C extends IssuerCall>(call: C, input: IssuerCalls[C][0]) =>
      new Promise<IssuerCalls[C][1]>((resolve, reject) => {
        if (broken) return reject(brokenError());
        if (closing) return reject(new MilagroError("ERR_SEALED", "this D-TA is shutting down"));
        const request: IssuerRequest<C> = { id: nextId++, call, input };
        waiting.set(request.id, { call, resolve: resolve as (output: unknown) => void, reject });
        send(request);
      }),
    get sealed() {
      return sealed;
    },
    get pending() {
      return waiting.size;
    },
    close: async () => {
      closing = true;
      await worker.terminate();
      for (const { reject } of waiting.values()) reject(new MilagroError("ERR_SEALED", "this D-TA is shutting down"));
      waiting.clear();
    },
  };
}

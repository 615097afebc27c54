/**
 * A proxy in front of a store that breaks what passes through it, on real connections: what a test cannot do by replacing a function.
 * @module
 */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What happens to a request. */
export type Fault =
  /** The connection ends before an answer. */
  | { readonly kind: "down" }
  /** Nothing comes, and the connection stays. */
  | { readonly kind: "silent" }
  /** Status 500 before anything was read. */
  | { readonly kind: "500" }
  /** So many bytes of the request are read, then status 500. The store sees nothing of it. */
  | { readonly kind: "500 in the body"; readonly after: number }
  /** All of the request is read, and no answer comes. The store sees nothing of it. */
  | { readonly kind: "no end" }
  /** So many bytes of the request are read, then the connection breaks. The store sees nothing of it, or as many bytes. */
  | { readonly kind: "request cut" | "request cut at the store"; readonly after: number }
  /** So many bytes of the answer's body come, then the connection breaks. 0: nothing of the answer comes at all, though the store has given it. */
  | { readonly kind: "answer cut"; readonly after: number }
  /** So many bytes of the answer's body come, then nothing more. */
  | { readonly kind: "answer stuck"; readonly after: number }
  /** The answer says that it is shorter than it is, and is. */
  | { readonly kind: "answer short"; readonly by: number }
  /** One bit of the answer's body at this place. */
  | { readonly kind: "answer changed"; readonly at: number };

export interface BreakingProxy {
  readonly url: string;
  /** What happens to requests that this picks; default: nothing to any. */
  fault: ((method: string, path: string) => Fault | undefined) | undefined;
  /** Requests that are under way. */
  readonly open: ReadonlySet<IncomingMessage>;
  close(): Promise<void>;
}

export async function startBreakingProxy(store: string): Promise<BreakingProxy> {
  const open = new Set<IncomingMessage>();
  const proxy: Pick<BreakingProxy, "fault" | "open"> = { fault: undefined, open };
  const server = createServer((message, response) => {
    const fault = proxy.fault?.(message.method ?? "", message.url ?? "");
    message.on("error", () => {});
    response.on("error", () => {});
    open.add(message);
    response.on("close", () => open.delete(message));
    if (fault?.kind === "down") message.socket.destroy();
    else if (fault?.kind === "silent" || fault?.kind === "no end") message.resume();
    else if (fault?.kind === "500") fail(response);
    else if (fault?.kind === "500 in the body" || fault?.kind === "request cut") swallow(message, response, fault);
    else pass(store, message, response, fault);
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(proxy, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function fail(response: ServerResponse): void {
  response.writeHead(500, { "content-type": "application/xml", connection: "close" });
  response.end("<Error><Code>InternalError</Code><Message>broken</Message></Error>");
}

function swallow(
  message: IncomingMessage,
  response: ServerResponse,
  fault: { readonly kind: string; readonly after: number },
): void {
  let seen = 0;
  message.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (seen <= fault.after) return;
    message.removeAllListeners("data").resume();
    if (fault.kind === "request cut") message.socket.destroy();
    else fail(response);
  });
}

function pass(store: string, message: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
  const { method, headers, url = "" } = message;
  const upstream = httpRequest(`${store}${url}`, { method, headers });
  upstream.on("error", () => response.destroy());
  upstream.on("response", (answer) => answerWith(answer, response, fault));
  let seen = 0;
  message.on("data", (chunk: Buffer) => {
    seen += chunk.length;
    if (fault?.kind === "request cut at the store" && seen > fault.after) {
      upstream.destroy();
      message.socket.destroy();
    } else upstream.write(chunk);
  });
  message.on("end", () => upstream.end());
}

function answerWith(answer: IncomingMessage, response: ServerResponse, fault: Fault | undefined): void {
  if (fault?.kind === "answer cut" && fault.after === 0) {
    response.destroy();
    return;
  }
  const headers = { ...answer.headers };
  const length = Number(headers["content-length"] ?? 0);
  let left = Number.POSITIVE_INFINITY;
  if (fault?.kind === "answer short") {
    left = Math.max(0, length - fault.by);
    headers["content-length"] = String(left);
  }
  if (fault?.kind === "answer cut" || fault?.kind === "answer stuck") left = fault.after;
  response.writeHead(answer.statusCode ?? 500, headers);
  let seen = 0;
  answer.on("data", (chunk: Buffer) => {
    if (fault?.kind === "answer changed" && seen <= fault.at && fault.at < seen + chunk.length)
      chunk.writeUInt8(chunk.readUInt8(fault.at - seen) ^ 1, fault.at - seen);
    seen += chunk.length;
    const part = chunk.subarray(0, Math.max(0, Math.min(chunk.length, left)));
    left -= part.length;
    response.write(part);
    // What has been written goes out first: a connection that is destroyed takes it along.
    if (left <= 0 && fault?.kind === "answer cut") setTimeout(() => response.destroy(), 20);
  });
  answer.on("end", () => {
    if ((fault?.kind !== "answer stuck" && fault?.kind !== "answer cut") || left > 0) response.end();
  });
  answer.on("error", () => response.destroy());
}

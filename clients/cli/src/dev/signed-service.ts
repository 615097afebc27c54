/**
 * The small world outside: a service that admits only requests signed with a shared key, as object stores and payment
 * interfaces do. It checks the signature that the program under `milagro run` makes.
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface SignedService {
  readonly url: string;
  /** How many requests were admitted and turned away. */
  readonly seen: { accepted: number; rejected: number };
  close(): Promise<void>;
}

/** What is signed: method, path and time, one a line. */
export function signRequestLine(key: string, method: string, path: string, time: string): string {
  return createHmac("sha256", key).update(`${method}\n${path}\n${time}`).digest("hex");
}

/** @param key - the shared key, as whoever set the service up entered it */
export async function startSignedService(key: string): Promise<SignedService> {
  const seen = { accepted: 0, rejected: 0 };
  const server = createServer((request, response) => {
    const time = String(request.headers["x-time"] ?? "");
    const wanted = Buffer.from(signRequestLine(key, request.method ?? "", request.url ?? "", time));
    const given = Buffer.from(String(request.headers["x-signature"] ?? ""));
    const fresh = Math.abs(Date.now() / 1000 - Number(time)) < 60;
    const right = fresh && given.length === wanted.length && timingSafeEqual(given, wanted);
    if (right) seen.accepted++;
    else seen.rejected++;
    response.writeHead(right ? 200 : 403, { "content-type": "text/plain", connection: "close" });
    response.end(right ? "order accepted\n" : "signature refused\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

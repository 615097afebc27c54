/**
 * SOCKS 5 from the server's side: what a program says to reach a host through us, and our answer. CONNECT only, without passwords: whoever
 * can open the listener may use it, so it listens on loopback.
 * Source: RFC 1928 §3 to §6.
 * @module
 */
import type { Duplex } from "node:stream";
import { MilagroError } from "@milagro/engine/error";
import { type Target, targetOf } from "./forward-target.ts";

/** RFC 1928 §6. */
export const SOCKS_REPLY = {
  succeeded: 0,
  failed: 1,
  notAllowed: 2,
  hostUnreachable: 4,
  refused: 5,
  commandUnsupported: 7,
  addressUnsupported: 8,
} as const;
export type SocksReply = (typeof SOCKS_REPLY)[keyof typeof SOCKS_REPLY];

/** What the bytes so far are: not enough yet, or a message of `length` bytes. */
type Parsed<T> = { readonly kind: "more" } | { readonly kind: "message"; readonly length: number; readonly value: T };

const VERSION = 5;
const NO_PASSWORD = 0;
const NO_METHOD = 0xff;
/** The greeting has at most 257 bytes, the request 262. */
const MAX_BYTES = 512;
const TIMEOUT_MS = 10_000;

/** The greeting: whether the client can do without a password. @throws `ERR_SOCKS_INVALID` */
export function parseSocksGreeting(bytes: Uint8Array): Parsed<boolean> {
  if (bytes.length >= 1 && bytes[0] !== VERSION) throw invalid("this is not SOCKS 5");
  const count = bytes[1];
  if (count === undefined || bytes.length < 2 + count) return { kind: "more" };
  return { kind: "message", length: 2 + count, value: bytes.subarray(2, 2 + count).includes(NO_PASSWORD) };
}

/** The request: where to, or the reply that says why not. @throws `ERR_SOCKS_INVALID` */
export function parseSocksRequest(bytes: Uint8Array): Parsed<Target | SocksReply> {
  if (bytes.length >= 1 && bytes[0] !== VERSION) throw invalid("this is not SOCKS 5");
  const [, command, reserved, kind, first] = bytes;
  if (first === undefined) return { kind: "more" };
  if (reserved !== 0) throw invalid("a reserved byte is not zero");
  const size = kind === 1 ? 4 : kind === 4 ? 16 : kind === 3 ? 1 + first : undefined;
  if (size === undefined) return { kind: "message", length: bytes.length, value: SOCKS_REPLY.addressUnsupported };
  const length = 4 + size + 2;
  if (bytes.length < length) return { kind: "more" };
  if (command !== 1) return { kind: "message", length, value: SOCKS_REPLY.commandUnsupported };
  const address = bytes.subarray(4, 4 + size);
  const port = ((bytes[length - 2] as number) << 8) | (bytes[length - 1] as number);
  try {
    return { kind: "message", length, value: targetOf(hostOf(kind as 1 | 3 | 4, address), port) };
  } catch {
    return { kind: "message", length, value: SOCKS_REPLY.addressUnsupported };
  }
}

function hostOf(kind: 1 | 3 | 4, address: Uint8Array): string {
  if (kind === 1) return address.join(".");
  if (kind === 3) return Buffer.from(address.subarray(1)).toString("latin1");
  return Array.from({ length: 8 }, (_, i) =>
    (((address[2 * i] as number) << 8) | (address[2 * i + 1] as number)).toString(16),
  ).join(":");
}

/** The bound address is of no use to anybody: zeros. */
export function encodeSocksReply(reply: SocksReply): Uint8Array {
  return Uint8Array.of(VERSION, reply, 0, 1, 0, 0, 0, 0, 0, 0);
}

/**
 * Takes the client as far as its request. What it sends early stays in the stream; the caller answers with `encodeSocksReply`.
 * @throws `ERR_SOCKS_INVALID`, `ERR_TIMEOUT`, `ERR_UNREACHABLE`; a client that was told why has been answered already
 */
export async function acceptSocks(client: Duplex): Promise<Target> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const withoutPassword = await take(client, parseSocksGreeting, signal);
  client.write(Uint8Array.of(VERSION, withoutPassword ? NO_PASSWORD : NO_METHOD));
  if (!withoutPassword) throw invalid("the client wants to log in, which is not offered");
  const request = await take(client, parseSocksRequest, signal);
  if (typeof request !== "number") return request;
  client.write(encodeSocksReply(request));
  throw invalid("the client asks for something else than CONNECT to a host and port");
}

function take<T>(client: Duplex, parse: (bytes: Uint8Array) => Parsed<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    let held = Buffer.alloc(0);
    const finish = (): void => {
      client.off("readable", onReadable).off("error", onEnd).off("end", onEnd).off("close", onEnd);
      signal.removeEventListener("abort", onLate);
    };
    const fail = (error: unknown): void => {
      finish();
      reject(error);
    };
    const onEnd = (): void => fail(new MilagroError("ERR_UNREACHABLE", "the SOCKS client went away"));
    const onLate = (): void =>
      fail(new MilagroError("ERR_TIMEOUT", "the SOCKS client did not finish its request in time"));
    const onReadable = (): void => {
      for (let chunk = client.read() as Buffer | null; chunk !== null; chunk = client.read() as Buffer | null) {
        held = Buffer.concat([held, chunk]);
        try {
          const parsed = parse(held);
          if (parsed.kind === "message") {
            finish();
            if (parsed.length < held.length) client.unshift(held.subarray(parsed.length));
            resolve(parsed.value);
            return;
          }
          if (held.length > MAX_BYTES) throw invalid("the request is too long");
        } catch (error) {
          fail(error);
          return;
        }
      }
    };
    if (client.destroyed || client.readableEnded) return onEnd();
    if (signal.aborted) return onLate();
    client.on("readable", onReadable).on("error", onEnd).on("end", onEnd).on("close", onEnd);
    signal.addEventListener("abort", onLate, { once: true });
    onReadable();
  });
}

function invalid(message: string): MilagroError {
  return new MilagroError("ERR_SOCKS_INVALID", message);
}

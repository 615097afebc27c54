/**
 * The one cookie: 32 random bytes that mean nothing by themselves. It is given to every browser that begins something, and
 * exchanged for a fresh one at every login, so that nobody logs in under a value that somebody else has planted. Only its hash is stored.
 *
 * On https its name begins with `__Host-`: the browser then refuses it from other hosts, subdomains included, and other paths.
 * @module
 */
import { createHash } from "node:crypto";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import type { RandomBytes } from "@milagro/engine/engine";
import type { FastifyReply, FastifyRequest } from "fastify";

const LENGTH = 32;
const VALUE = /^[A-Za-z0-9_-]{43}$/;

export const isHttps = (origin: string): boolean => origin.startsWith("https://");
export const cookieName = (origin: string): string => (isHttps(origin) ? "__Host-milagro" : "milagro");

/** How a random value is looked up: SHA-256, base64url. It has 256 bits, so the hash needs no salt. */
export const hashOfSecret = (secret: Uint8Array): string => createHash("sha256").update(secret).digest("base64url");

/** Hash of the cookie of this request; undefined when there is none, or two. */
export function browserOf(request: FastifyRequest, origin: string): string | undefined {
  const name = `${cookieName(origin)}=`;
  const values = (request.headers.cookie ?? "")
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part.startsWith(name))
    .map((part) => part.slice(name.length));
  const [value] = values;
  if (value === undefined || values.length > 1 || !VALUE.test(value)) return undefined;
  try {
    return hashOfSecret(parseBase64url(value));
  } catch {
    return undefined;
  }
}

/** A cookie that nobody has seen yet. */
export interface FreshCookie {
  readonly value: string;
  readonly hash: string;
}

export function drawCookie(random: RandomBytes): FreshCookie {
  const value = random(LENGTH);
  return { value: encodeBase64url(value), hash: hashOfSecret(value) };
}

export function sendCookie(reply: FastifyReply, origin: string, { value }: FreshCookie, maxAgeSeconds: number): void {
  const secure = isHttps(origin) ? "; Secure" : "";
  reply.header(
    "set-cookie",
    `${cookieName(origin)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${secure}`,
  );
}

export function dropCookie(reply: FastifyReply, origin: string): void {
  const secure = isHttps(origin) ? "; Secure" : "";
  reply.header("set-cookie", `${cookieName(origin)}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0${secure}`);
}

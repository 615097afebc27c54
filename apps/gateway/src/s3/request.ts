/**
 * A request taken apart: bucket, key, query and headers as S3 means them.
 * @module
 */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { S3Error } from "./errors.ts";

/** A request's front; the body is not touched. */
export interface S3Request {
  readonly method: string;
  /** As it was signed: each part of the path encoded once, strictly. */
  readonly canonicalPath: string;
  /** Empty for the service itself. */
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  /** Lower-case names; values byte for byte, one character each, so that they can be given back as they came. */
  readonly headers: ReadonlyMap<string, string>;
  readonly address: string;
}

const MAX_KEY_BYTES = 1024;

/**
 * @param domain - requests to `<bucket>.<domain>` name the bucket there; undefined: in the path only
 * @throws `InvalidURI`, `KeyTooLongError`
 */
export function parseRequest(message: IncomingMessage, domain: string | undefined): S3Request {
  const [rawPath = "/", ...rest] = (message.url ?? "/").split("?");
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(message.headers)) {
    if (value === undefined) continue;
    headers.set(name, Array.isArray(value) ? value.join(",") : value);
  }
  const path = decode(rawPath);
  const host = (headers.get("host") ?? "").replace(/:\d+$/, "");
  const virtual = domain !== undefined && host.endsWith(`.${domain}`) ? host.slice(0, -domain.length - 1) : undefined;
  const slash = path.indexOf("/", 1);
  const [bucket, key] =
    virtual === undefined
      ? slash < 0
        ? [path.slice(1), ""]
        : [path.slice(1, slash), path.slice(slash + 1)]
      : [virtual, path.slice(1)];
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw new S3Error("KeyTooLongError", "a key has at most 1024 bytes");
  return {
    method: message.method ?? "GET",
    canonicalPath: path.split("/").map(encodeStrictly).join("/"),
    bucket,
    key,
    query: parseQuery(rest.join("?")),
    headers,
    address: message.socket.remoteAddress ?? "",
  };
}

/** RFC 3986: everything but unreserved characters. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A header's value as text: UTF-8, or else Latin-1, which some clients send. */
export function headerText(value: string): string {
  const bytes = Buffer.from(value, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : value;
}

/** Text as the value of a header. */
export function headerBytes(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

function parseQuery(text: string): Map<string, string> {
  const query = new Map<string, string>();
  if (text === "") return query;
  for (const part of text.split("&")) {
    const at = part.indexOf("=");
    const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    query.set(decode(name.replaceAll("+", "%20")), decode(value.replaceAll("+", "%20")));
  }
  return query;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI", "the address is not UTF-8 in percent encoding");
  }
}

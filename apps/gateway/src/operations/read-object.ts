/**
 * GetObject and HeadObject.
 * @module
 */
import type { Exchange, Reply } from "../exchange.ts";
import { httpTime, openForReading, quoted } from "../exchange.ts";
import type { OpenedObject } from "../object-reader.ts";
import { checkRead, conditionsOf } from "../s3/conditions.ts";
import { S3Error } from "../s3/errors.ts";
import { parseRange } from "../s3/range.ts";
import { headerBytes } from "../s3/request.ts";
import { objectChecksumHeaders } from "./checksums.ts";

/** Headers that a presigned address may ask for. */
const OVERRIDES = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
];

export async function getObject(exchange: Exchange): Promise<Reply> {
  const { gateway, request, signal } = exchange;
  const isHead = request.method === "HEAD";
  const object = await openForReading(exchange);
  const part = partOf(exchange, object) ?? rangeOf(exchange, object);
  const { bucket, key, manifest } = object;
  await exchange.allow(isHead ? "object.head" : "object.read", {
    bucket,
    key,
    ...(part.isPart ? { range: `${part.from}+${part.length}` } : {}),
  });
  const unchanged = notModified(exchange, object);
  if (unchanged) return unchanged;
  const headers = headersOf(exchange, object);
  if (part.unsatisfiable)
    throw new S3Error("InvalidRange", `the object has ${manifest.size} bytes: the range lies behind its end`);
  const wantsChecksum = request.headers.get("x-amz-checksum-mode")?.toUpperCase() === "ENABLED";
  const answer = {
    ...headers,
    "content-length": String(part.length),
    ...(part.isPart
      ? { "content-range": `bytes ${part.from}-${part.from + part.length - 1}/${manifest.size}` }
      : wantsChecksum
        ? objectChecksumHeaders(manifest.checksums)
        : {}),
    ...part.headers,
  };
  const status = part.isPart ? 206 : 200;
  if (isHead) return { status, headers: answer };
  return { status, headers: answer, body: gateway.objects.read(object, part.from, part.length, signal) };
}

/** The answer when the request's conditions say that the client has the object. @throws `PreconditionFailed` */
export function notModified({ request }: Exchange, { info, manifest }: OpenedObject): Reply | undefined {
  const facts = { etag: manifest.etag, modifiedMs: info.modifiedMs };
  const condition = checkRead(conditionsOf(request.headers), facts);
  if (condition === "failed") throw new S3Error("PreconditionFailed", "the object is not what the request expects");
  if (condition === "proceed") return undefined;
  return { status: 304, headers: { etag: quoted(manifest.etag), "last-modified": httpTime(info.modifiedMs) } };
}

interface Stretch {
  readonly from: number;
  readonly length: number;
  readonly isPart: boolean;
  readonly unsatisfiable: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

function rangeOf({ request }: Exchange, { info, manifest }: OpenedObject): Stretch {
  const { size, etag } = manifest;
  const ifRange = request.headers.get("if-range");
  const isFresh =
    ifRange === undefined ||
    ifRange === quoted(etag) ||
    Date.parse(ifRange) >= Math.floor(info.modifiedMs / 1000) * 1000;
  const range = parseRange(isFresh ? request.headers.get("range") : undefined, size);
  const whole = { from: 0, length: size, isPart: false, unsatisfiable: false, headers: {} };
  if (range.kind === "whole") return whole;
  if (range.kind === "unsatisfiable") return { ...whole, unsatisfiable: true };
  return { ...whole, from: range.first, length: range.last - range.first + 1, isPart: true };
}

/** `?partNumber=`: one part of an object that was uploaded in parts. */
function partOf({ request }: Exchange, { manifest }: OpenedObject): Stretch | undefined {
  const text = request.query.get("partNumber");
  if (text === undefined) return undefined;
  const number = Number(text);
  const lengths = manifest.parts.map(([length]) => length);
  if (!/^\d{1,5}$/.test(text) || number < 1) throw new S3Error("InvalidArgument", "partNumber is a number from 1");
  const length = lengths[number - 1];
  if (length === undefined) throw new S3Error("InvalidRange", "the object has fewer parts");
  const from = lengths.slice(0, number - 1).reduce((sum, one) => sum + one, 0);
  const headers = manifest.etag.includes("-") ? { "x-amz-mp-parts-count": String(lengths.length) } : {};
  return { from, length, isPart: length > 0, unsatisfiable: false, headers };
}

function headersOf({ request }: Exchange, { info, manifest }: OpenedObject): Record<string, string> {
  const overrides = Object.fromEntries(
    OVERRIDES.flatMap((name) => {
      const value = request.query.get(`response-${name}`);
      return value === undefined ? [] : [[name, headerBytes(value)]];
    }),
  );
  return {
    "accept-ranges": "bytes",
    etag: quoted(manifest.etag),
    "last-modified": httpTime(info.modifiedMs),
    "content-type": "binary/octet-stream",
    ...manifest.headers,
    ...overrides,
    ...Object.fromEntries(Object.entries(manifest.metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    ...(info.version === undefined ? {} : { "x-amz-version-id": info.version }),
  };
}

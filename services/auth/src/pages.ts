/**
 * The pages: files of one folder, read at start and served from memory, so that no path from outside ever reaches the file
 * system. Names with a hash in them are kept by browsers for a year, pages themselves not at all.
 * @module
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, sep } from "node:path";
import { gzipSync } from "node:zlib";
import { MilagroError } from "@milagro/engine/error";
import type { HttpApp } from "@milagro/runtime/http-server";
import type { FastifyReply, FastifyRequest } from "fastify";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
  ".webmanifest": "application/manifest+json",
  ".txt": "text/plain; charset=utf-8",
};
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|manifest)|image\/svg)/;
const MAX_FILES = 500;
const MAX_FILE_BYTES = 4 * 1_048_576;
/** `name-Ab12Cd34.js`: what bundlers write. */
const HASHED = /[.-][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

/** Which page each address shows; a page that is not built is not found. */
const PAGES: Readonly<Record<string, string>> = {
  "/": "index.html",
  "/login": "login.html",
  "/openid": "login.html",
  "/interaction/:uid": "interaction.html",
  "/h/:id": "handover.html",
  "/activate": "activate.html",
};

interface Asset {
  readonly body: Buffer;
  /** The same, compressed once at start, where that makes it smaller. */
  readonly gzip: Buffer | undefined;
  readonly type: string;
  readonly etag: string;
  readonly cache: string;
}

/** @throws `ERR_CONFIG_INVALID` when the folder cannot be read or is no folder of pages */
export function loadPages(folder: string): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>();
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch (cause) {
    throw new MilagroError("ERR_CONFIG_INVALID", 'setting "pages": the folder cannot be read', { cause });
  }
  for (const name of names) {
    const path = join(folder, name);
    const type = TYPES[extname(name)];
    const info = statSync(path);
    if (!info.isFile() || type === undefined || info.size > MAX_FILE_BYTES) continue;
    if (assets.size >= MAX_FILES) throw new MilagroError("ERR_CONFIG_INVALID", 'setting "pages": too many files');
    const body = readFileSync(path);
    const gzip = COMPRESSIBLE.test(type) ? gzipSync(body, { level: 9 }) : undefined;
    assets.set(`/${name.split(sep).join("/")}`, {
      body,
      gzip: gzip && gzip.length < body.length ? gzip : undefined,
      type,
      etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
      cache: HASHED.test(name) ? "public, max-age=31536000, immutable" : "no-cache",
    });
  }
  return assets;
}

export function addPages(app: HttpApp, assets: ReadonlyMap<string, Asset>): void {
  const send = (asset: Asset | undefined, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    if (!asset) throw new MilagroError("ERR_NOT_FOUND", "there is no such page");
    reply.header("cache-control", asset.cache).header("etag", asset.etag);
    if (request.headers["if-none-match"] === asset.etag) return reply.code(304).send();
    reply.type(asset.type);
    if (!asset.gzip) return reply.send(asset.body);
    reply.header("vary", "accept-encoding");
    if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/.test(String(request.headers["accept-encoding"] ?? "")))
      return reply.send(asset.body);
    return reply.header("content-encoding", "gzip").send(asset.gzip);
  };
  for (const [route, file] of Object.entries(PAGES)) {
    app.get(route, { schema: { hide: true } }, (request, reply) => send(assets.get(`/${file}`), request, reply));
  }
  for (const [path, asset] of assets) {
    if (path in PAGES || path.startsWith("/v1/") || path.includes(":") || path.includes("*")) continue;
    app.get(path, { schema: { hide: true } }, (request, reply) => send(asset, request, reply));
  }
}

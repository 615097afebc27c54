/**
 * A store that keeps versions, over HTTP, as the Amazon S3 documentation says: User Guide, "Using versioning in S3 buckets" (a version for each write, a
 * marker for a plain DELETE, `versionId` to name one), API Reference, GetObject, DeleteObject, ListObjectVersions. It knows what the gateway's backend asks for and
 * refuses the rest with 501. What it is for: tests that need no program, and see what was passed on. The store that says whether all of this is so is Ceph, in `ceph.system.slow.test.ts`.
 *
 * It writes down every request as it came, so that tests see what was passed on, byte for byte. Signatures are not looked at.
 * @module
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Version {
  readonly id: string;
  /** Undefined: a delete marker. */
  readonly body: Buffer | undefined;
  readonly meta: Readonly<Record<string, string>>;
}

export interface VersioningStore {
  readonly url: string;
  /** `METHOD /path?query` of what came, in order. */
  readonly requests: string[];
  /** The newest first. */
  versionsOf(bucket: string, key: string): readonly string[];
  close(): Promise<void>;
}

/** As in the documentation's examples: with characters that mean something else in a query. */
const idOf = (count: number): string =>
  `3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUML${String(count).padStart(2, "0")}`;

export async function startVersioningStore(): Promise<VersioningStore> {
  const buckets = new Map<string, Map<string, Version[]>>();
  const status = new Map<string, string>();
  const requests: string[] = [];
  let count = 0;

  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${message.method} ${message.url}`);
    const parts: Buffer[] = [];
    for await (const part of message) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const url = new URL(message.url ?? "", "http://store");
    const [, bucket = "", ...rest] = url.pathname.split("/").map(decodeURIComponent);
    const key = rest.join("/");
    const query = url.searchParams;
    const end = (code: number, headers: Record<string, string> = {}, text: string | Buffer = ""): void => {
      response.writeHead(code, { "content-length": Buffer.byteLength(text), ...headers });
      response.end(message.method === "HEAD" ? undefined : text);
    };
    const fail = (code: number, name: string, headers: Record<string, string> = {}): void =>
      end(code, headers, `<Error><Code>${name}</Code><Message>${name}</Message></Error>`);
    const objects = buckets.get(bucket);
    const what = `${message.method} ${key === "" ? "bucket" : "object"}`;
    if (what === "PUT bucket" && !query.has("versioning")) {
      buckets.set(bucket, new Map());
      return end(200);
    }
    if (!objects) return fail(404, "NoSuchBucket");
    if (what === "HEAD bucket") return end(200);
    if (what === "PUT bucket") {
      status.set(bucket, /<Status>(\w+)</.exec(body.toString())?.[1] ?? "");
      return end(200);
    }
    if (what === "GET bucket" && query.has("versioning")) {
      const is = status.get(bucket);
      return end(200, {}, `<VersioningConfiguration>${is ? `<Status>${is}</Status>` : ""}</VersioningConfiguration>`);
    }
    if (what === "GET bucket" && query.has("versions")) return end(200, {}, listOf(bucket, objects, query));
    const versions = objects.get(key) ?? [];
    const named = query.get("versionId");
    if (what === "PUT object") {
      const id = idOf(++count);
      const meta = Object.entries(message.headers).filter(([name]) => name.startsWith("x-amz-meta-"));
      objects.set(key, [{ id, body, meta: Object.fromEntries(meta) as Record<string, string> }, ...versions]);
      return end(200, { etag: etagOf(body), "x-amz-version-id": id });
    }
    if (what === "DELETE object" && named === null) {
      const id = idOf(++count);
      objects.set(key, [{ id, body: undefined, meta: {} }, ...versions]);
      return end(204, { "x-amz-version-id": id, "x-amz-delete-marker": "true" });
    }
    if (what === "DELETE object") {
      const gone = versions.find(({ id }) => id === named);
      objects.set(
        key,
        versions.filter((version) => version !== gone),
      );
      const marker = gone && !gone.body ? { "x-amz-delete-marker": "true" } : {};
      return end(204, { "x-amz-version-id": named ?? "", ...marker });
    }
    if (what !== "GET object" && what !== "HEAD object") return fail(501, "NotImplemented");
    const found = named === null ? versions[0] : versions.find(({ id }) => id === named);
    if (!found) return fail(404, named === null ? "NoSuchKey" : "NoSuchVersion");
    if (!found.body) {
      const marker = { "x-amz-delete-marker": "true", "x-amz-version-id": found.id };
      return named === null ? fail(404, "NoSuchKey", marker) : fail(405, "MethodNotAllowed", marker);
    }
    const known = {
      ...found.meta,
      etag: etagOf(found.body),
      "x-amz-version-id": found.id,
      "last-modified": new Date(0).toUTCString(),
    };
    const range = /^bytes=(\d*)-(\d*)$/.exec(message.headers.range ?? "");
    if (!range) return end(200, known, found.body);
    const size = found.body.length;
    const from = range[1] === "" ? Math.max(0, size - Number(range[2])) : Number(range[1]);
    const to = range[1] === "" || range[2] === "" ? size - 1 : Math.min(size - 1, Number(range[2]));
    end(206, { ...known, "content-range": `bytes ${from}-${to}/${size}` }, found.body.subarray(from, to + 1));
  };

  const server = createServer((message, response) => void handle(message, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    versionsOf: (bucket, key) => (buckets.get(bucket)?.get(key) ?? []).map(({ id }) => id),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const etagOf = (body: Buffer): string => `"${createHash("md5").update(body).digest("hex")}"`;

function listOf(bucket: string, objects: ReadonlyMap<string, readonly Version[]>, query: URLSearchParams): string {
  const prefix = query.get("prefix") ?? "";
  const rows = [...objects]
    .filter(([key]) => key.startsWith(prefix))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, versions]) => versions.map((version, i) => ({ key, version, isLatest: i === 0 })));
  const [keyMarker, idMarker] = [query.get("key-marker"), query.get("version-id-marker")];
  const start =
    keyMarker === null
      ? 0
      : rows.findIndex(({ key, version }) => key === keyMarker && (idMarker === null || version.id === idMarker)) + 1;
  const limit = Number(query.get("max-keys") ?? 1000);
  const page = rows.slice(start, start + limit);
  const encode = (text: string): string => (query.get("encoding-type") === "url" ? encodeURIComponent(text) : text);
  const last = page.at(-1);
  const next =
    start + limit < rows.length && last
      ? `<NextKeyMarker>${encode(last.key)}</NextKeyMarker><NextVersionIdMarker>${last.version.id}</NextVersionIdMarker>`
      : "";
  const entries = page.map(({ key, version, isLatest }) => {
    const common = `<Key>${encode(key)}</Key><VersionId>${version.id}</VersionId><IsLatest>${isLatest}</IsLatest><LastModified>1970-01-01T00:00:00.000Z</LastModified>`;
    if (!version.body) return `<DeleteMarker>${common}</DeleteMarker>`;
    return `<Version>${common}<ETag>${etagOf(version.body).replaceAll('"', "&quot;")}</ETag><Size>${version.body.length}</Size></Version>`;
  });
  return `<ListVersionsResult><Name>${bucket}</Name><EncodingType>url</EncodingType><IsTruncated>${next !== ""}</IsTruncated>${next}${entries.join("")}</ListVersionsResult>`;
}

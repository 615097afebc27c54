/**
 * CopyObject. Without new metadata the store copies the bytes by itself and only the wrapped key is made anew, for the new place; with new metadata
 * the manifest changes, and the object is opened and sealed again on the way.
 * @module
 */

import type { Written } from "../backend/backend.ts";
import { type Exchange, isoTime, openForReading, policyForWriting, quoted, type Reply } from "../exchange.ts";
import type { Manifest } from "../format/manifest.ts";
import { encodeObjectHeader, wrapDek } from "../format/object-header.ts";
import type { OpenedObject } from "../object-reader.ts";
import { checkRead, conditionsOf } from "../s3/conditions.ts";
import { S3Error } from "../s3/errors.ts";
import { writeXml } from "../s3/xml.ts";
import { algorithmOf, CHECKSUM_ALGORITHMS, isOfAllBytes, objectChecksumElements } from "./checksums.ts";
import type { CopySource } from "./copy-source.ts";
import { parseCopySource } from "./copy-source.ts";
import { keptHeaders, metadataOf, ownPolicy, refuseUnsupported, tagsOf } from "./object-metadata.ts";
import { writeCondition } from "./write-object.ts";

/** The object that a copy is made of, for whoever may read it and when the request's conditions hold. */
export async function openSource(exchange: Exchange): Promise<OpenedObject> {
  const { headers } = exchange.request;
  const source: CopySource = parseCopySource(headers.get("x-amz-copy-source") ?? "");
  const object = await openForReading(exchange, source.bucket, source.key, source.version);
  const facts = { etag: object.manifest.etag, modifiedMs: object.info.modifiedMs };
  if (checkRead(conditionsOf(headers, "x-amz-copy-source-"), facts) !== "proceed")
    throw new S3Error("PreconditionFailed", "the source is not what the request expects");
  return object;
}

export async function copyObject(exchange: Exchange): Promise<Reply> {
  const { gateway, request, signal } = exchange;
  const { bucket, key, headers } = request;
  refuseUnsupported(headers);
  const replaces = headers.get("x-amz-metadata-directive")?.toUpperCase() === "REPLACE";
  const source = await openSource(exchange);
  const { manifest } = source;
  const metadata = replaces ? metadataOf(headers) : manifest.metadata;
  const policy = policyForWriting(exchange, bucket, key, ownPolicy(headers, metadata));
  if (!replaces && source.bucket === bucket && source.key === key && source.info.version === undefined)
    throw new S3Error("InvalidRequest", "a copy onto itself must change the metadata");
  const condition = await writeCondition(exchange, bucket, key);
  await exchange.allow("object.copy", { bucket, key, policy });
  const asked = algorithmOf(headers);
  const algorithms = asked ? [asked] : CHECKSUM_ALGORITHMS.filter((name) => manifest.checksums[name] !== undefined);
  const lacksAsked = asked !== undefined && !isOfAllBytes(manifest.checksums[asked]);
  const replacesTags = headers.get("x-amz-tagging-directive")?.toUpperCase() === "REPLACE";
  const written: Written & { readonly manifest?: Manifest } =
    replaces || replacesTags || source.bucket !== bucket || lacksAsked
      ? await gateway.objects.write(
          {
            bucket,
            key,
            policy,
            headers: replaces ? keptHeaders(headers) : manifest.headers,
            metadata,
            tags: replacesTags ? tagsOf(headers.get("x-amz-tagging")) : await tagsOfSource(exchange, source),
            size: manifest.size,
            body: gateway.objects.read(source, 0, manifest.size, signal),
            algorithms,
            kept: algorithms,
            check: () => {},
          },
          condition,
        )
      : await copyAtStore(exchange, source, policy, condition);
  const { etag, checksums } = written.manifest ?? manifest;
  const name = await gateway.names.toStore(bucket, key);
  const info = await gateway.backend.head(bucket, name);
  const xml = writeXml("CopyObjectResult", {
    LastModified: isoTime(info?.modifiedMs ?? gateway.clock()),
    ETag: quoted(etag),
    ...objectChecksumElements(checksums),
  });
  return {
    status: 200,
    headers: written.version === undefined ? {} : { "x-amz-version-id": written.version },
    body: xml,
  };
}

async function copyAtStore(
  { gateway, request }: Exchange,
  source: OpenedObject,
  policy: string,
  condition: Awaited<ReturnType<typeof writeCondition>>,
) {
  const { bucket, key } = request;
  const { random } = gateway.policyKeys;
  const kek = await gateway.keks.forWriting(bucket, policy);
  const header = encodeObjectHeader(wrapDek(random, kek.kek, kek.id, { bucket, key }, source.dek));
  const name = await gateway.names.toStore(bucket, key);
  gateway.objects.forget(bucket, key);
  const from = { bucket: source.bucket, name: source.name, version: source.info.version, ifEtag: source.info.etag };
  return gateway.backend.copy(from, { bucket, name, header }, condition);
}

/** Tags are sealed for their bucket, so they are opened with one key and sealed with the other. */
async function tagsOfSource({ gateway }: Exchange, source: OpenedObject) {
  const tags = await gateway.backend.tags(source.bucket, source.name, source.info.version);
  return tags && gateway.names.openTags(source.bucket, tags);
}

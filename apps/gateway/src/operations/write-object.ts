/**
 * PutObject, DeleteObject, DeleteObjects.
 * @module
 */
import type { WriteCondition } from "../backend/backend.ts";
import { type Exchange, policyForWriting, quoted, type Reply } from "../exchange.ts";
import { readSmallBody } from "../s3/body.ts";
import { checkWrite, conditionsOf, hasWriteCondition } from "../s3/conditions.ts";
import { asS3Error, S3Error } from "../s3/errors.ts";
import type { Verified } from "../s3/signature.ts";
import { childrenOf, readXml, textOf, writeXml } from "../s3/xml.ts";
import { announcedOf, objectChecksumHeaders } from "./checksums.ts";
import { keptHeaders, metadataOf, ownPolicy, refuseUnsupported, tagsOf } from "./object-metadata.ts";

/** S3's own limit for an object in one piece. */
const MAX_PUT_BYTES = 5 * 1024 ** 3;
const MAX_DELETES = 1000;
const DELETES_AT_ONCE = 16;

export const putObject =
  (verified: Verified) =>
  async (exchange: Exchange): Promise<Reply> => {
    const { gateway, request } = exchange;
    const { bucket, key, headers } = request;
    refuseUnsupported(headers);
    const metadata = metadataOf(headers);
    const policy = policyForWriting(exchange, bucket, key, ownPolicy(headers, metadata));
    const tags = tagsOf(headers.get("x-amz-tagging"));
    const condition = await writeCondition(exchange, bucket, key);
    await exchange.allow("object.write", { bucket, key, policy });
    const body = exchange.body();
    if (body.length > MAX_PUT_BYTES) throw new S3Error("EntityTooLarge", "above 5 GiB objects are uploaded in parts");
    const announced = announcedOf(headers, verified.payload, body);
    const written = await gateway.objects.write(
      {
        bucket,
        key,
        policy,
        headers: keptHeaders(headers),
        metadata,
        tags,
        size: body.length,
        body: body.chunks,
        ...announced,
      },
      condition,
    );
    return {
      status: 200,
      headers: {
        etag: quoted(written.manifest.etag),
        ...objectChecksumHeaders(written.manifest.checksums),
        ...(written.version === undefined ? {} : { "x-amz-version-id": written.version }),
      },
    };
  };

/** Compares what clients know (the plaintext's ETag) and hands the store what it knows. @throws `PreconditionFailed` */
export async function writeCondition(exchange: Exchange, bucket: string, key: string): Promise<WriteCondition> {
  const { gateway, request } = exchange;
  const conditions = conditionsOf(request.headers);
  if (!hasWriteCondition(conditions)) return undefined;
  const current = await gateway.objects.open(bucket, key);
  const facts = current && { etag: current.manifest.etag, modifiedMs: current.info.modifiedMs };
  if (checkWrite(conditions, facts) === "failed") {
    if (!current && conditions.ifMatch !== undefined) throw new S3Error("NoSuchKey", "there is no such object");
    throw new S3Error("PreconditionFailed", "the object is not what the request expects");
  }
  return current ? { ifEtag: current.info.etag } : "absent";
}

export async function deleteObject(exchange: Exchange): Promise<Reply> {
  const { request } = exchange;
  const { bucket, key } = request;
  policyForWriting(exchange, bucket, key, undefined);
  const condition = await writeCondition(exchange, bucket, key);
  await exchange.allow("object.delete", { bucket, key });
  const removed = await remove(exchange, key, request.query.get("versionId"), condition);
  return {
    status: 204,
    headers: {
      ...(removed.version === undefined ? {} : { "x-amz-version-id": removed.version }),
      ...(removed.isDeleteMarker ? { "x-amz-delete-marker": "true" } : {}),
    },
  };
}

async function remove(
  { gateway, request: { bucket } }: Exchange,
  key: string,
  version: string | undefined,
  condition?: WriteCondition,
) {
  const name = await gateway.names.toStore(bucket, key);
  gateway.objects.forget(bucket, key);
  return gateway.backend.remove(bucket, name, version, condition);
}

export const deleteObjects =
  (verified: Verified) =>
  async (exchange: Exchange): Promise<Reply> => {
    const { request } = exchange;
    const body = exchange.body();
    const bytes = await readSmallBody(body, 2 * 1024 * 1024);
    const { createDigests } = await import("../digest-algorithms.ts");
    const announced = announcedOf(request.headers, verified.payload, body);
    const digests = createDigests(["md5", ...announced.algorithms]);
    digests.update(bytes);
    announced.check(await digests.end());
    const content = readXml(bytes, "Delete");
    const targets = childrenOf(content, "Object").map((object) => ({
      key: textOf(object, "Key") ?? "",
      version: textOf(object, "VersionId"),
    }));
    if (targets.length === 0 || targets.length > MAX_DELETES || targets.some(({ key }) => key === ""))
      throw new S3Error("MalformedXML", "a list of 1 to 1000 objects with their keys is needed");
    // Each is decided by itself, all before anything happens.
    const decisions = targets.map((target) => {
      try {
        policyForWriting(exchange, request.bucket, target.key, undefined);
        return { ...target, error: undefined };
      } catch (error) {
        return { ...target, error: asS3Error(error) };
      }
    });
    const allowed = decisions.filter(({ error }) => error === undefined);
    await exchange.allow("object.delete", {
      bucket: request.bucket,
      count: allowed.length,
      key: allowed.map(({ key }) => key).join("\n"),
    });
    const results: { Deleted?: object; Error?: object }[] = [];
    for (let i = 0; i < decisions.length; i += DELETES_AT_ONCE) {
      const batch = decisions.slice(i, i + DELETES_AT_ONCE).map(async ({ key, version, error }) => {
        const failed = (reason: S3Error) => ({
          Error: { Key: key, VersionId: version, Code: reason.code, Message: reason.message },
        });
        if (error) return failed(error);
        try {
          const removed = await remove(exchange, key, version);
          const marker = removed.isDeleteMarker ? { DeleteMarker: true, DeleteMarkerVersionId: removed.version } : {};
          return { Deleted: { Key: key, VersionId: version, ...marker } };
        } catch (reason) {
          return failed(asS3Error(reason));
        }
      });
      results.push(...(await Promise.all(batch)));
    }
    const isQuiet = textOf(content, "Quiet") === "true";
    const xml = writeXml("DeleteResult", {
      Deleted: isQuiet
        ? undefined
        : results.flatMap(({ Deleted }) => (Deleted ? [Deleted as Record<string, string>] : [])),
      Error: results.flatMap(({ Error: error }) => (error ? [error as Record<string, string>] : [])),
    });
    return { status: 200, body: xml };
  };

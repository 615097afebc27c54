/**
 * ListParts and ListMultipartUploads.
 * @module
 */
import { type Exchange, isoTime, quoted, type Reply } from "../exchange.ts";
import { compareUtf8 } from "../listing.ts";
import { writeXml, type XmlValue } from "../s3/xml.ts";
import { checksumElements } from "./checksums.ts";
import type { UploadChecksum } from "./multipart-checksum.ts";
import { checksumsOf, detailsOf, findUpload, partRows } from "./uploads.ts";

export async function listParts(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, key, query } = request;
  const upload = await findUpload(exchange);
  await exchange.allow("upload.list", { bucket, key });
  const limit = Math.min(1000, Number(query.get("max-parts") ?? 1000) || 1000);
  const marker = Number(query.get("part-number-marker") ?? 0) || 0;
  const rows = (await partRows(gateway, upload.id)).filter(({ number }) => number > marker);
  const page = rows.slice(0, limit);
  const xml = writeXml("ListPartsResult", {
    Bucket: bucket,
    Key: key,
    UploadId: upload.id,
    StorageClass: "STANDARD",
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? 0,
    MaxParts: limit,
    IsTruncated: rows.length > limit,
    ...announced(detailsOf(upload).checksum),
    Part: page.map((part) => ({
      PartNumber: part.number,
      LastModified: isoTime(part.modified_ms),
      ETag: quoted(part.md5),
      Size: part.size,
      ...checksumElements(checksumsOf(part)),
    })),
  });
  return { status: 200, body: xml };
}

export async function listUploads(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, query } = request;
  await exchange.allow("upload.list", { bucket });
  const limit = Math.min(1000, Number(query.get("max-uploads") ?? 1000) || 1000);
  const prefix = query.get("prefix") ?? "";
  const [keyMarker, idMarker] = [query.get("key-marker") ?? "", query.get("upload-id-marker") ?? ""];
  const rows = await gateway.store.db
    .selectFrom("upload")
    .selectAll()
    .where("bucket", "=", bucket)
    .orderBy("object_key")
    .orderBy("id")
    .execute();
  const after = rows.filter(
    ({ object_key: key, id }) =>
      key.startsWith(prefix) &&
      (compareUtf8(key, keyMarker) > 0 || (key === keyMarker && idMarker !== "" && id > idMarker)),
  );
  const page = after.slice(0, limit);
  const isTruncated = after.length > limit;
  const xml = writeXml("ListMultipartUploadsResult", {
    Bucket: bucket,
    KeyMarker: keyMarker,
    UploadIdMarker: idMarker,
    NextKeyMarker: isTruncated ? page.at(-1)?.object_key : undefined,
    NextUploadIdMarker: isTruncated ? page.at(-1)?.id : undefined,
    Prefix: prefix,
    MaxUploads: limit,
    IsTruncated: isTruncated,
    Upload: page.map((upload) => ({
      Key: upload.object_key,
      UploadId: upload.id,
      StorageClass: "STANDARD",
      Initiated: isoTime(upload.created_ms),
      ...announced(detailsOf(upload).checksum),
    })),
  });
  return { status: 200, body: xml };
}

const announced = (checksum: UploadChecksum | undefined): Record<string, XmlValue> =>
  checksum ? { ChecksumAlgorithm: checksum.algorithm.toUpperCase(), ChecksumType: checksum.type } : {};

/**
 * Which operation a request is, by method, what it names, and its query: the one table.
 * @module
 */
import type { AuditAction } from "./audit.ts";
import type { Operation } from "./exchange.ts";
import {
  bucketLocation,
  bucketVersioning,
  createBucket,
  deleteBucket,
  headBucket,
  listBuckets,
  readAcl,
} from "./operations/buckets.ts";
import { copyObject } from "./operations/copy-object.ts";
import { listObjects, listObjectsV2, listVersions } from "./operations/list-objects.ts";
import { listParts, listUploads } from "./operations/list-uploads.ts";
import { abortUpload, completeUpload, createUpload, uploadPart, uploadPartCopy } from "./operations/multipart.ts";
import { getObjectAttributes } from "./operations/object-attributes.ts";
import { getObject } from "./operations/read-object.ts";
import { getTags, putTags } from "./operations/tagging.ts";
import { deleteObject, deleteObjects, putObject } from "./operations/write-object.ts";
import { S3Error } from "./s3/errors.ts";
import type { S3Request } from "./s3/request.ts";
import type { Verified } from "./s3/signature.ts";

export interface Route {
  /** What a refusal is written down as. */
  readonly action: AuditAction;
  readonly run: Operation;
}

/** Sub-resources that mean another operation than the plain one; a request with one that is not below is refused, not mistaken. */
const SUBRESOURCES = [
  "accelerate",
  "acl",
  "analytics",
  "attributes",
  "cors",
  "delete",
  "encryption",
  "intelligent-tiering",
  "inventory",
  "legal-hold",
  "lifecycle",
  "location",
  "logging",
  "metrics",
  "notification",
  "object-lock",
  "ownershipControls",
  "partNumber",
  "policy",
  "policyStatus",
  "publicAccessBlock",
  "replication",
  "requestPayment",
  "restore",
  "retention",
  "select",
  "tagging",
  "torrent",
  "uploadId",
  "uploads",
  "versioning",
  "versions",
  "website",
] as const;

/** @throws `NotImplemented`, `MethodNotAllowed` */
export function routeOf(request: S3Request, verified: Verified): Route {
  const { method, bucket, key, query, headers } = request;
  const found: string[] = SUBRESOURCES.filter((name) => query.has(name));
  // Reading a part of an object that was uploaded in parts is plain reading.
  const resource = found
    .filter((name) => !(name === "partNumber" && (query.has("uploadId") || method === "GET" || method === "HEAD")))
    .join("&");
  if (resource.includes("&")) throw new S3Error("NotImplemented", "the gateway does not do this");
  const isCopy = headers.has("x-amz-copy-source");
  const level = bucket === "" ? "service" : key === "" ? "bucket" : "object";
  const routes: Readonly<Record<string, Route>> = {
    "GET service ": { action: "bucket.list", run: listBuckets },
    "GET bucket ": { action: "object.list", run: query.get("list-type") === "2" ? listObjectsV2 : listObjects },
    "HEAD bucket ": { action: "bucket.list", run: headBucket },
    "PUT bucket ": { action: "bucket.create", run: createBucket },
    "DELETE bucket ": { action: "bucket.delete", run: deleteBucket },
    "POST bucket delete": { action: "object.delete", run: deleteObjects(verified) },
    "GET bucket location": { action: "bucket.list", run: bucketLocation },
    "GET bucket versioning": { action: "bucket.versioning", run: bucketVersioning },
    "PUT bucket versioning": { action: "bucket.versioning", run: bucketVersioning },
    "GET bucket versions": { action: "object.list", run: listVersions },
    "GET bucket uploads": { action: "upload.list", run: listUploads },
    "GET bucket acl": { action: "bucket.list", run: readAcl },
    "GET object ": { action: "object.read", run: getObject },
    "HEAD object ": { action: "object.head", run: getObject },
    "PUT object ": isCopy
      ? { action: "object.copy", run: copyObject }
      : { action: "object.write", run: putObject(verified) },
    "DELETE object ": { action: "object.delete", run: deleteObject },
    "GET object attributes": { action: "object.attributes", run: getObjectAttributes },
    "GET object acl": { action: "bucket.list", run: readAcl },
    "GET object tagging": { action: "object.tags", run: getTags },
    "PUT object tagging": { action: "object.tags", run: putTags },
    "DELETE object tagging": { action: "object.tags", run: putTags },
    "POST object uploads": { action: "upload.create", run: createUpload },
    "PUT object uploadId": { action: "upload.part", run: isCopy ? uploadPartCopy : uploadPart(verified) },
    "POST object uploadId": { action: "upload.complete", run: completeUpload },
    "DELETE object uploadId": { action: "upload.abort", run: abortUpload },
    "GET object uploadId": { action: "upload.list", run: listParts },
  };
  const route = routes[`${method} ${level} ${resource}`];
  if (route) return route;
  if (resource !== "") throw new S3Error("NotImplemented", "the gateway does not do this");
  throw new S3Error("MethodNotAllowed", "this method means nothing here");
}

/**
 * What is asked of the service and of buckets, apart from listings of objects.
 * @module
 */
import { checkBucket, type Exchange, isoTime, type Reply } from "../exchange.ts";
import { RESERVED_PREFIX } from "../kek-reader.ts";
import { readSmallBody } from "../s3/body.ts";
import { S3Error } from "../s3/errors.ts";
import { readXml, textOf, writeXml } from "../s3/xml.ts";
import { OWNER } from "./list-objects.ts";

export async function listBuckets(exchange: Exchange): Promise<Reply> {
  const { gateway, caller } = exchange;
  await exchange.allow("bucket.list");
  const buckets = (await gateway.backend.buckets()).filter(
    ({ name }) => !caller.buckets || caller.buckets.includes(name),
  );
  const xml = writeXml("ListAllMyBucketsResult", {
    Owner: OWNER,
    Buckets: { Bucket: buckets.map(({ name, createdMs }) => ({ Name: name, CreationDate: isoTime(createdMs) })) },
  });
  return { status: 200, body: xml };
}

export async function createBucket(exchange: Exchange): Promise<Reply> {
  const { gateway, request, caller } = exchange;
  const { bucket } = request;
  checkBucket(exchange, bucket);
  if (caller.readOnly) throw new S3Error("AccessDenied", "you may only read");
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || /\.\.|^\d+\.\d+\.\d+\.\d+$/.test(bucket))
    throw new S3Error("InvalidBucketName", "a bucket's name has 3 to 63 small letters, digits, dots and hyphens");
  await exchange.allow("bucket.create", { bucket });
  await gateway.backend.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

export async function headBucket(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket } = request;
  checkBucket(exchange, bucket);
  await exchange.allow("bucket.list", { bucket });
  if (!(await gateway.backend.hasBucket(bucket))) throw new S3Error("NoSuchBucket", "there is no such bucket");
  return { status: 200, headers: { "x-amz-bucket-region": gateway.region } };
}

/** An empty bucket, apart from the gateway's own records, which go with it. */
export async function deleteBucket(exchange: Exchange): Promise<Reply> {
  const { gateway, request, caller } = exchange;
  const { bucket } = request;
  const { backend, store } = gateway;
  checkBucket(exchange, bucket);
  if (caller.readOnly) throw new S3Error("AccessDenied", "this access key only reads");
  await exchange.allow("bucket.delete", { bucket });
  const names: string[] = [];
  for (let after = ""; ; ) {
    const page = await backend.list(bucket, { prefix: "", delimiter: "", after, limit: 1000 });
    names.push(...page.entries.map(({ name }) => name));
    if (names.some((name) => !name.startsWith(RESERVED_PREFIX)))
      throw new S3Error("BucketNotEmpty", "the bucket holds objects");
    if (!page.isTruncated) break;
    after = names.at(-1) as string;
  }
  for (const name of names) await backend.remove(bucket, name);
  await backend.deleteBucket(bucket);
  await store.db.deleteFrom("kek").where("bucket", "=", bucket).execute();
  return { status: 204 };
}

export async function bucketLocation(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  checkBucket(exchange, request.bucket);
  await exchange.allow("bucket.list", { bucket: request.bucket });
  // The oldest region has no name here.
  const region = gateway.region === "us-east-1" ? "" : gateway.region;
  return { status: 200, body: writeXml("LocationConstraint", { "#text": region }) };
}

export async function bucketVersioning(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket } = request;
  checkBucket(exchange, bucket);
  await exchange.allow("bucket.versioning", { bucket });
  const { versions } = gateway.backend;
  if (request.method === "GET") {
    const status = await versions?.status(bucket);
    return { status: 200, body: writeXml("VersioningConfiguration", { Status: status }) };
  }
  if (exchange.caller.readOnly) throw new S3Error("AccessDenied", "this access key only reads");
  if (!versions) throw new S3Error("NotImplemented", "a folder keeps no versions");
  const content = readXml(await readSmallBody(exchange.body(), 65_536), "VersioningConfiguration");
  const status = textOf(content, "Status");
  if (status !== "Enabled" && status !== "Suspended")
    throw new S3Error("MalformedXML", "Status is Enabled or Suspended");
  await versions.setStatus(bucket, status);
  return { status: 200 };
}

/** ACLs are not how access works here; this is what clients that insist get to see. */
export async function readAcl(exchange: Exchange): Promise<Reply> {
  const { bucket, key } = exchange.request;
  checkBucket(exchange, bucket);
  await exchange.allow("bucket.list", { bucket, ...(key === "" ? {} : { key }) });
  const xml = writeXml("AccessControlPolicy", {
    Owner: OWNER,
    AccessControlList: {
      Grant: {
        Grantee: { "@xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance", "@xsi:type": "CanonicalUser", ...OWNER },
        Permission: "FULL_CONTROL",
      },
    },
  });
  return { status: 200, body: xml };
}

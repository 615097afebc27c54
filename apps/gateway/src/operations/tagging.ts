/**
 * Tags of objects: read, set, removed. At the store they are encrypted.
 * @module
 */
import { checkBucket, type Exchange, openForReading, policyForWriting, type Reply } from "../exchange.ts";
import { readSmallBody } from "../s3/body.ts";
import { S3Error } from "../s3/errors.ts";
import { childrenOf, readXml, textOf, writeXml } from "../s3/xml.ts";
import { checkedTags } from "./object-metadata.ts";

export async function getTags(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const object = await openForReading(exchange);
  await exchange.allow("object.tags", { bucket: request.bucket, key: request.key });
  const stored = await gateway.backend.tags(object.bucket, object.name, request.query.get("versionId"));
  if (!stored) throw new S3Error("NoSuchKey", "there is no such object");
  const tags = await gateway.names.openTags(object.bucket, stored);
  const Tag = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  return { status: 200, body: writeXml("Tagging", { TagSet: { Tag } }) };
}

export async function putTags(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, key, query } = request;
  checkBucket(exchange, bucket);
  policyForWriting(exchange, bucket, key, undefined);
  const isDelete = request.method === "DELETE";
  const tags = isDelete ? {} : await readTags(exchange);
  await exchange.allow("object.tags", { bucket, key, count: Object.keys(tags).length });
  const name = await gateway.names.toStore(bucket, key);
  if (!(await gateway.backend.head(bucket, name, query.get("versionId"))))
    throw new S3Error("NoSuchKey", "there is no such object");
  await gateway.backend.setTags(bucket, name, await gateway.names.sealTags(bucket, tags), query.get("versionId"));
  return { status: isDelete ? 204 : 200 };
}

async function readTags(exchange: Exchange) {
  const content = readXml(await readSmallBody(exchange.body(), 65_536), "Tagging");
  const [set] = childrenOf(content, "TagSet");
  const entries = set === undefined ? [] : childrenOf(set, "Tag");
  return checkedTags(entries.map((tag) => [textOf(tag, "Key") ?? "", textOf(tag, "Value") ?? ""] as const));
}

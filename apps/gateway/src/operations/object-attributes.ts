/**
 * GetObjectAttributes: what HeadObject and ListParts would say, in one answer and without the object's bytes.
 * Source: Amazon S3 API Reference, GetObjectAttributes. Its ETag has no quotes, unlike all others.
 * @module
 */
import { type Exchange, httpTime, openForReading, type Reply } from "../exchange.ts";
import type { Manifest } from "../format/manifest.ts";
import { S3Error } from "../s3/errors.ts";
import { writeXml, type XmlValue } from "../s3/xml.ts";
import { checksumElements, objectChecksumElements } from "./checksums.ts";
import { notModified } from "./read-object.ts";

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;
type Attribute = (typeof ATTRIBUTES)[number];

type Headers = ReadonlyMap<string, string>;

/** Which of an object's parts are asked for. */
export interface PartPage {
  /** Those with higher numbers. */
  readonly after: number;
  /** 1 to 1000. */
  readonly limit: number;
}

const MAX_PARTS = 1000;

export async function getObjectAttributes(exchange: Exchange): Promise<Reply> {
  const { headers, bucket, key } = exchange.request;
  const wanted = attributesIn(headers);
  const page = partPageIn(headers);
  const object = await openForReading(exchange);
  const { info, manifest } = object;
  await exchange.allow("object.attributes", { bucket, key });
  const unchanged = notModified(exchange, object);
  if (unchanged) return unchanged;
  const values: Record<Attribute, XmlValue> = {
    ETag: manifest.etag,
    Checksum: Object.keys(manifest.checksums).length > 0 ? objectChecksumElements(manifest.checksums) : undefined,
    ObjectParts: partsOf(manifest, page),
    StorageClass: "STANDARD",
    ObjectSize: manifest.size,
  };
  const answer = Object.fromEntries(ATTRIBUTES.filter((name) => wanted.has(name)).map((name) => [name, values[name]]));
  return {
    status: 200,
    headers: {
      "last-modified": httpTime(info.modifiedMs),
      ...(info.version === undefined ? {} : { "x-amz-version-id": info.version }),
    },
    body: writeXml("GetObjectAttributesResponse", answer),
  };
}

/** @throws `InvalidRequest` when nothing is asked for, `InvalidArgument` for a name that there is not */
export function attributesIn(headers: Headers): ReadonlySet<Attribute> {
  const text = headers.get("x-amz-object-attributes")?.trim() ?? "";
  if (text === "")
    throw new S3Error("InvalidRequest", "x-amz-object-attributes is missing or empty: it names what to tell");
  return new Set(
    text.split(",").map((part) => {
      const attribute = ATTRIBUTES.find((name) => name === part.trim());
      if (!attribute)
        throw new S3Error(
          "InvalidArgument",
          `x-amz-object-attributes takes ${ATTRIBUTES.join(", ")}, with commas between`,
        );
      return attribute;
    }),
  );
}

/** @throws `InvalidArgument` */
export function partPageIn(headers: Headers): PartPage {
  const number = (name: string, least: number, otherwise: number): number => {
    const text = headers.get(name);
    if (text === undefined) return otherwise;
    if (!/^\d{1,9}$/.test(text) || Number(text) < least)
      throw new S3Error("InvalidArgument", `${name} is a whole number from ${least}`);
    return Number(text);
  };
  return {
    after: number("x-amz-part-number-marker", 0, 0),
    limit: Math.min(MAX_PARTS, number("x-amz-max-parts", 1, MAX_PARTS)),
  };
}

/** Of an object that came in parts. Like Amazon's store it lists them only where they have checksums, and counts them always. */
function partsOf({ etag, parts, checksums }: Manifest, { after, limit }: PartPage): XmlValue {
  if (!etag.includes("-")) return undefined;
  const [algorithm] = Object.keys(checksums);
  if (algorithm === undefined || parts.some(([, , checksum]) => checksum === undefined))
    return { PartsCount: parts.length };
  const listed = parts.slice(after, after + limit).map(([size, , checksum], i) => ({
    PartNumber: after + i + 1,
    Size: size,
    ...checksumElements({ [algorithm]: checksum as string }),
  }));
  return {
    PartsCount: parts.length,
    PartNumberMarker: after,
    NextPartNumberMarker: listed.at(-1)?.PartNumber ?? after,
    MaxParts: limit,
    IsTruncated: after + limit < parts.length,
    Part: listed,
  };
}

/**
 * Uploads in parts. Each part is sealed under a key of its own, in any order, and again when it is sent again; completing writes the manifest, which binds parts,
 * order and sizes. S3 wants parts of 5 MiB at least but for the last one, and the manifest comes behind the last: so a part below that is kept aside as a
 * record, and sent together with the manifest at the end.
 * @module
 */
import { type Exchange, isoTime, policyForWriting, quoted, type Reply } from "../exchange.ts";
import { sealedLength } from "../format/layout.ts";
import { type Manifest, sealManifest } from "../format/manifest.ts";
import { encodeObjectHeader, generateDek, parseObjectHeader, unwrapDek, wrapDek } from "../format/object-header.ts";
import type { Chunks, Dek } from "../format/segments.ts";
import { RESERVED_PREFIX } from "../kek-reader.ts";
import { multipartEtag } from "../objects.ts";
import { readSmallBody } from "../s3/body.ts";
import { asS3Error, S3Error } from "../s3/errors.ts";
import { parseRange } from "../s3/range.ts";
import type { Verified } from "../s3/signature.ts";
import { childrenOf, readXml, textOf, writeXml } from "../s3/xml.ts";
import type { PartRow, UploadRow } from "../store.ts";
import {
  type Announced,
  announcedOf,
  type Checksums,
  checksumElements,
  checksumHeaders,
  checksumsInXml,
  objectChecksumElements,
} from "./checksums.ts";
import { openSource } from "./copy-object.ts";
import { completedChecksums, uploadChecksumOf } from "./multipart-checksum.ts";
import { keptHeaders, metadataOf, ownPolicy, refuseUnsupported, tagsOf } from "./object-metadata.ts";
import { checksumsOf, detailsOf, findUpload, forgetUpload, partRows, placeOf, type UploadDetails } from "./uploads.ts";
import { writeCondition } from "./write-object.ts";

export const MIN_PART_BYTES = 5 * 1024 * 1024;
const MAX_PART_BYTES = 5 * 1024 ** 3;
const MAX_PARTS = 10_000;
const NOTHING_ANNOUNCED: Announced = { algorithms: [], kept: [], check: () => {} };

export async function createUpload(exchange: Exchange): Promise<Reply> {
  const { gateway, request, caller } = exchange;
  const { bucket, key, headers } = request;
  const { backend, store, names, keks } = gateway;
  refuseUnsupported(headers);
  const checksum = uploadChecksumOf(headers);
  const details: UploadDetails = { headers: keptHeaders(headers), metadata: metadataOf(headers), checksum };
  const policy = policyForWriting(exchange, bucket, key, ownPolicy(headers, details.metadata));
  const tags = tagsOf(headers.get("x-amz-tagging"));
  await exchange.allow("upload.create", { bucket, key, policy });
  const { random } = gateway.policyKeys;
  const kek = await keks.forWriting(bucket, policy);
  const dek = generateDek(random);
  const header = encodeObjectHeader(wrapDek(random, kek.kek, kek.id, { bucket, key }, dek));
  dek.destroy();
  const name = await names.toStore(bucket, key);
  const backendId = await backend.createUpload(bucket, name, header, tags && (await names.sealTags(bucket, tags)));
  const id = Buffer.from(random(24)).toString("base64url");
  await store.transaction(async (tx) => {
    const row: UploadRow = {
      id,
      bucket,
      object_key: key,
      name,
      backend_id: backendId,
      header,
      details: JSON.stringify(details),
      identity: caller.identity,
      created_ms: gateway.clock(),
    };
    await tx.insertInto("upload").values(row).execute();
  });
  return {
    status: 200,
    headers: checksum
      ? { "x-amz-checksum-algorithm": checksum.algorithm.toUpperCase(), "x-amz-checksum-type": checksum.type }
      : {},
    body: writeXml("InitiateMultipartUploadResult", { Bucket: bucket, Key: key, UploadId: id }),
  };
}

export const uploadPart =
  (verified: Verified) =>
  async (exchange: Exchange): Promise<Reply> => {
    const { headers } = exchange.request;
    const { upload, number } = await findPart(exchange);
    await exchange.allow("upload.part", { bucket: upload.bucket, key: upload.object_key, count: number });
    const body = exchange.body();
    const announced = announcedOf(headers, verified.payload, body);
    const { md5, checksums } = await storePart(exchange, upload, number, body.length, body.chunks, announced);
    return { status: 200, headers: { etag: quoted(md5), ...checksumHeaders(checksums) } };
  };

export async function uploadPartCopy(exchange: Exchange): Promise<Reply> {
  const { gateway, request, signal } = exchange;
  const { upload, number } = await findPart(exchange);
  const source = await openSource(exchange);
  const { size } = source.manifest;
  const header = request.headers.get("x-amz-copy-source-range");
  const range = parseRange(header, size);
  if (header !== undefined && range.kind !== "part")
    throw new S3Error("InvalidArgument", "x-amz-copy-source-range is bytes=<first>-<last> within the source");
  const [from, length] = range.kind === "part" ? [range.first, range.last - range.first + 1] : [0, size];
  await exchange.allow("upload.part", { bucket: upload.bucket, key: upload.object_key, count: number });
  const body = gateway.objects.read(source, from, length, signal);
  const { md5, checksums } = await storePart(exchange, upload, number, length, body, NOTHING_ANNOUNCED);
  const xml = writeXml("CopyPartResult", {
    LastModified: isoTime(gateway.clock()),
    ETag: quoted(md5),
    ...checksumElements(checksums),
  });
  return { status: 200, body: xml };
}

async function findPart(exchange: Exchange): Promise<{ readonly upload: UploadRow; readonly number: number }> {
  const text = exchange.request.query.get("partNumber") ?? "";
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > MAX_PARTS)
    throw new S3Error("InvalidArgument", "partNumber is 1 to 10000");
  return { upload: await findUpload(exchange), number };
}

async function openDek({ gateway }: Exchange, upload: UploadRow): Promise<Dek> {
  const header = parseObjectHeader(upload.header);
  const { kek } = await gateway.keks.open(upload.bucket, header.kekId);
  return unwrapDek(kek, header, { bucket: upload.bucket, key: upload.object_key });
}

async function storePart(
  exchange: Exchange,
  upload: UploadRow,
  number: number,
  size: number,
  body: Chunks,
  announced: Announced,
): Promise<{ readonly md5: string; readonly checksums: Checksums }> {
  const { gateway } = exchange;
  const { backend, store, objects } = gateway;
  if (size > MAX_PART_BYTES) throw new S3Error("EntityTooLarge", "a part has at most 5 GiB");
  const dek = await openDek(exchange, upload);
  const { checksum } = detailsOf(upload);
  const kept = new Set([...announced.kept, ...(checksum ? [checksum.algorithm] : [])]);
  const part = objects.sealPart(dek, body, [...new Set([...announced.algorithms, ...kept])], announced.check);
  try {
    const length = sealedLength(size);
    const nonce = Buffer.from(gateway.policyKeys.random(8)).toString("hex");
    const aside = size < MIN_PART_BYTES ? `${RESERVED_PREFIX}parts/${upload.id}/${number}-${nonce}` : "";
    const etag =
      aside === ""
        ? await backend.writePart(placeOf(upload), number, length, part.chunks)
        : (await backend.write(upload.bucket, aside, { header: "", length, body: part.chunks })).etag;
    const { salt, digests } = part.finished();
    const md5 = Buffer.from(digests["md5"] as Uint8Array).toString("hex");
    const checksums = Object.fromEntries(
      [...kept].map((name) => [name, Buffer.from(digests[name] as Uint8Array).toString("base64")]),
    );
    const row: PartRow = {
      upload: upload.id,
      number,
      size,
      salt: Buffer.from(salt).toString("base64url"),
      md5,
      backend_etag: etag,
      aside,
      checksums: JSON.stringify(checksums),
      modified_ms: gateway.clock(),
    };
    const before = await store.transaction(async (tx) => {
      const old = await tx
        .selectFrom("upload_part")
        .select("aside")
        .where("upload", "=", upload.id)
        .where("number", "=", number)
        .executeTakeFirst();
      await tx.deleteFrom("upload_part").where("upload", "=", upload.id).where("number", "=", number).execute();
      await tx.insertInto("upload_part").values(row).execute();
      return old?.aside ?? "";
    });
    if (before !== "") await backend.remove(upload.bucket, before).catch(() => {});
    return { md5, checksums };
  } finally {
    part.drop();
    dek.destroy();
  }
}

export async function completeUpload(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const { bucket, key } = request;
  const { backend, objects, policyKeys } = gateway;
  const upload = await findUpload(exchange);
  const content = readXml(await readSmallBody(exchange.body(), 4 * 1024 * 1024), "CompleteMultipartUpload");
  const parts = await chosenParts(exchange, upload, content);
  const { headers, metadata, checksum } = detailsOf(upload);
  const { whole: checksums, ofParts } = await completedChecksums(
    request.headers,
    checksum,
    parts.map((part) => ({ size: part.size, checksums: checksumsOf(part) })),
  );
  const condition = await writeCondition(exchange, bucket, key);
  await exchange.allow("upload.complete", { bucket, key, count: parts.length });
  const manifest: Manifest = {
    v: 1,
    size: parts.reduce((sum, { size }) => sum + size, 0),
    etag: multipartEtag(parts.map(({ md5 }) => md5)),
    parts: parts.map(({ size, salt }, i) => (ofParts[i] === undefined ? [size, salt] : [size, salt, ofParts[i]])),
    headers,
    metadata,
    checksums,
  };
  const last = parts.at(-1) as PartRow;
  const isAside = last.aside !== "";
  if (!isAside && last.number === MAX_PARTS)
    throw new S3Error(
      "InvalidArgument",
      "part 10000 must be smaller than 5 MiB here: the manifest needs the last place",
    );
  const dek = await openDek(exchange, upload);
  const sealedManifest = await sealManifest(policyKeys.random, dek, manifest);
  dek.destroy();
  const stored = parts.slice(0, isAside ? -1 : undefined).map(({ number, backend_etag: etag }) => ({ number, etag }));
  const number = isAside ? last.number : last.number + 1;
  const length = (isAside ? sealedLength(last.size) : 0) + sealedManifest.length;
  const end = async function* () {
    if (isAside) {
      const found = await backend.read(bucket, last.aside, "all", { ifEtag: last.backend_etag });
      if (!found) throw new S3Error("InvalidPart", "a part is no longer at the store");
      yield* found.body;
    }
    yield sealedManifest;
  };
  let written: { readonly version?: string };
  try {
    const etag = await backend.writePart(placeOf(upload), number, length, end());
    written = await backend.completeUpload(placeOf(upload), [...stored, { number, etag }], condition);
  } catch (error) {
    // It was completed already, and the gateway was killed before it could say so.
    const existing = asS3Error(error).code === "NoSuchUpload" ? await objects.open(bucket, key) : undefined;
    if (existing?.manifest.etag !== manifest.etag) throw error;
    written = existing.info;
  }
  objects.forget(bucket, key);
  await forgetUpload(exchange, upload);
  const xml = writeXml("CompleteMultipartUploadResult", {
    Location: `/${bucket}/${key}`,
    Bucket: bucket,
    Key: key,
    ETag: quoted(manifest.etag),
    ...objectChecksumElements(checksums),
  });
  return {
    status: 200,
    headers: written.version === undefined ? {} : { "x-amz-version-id": written.version },
    body: xml,
  };
}

/** @throws `InvalidPart`, `InvalidPartOrder`, `EntityTooSmall` */
async function chosenParts(
  { gateway }: Exchange,
  upload: UploadRow,
  content: Readonly<Record<string, unknown>>,
): Promise<readonly PartRow[]> {
  const rows = await partRows(gateway, upload.id);
  const byNumber = new Map(rows.map((row) => [row.number, row]));
  const listed = childrenOf(content, "Part").map((part) => ({
    number: Number(textOf(part, "PartNumber")),
    etag: (textOf(part, "ETag") ?? "").replace(/^"|"$/g, ""),
    checksums: checksumsInXml(part),
  }));
  if (listed.length === 0) throw new S3Error("MalformedXML", "a list of parts is needed");
  const parts = listed.map(({ number, etag, checksums }, i) => {
    if (i > 0 && number <= (listed[i - 1]?.number ?? 0))
      throw new S3Error("InvalidPartOrder", "parts are listed by rising number");
    const row = byNumber.get(number);
    if (row?.md5 !== etag) throw new S3Error("InvalidPart", "a part was not uploaded, or is another by now");
    const known = checksumsOf(row);
    if (checksums.some(([algorithm, value]) => known[algorithm] !== value))
      throw new S3Error("InvalidPart", "a part does not have the checksum that is listed");
    return row;
  });
  if (parts.slice(0, -1).some(({ size }) => size < MIN_PART_BYTES))
    throw new S3Error("EntityTooSmall", "a part that is not the last one is smaller than 5 MiB");
  return parts;
}

export async function abortUpload(exchange: Exchange): Promise<Reply> {
  const { gateway, request } = exchange;
  const upload = await findUpload(exchange);
  await exchange.allow("upload.abort", { bucket: request.bucket, key: request.key });
  await gateway.backend.abortUpload(placeOf(upload));
  await forgetUpload(exchange, upload);
  return { status: 204 };
}

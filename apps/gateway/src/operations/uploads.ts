/**
 * Uploads in parts that are on their way, as the gateway's database has them.
 * @module
 */
import type { UploadPlace } from "../backend/backend.ts";
import { type Exchange, policyForWriting } from "../exchange.ts";
import type { Manifest } from "../format/manifest.ts";
import { S3Error } from "../s3/errors.ts";
import type { PartRow, UploadRow } from "../store.ts";
import type { Checksums } from "./checksums.ts";
import type { UploadChecksum } from "./multipart-checksum.ts";
import { ownPolicy } from "./object-metadata.ts";

/** What the client said when it began. */
export interface UploadDetails extends Pick<Manifest, "headers" | "metadata"> {
  readonly checksum?: UploadChecksum | undefined;
}

export const detailsOf = ({ details }: UploadRow): UploadDetails => JSON.parse(details) as UploadDetails;
export const checksumsOf = ({ checksums }: PartRow): Checksums => JSON.parse(checksums) as Checksums;

/** Of this request's bucket and key, by a caller who may write there. */
export async function findUpload(exchange: Exchange): Promise<UploadRow> {
  const { gateway, request } = exchange;
  const { bucket, key, query } = request;
  const upload = await gateway.store.db
    .selectFrom("upload")
    .selectAll()
    .where("id", "=", query.get("uploadId") ?? "")
    .executeTakeFirst();
  if (upload?.bucket !== bucket || upload.object_key !== key)
    throw new S3Error("NoSuchUpload", "there is no such upload of this object");
  const { metadata } = detailsOf(upload);
  policyForWriting(exchange, bucket, key, ownPolicy(new Map(), metadata));
  return upload;
}

/** At the store. */
export const placeOf = ({ bucket, name, backend_id: id }: UploadRow): UploadPlace => ({ bucket, name, id });

export async function forgetUpload({ gateway }: Exchange, upload: UploadRow): Promise<void> {
  const { backend, store } = gateway;
  for (const { aside } of await partRows(gateway, upload.id))
    if (aside !== "") await backend.remove(upload.bucket, aside).catch(() => {});
  await store.transaction(async (tx) => {
    await tx.deleteFrom("upload_part").where("upload", "=", upload.id).execute();
    await tx.deleteFrom("upload").where("id", "=", upload.id).execute();
  });
}

/** By rising number. */
export const partRows = ({ store }: Exchange["gateway"], id: string): Promise<PartRow[]> =>
  store.db.selectFrom("upload_part").selectAll().where("upload", "=", id).orderBy("number").execute();

/**
 * The header x-amz-copy-source: `/bucket/key?versionId=…`, percent-encoded.
 * @module
 */
import { S3Error } from "../s3/errors.ts";

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly version?: string;
}

/** @throws `InvalidArgument` */
export function parseCopySource(header: string): CopySource {
  const [path = "", query] = header.split("?versionId=");
  let text: string;
  try {
    text = decodeURIComponent(path).replace(/^\//, "");
  } catch {
    throw new S3Error("InvalidArgument", "x-amz-copy-source is not percent-encoded UTF-8");
  }
  const at = text.indexOf("/");
  if (at < 1 || at === text.length - 1) throw new S3Error("InvalidArgument", "x-amz-copy-source is <bucket>/<key>");
  return {
    bucket: text.slice(0, at),
    key: text.slice(at + 1),
    ...(query === undefined ? {} : { version: decodeURIComponent(query) }),
  };
}

/**
 * Presigned addresses by Amazon's own signer: whoever has one needs no access key until it ends.
 * @module
 */
import { SignatureV4 } from "@smithy/signature-v4";
import type { HttpRequest } from "@smithy/types";
import { encodeStrictly } from "./s3/request.ts";
import { Sha256 } from "./s3/signature.ts";

export interface PresignOptions {
  /** Of the gateway, or of any S3 endpoint. */
  readonly endpoint: string;
  readonly region?: string;
  readonly accessKey: { readonly id: string; readonly secret: string };
  readonly method: string;
  readonly bucket: string;
  /** Empty for the bucket itself. */
  readonly key: string;
  readonly seconds: number;
  readonly query?: Readonly<Record<string, string>>;
  /** Default: now. */
  readonly signingDate?: Date;
}

export async function presign(options: PresignOptions): Promise<string> {
  const { endpoint, region = "us-east-1", accessKey, method, bucket, key, seconds, query = {} } = options;
  const { host, hostname, port, protocol } = new URL(endpoint);
  const signer = new SignatureV4({
    service: "s3",
    region,
    credentials: { accessKeyId: accessKey.id, secretAccessKey: accessKey.secret },
    sha256: Sha256,
    uriEscapePath: false,
    applyChecksum: false,
  });
  const path = `/${bucket}/${key.split("/").map(encodeStrictly).join("/")}`;
  const headers = { host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
  const request = { method, protocol, hostname, port: Number(port), path, query, headers } as unknown as HttpRequest;
  const signed = await signer.presign(request, {
    expiresIn: seconds,
    ...(options.signingDate ? { signingDate: options.signingDate } : {}),
    unhoistableHeaders: new Set(),
    unsignableHeaders: new Set(["x-amz-content-sha256"]),
  });
  const text = Object.entries(signed.query ?? {})
    .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(String(value))}`)
    .join("&");
  return `${new URL(endpoint).origin}${path}?${text}`;
}

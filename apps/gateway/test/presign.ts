/**
 * Presigned addresses by Amazon's own signer.
 * @module
 */
import { createHash, createHmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import type { HttpRequest } from "@smithy/types";
import { encodeStrictly } from "../src/s3/request.ts";

class Sha256 {
  readonly #hash;
  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string | Uint8Array);
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }
  reset(): void {}
}

/** Where to and as whom. */
export interface Target {
  readonly running: { readonly url: string };
  readonly staff: { readonly id: string; readonly secret: string };
}

export class S3RequestPresigner {
  readonly #world: Target;
  constructor(world: Target) {
    this.#world = world;
  }
  async url(
    method: string,
    bucket: string,
    key: string,
    expiresIn: number,
    query: Record<string, string> = {},
    signingDate = new Date(),
  ): Promise<string> {
    const { running, staff } = this.#world;
    const { host, hostname, port } = new URL(running.url);
    const signer = new SignatureV4({
      service: "s3",
      region: "us-east-1",
      credentials: { accessKeyId: staff.id, secretAccessKey: staff.secret },
      sha256: Sha256,
      uriEscapePath: false,
      applyChecksum: false,
    });
    const path = `/${bucket}/${key.split("/").map(encodeStrictly).join("/")}`;
    const request = {
      method,
      protocol: "http:",
      hostname,
      port: Number(port),
      path,
      query,
      headers: { host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
    } as unknown as HttpRequest;
    const signed = await signer.presign(request, {
      expiresIn,
      signingDate,
      unhoistableHeaders: new Set(),
      unsignableHeaders: new Set(["x-amz-content-sha256"]),
    });
    const text = Object.entries(signed.query ?? {})
      .map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(String(value))}`)
      .join("&");
    return `${running.url}${path}?${text}`;
  }
}

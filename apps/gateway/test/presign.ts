/**
 * Presigned addresses for a gateway of a test.
 * @module
 */
import { presign } from "../src/presign.ts";

/** Where to and as whom. */
export interface Target {
  readonly running: { readonly url: string };
  readonly staff: { readonly id: string; readonly secret: string };
}

export class S3RequestPresigner {
  readonly #target: Target;
  constructor(target: Target) {
    this.#target = target;
  }
  url(
    method: string,
    bucket: string,
    key: string,
    seconds: number,
    query: Record<string, string> = {},
    signingDate = new Date(),
  ): Promise<string> {
    const { running, staff } = this.#target;
    return presign({ endpoint: running.url, accessKey: staff, method, bucket, key, seconds, query, signingDate });
  }
}

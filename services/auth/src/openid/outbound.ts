/**
 * How the provider reaches applications, which it does for back-channel logout alone: under the same guard as webhooks.
 * @module
 */
import type { BlockList } from "node:net";
import { utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { resolveTarget } from "../ssrf-guard.ts";
import { post } from "../webhooks.ts";

/** A `fetch` that posts and does nothing else. @throws `ERR_WEBHOOK_REFUSED`, `ERR_UNREACHABLE`, `ERR_TIMEOUT` */
export function guardedPost(allowed: BlockList): (url: string | URL, options: RequestInit) => Promise<Response> {
  return async (url, { method, body, headers, signal }) => {
    if (method !== "POST" || (typeof body !== "string" && !(body instanceof URLSearchParams)))
      throw new MilagroError("ERR_WEBHOOK_REFUSED", "applications are posted to, and asked nothing");
    const target = await resolveTarget(String(url), allowed);
    const fields = Object.fromEntries(new Headers(headers));
    if (body instanceof URLSearchParams) fields["content-type"] ??= "application/x-www-form-urlencoded";
    const status = await post(
      target,
      { headers: fields, body: utf8(String(body)) },
      signal ?? new AbortController().signal,
    );
    // Below 200 and above 599 there is no Response; such an answer is no success either.
    return new Response(null, { status: status >= 200 && status <= 599 ? status : 502 });
  };
}

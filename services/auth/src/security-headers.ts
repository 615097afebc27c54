/**
 * Headers on every answer: nothing is framed, guessed, referred or loaded from elsewhere.
 *
 * Source: W3C Content Security Policy Level 3; RFC 6797 (HSTS).
 * @module
 */
import type { HttpApp } from "@milagro/runtime/http-server";
import { isHttps } from "./cookies.ts";

export interface SecurityOptions {
  readonly origin: () => string;
  /** Where the pages talk to: the D-TAs. */
  readonly dtaOrigins: readonly string[];
  /** Where forms may lead. */
  readonly redirectOrigins: readonly string[];
}

/** The policy of the pages. The engine is WebAssembly; styles and scripts are files of our own. */
export function contentSecurityPolicy({
  dtaOrigins,
  redirectOrigins,
}: Pick<SecurityOptions, "dtaOrigins" | "redirectOrigins">): string {
  return [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src ${["'self'", ...dtaOrigins].join(" ")}`,
    `form-action ${["'self'", ...redirectOrigins].join(" ")}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; ");
}

export function addSecurityHeaders(app: HttpApp, options: SecurityOptions): void {
  const policy = contentSecurityPolicy(options);
  app.addHook("onRequest", async (_request, reply) => {
    reply
      .header("content-security-policy", policy)
      .header("x-frame-options", "DENY")
      .header("referrer-policy", "no-referrer")
      .header("cross-origin-opener-policy", "same-origin")
      .header("cross-origin-resource-policy", "same-origin")
      .header(
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
      );
    if (isHttps(options.origin())) reply.header("strict-transport-security", "max-age=63072000; includeSubDomains");
  });
}

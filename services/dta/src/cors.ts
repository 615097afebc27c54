/**
 * Which routes a page of another origin may call from a browser: those that people need to enrol, log in and look at the log. No cookie or
 * other credential means anything to a D-TA, so every origin may, and none gets more than anybody with a command line.
 * Source: Fetch Standard §3.3 (CORS protocol).
 * @module
 */
import type { HttpApp } from "@milagro/runtime/http-server";

const PATHS = [
  "/v1/issue",
  "/v1/permits",
  "/v1/mpin/updates",
  "/v1/email-codes",
  "/v1/descriptor",
  "/v1/dta",
  "/v1/log",
  "/v1/log/head",
];
const PREFLIGHT_SECONDS = 7200;

/** For preflights and every answer of these routes, errors included. */
export function allowBrowsers(app: HttpApp): void {
  app.addHook("onRequest", async (request, reply) => {
    if (!PATHS.includes(request.url.split("?", 1)[0] ?? "")) return;
    reply
      .header("access-control-allow-origin", "*")
      .header("access-control-expose-headers", "retry-after, x-request-id");
  });
  for (const path of PATHS) {
    app.options(path, { schema: { hide: true } }, async (_request, reply) =>
      reply
        .code(204)
        .header("access-control-allow-methods", "GET, POST")
        .header("access-control-allow-headers", "content-type")
        .header("access-control-max-age", String(PREFLIGHT_SECONDS))
        .send(),
    );
  }
}

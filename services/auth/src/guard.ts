/**
 * Who may call: requests for our own host, and for everything that changes something, from our own pages. Together with
 * JSON bodies and a SameSite cookie no other site can act in a user's name.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import type { HttpApp } from "@milagro/runtime/http-server";

/** Answered whatever the Host header says: they reflect nothing, and monitors come by address. */
const OPEN_ROUTES = new Set(["/health", "/ready", "/metrics"]);
const READING = new Set(["GET", "HEAD"]);

/** Adds the checks to all routes. @param origin - known once it listens */
/** @param isForeign - paths that applications call, which come from other origins by right */
export function addGuard(app: HttpApp, origin: () => string, isForeign: (path: string) => boolean): void {
  app.addHook("onRequest", async (request) => {
    if (OPEN_ROUTES.has(request.routeOptions.url ?? "")) return;
    const own = origin();
    if (request.headers.host !== new URL(own).host)
      throw new MilagroError("ERR_HOST_UNKNOWN", "this server does not answer under that host");
    if (READING.has(request.method) || isForeign(request.routeOptions.url ?? "")) return;
    if (request.headers.origin !== own) throw refused();
    // Older browsers do not send it; newer ones cannot be made to lie.
    const site = request.headers["sec-fetch-site"];
    if (site !== undefined && site !== "same-origin") throw refused();
  });
}

const refused = (): MilagroError =>
  new MilagroError("ERR_ORIGIN_REFUSED", "the request does not come from our own pages");

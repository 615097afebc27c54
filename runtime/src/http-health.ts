/**
 * `/health` says that the process answers, and asks nobody; `/ready` says whether it can do its work; `/metrics` for Prometheus; `/openapi.json`.
 * @module
 */
import { MilagroError } from "@milagro/engine/error";
import Type from "typebox";
import type { HttpApp } from "./http-app.ts";
import type { Metrics } from "./metrics.ts";

/** Resolves when its part is fit for work; what it throws is named by its code. */
export type ReadinessCheck = () => Promise<void> | void;

const CHECK_TIMEOUT_MS = 2000;
const unlimited = { rateLimit: false } as const;

const HealthSchema = Type.Object({ status: Type.Literal("ok") }, { description: "The process answers" });
const ReadySchema = Type.Object({
  ready: Type.Boolean(),
  checks: Type.Record(Type.String(), Type.String(), { description: "ok or an error code, by name of the part" }),
});

export function addHealthRoutes(
  app: HttpApp,
  options: { metrics: Metrics; readiness: Readonly<Record<string, ReadinessCheck>> },
): void {
  // After the plugins, so that the OpenAPI document and the rate limit know these routes.
  app.after(() => {
    app.get(
      "/health",
      { config: unlimited, schema: { tags: ["operation"], response: { 200: HealthSchema } } },
      async () => ({ status: "ok" as const }),
    );
    app.get(
      "/ready",
      { config: unlimited, schema: { tags: ["operation"], response: { 200: ReadySchema, 503: ReadySchema } } },
      async (_request, reply) => {
        const results = await Promise.all(
          Object.entries(options.readiness).map(async ([name, check]) => [name, await outcomeOf(check)] as const),
        );
        const ready = results.every(([, outcome]) => outcome === "ok");
        return reply.code(ready ? 200 : 503).send({ ready, checks: Object.fromEntries(results) });
      },
    );
    app.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
      reply
        .type(options.metrics.contentType)
        .serializer(String)
        .send(await options.metrics.text()),
    );
    app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
  });
}

async function outcomeOf(check: ReadinessCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new MilagroError("ERR_TIMEOUT", "the check took too long")), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([Promise.resolve().then(check), timeout]);
    return "ok";
  } catch (error) {
    return error instanceof MilagroError ? error.code : "ERR_INTERNAL";
  } finally {
    clearTimeout(timer);
  }
}

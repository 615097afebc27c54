/** What the HTTP server promises every service: one contract, one server, so one file. */
import { statSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { MilagroError } from "@milagro/engine/error";
import { parseProblem } from "@milagro/protocol/problem";
import Type from "typebox";
import { describe, expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../../tests/support/temp-folder.ts";
import { createHttpClient } from "../src/http-client.ts";
import { parseListenAddress } from "../src/http-listen.ts";
import { createHttpServer, type HttpApp, type HttpServerOptions } from "../src/http-server.ts";
import { createLogger, silentLog } from "../src/log.ts";

const SECRET = "correct-horse-battery";

async function start(routes: (app: HttpApp) => void, options: Partial<HttpServerOptions> = {}) {
  const server = await createHttpServer({ name: "test", version: "1.2.3", log: silentLog, ...options });
  routes(server.app);
  const { url, port } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close());
  return { server, url, port };
}

function things(app: HttpApp): void {
  const Body = Type.Object(
    { count: Type.Integer({ minimum: 1 }), names: Type.Optional(Type.Array(Type.String({ pattern: "^[a-z]+$" }))) },
    { additionalProperties: false },
  );
  app.post(
    "/v1/things/:id",
    {
      schema: {
        body: Body,
        params: Type.Object({ id: Type.String({ maxLength: 8 }) }),
        response: { 200: Type.Object({ next: Type.Integer() }) },
      },
    },
    async (request) => ({
      next: request.body.count + 1,
    }),
  );
  app.get(
    "/v1/things",
    {
      schema: {
        querystring: Type.Object(
          { limit: Type.Optional(Type.Integer({ maximum: 10 })) },
          { additionalProperties: false },
        ),
      },
    },
    async (request) => ({ limit: request.query.limit ?? 0 }),
  );
}
const json = { "content-type": "application/json" };
const post = (url: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json) =>
  fetch(`${url}/v1/things/a`, { method: "POST", headers, body });
async function problem(response: Response) {
  expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  const parsed = parseProblem(await response.json());
  expect(parsed.status).toBe(response.status);
  expect(parsed.instance).toBe(response.headers.get("x-request-id"));
  return parsed;
}

test("a valid request gets its answer; numbers in the query are numbers", async () => {
  const { url } = await start(things);
  const response = await post(url, '{"count":1}', { "content-type": "application/json; charset=utf-8" });
  expect([response.status, await response.json()]).toEqual([200, { next: 2 }]);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await (await fetch(`${url}/v1/things?limit=3`)).json()).toEqual({ limit: 3 });
});

describe("what does not fit the schema is refused, by place, without its value", () => {
  test.each([
    [`{"count":"${SECRET}"}`, "body/count"],
    ['{"count":0}', "body/count"],
    [`{"count":1,"${SECRET}":1}`, "body has the unknown property ?"],
    ['{"count":1,"extra":1}', "body has the unknown property extra"],
    [`{"count":1,"names":["a","${SECRET}"]}`, "body/names/1"],
    ["{}", "body"],
    ["[]", "body"],
    ["null", "body"],
    [`{"count": ${SECRET}`, "JSON"],
    [`{"count":1,"__proto__":{"${SECRET}":1}}`, "JSON"],
    ["", "empty"],
  ])("%s", async (body, place) => {
    const { url } = await start(things);
    const { code, detail, status } = await problem(await post(url, body));
    expect([code, status]).toEqual(["ERR_MESSAGE_INVALID", 400]);
    expect(detail).toContain(place);
    expect(detail).not.toContain("correct");
  });

  test("query, parameters and bytes that are not UTF-8", async () => {
    const { url } = await start(things);
    expect((await problem(await fetch(`${url}/v1/things?limit=11`))).detail).toContain("querystring/limit");
    expect((await problem(await fetch(`${url}/v1/things?limit=1&limit=2`))).code).toBe("ERR_MESSAGE_INVALID");
    expect((await problem(await fetch(`${url}/v1/things?nope=1`))).code).toBe("ERR_MESSAGE_INVALID");
    expect(
      (
        await problem(
          await fetch(`${url}/v1/things/${"x".repeat(9)}`, { method: "POST", headers: json, body: '{"count":1}' }),
        )
      ).detail,
    ).toContain("params/id");
    expect(
      (
        await problem(
          await fetch(`${url}/v1/things/${"x".repeat(600)}`, { method: "POST", headers: json, body: '{"count":1}' }),
        )
      ).code,
    ).toBe("ERR_MESSAGE_INVALID");
    expect(
      (await problem(await fetch(`${url}/v1/things/%ff`, { method: "POST", headers: json, body: '{"count":1}' }))).code,
    ).toBe("ERR_MESSAGE_INVALID");
    expect((await problem(await post(url, new Uint8Array([0x22, 0xff, 0x22])))).detail).toContain("UTF-8");
  });
});

test("other content types are ERR_CONTENT_TYPE_INVALID", async () => {
  const { url } = await start(things);
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "application/json; charset=latin1",
    "application/json, text/plain",
  ]) {
    const found = await problem(await post(url, '{"count":1}', { "content-type": type }));
    expect([found.code, found.status]).toEqual(["ERR_CONTENT_TYPE_INVALID", 415]);
  }
});

test("a body over the limit is ERR_BODY_TOO_LARGE, announced or not", async () => {
  const { url, port } = await start(things, { bodyLimitBytes: 100 });
  expect((await problem(await post(url, `{"count":1${" ".repeat(100)}}`))).code).toBe("ERR_BODY_TOO_LARGE");
  const status = await new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        port,
        host: "127.0.0.1",
        path: "/v1/things/a",
        method: "POST",
        headers: { ...json, "transfer-encoding": "chunked" },
      },
      (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      },
    );
    outgoing.on("error", reject);
    outgoing.write(`{"count":1${" ".repeat(60)}`);
    outgoing.end(`${" ".repeat(60)}}`);
  });
  expect(status).toBe(413);
});

test("an unknown route, and a known one with another method, are ERR_ROUTE_UNKNOWN and do not repeat the path", async () => {
  const { url } = await start(things);
  for (const response of [
    await fetch(`${url}/v1/${SECRET}`),
    await fetch(`${url}/v1/things/a`, { method: "DELETE" }),
    await fetch(`${url}/v1/things/`),
  ]) {
    const found = await problem(response);
    expect([found.code, found.status]).toEqual(["ERR_ROUTE_UNKNOWN", 404]);
    expect(JSON.stringify(found)).not.toContain(SECRET);
  }
});

describe("errors of handlers", () => {
  const routes = (app: HttpApp): void => {
    app.get("/known", async () => {
      throw new MilagroError("ERR_SEALED", "the masters are sealed");
    });
    app.get("/unexpected", async () => {
      throw new Error(SECRET);
    });
    app.get("/strange-code", async () => {
      throw new MilagroError("ERR_NOT_IN_THE_TABLE", SECRET);
    });
    app.get("/not-an-error", async () => {
      throw SECRET;
    });
    app.get("/with-status", async () => {
      throw Object.assign(new Error(SECRET), { statusCode: 404 });
    });
  };

  test("a MilagroError keeps code and message, and says when to come back", async () => {
    const { url } = await start(routes);
    const response = await fetch(`${url}/known`);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(await problem(response)).toMatchObject({
      code: "ERR_SEALED",
      status: 503,
      detail: "the masters are sealed",
    });
  });

  test("anything else is ERR_INTERNAL: the client learns a request id, the log where it happened, nobody the message", async () => {
    const lines: string[] = [];
    const log = createLogger({ component: "t", stream: { write: (line) => lines.push(line) } });
    const { url } = await start(routes, { log });
    for (const path of ["/unexpected", "/strange-code", "/not-an-error", "/with-status"]) {
      const found = await problem(await fetch(url + path));
      expect(found).toMatchObject({ code: "ERR_INTERNAL", status: 500 });
      const line = lines
        .map((text) => JSON.parse(text))
        .find((entry) => entry.requestId === found.instance && entry.level === "error");
      expect(line).toMatchObject({ route: path, method: "GET" });
      expect(JSON.stringify(found)).not.toMatch(/correct|\.ts:/);
    }
    expect(lines.join("")).toContain("http-server.test.ts");
    expect(lines.join("").replace(/"reason":"[^"]*"/g, "")).not.toContain(SECRET);
  });
});

describe("health and readiness", () => {
  test("/health answers while a check hangs and another fails; /ready names both", async () => {
    const { url } = await start(() => {}, {
      readiness: {
        fine: () => {},
        stuck: () => new Promise(() => {}),
        database: () => Promise.reject(new MilagroError("ERR_STORAGE_UNAVAILABLE", SECRET)),
        odd: () => Promise.reject(new Error(SECRET)),
      },
    });
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
    const ready = await fetch(`${url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      {
        ready: false,
        checks: { fine: "ok", stuck: "ERR_TIMEOUT", database: "ERR_STORAGE_UNAVAILABLE", odd: "ERR_INTERNAL" },
      },
    ]);
  });

  test("/ready is 200 when all is well", async () => {
    const { url } = await start(() => {}, { readiness: { fine: async () => {} } });
    expect((await fetch(`${url}/ready`)).status).toBe(200);
  });
});

test("the OpenAPI document is 3.1 and made from the routes' schemas", async () => {
  const { url } = await start(things);
  interface Document {
    readonly paths: Record<string, { post: { requestBody: { content: Record<string, { schema: unknown }> } } }>;
  }
  const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
  expect(document).toMatchObject({ openapi: "3.1.0", info: { title: "test", version: "1.2.3" } });
  expect(Object.keys(document.paths).sort()).toEqual(["/health", "/ready", "/v1/things", "/v1/things/{id}"]);
  const content = document.paths["/v1/things/{id}"]?.post.requestBody.content["application/json"];
  expect(content?.schema).toMatchObject({
    type: "object",
    required: ["count"],
    additionalProperties: false,
    properties: { count: { type: "integer", minimum: 1 } },
  });
});

test("metrics count by route template and know no URL", async () => {
  const { url } = await start(things);
  await post(url, '{"count":1}');
  await fetch(`${url}/v1/${SECRET}?x=${SECRET}`);
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(
    /milagro_http_request_duration_seconds_count\{service="test",method="POST",route="\/v1\/things\/:id",status="200"\} 1/,
  );
  expect(text).toMatch(/route="unknown",status="404"/);
  expect(text).toMatch(/process_resident_memory_bytes\{/);
  expect(text).toMatch(/milagro_build_info\{version="1\.2\.3"/);
  expect(text).not.toContain(SECRET);
});

describe("limits", () => {
  test("too many requests from one address are 429 with Retry-After; health stays reachable; a route may have its own limit", async () => {
    const { url } = await start(
      (app) => {
        app.get("/free", async () => ({}));
        app.get("/dear", { config: { rateLimit: { max: 1, timeWindow: 60_000 } } }, async () => ({}));
      },
      { rateLimit: { max: 3, windowMs: 60_000 } },
    );
    const statuses = async (path: string, times: number) => {
      const seen: number[] = [];
      for (let n = 0; n < times; n++) seen.push((await fetch(url + path)).status);
      return seen;
    };
    expect(await statuses("/dear", 2)).toEqual([200, 429]);
    expect(await statuses("/free", 4)).toEqual([200, 200, 200, 429]);
    const refused = await fetch(`${url}/free`);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problem(refused)).toMatchObject({ code: "ERR_RATE_LIMITED", status: 429 });
    expect(await statuses("/nowhere", 1)).toEqual([429]);
    expect(await statuses("/health", 5)).toEqual([200, 200, 200, 200, 200]);
  });

  test("a client that sends its request a byte at a time is cut off", async () => {
    const { port } = await start(things, { requestTimeoutMs: 200 });
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("error", () => {});
    socket.write(
      "POST /v1/things/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n",
    );
    const drip = setInterval(() => socket.write("{"), 50);
    await new Promise((resolve) => socket.once("close", resolve));
    clearInterval(drip);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("a header block that is too large is refused", async () => {
    const { url } = await start(things);
    expect((await fetch(`${url}/health`, { headers: { "x-big": "a".repeat(20_000) } })).status).toBe(431);
  });
});

describe("closing", () => {
  test("running requests end well, long polls are told, kept-alive connections do not hold it up", async () => {
    const entered = Promise.withResolvers<void>();
    const { server, port } = await start((app) => {
      app.get("/poll", async () => {
        entered.resolve();
        await new Promise((resolve) => server.closing.addEventListener("abort", resolve, { once: true }));
        return { woken: true };
      });
    });
    const agent = new Agent({ keepAlive: true });
    const answer = new Promise<string>((resolve, reject) => {
      const outgoing = httpRequest({ agent, port, host: "127.0.0.1", path: "/poll" }, async (incoming) => {
        let text = "";
        for await (const chunk of incoming) text += chunk;
        resolve(text);
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
    await entered.promise;
    const started = performance.now();
    await Promise.all([server.close(), server.close()]);
    expect(await answer).toBe('{"woken":true}');
    expect(performance.now() - started).toBeLessThan(10_000); // the connection would be kept for 15 s
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
    agent.destroy();
  });
});

test("a request that comes while the server closes is refused as a problem", async () => {
  const [entered, gate, second] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
  ];
  const { server, port } = await start((app) => {
    app.get("/slow", async () => {
      entered.resolve();
      await gate.promise;
      return {};
    });
  });
  const socket = connect(port, "127.0.0.1");
  let answers = "";
  socket.on("data", (chunk) => {
    answers += chunk;
  });
  socket.on("error", () => {});
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.write("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n");
  await entered.promise;
  const closed = server.close();
  server.app.server.once("request", () => second.resolve());
  socket.write("GET /slow HTTP/1.1\r\nhost: x\r\n\r\n");
  await second.promise;
  gate.resolve();
  await Promise.all([closed, ended]);
  expect(answers).toMatch(/^HTTP\/1\.1 200 /);
  expect(answers).toMatch(
    /HTTP\/1\.1 503 [\s\S]*connection: close[\s\S]*application\/problem\+json[\s\S]*ERR_OVERLOADED/i,
  );
});

describe("Unix sockets", () => {
  const server = () => createHttpServer({ name: "t", version: "1", log: silentLog, rateLimit: false });

  test("answers on a socket that only its owner can open, and removes it at the end", async () => {
    const socketPath = join(await tempFolder(), "admin.sock");
    const one = await server();
    const { url } = await one.listen({ socketPath });
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    const client = createHttpClient({ url });
    expect((await client.request({ path: "/health" })).body).toEqual({ status: "ok" });
    const two = await server();
    await expect(two.listen({ socketPath })).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
    await two.close();
    client.close();
    await one.close();
    expect(statSync(socketPath, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("a mode can be asked for; a socket left by a killed process is replaced; other files are not", async () => {
    const folder = await tempFolder();
    const socketPath = join(folder, "s");
    const { spawnSync } = await import("node:child_process");
    spawnSync(process.execPath, [
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, "SIGKILL"))`,
    ]);
    expect(statSync(socketPath).isSocket()).toBe(true);
    const one = await server();
    await one.listen({ socketPath, mode: 0o660 });
    expect(statSync(socketPath).mode & 0o777).toBe(0o660);
    await one.close();
    writeFileSync(join(folder, "file"), "precious");
    const two = await server();
    await expect(two.listen({ socketPath: join(folder, "file") })).rejects.toMatchObject({
      code: "ERR_ADDRESS_IN_USE",
    });
    await expect(two.listen({ socketPath: join(folder, "x".repeat(120)) })).rejects.toMatchObject({
      code: "ERR_ADDRESS_UNAVAILABLE",
    });
    expect(statSync(join(folder, "file")).size).toBe(8);
    await two.close();
  });
});

test("a TCP address that is taken is ERR_ADDRESS_IN_USE", async () => {
  const { port } = await start(() => {});
  const other = await createHttpServer({ name: "t", version: "1", log: silentLog });
  await expect(other.listen({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "ERR_ADDRESS_IN_USE" });
  await other.close();
});

test("listen addresses parse strictly", () => {
  expect(parseListenAddress("127.0.0.1:0")).toEqual({ host: "127.0.0.1", port: 0 });
  expect(parseListenAddress("[::1]:80")).toEqual({ host: "::1", port: 80 });
  expect(parseListenAddress("unix:/a/b")).toEqual({ socketPath: "/a/b" });
  for (const text of ["", "80", "host", "host:99999", "host:-1", "unix:", "::1:80", "h:1:2"]) {
    expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ code: "ERR_CONFIG_INVALID" }));
  }
});

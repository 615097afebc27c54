import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { MilagroError } from "@milagro/engine/error";
import Type from "typebox";
import { describe, expect, onTestFinished, test } from "vitest";
import { createHttpClient, createHttpPort } from "../src/http-client.ts";
import { createHttpServer } from "../src/http-server.ts";
import { silentLog } from "../src/log.ts";

async function serve(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
function client(url: string, options: object = {}) {
  const made = createHttpClient({ url, timeoutMs: 10_000, retries: 2, maxDelayMs: 20, ...options });
  onTestFinished(() => made.close());
  return made;
}
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "ok",
    (error: { code?: string }) => error.code ?? String(error),
  );

test("an error thrown in our server is the same error at the client", async () => {
  const server = await createHttpServer({ name: "t", version: "1", log: silentLog });
  server.app.post("/v1/x", { schema: { body: Type.Object({ a: Type.Integer() }) } }, async () => {
    throw new MilagroError("ERR_POLICY_REFUSED", "no rule allows it");
  });
  const { url } = await server.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close());
  const error = await client(url)
    .request({ path: "/v1/x", body: { a: 1 } })
    .catch((e: unknown) => e);
  expect(error).toBeInstanceOf(MilagroError);
  expect(error).toMatchObject({ code: "ERR_POLICY_REFUSED", message: "no rule allows it" });
});

test("query values are encoded, bytes are sent as they are", async () => {
  const seen: string[] = [];
  const url = await serve(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    seen.push(`${request.method} ${request.url} ${request.headers["content-type"]} ${body}`);
    response.setHeader("content-type", "application/json").end("{}");
  });
  await client(url).request({ path: "/a", query: { q: "x y&z", n: 1, none: undefined } });
  await client(`${url}/base/`).request({ path: "/b", body: new TextEncoder().encode('{ "as":"is" }') });
  expect(seen).toEqual(["GET /a?q=x+y%26z&n=1 undefined ", 'POST /base/b application/json { "as":"is" }']);
});

describe("retries", () => {
  const flaky = async (failures: number, status: number) => {
    let calls = 0;
    const url = await serve((_request, response) => {
      calls++;
      if (calls > failures) response.setHeader("content-type", "application/json").end("{}");
      else if (status === 0) response.destroy();
      else response.writeHead(status, { "retry-after": "0" }).end();
    });
    return { url, calls: () => calls };
  };

  test.each([503, 429, 502, 0])("an idempotent request is repeated after %d until it succeeds", async (status) => {
    const { url, calls } = await flaky(2, status);
    expect(await failure(client(url).request({ path: "/" }))).toBe("ok");
    expect(calls()).toBe(3);
  });

  test("it gives up after as many as it was told, and never repeats what is not idempotent or not worth it", async () => {
    const endless = await flaky(99, 0);
    expect(await failure(client(endless.url).request({ path: "/" }))).toBe("ERR_UNREACHABLE");
    expect(endless.calls()).toBe(3);
    const once = await flaky(99, 0);
    expect(await failure(client(once.url).request({ path: "/", body: {} }))).toBe("ERR_UNREACHABLE");
    expect(once.calls()).toBe(1);
    const wrong = await flaky(99, 400);
    expect(await failure(client(wrong.url).request({ path: "/" }))).toBe("ERR_PEER_INVALID");
    expect(wrong.calls()).toBe(1);
  });
});

describe("bad peers", () => {
  test("one that never answers, or never ends, is ERR_TIMEOUT", async () => {
    const silent = await serve(() => {});
    expect(await failure(client(silent, { retries: 0, timeoutMs: 50 }).request({ path: "/" }))).toBe("ERR_TIMEOUT");
    const dripping = await serve((_request, response) => {
      const drip = setInterval(() => response.write(" "), 10);
      response.once("close", () => clearInterval(drip));
    });
    expect(await failure(client(dripping, { retries: 0, timeoutMs: 80 }).request({ path: "/" }))).toBe("ERR_TIMEOUT");
  });

  test("an answer over the limit, no JSON, a problem that is none, a redirect: ERR_PEER_INVALID or the parser's refusal", async () => {
    const answer = (status: number, type: string, body: string) =>
      serve(
        (_request, response) =>
          void response.writeHead(status, { "content-type": type, location: "/elsewhere" }).end(body),
      );
    const codes = [];
    for (const url of [
      await answer(200, "application/json", " ".repeat(2000)),
      await answer(200, "application/json", "{"),
      await answer(500, "application/problem+json", "nope"),
      await answer(500, "application/problem+json", '{"code":"hunter2"}'),
      await answer(502, "text/html", "<h1>"),
      await answer(302, "text/html", ""),
    ]) {
      codes.push(await failure(client(url, { retries: 0, maxResponseBytes: 1000 }).request({ path: "/" })));
    }
    expect(codes).toEqual([
      "ERR_PEER_INVALID",
      "ERR_PEER_INVALID",
      "ERR_PEER_INVALID",
      "ERR_MESSAGE_INVALID",
      "ERR_PEER_INVALID",
      "ERR_PEER_INVALID",
    ]);
  });

  test("nobody there, a port that speaks something else, a missing socket: ERR_UNREACHABLE", async () => {
    const garbage = createTcpServer((socket) => socket.end("SSH-2.0-hello\r\n"));
    await new Promise<void>((resolve) => garbage.listen(0, "127.0.0.1", resolve));
    const port = (garbage.address() as AddressInfo).port;
    for (const url of [
      "http://127.0.0.1:1",
      `http://127.0.0.1:${port}`,
      "unix:/nowhere/x.sock",
      "https://does-not-exist.invalid",
    ]) {
      expect(await failure(client(url, { retries: 0 }).request({ path: "/" }))).toBe("ERR_UNREACHABLE");
    }
    garbage.close();
  });
});

test("an abort ends a request, and the pause before a retry", async () => {
  const url = await serve(() => {});
  const down = await serve((_request, response) => void response.writeHead(503, { "retry-after": "100" }).end());
  const abort = new AbortController();
  const requests = [
    client(url).request({ path: "/", signal: abort.signal }),
    client(down, { maxDelayMs: 60_000 }).request({ path: "/", signal: abort.signal }),
  ].map((promise) => promise.catch((error: unknown) => error));
  await new Promise((resolve) => setTimeout(resolve, 30));
  abort.abort(new Error("enough"));
  for (const error of await Promise.all(requests)) expect(error).toMatchObject({ message: "enough" });
  await expect(client(url).request({ path: "/", signal: abort.signal })).rejects.toThrow("enough");
});

test("the port returns every status and takes http and https only", async () => {
  const port = createHttpPort({ retries: 0 });
  onTestFinished(() => port.close());
  const url = await serve((_request, response) => void response.writeHead(418, { "x-a": "1" }).end("hi"));
  const send = (target: string) => port({ method: "GET", url: target, headers: {}, timeoutMs: 500, idempotent: true });
  const response = await send(url);
  expect([response.status, response.headers["x-a"], new TextDecoder().decode(response.body)]).toEqual([418, "1", "hi"]);
  await expect(send("file:///etc/passwd")).rejects.toThrow(TypeError);
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";

const running = new Set<ReturnType<typeof spawn>>();
afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

const source = (name: string) => JSON.stringify(new URL(`../src/${name}.ts`, import.meta.url).pathname);

/** A real process that prints "up", then what its closers print. */
async function start(body: string, deadlineMs = 25_000) {
  const script = `
    const { createLifecycle } = await import(${source("lifecycle")});
    const { createLogger } = await import(${source("log")});
    const life = createLifecycle({ log: createLogger({ component: "child" }), deadlineMs: ${deadlineMs} });
    const keep = setInterval(() => {}, 1000);
    ${body}
    console.log("up");`;
  const child = spawn(process.execPath, ["--conditions=@milagro/source", "--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let out = "";
  let err = "";
  child.stdout.on("data", (chunk) => {
    out += chunk;
  });
  child.stderr.on("data", (chunk) => {
    err += chunk;
  });
  const until = async (text: string) => {
    while (!out.includes(text)) await once(child.stdout, "data");
  };
  const exit = once(child, "close").then(([code]) => ({ code, out: out.trim().split("\n"), err }));
  return { child, until, exit };
}

test("SIGTERM closes in reverse order, one after the other, past one that fails, and exits with 0", async () => {
  const { child, until, exit } = await start(`
    life.onClose("database", () => console.log("database"));
    life.onClose("broken", () => { throw new Error("hunter2"); });
    life.onClose("http", async () => { await new Promise((r) => setTimeout(r, 30)); console.log("http", life.closing.aborted); });`);
  await until("up");
  child.kill("SIGTERM");
  const { code, out, err } = await exit;
  expect(code).toBe(0);
  expect(out).toEqual(["up", "http true", "database"]);
  expect(err).toContain('"part":"broken"');
  expect(err).not.toContain("hunter2");
});

test("a closer that hangs is left behind at the deadline, with status 70", async () => {
  const { child, until, exit } = await start(`life.onClose("stuck", () => new Promise(() => {}));`, 200);
  await until("up");
  child.kill("SIGINT");
  const { code, err } = await exit;
  expect(code).toBe(70);
  expect(err).toContain("shutdown deadline passed");
});

test("a second signal exits at once with 128 + its number", async () => {
  const { child, until, exit } = await start(
    `life.onClose("slow", () => { console.log("closing"); return new Promise((r) => setTimeout(r, 60_000)); });`,
  );
  await until("up");
  child.kill("SIGTERM");
  await until("closing");
  child.kill("SIGINT");
  expect((await exit).code).toBe(130);
});

test.each([
  ["an unhandled rejection", `setTimeout(() => Promise.reject(new Error("hunter2")), 10);`],
  ["an uncaught exception", `setTimeout(() => { throw new Error("hunter2"); }, 10);`],
])("%s is logged loudly, without its message, and exits with 70 without closers", async (_name, body) => {
  const { exit } = await start(`life.onClose("never", () => console.log("closed")); ${body}`);
  const { code, out, err } = await exit;
  expect(code).toBe(70);
  expect(out).toEqual(["up"]);
  expect(err).toContain('"level":"fatal"');
  expect(err).toContain("uncaught error");
  expect(err).not.toContain("hunter2");
});

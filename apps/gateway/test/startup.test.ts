/** What a gateway's process is started with is known to the Node at hand. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const { startupOf } = (await import("@milagro/runtime/launch" as string)) as {
  startupOf(kind: { service: boolean; streaming?: boolean }): {
    readonly flags: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
  };
};

test("Node takes the flags of a service through which bodies stream", async () => {
  const { flags } = startupOf({ service: true, streaming: true });
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, "--print", "process.execArgv.length"]);
  expect(Number(stdout)).toBeGreaterThanOrEqual(flags.length);
});

test("streaming adds to what every service has, and a command has nothing", () => {
  const [plain, streaming] = [startupOf({ service: true }), startupOf({ service: true, streaming: true })];
  expect(streaming.flags).toEqual(expect.arrayContaining([...plain.flags]));
  expect(streaming.flags.length).toBeGreaterThan(plain.flags.length);
  expect(Object.keys(streaming.environment)).toEqual(Object.keys(plain.environment));
  expect(startupOf({ service: false })).toEqual({ flags: [], environment: {} });
});

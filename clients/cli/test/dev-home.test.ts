import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../../../tests/support/temp-folder.ts";
import { claimHome, devHome, freePorts } from "../src/dev/dev-home.ts";

/** Holds its folder in its command line, as services do. */
async function leftBehind(folder: string, script: string) {
  const child = spawn(
    process.execPath,
    ["-e", `${script}; setInterval(() => {}, 1000); console.log("ready")`, folder],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  return { pid: child.pid ?? 0, ended };
}

test("what a killed run has left behind is ended: it stops by itself, or is killed when it does not; who works elsewhere is left alone", async () => {
  const folder = await tempFolder();
  const obedient = await leftBehind(folder, 'process.on("SIGTERM", () => process.exit(7))');
  const deaf = await leftBehind(folder, 'process.on("SIGTERM", () => {})');
  const elsewhere = await leftBehind("/nowhere", "");
  const gone = await leftBehind(folder, "");
  process.kill(gone.pid, "SIGKILL");
  await gone.ended;
  const home = devHome(folder);
  await home.write({
    ports: { dtas: [1, 2, 3], kms: 4, bus: 5, login: 6 },
    founded: true,
    pid: gone.pid,
    services: [obedient, deaf, elsewhere, gone].map(({ pid }) => pid),
  });
  await claimHome(home, 1000);
  expect(await obedient.ended).toEqual([7, null]);
  expect(await deaf.ended).toEqual([null, "SIGKILL"]);
  expect(process.kill(elsewhere.pid, 0)).toBe(true);
});

test("its ports are different ones, and none that the system gives to connections", async () => {
  const ports = await freePorts(50);
  expect(new Set(ports).size).toBe(50);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});

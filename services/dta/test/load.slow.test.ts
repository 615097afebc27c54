/** At full issuing rate the thread that answers HTTP stays free. Slow: it issues some hundred shares. */
import { afterAll, expect, test } from "vitest";
import {
  ask,
  cleanUp,
  foundDomain,
  joinToken,
  OPEN_POLICY,
  requestWithToken,
  setPolicy,
  type TestDta,
} from "./support.ts";

afterAll(cleanUp);

test("/health answers within 50 ms while shares are issued at full rate", async () => {
  const world = await foundDomain(1);
  const dta = world.dtas[0] as TestDta;
  await setPolicy(dta, OPEN_POLICY);
  const requests = [];
  for (let i = 0; i < 200; i++) requests.push(await requestWithToken(world, await joinToken(dta)));

  const started = performance.now();
  let issuing = true;
  const queue = [...requests];
  const client = async () => {
    const answers = [];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) answers.push(await ask(dta, next));
    return answers;
  };
  const issued = Promise.all(Array.from({ length: 16 }, client)).finally(() => {
    issuing = false;
  });
  const latencies: number[] = [];
  while (issuing) {
    const at = performance.now();
    await (await fetch(`${dta.running.url}/health`)).text();
    latencies.push(performance.now() - at);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const answers = (await issued).flat();
  expect(answers.every((answer) => "receipt" in answer)).toBe(true);
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const worst = latencies.at(Math.floor(latencies.length * 0.99) - 1) ?? 0;
  expect(worst, `p99 of ${latencies.length} at ${(200 / seconds).toFixed(0)} requests/s`).toBeLessThan(50);
});

import { describe, expect, test } from "vitest";
import { sleep, systemClock, unixSeconds } from "../src/clock.ts";
import { createMetrics } from "../src/metrics.ts";
import { jitteredBackoffMs, systemRandom } from "../src/random.ts";

describe("clock", () => {
  test("is integer milliseconds; the wire has whole seconds, rounded down", () => {
    expect(Number.isSafeInteger(systemClock())).toBe(true);
    expect(unixSeconds(() => 1999)).toBe(1);
  });

  test("a sleep that is aborted rejects with the reason, at once and before it begins", async () => {
    const abort = new AbortController();
    const asleep = sleep(60_000, abort.signal);
    abort.abort(new Error("enough"));
    await expect(asleep).rejects.toThrow("enough");
    await expect(sleep(0, abort.signal)).rejects.toThrow("enough");
    await sleep(1);
  });
});

describe("random", () => {
  test("gives as many bytes as asked for, never the same, in memory of their own", () => {
    const [a, b] = [systemRandom(32), systemRandom(32)];
    expect([a.length, a.byteLength, a.buffer.byteLength]).toEqual([32, 32, 32]);
    expect(a).not.toEqual(b);
    expect(systemRandom(0)).toEqual(new Uint8Array(0));
  });

  test("back-off grows, stays below its cap, and is never negative", () => {
    for (let attempt = 0; attempt < 60; attempt++) {
      const ms = jitteredBackoffMs(attempt, 100, 5000);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(Math.min(5000, 100 * 2 ** attempt));
    }
  });
});

describe("metrics", () => {
  test("two registries do not share numbers", async () => {
    const [a, b] = [createMetrics("dta", "1"), createMetrics("kms", "1")];
    const name = "milagro_shares_total";
    a.counter({ name, help: "h", labels: ["outcome"] }).inc({ outcome: "issue" }, 3);
    b.counter({ name, help: "h", labels: ["outcome"] }).inc({ outcome: "issue" });
    expect(await a.text()).toContain('milagro_shares_total{outcome="issue",service="dta"} 3');
    expect(await b.text()).toContain('milagro_shares_total{outcome="issue",service="kms"} 1');
  });

  test("a gauge reads its value at each scrape; a label that was not declared is refused", async () => {
    const metrics = createMetrics("t", "1");
    let depth = 1;
    metrics.gauge({ name: "milagro_queue", help: "h", read: () => depth });
    expect(await metrics.text()).toContain('milagro_queue{service="t"} 1');
    depth = 5;
    expect(await metrics.text()).toContain('milagro_queue{service="t"} 5');
    const histogram = metrics.histogram({ name: "milagro_seconds", help: "h", labels: ["kind"], buckets: [1] });
    expect(() => histogram.observe({ identity: "x" }, 1)).toThrow();
  });

  test("the process is measured: memory, CPU, event loop", async () => {
    const text = await createMetrics("t", "1").text();
    for (const name of ["process_resident_memory_bytes", "process_cpu_seconds_total", "nodejs_eventloop_lag_seconds"])
      expect(text).toContain(`${name}{`);
  });
});

import { silentLog } from "@milagro/runtime/log";
import { createNotifier } from "@milagro/runtime/notifier";
import { expect, test } from "vitest";
import { createRelay } from "../src/relay-enrolment.ts";
import type { KmsStore, NewEnrolment } from "../src/store.ts";
import { foundDomain } from "./support.ts";

test("open enrolments are counted by IPv4 address and by IPv6 network: a /64 is no crowd", async () => {
  const { domain } = await foundDomain("example.org", 1);
  const sources: string[] = [];
  const store = {
    createEnrolment: async ({ source }: NewEnrolment) => {
      sources.push(source);
      return "created";
    },
    takeDueParts: async () => [],
  } as unknown as KmsStore;
  const relay = createRelay({
    store,
    bus: { publish: async () => {} },
    domain,
    clock: Date.now,
    log: silentLog,
    notifier: createNotifier(),
    limits: { perSource: 1, total: 1, ttlSeconds: 1 },
    sourceKey: new Uint8Array(32),
  });
  for (const address of ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"])
    await relay.enrol([], address);
  await relay.stop();
  const numbers = sources.map((source) => sources.indexOf(source));
  expect(numbers).toEqual([0, 0, 2, 3, 3, 5]);
  expect(sources.join()).not.toMatch(/2001|192/);
});

/** 10,000 garbage requests of one address: what they cost, beside an honest login that goes on meanwhile. */
import { afterAll, expect, test } from "vitest";
import { enrolDevice, foundDomain } from "./domain.ts";
import { Browser, cleanUp, flood, start } from "./support.ts";

afterAll(cleanUp);

test("10,000 garbage requests cost less than a millisecond of processor time each, the sender's part included", async () => {
  const founded = await foundDomain();
  const auth = await start(founded, { trustProxy: ["127.0.0.1"], limits: { addressPerMinute: 50 } });
  const device = enrolDevice(founded);
  const from = { "x-forwarded-for": "192.0.2.7" };
  const browser = new (class extends Browser {
    override call(method: string, path: string, body?: unknown, headers = {}) {
      return super.call(method, path, body, { ...from, ...headers });
    }
  })(auth);
  await browser.register(device);
  await flood(auth, 100);
  const before = process.cpuUsage();
  const flooding = flood(auth, 10_000);
  const login = await browser.login(device, "2580");
  const statuses = await flooding;
  const { user, system } = process.cpuUsage(before);
  expect(login.json.outcome).toBe("accepted");
  expect(statuses.get(429)).toBe(10_000);
  expect((user + system) / 1000 / 10_000).toBeLessThan(1);
});

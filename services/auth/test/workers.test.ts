/** The queue before the workers, with real workers. */
import { beginLogin, drawLoginNonce } from "@milagro/crypto/mpin-two-pass";
import { Secret } from "@milagro/crypto/secret";
import { encodeSignedDescriptor } from "@milagro/protocol/descriptor";
import { silentLog } from "@milagro/runtime/log";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { LoginCheck } from "../src/tasks.ts";
import { createWorkers, type Workers } from "../src/workers.ts";
import {
  type EnrolledDevice,
  engine,
  enrolDevice,
  type Founded,
  foundDomain,
  pinOf,
  random,
  serverSecretOf,
} from "./domain.ts";

let founded: Founded;
let workers: Workers;
let device: EnrolledDevice;
const batches: number[] = [];
const secretOf = () => new Secret("server secret", serverSecretOf(founded));
const genesisText = () => JSON.stringify(encodeSignedDescriptor(founded.signed));
const options = () => ({
  genesis: genesisText(),
  master: { descriptor: genesisText(), epoch: 0 },
  size: 1,
  maxWaiting: 100,
  log: silentLog,
});
beforeAll(async () => {
  founded = await foundDomain();
  device = enrolDevice(founded);
  workers = await createWorkers({ ...options(), secret: secretOf(), onBatch: (size) => void batches.push(size) });
});
afterAll(() => workers.close());

function check(source: string, pin = "2580"): LoginCheck {
  const context = {
    session: random(32),
    origin: "https://login.example",
    client: "login",
    payloadHash: new Uint8Array(0),
  };
  const attempt = beginLogin(engine, random, device.token, undefined, context);
  const nonce = drawLoginNonce(random);
  const v = attempt.answer({ pin: pinOf(pin) }, nonce);
  const claim = { type: "two-pass", context, nonce, u: attempt.u, v } as const;
  return { source, master: 0, input: device.input, permitEpoch: undefined, claim };
}

test("what waits is checked together, and each gets its own outcome", async () => {
  const pins = Array.from({ length: 24 }, (_, i) => (i % 8 === 3 ? "1111" : "2580"));
  const checks = pins.map((pin, i) => check(`source ${i}`, pin));
  batches.length = 0;
  const outcomes = await Promise.all(checks.map((one) => workers.verify(one)));
  expect(outcomes).toEqual(pins.map((pin) => pin === "2580"));
  // The first found the worker idle, the others waited for it.
  expect(batches).toEqual([1, 23]);
});

test("a source of many false ones does not hold up the others, and its own right one is found all the same", async () => {
  const mixed = [
    check("honest"),
    ...Array.from({ length: 10 }, () => check("flood", "1111")),
    check("flood"),
    check("honest"),
  ];
  const order: string[] = [];
  const outcomes = await Promise.all(
    [check("first"), ...mixed].map(async (one, i) => {
      const outcome = await workers.verify(one);
      order.push(`${one.source} ${i}`);
      return outcome;
    }),
  );
  expect(outcomes).toEqual([true, true, ...Array.from({ length: 10 }, () => false), true, true]);
  const last = order.slice(-6);
  expect(last.every((name) => name.startsWith("flood"))).toBe(true);
});

test("admits while there is room and a secret; then refuses before anything is counted", async () => {
  const without = await createWorkers({ ...options(), secret: undefined });
  expect(() => without.admit()).toThrow(expect.objectContaining({ code: "ERR_SERVER_SECRET_MISSING" }));
  await expect(without.verify(check("a"))).rejects.toMatchObject({ code: "ERR_SERVER_SECRET_MISSING" });
  await without.setSecret(secretOf());
  without.admit();
  expect(await without.verify(check("a"))).toBe(true);
  const waiting = Array.from({ length: 101 }, () => without.verify(check("a", "1111")).catch(() => undefined));
  expect(() => without.admit()).toThrow(expect.objectContaining({ code: "ERR_OVERLOADED" }));
  await without.close();
  await Promise.all(waiting);
  await expect(without.verify(check("a"))).rejects.toMatchObject({ code: "ERR_OVERLOADED" });
});

test("another domain's secret checks nothing", async () => {
  const other = await foundDomain();
  const wrong = await createWorkers({ ...options(), secret: new Secret("server secret", serverSecretOf(other)) });
  expect(await wrong.verify(check("a"))).toBe(false);
  await wrong.close();
});

import { MilagroError } from "@milagro/engine/error";
import { beforeAll, describe, expect, test } from "vitest";
import { type Founded, foundDomain } from "../../../core/protocol/test/fixture.ts";
import { listAccounts } from "../src/mpin-account.ts";
import { changePin } from "../src/mpin-change-pin.ts";
import { listEnrolments, resumeEnrolment } from "../src/mpin-enrolment.ts";
import { codeEvidence } from "../src/mpin-evidence.ts";
import { login } from "../src/mpin-login.ts";
import type { MpinClient } from "../src/mpin-ports.ts";
import { Crash, type Gate, loadEngine, MemoryStorage, OPEN_GATE, pinOf, World } from "./mpin-world.ts";

/** Dozens of enrolments in one test. */
const LIMIT_MS = 120_000;
let founded: Founded;
beforeAll(async () => {
  founded = await foundDomain(2);
});

/** What a person does until there is an account, from wherever the device stands. */
async function enrolFromHere(world: World, client: MpinClient): Promise<void> {
  const [identity] = await listEnrolments(client);
  const pending = identity ? await resumeEnrolment(client, identity, loadEngine) : await beginUnlessDone(world, client);
  if (!pending) return;
  if (pending.stage === "registering") {
    await pending.register();
    return;
  }
  const without = pending.authorities.filter(({ brought }) => !brought).map(({ index }) => index);
  if (without.length > 0) await pending.requestCodes("en", without);
  await pending.submit(without.map((index) => codeEvidence(index, world.code(index))));
  const chosen = await pending.finish(pinOf("8068"));
  if ("register" in chosen) await chosen.register();
}

async function beginUnlessDone(world: World, client: MpinClient) {
  return (await listAccounts(client)).accounts.length > 0 ? undefined : world.begin(client);
}

/** A gate that goes down before one event, for good. */
function crashAt(event: number): Gate {
  let events = 0;
  return () => {
    events += 1;
    if (events >= event) throw new Crash();
    return () => undefined;
  };
}

/** A gate that loses one answer: what was asked has been done. */
function loseAt(event: number): Gate {
  let events = 0;
  return () => {
    events += 1;
    const mine = events === event;
    return () => {
      if (mine) throw new MilagroError("ERR_UNREACHABLE", "connection reset");
    };
  };
}

async function expectWhole(world: World, storage: MemoryStorage): Promise<void> {
  const client = world.device(storage);
  const { accounts, damaged } = await listAccounts(client);
  expect([accounts.length, damaged]).toEqual([1, []]);
  const identity = accounts[0]?.identity as never;
  expect([...storage.values.keys()]).toEqual([`account:${identity}`]);
  expect(world.dtas.map(({ issued }) => issued.size)).toEqual([1, 1]);
  expect([...world.server.devices.keys()]).toEqual([identity]);
  expect(await login(client, { identity, pin: pinOf("8068") })).toMatchObject({ outcome: "accepted" });
}

/** Everything one enrolment does outside, in order. */
async function eventsOf(): Promise<readonly string[]> {
  const world = new World(founded);
  const events: string[] = [];
  const storage = new MemoryStorage();
  const gate: Gate = (what) => {
    events.push(what);
    return () => undefined;
  };
  await enrolFromHere(world, world.device(storage, gate));
  await expectWhole(world, storage);
  return events;
}

describe("an enrolment that is stopped", () => {
  // Stopping after one event is stopping before the next, and reading changes nothing: what is on disk and at the others is the same.
  test("before any call or access goes on: one account, no evidence spent twice", { timeout: LIMIT_MS }, async () => {
    const events = await eventsOf();
    const changing = events.map((what) => /^(?:http|put|delete) /.test(what));
    expect(changing.filter(Boolean).length).toBeGreaterThan(8);
    for (let event = 1; event <= events.length; event += 1) {
      if (event > 1 && !changing[event - 2]) continue;
      const world = new World(founded);
      const storage = new MemoryStorage();
      const failed = await enrolFromHere(world, world.device(storage, crashAt(event))).then(
        () => false,
        () => true,
      );
      expect([event, failed]).toEqual([event, true]);
      await enrolFromHere(world, world.device(storage, OPEN_GATE));
      await expectWhole(world, storage);
    }
  });

  test("any lost answer is asked for again, by the same device without a restart", { timeout: LIMIT_MS }, async () => {
    const events = await eventsOf();
    for (const [i, what] of events.entries()) {
      if (!what.startsWith("http")) continue;
      const world = new World(founded);
      const storage = new MemoryStorage();
      const client = world.device(storage, loseAt(i + 1));
      for (let attempt = 0; attempt < 3; attempt += 1) await enrolFromHere(world, client).catch(() => undefined);
      await expectWhole(world, storage);
    }
  });

  test("after the account was stored does not bring an old PIN back", async () => {
    const world = new World(founded);
    const storage = new MemoryStorage();
    const gate: Gate = (what) => {
      if (what.startsWith("delete enrolment:")) throw new Crash();
      return () => undefined;
    };
    await enrolFromHere(world, world.device(storage, gate)).catch(() => undefined);
    const client = world.device(storage);
    const identity = (await listAccounts(client)).accounts[0]?.identity as never;
    await changePin(client, { identity, from: pinOf("8068"), to: pinOf("7392") });
    expect(await listEnrolments(client)).toEqual([identity]);
    await enrolFromHere(world, client);
    expect(await listEnrolments(client)).toEqual([]);
    expect(await login(client, { identity, pin: pinOf("7392") })).toMatchObject({ outcome: "accepted" });
  });
});

test("a change of PIN that is stopped anywhere leaves the old one or the new one", async () => {
  const seen = new Set<string>();
  const world = new World(founded);
  const { storage: disk, identity } = await world.enrolled("8068");
  for (let event = 1; event <= 9; event += 1) {
    const storage = new MemoryStorage();
    for (const [key, value] of disk.values) storage.values.set(key, value.slice());
    const stopped = world.device(storage, crashAt(event));
    await changePin(stopped, { identity, from: pinOf("8068"), to: pinOf("7392") }).catch(() => undefined);
    const outcomes = [];
    for (const digits of ["8068", "7392"]) {
      outcomes.push((await login(world.device(storage), { identity, pin: pinOf(digits) })).outcome);
    }
    seen.add(outcomes.join());
  }
  expect([...seen].sort()).toEqual(["accepted,refused", "refused,accepted"]);
});

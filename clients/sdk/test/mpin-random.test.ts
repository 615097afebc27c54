import { MilagroError } from "@milagro/engine/error";
import { describe, expect, test } from "vitest";
import { foundDomain, random } from "../../../core/protocol/test/fixture.ts";
import { openMpinClient } from "../src/mpin-ports.ts";
import { guardRandom } from "../src/mpin-random.ts";
import { g1, MemoryStorage, World } from "./mpin-world.ts";

const founded = await foundDomain(1);
const ports = () => new World(founded).ports(new MemoryStorage());
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return "ok";
  } catch (error) {
    return error instanceof MilagroError ? error.code : String(error);
  }
};

describe("a client refuses to work without randomness", () => {
  test.each<[string, unknown]>([
    ["none at all", undefined],
    ["something that is no function", "crypto"],
    [
      "one that throws",
      () => {
        throw new Error("no entropy");
      },
    ],
    ["nothing but zeros", (length: number) => new Uint8Array(length)],
    ["the same bytes again", (length: number) => new Uint8Array(length).fill(7)],
    ["fewer bytes", () => random(8)],
    ["more bytes", (length: number) => random(length + 1)],
    ["text", (length: number) => "x".repeat(length)],
    ["a promise", async (length: number) => random(length)],
  ])("%s", (_, source) => {
    expect(codeOf(() => openMpinClient({ ...ports(), random: source as never }))).toBe("ERR_RANDOM_UNAVAILABLE");
  });

  test("an engine whose own source repeats itself", () => {
    const one = g1.scalars.random();
    const stuck = { ...g1, scalars: { ...g1.scalars, random: () => one, equals: g1.scalars.equals } };
    expect(codeOf(() => openMpinClient({ ...ports(), engine: stuck }))).toBe("ERR_RANDOM_UNAVAILABLE");
  });

  test("a source that breaks later is noticed at the draw that shows it", () => {
    let broken = false;
    const draw = guardRandom((length: number) => (broken ? new Uint8Array(length).fill(9) : random(length)));
    expect(draw(32)).toHaveLength(32);
    broken = true;
    draw(32);
    expect(codeOf(() => draw(32))).toBe("ERR_RANDOM_UNAVAILABLE");
  });

  test("a good one is left alone, and short draws may repeat", () => {
    expect(codeOf(() => openMpinClient(ports()))).toBe("ok");
    const draw = guardRandom((length: number) => (length < 16 ? new Uint8Array(length) : random(length)));
    expect([draw(1), draw(1)]).toEqual([new Uint8Array(1), new Uint8Array(1)]);
  });

  test.each(["", "login.example.org", "https://login.example.org/", "https://LOGIN.example.org", "https://a b"])(
    "origin %j is a caller's bug",
    (origin) => {
      expect(() => openMpinClient({ ...ports(), origin })).toThrow(TypeError);
    },
  );
});

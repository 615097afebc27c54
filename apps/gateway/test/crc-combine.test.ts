/** The CRC of pieces in a row is that of the whole, as zlib and Amazon's library compute it. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CrcAlgorithm, combineCrc } from "../src/crc-combine.ts";
import { createDigests } from "../src/digest-algorithms.ts";

const ALGORITHMS: readonly CrcAlgorithm[] = ["crc32", "crc32c", "crc64nvme"];
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
async function crc(algorithm: CrcAlgorithm, ...pieces: Uint8Array[]): Promise<Uint8Array> {
  const digests = createDigests([algorithm]);
  for (const piece of pieces) digests.update(piece);
  return (await digests.end())[algorithm] as Uint8Array;
}
const bytes = fc.uint8Array({ maxLength: 5000 });

describe.each(ALGORITHMS)("%s", (algorithm) => {
  test("combine(crc(a), crc(b), |b|) = crc(a ‖ b)", () =>
    fc.assert(
      fc.asyncProperty(bytes, bytes, async (a, b) => {
        const combined = combineCrc(algorithm, await crc(algorithm, a), await crc(algorithm, b), b.length);
        expect(hex(combined)).toBe(hex(await crc(algorithm, a, b)));
      }),
    ));

  test("it does not matter where the cuts are", () =>
    fc.assert(
      fc.asyncProperty(bytes, bytes, bytes, async (a, b, c) => {
        const [x, y, z] = await Promise.all([a, b, c].map((piece) => crc(algorithm, piece)));
        const left = combineCrc(
          algorithm,
          combineCrc(algorithm, x as Uint8Array, y as Uint8Array, b.length),
          z as Uint8Array,
          c.length,
        );
        const right = combineCrc(
          algorithm,
          x as Uint8Array,
          combineCrc(algorithm, y as Uint8Array, z as Uint8Array, c.length),
          b.length + c.length,
        );
        expect(hex(left)).toBe(hex(right));
        expect(hex(left)).toBe(hex(await crc(algorithm, a, b, c)));
      }),
    ));

  test("nothing before and nothing after change nothing; another length or order does", async () => {
    const [a, b, nothing] = [Buffer.from("first piece"), Buffer.from("second"), new Uint8Array(0)];
    const [x, y, zero] = [await crc(algorithm, a), await crc(algorithm, b), await crc(algorithm, nothing)];
    expect(Buffer.from(zero).every((byte) => byte === 0)).toBe(true);
    expect(hex(combineCrc(algorithm, zero, y, b.length))).toBe(hex(y));
    expect(hex(combineCrc(algorithm, x, zero, 0))).toBe(hex(x));
    const whole = hex(await crc(algorithm, a, b));
    expect(hex(combineCrc(algorithm, x, y, b.length + 1))).not.toBe(whole);
    expect(hex(combineCrc(algorithm, y, x, a.length))).not.toBe(whole);
  });

  test("lengths beyond 32 bits: 5 GiB of zeros put together by doubling, and a MiB at a time", async () => {
    const MIB = 1024 * 1024;
    const one = await crc(algorithm, new Uint8Array(MIB));
    const doubled = [one];
    for (let mib = 1; mib < 4096; mib *= 2) {
      const last = doubled.at(-1) as Uint8Array;
      doubled.push(combineCrc(algorithm, last, last, mib * MIB));
    }
    const [four, gib] = [doubled[12] as Uint8Array, doubled[10] as Uint8Array];
    let steps = one;
    for (let mib = 1; mib < 5120; mib += 1) steps = combineCrc(algorithm, steps, one, MIB);
    expect(hex(combineCrc(algorithm, gib, four, 4096 * MIB))).toBe(hex(steps));
    expect(hex(combineCrc(algorithm, four, gib, 1024 * MIB))).toBe(hex(steps));
  });
});

test.each([
  ["crc32", "cbf43926"],
  ["crc32c", "e3069283"],
  ["crc64nvme", "ae8b14860a799888"],
] as const)("%s of 123456789, a digit at a time, is %s, as its catalogues say", async (algorithm, expected) => {
  let whole = await crc(algorithm);
  for (const digit of "123456789") whole = combineCrc(algorithm, whole, await crc(algorithm, Buffer.from(digit)), 1);
  expect(hex(whole)).toBe(expected);
});

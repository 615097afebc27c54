import { describe, expect, test } from "vitest";
import { signAs } from "../src/ibs.ts";
import { type SignatureEntry, verifySignatureBatch } from "../src/ibs-batch.ts";
import { alice, bob, bytes, engine, enrol, flip, makeDomain, random } from "./fixtures.ts";

const domain = makeDomain();
const { publicKey } = domain;
const signers = [enrol(domain, "sig", alice), enrol(domain, "sig", bob)] as const;

function entryOf(i: number, source = "one"): SignatureEntry {
  const { key, input } = signers[i % 2] as (typeof signers)[0];
  const message = bytes(`message ${i}`);
  return { source, claim: { input, message, signature: signAs(engine, random, key, publicKey, input, message) } };
}
const rights = Array.from({ length: 8 }, (_, i) => entryOf(i));
const forged = ({ claim, source }: SignatureEntry): SignatureEntry => ({
  source,
  claim: { ...claim, message: bytes("something else") },
});
const run = (entries: readonly SignatureEntry[], limit = 100) =>
  verifySignatureBatch(engine, random, publicKey, entries, limit);

test("right ones of several signers pass together in one product", () => {
  expect(run(rights)).toEqual({ outcomes: rights.map(() => "accepted"), products: 1 });
  expect(run([])).toEqual({ outcomes: [], products: 0 });
});

test.each([0, 3, 4, 7])("one forged at %i is found, and nobody else suffers", (at) => {
  const entries = rights.map((entry, i) => (i === at ? forged(entry) : entry));
  const { outcomes, products } = run(entries);
  expect(outcomes).toEqual(entries.map((_, i) => (i === at ? "refused" : "accepted")));
  expect(products).toBeLessThanOrEqual(7); // 1 + 2·log₂ 8
});

describe("refused", () => {
  const [first, second] = rights as [SignatureEntry, SignatureEntry];

  test("a bit of a signature flipped, and what is no signature, alone or among right ones", () => {
    const { claim, source } = first;
    const bad = [flip(claim.signature, 60), claim.signature.subarray(1), new Uint8Array(96)].map((signature) => ({
      source,
      claim: { ...claim, signature },
    }));
    expect(run([...bad, second]).outcomes).toEqual(["refused", "refused", "refused", "accepted"]);
  });

  test("two errors that would cancel without weights", () => {
    const half = (entry: SignatureEntry) => engine.g1.decode(entry.claim.signature.subarray(48));
    const shift = (entry: SignatureEntry, move: "add" | "subtract"): SignatureEntry => {
      const signature = entry.claim.signature.slice();
      signature.set(engine.g1.encode(engine.g1[move](half(entry), engine.g1.generator)), 48);
      return { ...entry, claim: { ...entry.claim, signature } };
    };
    expect(run([shift(first, "add"), shift(second, "subtract")]).outcomes).toEqual(["refused", "refused"]);
  });

  test("a limit below one", () => {
    expect(() => run(rights, 0)).toThrow(TypeError);
  });
});

test("a source that has used up its refusals costs no more work, and others are still served", () => {
  const flood = rights.map((entry) => ({ ...forged(entry), source: "flood" }));
  const { outcomes, products } = run([...flood, ...rights], 1);
  expect(outcomes.slice(0, 8).filter((outcome) => outcome === "refused")).toHaveLength(1);
  expect(outcomes.slice(0, 8)).not.toContain("accepted");
  expect(outcomes.slice(8)).toEqual(rights.map(() => "accepted"));
  expect(products).toBeLessThanOrEqual(8);
});

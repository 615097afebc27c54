import { parseDomainId } from "@milagro/crypto/domain-id";
import type { Epoch } from "@milagro/crypto/epoch";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ALICE,
  codeOf,
  EPOCH,
  engine,
  type Founded,
  flip,
  foundDomain,
  issueKey,
} from "../../../core/protocol/test/fixture.ts";
import { encodeKeyRing, KeyRing, parseKeyRing } from "../src/key-ring.ts";
import { planRenewal } from "../src/renewal.ts";

let founded: Founded;
let encoded: Uint8Array;
const at = (offset: number) => (EPOCH + offset) as Epoch;

function ringOf(slots: readonly (readonly ["enc" | "sig" | "kex", number])[]): KeyRing {
  const ring = new KeyRing(founded.domain.domainId, ALICE);
  ring.add(
    slots.map(([usage, offset]) => ({ usage, epoch: at(offset), key: issueKey(founded, ALICE, usage, at(offset)) })),
  );
  return ring;
}

beforeAll(async () => {
  founded = await foundDomain(1);
  encoded = encodeKeyRing(
    engine,
    ringOf([
      ["enc", 0],
      ["sig", 0],
      ["kex", 1],
    ]),
  );
});

describe("a key ring", () => {
  test("survives encoding, with every key", () => {
    const ring = parseKeyRing(engine, encoded, founded.domain.domainId);
    expect(ring.identity).toBe(ALICE);
    expect(ring.slots()).toEqual([
      { usage: "enc", epoch: at(0) },
      { usage: "sig", epoch: at(0) },
      { usage: "kex", epoch: at(1) },
    ]);
    expect(encodeKeyRing(engine, ring)).toEqual(encoded);
  });

  test("an enc key is never found as a sig key", () => {
    const ring = ringOf([["enc", 0]]);
    expect(ring.find("sig", at(0))).toBeUndefined();
    expect(codeOf(() => ring.need("sig", at(0)))).toBe("ERR_KEY_MISSING");
  });

  test("cannot be printed", () => {
    const ring = parseKeyRing(engine, encoded, founded.domain.domainId);
    expect(`${ring} ${JSON.stringify(ring)} ${JSON.stringify({ ring })}`).toBe(
      `[KeyRing ${ALICE}] "[KeyRing ${ALICE}]" {"ring":"[KeyRing ${ALICE}]"}`,
    );
  });

  test("forgets and destroys old keys of one usage only", () => {
    const ring = ringOf([
      ["enc", -2],
      ["enc", 0],
      ["sig", -2],
    ]);
    const old = ring.need("enc", at(-2));
    expect(ring.forgetBefore("enc", at(0))).toBe(1);
    expect(() => old.use(() => 0)).toThrow(TypeError);
    expect(ring.slots().map(({ usage, epoch }) => [usage, epoch - EPOCH])).toEqual([
      ["sig", -2],
      ["enc", 0],
    ]);
  });
});

describe("refused when read", () => {
  test("keys of another domain of the same name", () => {
    expect(codeOf(() => parseKeyRing(engine, encoded, parseDomainId(new Uint8Array(32))))).toBe("ERR_DOMAIN_MISMATCH");
  });

  test("bytes cut anywhere", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: encoded.length - 1 }), (length) => {
        expect(codeOf(() => parseKeyRing(engine, encoded.slice(0, length), founded.domain.domainId))).toBe(
          "ERR_KEYSTORE_CORRUPT",
        );
      }),
    );
  });

  test("bytes after the end", () => {
    const longer = new Uint8Array([...encoded, 0]);
    expect(codeOf(() => parseKeyRing(engine, longer, founded.domain.domainId))).toBe("ERR_KEYSTORE_CORRUPT");
  });

  test("another version", () => {
    expect(codeOf(() => parseKeyRing(engine, flip(encoded), founded.domain.domainId))).toBe("ERR_KEYSTORE_CORRUPT");
  });

  test("a point that is none", () => {
    const broken = encoded.slice();
    broken.fill(0xff, broken.length - 40);
    expect(codeOf(() => parseKeyRing(engine, broken, founded.domain.domainId))).toBe("ERR_KEYSTORE_CORRUPT");
  });
});

describe("planning renewal", () => {
  const policy = { epochSeconds: 1000, usages: ["enc", "sig"] as const, aheadFraction: 0.2, jitter: 0 };
  const START = EPOCH * 1_000_000;
  const names = (keys: readonly { usage: string; epoch: number }[]) =>
    keys.map(({ usage, epoch }) => `${usage}${epoch - EPOCH}`);

  test.each([
    ["nothing is here: this and the next epoch at once", [], 0, 0, ["enc0", "sig0", "enc1", "sig1"]],
    ["a usage is missing", [["enc", 0]], 0, 0, ["sig0", "enc1", "sig1"]],
    [
      "early in the epoch",
      [
        ["enc", 0],
        ["sig", 0],
      ],
      700,
      0,
      [],
    ],
    [
      "in its last fifth",
      [
        ["enc", 0],
        ["sig", 0],
      ],
      801,
      0,
      ["enc1", "sig1"],
    ],
    [
      "spread by jitter",
      [
        ["enc", 0],
        ["sig", 0],
      ],
      850,
      0.99,
      [],
    ],
    [
      "before the end whatever the jitter",
      [
        ["enc", 0],
        ["sig", 0],
      ],
      901,
      0.999,
      ["enc1", "sig1"],
    ],
    [
      "the next epoch is here",
      [
        ["enc", 0],
        ["sig", 0],
        ["enc", 1],
        ["sig", 1],
      ],
      950,
      0,
      [],
    ],
  ] as const)("%s", (_name, slots, second, jitter, wanted) => {
    const plan = planRenewal(ringOf(slots), START + second * 1000, { ...policy, jitter });
    expect(names(plan.keys)).toEqual(wanted);
    if (plan.keys.length === 0) expect(plan.nextMs).toBeGreaterThan(START + second * 1000);
  });
});

import { inspect } from "node:util";
import { expect, test } from "vitest";
import { encodeHex } from "../src/bytes.ts";
import { encodeIdentityKey } from "../src/identity-key.ts";
import { encodeMasterSecretShare } from "../src/master-secret.ts";
import { Secret } from "../src/secret.ts";
import { alice, engine, enrol, makeDomain } from "./fixtures.ts";

const renderings = (value: object): string[] => [
  String(value),
  JSON.stringify(value),
  JSON.stringify({ nested: [value] }),
  inspect(value, { depth: 10, showHidden: true }),
  JSON.stringify(Object.entries(value)),
];

test("a secret takes over its bytes, lends them, and is empty after destroy", () => {
  const source = Uint8Array.of(1, 2, 3);
  const secret = new Secret("test", source);
  expect(source).toEqual(new Uint8Array(3));
  expect(secret.use((bytes) => bytes.join())).toBe("1,2,3");
  let lent: Uint8Array | undefined;
  secret.use((bytes) => {
    lent = bytes;
  });
  secret.destroy();
  secret.destroy();
  expect(lent).toEqual(new Uint8Array(3));
  expect(() => secret.use(() => 0)).toThrow(new TypeError("test was destroyed"));
});

test("no secret shows its bytes, however it is printed", () => {
  const domain = makeDomain();
  const share = domain.shares[0] as (typeof domain.shares)[number];
  const { key } = enrol(domain, "enc", alice);
  const texts = [
    ...renderings(new Secret("test", new Uint8Array(32).fill(0xa7))),
    ...renderings(share),
    ...renderings(key),
  ];
  const scalar = BigInt(`0x${encodeHex(encodeMasterSecretShare(engine, share))}`);
  const needles = [scalar.toString(), scalar.toString(16), encodeHex(encodeIdentityKey(engine, key)), "167", "a7a7"];
  for (const text of texts) for (const needle of needles) expect(text.toLowerCase()).not.toContain(needle);
});

test("destroyed shares and keys are unusable", () => {
  const domain = makeDomain();
  const share = domain.shares[0] as (typeof domain.shares)[number];
  const { key } = enrol(domain, "kex", alice);
  share.destroy();
  key.destroy();
  expect(() => encodeMasterSecretShare(engine, share)).toThrow(TypeError);
  expect(() => encodeIdentityKey(engine, key)).toThrow(TypeError);
});

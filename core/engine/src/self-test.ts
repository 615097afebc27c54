/**
 * Known answers that an engine must give before anyone trusts it with a key: each class of operation once, on inputs
 * that pass through every table and reduction. Digests are of the canonical encodings.
 *
 * Source of the answers: RFC 9380 J.9.1 and J.10.1 for the hashes; the noble engine, which passes the published vectors
 * in `vectors/published`, for the rest.
 * @module
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Engine, G1, Group, MillerValue, PointForm, PreparedG2, Scalar } from "./engine.ts";
import { MilagroError } from "./error.ts";

const KNOWN: Readonly<Record<string, string>> = {
  "scalar arithmetic": "f34b70e6ef0a11f45c4c15f203789ef3f4e4c56949cdd4a6f06de7a6099354e4",
  "scalar inversion": "599a64d9413751fac0f07883a0a1ab32bc1051b62474c5dc404d608fdde6e552",
  "G1 hash": "1f4891ce63d1597a5f30ca322af56a48ca9139d516ac219efe8d8b3ff25909ad",
  "G1 decoding": "94d705154ff31e8d5634b84282035f746f49f324066bc28635a6df355dadef79",
  "G1 secret multiplication": "7c37705a12880428065068abfeb418511c8acab05db5e42334129f1d35636eb4",
  "G1 small secret multiplication": "f038ed26859becd8fbe28f69196642c84bd55090a9b6f0afdd25add1b1184f28",
  "G1 public multiplication": "c59ef6ca5655adb0bf17e0b2a167cbe1a4be44384f39bd5878c8ebda4430d3d7",
  "G1 fixed base": "c59ef6ca5655adb0bf17e0b2a167cbe1a4be44384f39bd5878c8ebda4430d3d7",
  "G1 many points": "dae2d48581f8510be282b078fdb9eb8927903239ea30fe460153f4aff326e265",
  "G1 multi-scalar": "94ead28ecaacb5199b7015f246782b486e7768dc55534bb96400251194989f06",
  "G2 hash": "8e22a5367810021e06bdb14ac611cbdf1f678fec147a99421e0bb596fdc2b70c",
  "G2 decoding": "145284177ff312b79538e09c5ff9e00e1400464bc6fb709d24be713d6ed1f161",
  "G2 secret multiplication": "97b845145ebbe90d7f49e23c08eeeb4e090d9e5f01ee39334988d71f8f170436",
  "G2 small secret multiplication": "dc656f048ab3339ebc3a88d811fc418c728f71a5bba5f6fe77d8b73a948f56d7",
  "G2 public multiplication": "d7e6151939c72a8203a5c5350dd0358f09b51ecd5ca81e3885894f8f581d45b3",
  "G2 fixed base": "d7e6151939c72a8203a5c5350dd0358f09b51ecd5ca81e3885894f8f581d45b3",
  "G2 multi-scalar": "d09037b947d77a5b9c48b8b8175dc94bc64a5a10f68ef9350d7332f2fd2aa154",
  pairing: "c68cf3fa5f41d9a8fd34b2efd3d76bb77a1614e68b349c94ae507e1598677a3e",
  "prepared pairing": "c68cf3fa5f41d9a8fd34b2efd3d76bb77a1614e68b349c94ae507e1598677a3e",
  "pairing product": "f8c1d0910235604b3fd03fabc8006023cb93129e829c2debd4674ba22688d2c2",
  "pairing check": "47dc540c94ceb704a23875c11273e16bb0b8a87aed84de911f2133568115f254",
  "GT decoding": "c68cf3fa5f41d9a8fd34b2efd3d76bb77a1614e68b349c94ae507e1598677a3e",
  "GT secret power": "648625468b10b8056fbb26e05758950599f5516d18514efa06df0ce85bf30617",
  "GT public power": "db498c4fe42c04f9f170a0cd906810b944015d97efdca8540d3d874de6d44b6b",
};

const G1_TAG = "QUUX-V01-CS02-with-BLS12381G1_XMD:SHA-256_SSWU_RO_";
const G2_TAG = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_";
const SMALL = 48_271;

/** @throws `ERR_ENGINE_SELF_TEST` naming the operation that gave another answer, or threw */
export function runSelfTest(engine: Engine): void {
  check(selfTestAnswers(engine));
}

/** As `runSelfTest`, for an engine that has G1 only. */
export function runG1SelfTest({ scalars, g1 }: Pick<Engine, "scalars" | "g1">): void {
  const wide = (start: number): Scalar => scalars.reduce(Uint8Array.from({ length: 48 }, (_, i) => start + 3 * i));
  check(
    groupAnswers(
      "G1",
      g1,
      () => g1.hash(new Uint8Array(0), G1_TAG),
      () => wide(1),
      () => wide(90),
    ),
  );
}

function check(answers: readonly [operation: string, answer: () => Uint8Array][]): void {
  for (const [operation, answer] of answers) {
    let given: Uint8Array;
    try {
      given = answer();
    } catch {
      throw failure(operation);
    }
    if (bytesToHex(sha256(given)) !== KNOWN[operation]) throw failure(operation);
  }
}

/** Every operation with what computes its answer; exported so that the table above can be printed anew. */
export function selfTestAnswers(engine: Engine): [operation: string, answer: () => Uint8Array][] {
  const { scalars, gt } = engine;
  // All lazy: an engine that throws even here must be told by the operation.
  const wide = (start: number): Scalar => scalars.reduce(Uint8Array.from({ length: 48 }, (_, i) => start + 3 * i));
  const a = once(() => wide(1));
  const b = once(() => wide(90));
  const p = once(() => engine.g1.hash(new Uint8Array(0), G1_TAG));
  const q = once(() => engine.g2.hash(new Uint8Array(0), G2_TAG));
  const base = once(() => engine.pair(p(), q()));
  const { g1, g2 } = engine;
  const bit = (value: boolean): number => (value ? 1 : 0);
  const opposite = (): [G1, PreparedG2] => [g1.negate(p()), engine.prepare(q())];
  const product = (): MillerValue =>
    engine.millerProduct([
      [p(), q()],
      [g1.generator, g2.generator],
    ]);
  return [
    ["scalar arithmetic", () => scalars.encode(scalars.subtract(scalars.multiply(a(), b()), scalars.add(a(), b())))],
    ["scalar inversion", () => scalars.encode(scalars.invert(a()))],
    ...groupAnswers("G1", g1, p, a, b),
    ["G1 many points", () => many(g1, [p(), g1.generator, g1.negate(p())], a())],
    ...groupAnswers("G2", g2, q, a, b),
    ["pairing", () => gt.encode(base())],
    ["prepared pairing", () => gt.encode(engine.pair(p(), engine.prepare(q())))],
    ["pairing product", () => gt.encode(engine.finalExponentiation(product()))],
    [
      "pairing check",
      () => Uint8Array.of(bit(engine.pairingCheck([[p(), q()], opposite()])), bit(engine.pairingCheck([[p(), q()]]))),
    ],
    ["GT decoding", () => gt.encode(gt.multiply(gt.decode(gt.encode(base())), gt.invert(gt.one)))],
    ["GT secret power", () => gt.encode(gt.powerSecret(base(), a()))],
    ["GT public power", () => gt.encode(gt.powerPublic(base(), b()))],
  ];
}

/** Decoded and multiplied together; the sum, with the second counted twice, tells their order. */
function many<H>(group: Group<H>, points: readonly H[], k: Scalar): Uint8Array {
  const decoded = group.decodeAll(points.map((point) => group.encode(point)));
  const [first, ...others] = group.multiplySecretAll(decoded, k);
  return group.encode(group.sum([first ?? group.identity, ...others, ...others.slice(0, 1)]));
}

function groupAnswers<H>(
  name: string,
  group: Group<H>,
  point: () => H,
  a: () => Scalar,
  b: () => Scalar,
): [string, () => Uint8Array][] {
  const { generator } = group;
  const encode = (value: H, form?: PointForm): Uint8Array => group.encode(value, form);
  const decode = (bytes: Uint8Array): H => group.decode(bytes);
  const terms = (): H[] => [point(), generator, group.negate(point())];
  return [
    [`${name} hash`, () => encode(point(), "uncompressed")],
    [`${name} decoding`, () => encode(group.add(decode(encode(point())), decode(encode(generator, "uncompressed"))))],
    [`${name} secret multiplication`, () => encode(group.multiplySecret(point(), a()))],
    [`${name} small secret multiplication`, () => encode(group.multiplySmallSecret(point(), SMALL))],
    [`${name} public multiplication`, () => encode(group.multiplyPublic(point(), b()))],
    [`${name} fixed base`, () => encode(group.fixedBase(point()).multiplySecret(b()))],
    [`${name} multi-scalar`, () => encode(group.multiScalar(terms(), [a(), b(), a()]))],
  ];
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function failure(operation: string): MilagroError {
  return new MilagroError("ERR_ENGINE_SELF_TEST", `${operation}: wrong answer; this engine must not be used here`);
}

/**
 * G1 and G2 of the WebAssembly engine.
 * @module
 */
import type { FixedBase, Group, PointForm, Scalar } from "./engine.ts";
import { MilagroError } from "./error.ts";
import { expandMessage } from "./expand-message.ts";
import { fromHandle, toHandle } from "./wasm-handle.ts";
import { type Layout, type Machine, pointBytes } from "./wasm-machine.ts";
import { scalarBytes } from "./wasm-scalars.ts";
import { MULTI_SCALAR_LIMIT, type WasmTables } from "./wasm-tables.ts";

const SMALL_LIMIT = 2 ** 32;

/** What tells one group from the other. */
interface GroupParameters {
  readonly name: "G1" | "G2";
  readonly number: 1 | 2;
  readonly encodedLength: number;
  /** Bytes of expand_message_xmd that hashing takes. */
  readonly uniformLength: number;
  /** Compressed. */
  readonly generator: string;
}

export const G1_PARAMETERS: GroupParameters = {
  name: "G1",
  number: 1,
  encodedLength: 48,
  uniformLength: 128,
  generator: "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
};
export const G2_PARAMETERS: GroupParameters = {
  name: "G2",
  number: 2,
  encodedLength: 96,
  uniformLength: 256,
  generator:
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e" +
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8",
};

/**
 * @typeParam H - the opaque handle
 * @param hash - maps uniform bytes to the group
 * @param tables - where the build has them
 */
export function createWasmGroup<H>(
  machine: Machine,
  { name, number, encodedLength, uniformLength, generator }: GroupParameters,
  hash: (d: number, uniform: number) => void,
  tables?: WasmTables,
): Group<H> {
  const { exports } = machine;
  const size = pointBytes(machine);
  const read = (point: H): Uint8Array => fromHandle(point, name, size);
  const compute = (run: Machine["run"], operation: (d: number, layout: Layout) => void): H =>
    run((layout) => {
      const d = layout.reserve(size);
      operation(d, layout);
      return toHandle(name, layout.take(d, size));
    });
  // points can be secret (identity keys), so every operation on them leaves nothing behind
  const run = machine.runSecret;

  function decode(bytes: Uint8Array, allowIdentity: boolean): H {
    const isBytes = bytes instanceof Uint8Array;
    if (!isBytes || (bytes.length !== encodedLength && bytes.length !== 2 * encodedLength)) {
      throw new MilagroError("ERR_POINT_INVALID", `${name}: not the encoding of a point of the group`);
    }
    return compute(run, (d, layout) => {
      const outcome = exports.decodePoint(number, d, layout.put(bytes), bytes.length);
      if (outcome === 0 || (outcome === 1 && allowIdentity)) return;
      const reason =
        outcome === 1 ? "the identity element is not allowed here" : "not the encoding of a point of the group";
      throw new MilagroError("ERR_POINT_INVALID", `${name}: ${reason}`);
    });
  }

  /** The first thing a new engine computes: where even this fails, no input is to blame. */
  function decodeGenerator(): H {
    try {
      return decode(unhex(generator), false);
    } catch (cause) {
      throw new MilagroError("ERR_ENGINE_SELF_TEST", `${name} generator: this engine must not be used here`, { cause });
    }
  }

  function multiply(point: Uint8Array, k: Scalar): H {
    return compute(run, (d, layout) => exports.multiplyPoint(number, d, layout.put(point), layout.put(scalarBytes(k))));
  }

  function fixedBase(point: H): FixedBase<H> {
    // Without tables the point itself, in a copy that is wiped as a table would be.
    let table: Uint8Array | undefined = tables ? tables.fixedTable(number, read(point)) : read(point).slice();
    const multiplyFixed = (k: Scalar): H => {
      if (!table) throw new TypeError(`a table of ${name} was destroyed`);
      return tables ? toHandle(name, tables.multiplyFixed(number, table, scalarBytes(k))) : multiply(table, k);
    };
    const destroy = (): void => {
      table?.fill(0);
      table = undefined;
    };
    return { multiplySecret: multiplyFixed, multiplyPublic: multiplyFixed, destroy };
  }

  const group: Group<H> = {
    encodedLength,
    generator: decodeGenerator(),
    identity: compute(run, (d) => exports.setIdentity(number, d)),
    decode: (bytes, options) => decode(bytes, options?.identity === "allow"),
    decodeAll(encodings) {
      const compressed = encodings.every((bytes) => bytes instanceof Uint8Array && bytes.length === encodedLength);
      if (!tables || number !== 1 || !compressed) return encodings.map((bytes) => decode(bytes, false));
      const points: H[] = [];
      for (let i = 0; i < encodings.length; i += MULTI_SCALAR_LIMIT) {
        const chunk = tables.decodeAll(encodings.slice(i, i + MULTI_SCALAR_LIMIT));
        if (!chunk)
          throw new MilagroError("ERR_POINT_INVALID", `${name}: one is not the encoding of a point of the group`);
        points.push(...chunk.map((bytes): H => toHandle(name, bytes)));
      }
      return points;
    },
    encode(point, form: PointForm = "compressed") {
      const bytes = read(point);
      const compressed = form === "compressed";
      const length = compressed ? encodedLength : 2 * encodedLength;
      return run((layout) => {
        const d = layout.reserve(length);
        exports.encodePoint(number, d, layout.put(bytes), compressed ? 1 : 0);
        return layout.take(d, length);
      });
    },
    add(a, b) {
      const [x, y] = [read(a), read(b)];
      return compute(run, (d, layout) => exports.addPoints(number, d, layout.put(x), layout.put(y)));
    },
    subtract(a, b) {
      const [x, y] = [read(a), read(b)];
      return compute(run, (d, layout) => {
        exports.negatePoint(d, layout.put(y));
        exports.addPoints(number, d, d, layout.put(x));
      });
    },
    negate(a) {
      const bytes = read(a);
      return compute(run, (d, layout) => exports.negatePoint(d, layout.put(bytes)));
    },
    sum(points) {
      const all = points.map(read);
      return compute(run, (d, layout) => {
        const summand = layout.reserve(size);
        exports.setIdentity(number, d);
        for (const bytes of all) {
          layout.memory().set(bytes, summand);
          exports.addPoints(number, d, d, summand);
        }
      });
    },
    equals(a, b) {
      const [x, y] = [read(a), read(b)];
      return run((layout) => exports.equalPoints(number, layout.put(x), layout.put(y)) === 1);
    },
    isIdentity(a) {
      const bytes = read(a);
      return run((layout) => exports.isIdentity(layout.put(bytes)) === 1);
    },
    hash(message, tag) {
      const uniform = expandMessage(message, tag, uniformLength);
      return compute(run, (d, layout) => hash(d, layout.put(uniform)));
    },
    multiplySecret: (point, k) => multiply(read(point), k),
    multiplySecretAll(points, k) {
      if (!tables || number !== 1) return points.map((point) => multiply(read(point), k));
      const [all, factor] = [points.map(read), scalarBytes(k)];
      const products: H[] = [];
      for (let i = 0; i < all.length; i += MULTI_SCALAR_LIMIT) {
        const chunk = tables.multiplyAll(all.slice(i, i + MULTI_SCALAR_LIMIT), factor);
        products.push(...chunk.map((bytes): H => toHandle(name, bytes)));
      }
      return products;
    },
    multiplySmallSecret(point, k) {
      if (!Number.isSafeInteger(k) || k < 0 || k >= SMALL_LIMIT) throw new TypeError("expected an integer in [0, 2³²)");
      const bytes = read(point);
      return compute(run, (d, layout) => exports.multiplySmall(number, d, layout.put(bytes), k));
    },
    multiplyPublic: (point, k) => multiply(read(point), k),
    fixedBase,
    multiScalar(points, scalars) {
      if (points.length !== scalars.length) throw new TypeError("as many scalars as points are needed");
      if (!tables) return group.sum(points.map((point, i) => group.multiplyPublic(point, scalars[i] as Scalar)));
      const [all, factors] = [points.map(read), scalars.map(scalarBytes)];
      const chunks: H[] = [];
      for (let i = 0; i < all.length; i += MULTI_SCALAR_LIMIT) {
        const end = i + MULTI_SCALAR_LIMIT;
        chunks.push(toHandle(name, tables.multiScalar(number, all.slice(i, end), factors.slice(i, end))));
      }
      return chunks.length === 1 ? (chunks[0] as H) : group.sum(chunks);
    },
  };
  return group;
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => Number.parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

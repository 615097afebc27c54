/**
 * Differential tests of what `decode` takes and refuses in G1, G2 and GT, against the definitions.
 * @module
 */

import type { Engine, Group } from "../src/engine.ts";
import type { Family } from "./differential.ts";
import { elements } from "./differential-pairing.ts";
import { points, readPoint, write } from "./differential-points.ts";
import type { Source } from "./differential-source.ts";
import {
  be,
  G1_ORACLE,
  G2_ORACLE,
  hex,
  type Oracle,
  P,
  rawPoint,
  smallOrderPoint,
  unhex,
  writePoint,
  xWithoutY,
} from "./oracle.ts";
import { arbitraryElement, cyclotomicElement, Fp12, readElement, writeElement } from "./oracle-target.ts";

const FORMS = ["compressed", "uncompressed"] as const;

export function decodingFamilies(): Family[] {
  return [
    decoding("g1", G1_ORACLE, 2000, ({ g1 }) => g1 as unknown as Group<unknown>),
    decoding("g2", G2_ORACLE, 1000, ({ g2 }) => g2 as unknown as Group<unknown>),
    target,
  ];
}

function decoding<F>(
  name: "g1" | "g2",
  oracle: Oracle<F>,
  count: number,
  pick: (engine: Engine) => Group<unknown>,
): Family {
  return {
    name: `${name} decoding`,
    count,
    *inputs(source) {
      const walk = points(oracle, source);
      const low = oracle.smallOrders.map((order) => smallOrderPoint(oracle, order));
      const seed = (): bigint => BigInt(2 + source.below(2 ** 30));
      for (const length of [oracle.width, 2 * oracle.width, oracle.width - 1, oracle.width + 1, 1, 0]) {
        for (const byte of [0xc0, 0x40, 0xe0, 0x60, 0x80, 0xa0, 0, 0xff]) {
          const bytes = new Uint8Array(length).fill(byte === 255 ? 255 : 0);
          if (length > 0) bytes[0] = byte;
          yield [hex(bytes)];
        }
      }
      for (let i = 0; ; i++) {
        const form = source.pick(FORMS);
        const { point } = walk.next().value;
        const good = unhex(write(oracle, point, form));
        const parts = good.length / 48;
        switch (i % 10) {
          case 0:
          case 1:
            yield [hex(good)];
            break;
          case 2:
          case 3:
            yield [hex(flipped(good, source))];
            break;
          case 4: // at or above p, or just below it
            good.set(be(source.pick([P, P + 1n, P - 1n, 2n ** 381n - 1n]), 48), 48 * source.below(parts));
            good[0] = (good[0] as number) | (form === "compressed" ? 0x80 : 0);
            yield [hex(good)];
            break;
          case 5: // on the curve, outside the group
            yield [hex(writePoint(oracle, rawPoint(oracle, seed()).toAffine(), form))];
            break;
          case 6: // a component of small order, alone or with a good point
            yield [
              hex(
                writePoint(
                  oracle,
                  source
                    .pick([point, point.subtract(point)])
                    .add(source.pick(low))
                    .toAffine(),
                  form,
                ),
              ),
            ];
            break;
          case 7: {
            const x = xWithoutY(oracle, seed());
            yield [hex(writePoint(oracle, { x, y: oracle.generator.toAffine().y }, form))];
            break;
          }
          case 8: {
            // random, with flags that say the right form
            const bytes = source.bytes(good.length);
            bytes[0] = ((bytes[0] as number) & 0x1f) | (form === "compressed" ? 0x80 | (source.below(2) << 5) : 0);
            yield [hex(bytes)];
            break;
          }
          default: // plus p, which means the same modulo p
            yield [hex(plusP(good, 48 * source.below(parts)))];
        }
      }
    },
    answers([text = ""]) {
      const point = readPoint(oracle, unhex(text));
      const answer = (allowed: boolean): string =>
        point && (allowed || !point.is0())
          ? write(oracle, point) + write(oracle, point, "uncompressed")
          : "ERR_POINT_INVALID";
      return {
        [`${name}.decode`]: answer(false),
        [`${name}.decodeAll, the first`]: answer(false),
        [`${name}.decodeAll, the second`]: answer(false),
        [`${name}.decode, identity allowed`]: answer(true),
      };
    },
    ask(engine, [text = ""]) {
      const group = pick(engine);
      const both = (point: unknown): string => hex(group.encode(point)) + hex(group.encode(point, "uncompressed"));
      const known = group.encode(group.generator);
      return {
        [`${name}.decode`]: () => both(group.decode(unhex(text))),
        [`${name}.decodeAll, the first`]: () => both(group.decodeAll([unhex(text), known])[0]),
        [`${name}.decodeAll, the second`]: () => both(group.decodeAll([known, unhex(text), known])[1]),
        [`${name}.decode, identity allowed`]: () => both(group.decode(unhex(text), { identity: "allow" })),
      };
    },
  };
}

function flipped(bytes: Uint8Array, source: Source): Uint8Array {
  const bit = source.below(8 * bytes.length);
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return bytes;
}

/** Adds p to the part at `at`, in place; what does not fit below the flags is lost, and is another wrong encoding. */
function plusP(bytes: Uint8Array, at: number): Uint8Array {
  const p = be(P, 48);
  let carry = 0;
  for (let i = 47; i >= 0; i--) {
    const sum = (bytes[at + i] as number) + (p[i] as number) + carry;
    bytes[at + i] = sum & 255;
    carry = sum >> 8;
  }
  return bytes;
}

const target: Family = {
  name: "gt decoding",
  count: 500,
  *inputs(source) {
    const seed = (): bigint => BigInt(3 + source.below(2 ** 30));
    yield [""];
    for (const value of [0, 255]) for (const length of [575, 576, 577]) yield [hex(new Uint8Array(length).fill(value))];
    yield [hex(writeElement(Fp12.ONE))];
    yield [hex(writeElement(Fp12.neg(Fp12.ONE)))];
    yield [hex(writeElement(Fp12.add(Fp12.ONE, Fp12.ONE)))];
    const walk = elements(source);
    for (let i = 0; ; i++) {
      const good = walk.next().value;
      const bytes = writeElement(good);
      switch (i % 8) {
        case 0:
        case 1:
          yield [hex(bytes)];
          break;
        case 2:
          yield [hex(flipped(bytes, source))];
          break;
        case 3:
          bytes.set(be(source.pick([P - 1n, P, P + 1n, 2n ** 384n - 1n]), 48), 48 * source.below(12));
          yield [hex(bytes)];
          break;
        case 4:
          yield [hex(writeElement(source.pick([arbitraryElement, cyclotomicElement])(seed())))];
          break;
        case 5:
          yield [hex(writeElement(Fp12.mul(good, cyclotomicElement(seed()))))];
          break;
        case 6:
          yield [hex(writeElement(Fp12.neg(good)))];
          break;
        default:
          yield [hex(plusP(bytes, 48 * source.below(12)))];
      }
    }
  },
  answers([text = ""]) {
    const element = readElement(unhex(text));
    return element ? hex(writeElement(element)) : "ERR_POINT_INVALID";
  },
  ask: ({ gt }, [text = ""]) => ({ "gt.decode": () => hex(gt.encode(gt.decode(unhex(text)))) }),
};

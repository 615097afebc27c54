/**
 * The CRC of bytes in a row from the CRCs of their pieces, without the bytes.
 *
 *   crc(a ‖ b) = crc(a) · x^(8·|b|) + crc(b)   mod P
 *
 * A CRC is a remainder of polynomials over GF(2), and |b| more bytes multiply it by x^(8·|b|). What these three start with and what they add at the end
 * are both all ones, so they cancel out. Bits are reflected: the highest is the coefficient of x⁰.
 * @module
 */

export type CrcAlgorithm = "crc32" | "crc32c" | "crc64nvme";

/** A remainder: 64 bits in two halves, or 32 in the lower one. BigInt would be ten times slower. */
type Word = readonly [high: number, low: number];

interface Modulus {
  readonly bits: 32 | 64;
  /** Without its leading coefficient. */
  readonly word: Word;
  /** x^(8·2^k) by k; grows as it is needed. */
  readonly squares: Word[];
}

const MODULI: Readonly<Record<CrcAlgorithm, Modulus>> = {
  crc32: { bits: 32, word: [0, 0xedb88320], squares: [[0, 0x00800000]] },
  crc32c: { bits: 32, word: [0, 0x82f63b78], squares: [[0, 0x00800000]] },
  crc64nvme: { bits: 64, word: [0x9a6c9329, 0xac4bc9b5], squares: [[0x00800000, 0]] },
};

/**
 * @param a - CRC of what comes first: 4 bytes, or 8, big-endian
 * @param b - CRC of what follows
 * @param bLength - bytes of what follows
 */
export function combineCrc(algorithm: CrcAlgorithm, a: Uint8Array, b: Uint8Array, bLength: number): Uint8Array {
  const modulus = MODULI[algorithm];
  let [high, low] = wordOf(a);
  for (let rest = bLength, k = 0; rest > 0; rest = Math.floor(rest / 2), k += 1)
    if (rest % 2 === 1) [high, low] = multiply(modulus, [high, low], square(modulus, k));
  const [bHigh, bLow] = wordOf(b);
  const out = new DataView(new ArrayBuffer(8));
  out.setUint32(0, high ^ bHigh);
  out.setUint32(4, low ^ bLow);
  return new Uint8Array(out.buffer).slice(8 - modulus.bits / 8);
}

/** x^(8·2^k). */
function square(modulus: Modulus, k: number): Word {
  const { squares } = modulus;
  while (squares.length <= k) {
    const last = squares.at(-1) as Word;
    squares.push(multiply(modulus, last, last));
  }
  return squares[k] as Word;
}

function multiply({ bits, word }: Modulus, a: Word, b: Word): Word {
  let [high, low] = [0, 0];
  let [bHigh, bLow] = b;
  for (let bit = bits - 1; bit >= 0; bit -= 1) {
    if (((bit >= 32 ? a[0] : a[1]) >>> (bit % 32)) & 1) {
      high ^= bHigh;
      low ^= bLow;
    }
    // b · x: one bit on, and P off when it left the word.
    const left = bLow & 1;
    bLow = (bLow >>> 1) | (bHigh << 31);
    bHigh >>>= 1;
    if (left) {
      bHigh ^= word[0];
      bLow ^= word[1];
    }
  }
  return [high >>> 0, low >>> 0];
}

function wordOf(crc: Uint8Array): Word {
  const view = new DataView(crc.buffer, crc.byteOffset, crc.byteLength);
  return crc.length === 8 ? [view.getUint32(0), view.getUint32(4)] : [0, view.getUint32(0)];
}

/**
 * The attack that key commitment is for: one AES-256-GCM ciphertext that is authentic under two keys.
 *
 * GHASH is linear, so with one free block x the tags are  tagⱼ = cⱼ ⊕ x·Hⱼ²  and  x = (c₁ ⊕ c₂)·(H₁² ⊕ H₂²)⁻¹ makes them equal.
 * Source: Dodis et al., Fast Message Franking: From Invisible Salamanders to Encryptment (CRYPTO 2018).
 * @module
 */
import { createCipheriv } from "node:crypto";
import { concat } from "../src/bytes.ts";

const toInteger = (block: Uint8Array): bigint => BigInt(`0x${Buffer.from(block).toString("hex")}`);
const toBlock = (value: bigint): Uint8Array => new Uint8Array(Buffer.from(value.toString(16).padStart(32, "0"), "hex"));

/** Product in GCM's field; bit 127 is the coefficient of x⁰. */
function multiply(a: bigint, b: bigint): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = 127n; bit >= 0n; bit -= 1n) {
    if ((a >> bit) & 1n) product ^= shifted;
    shifted = shifted & 1n ? (shifted >> 1n) ^ (0xe1n << 120n) : shifted >> 1n;
  }
  return product;
}

/** a^(2¹²⁸ − 2). */
function invert(a: bigint): bigint {
  let power = a;
  let product = 1n << 127n;
  for (let i = 1; i < 128; i += 1) {
    power = multiply(power, power);
    product = multiply(product, power);
  }
  return product;
}

function encryptBlock(key: Uint8Array, block: Uint8Array): bigint {
  const cipher = createCipheriv("aes-256-ecb", key, null).setAutoPadding(false);
  return toInteger(new Uint8Array(cipher.update(block)));
}

/** The tag of a one-block ciphertext. */
function tagOf(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, block: bigint): bigint {
  const h = encryptBlock(key, new Uint8Array(16));
  const padded = concat(aad, new Uint8Array((16 - (aad.length % 16)) % 16));
  let state = 0n;
  for (let i = 0; i < padded.length; i += 16) state = multiply(state ^ toInteger(padded.subarray(i, i + 16)), h);
  state = multiply(state ^ block, h);
  state = multiply(state ^ (BigInt(aad.length * 8) << 64n) ^ 128n, h);
  return state ^ encryptBlock(key, concat(nonce, Uint8Array.of(0, 0, 0, 1)));
}

/** 16 bytes of ciphertext and the tag that both keys accept. */
export function collide(first: Uint8Array, second: Uint8Array, nonce: Uint8Array, aad: Uint8Array): Uint8Array {
  const square = (key: Uint8Array): bigint => {
    const h = encryptBlock(key, new Uint8Array(16));
    return multiply(h, h);
  };
  const difference = tagOf(first, nonce, aad, 0n) ^ tagOf(second, nonce, aad, 0n);
  const block = multiply(difference, invert(square(first) ^ square(second)));
  return concat(toBlock(block), toBlock(tagOf(first, nonce, aad, block)));
}

/**
 * drand's timelock encryption on our engine: opens real files of the network. Test-only: its hashing is theirs, not ours.
 *
 *   file    age v1 with one stanza `-> tlock ROUND CHAINHASH`, body U ‖ V (16) ‖ W (16)
 *   key     the beacon's signature of the round, s·H(SHA-256(u64 round))
 *   σ = V ⊕ SHA-256("IBE-H2" ‖ e(key, U))[0..16]      file key = W ⊕ SHA-256("IBE-H4" ‖ σ)[0..16]
 *   ρ from SHA-256("IBE-H3" ‖ σ ‖ file key) by SHA-256(u16le i ‖ …) with the top bit cleared, first i from 1 below r;  U = ρ·g
 * Source: drand/tlock and drand/kyber `encrypt/ibe` (behaviour); age-encryption.org/v1.
 * @module
 */
import type { Engine, Gt, Scalar } from "@milagro/engine/engine";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, equalBytes, u64, utf8, xorBytes } from "../../src/bytes.ts";

interface AgeFile {
  readonly stanza: Uint8Array;
  readonly header: Uint8Array;
  readonly mac: Uint8Array;
  readonly payload: Uint8Array;
}

const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** Takes an armored age file with one tlock stanza apart. */
export function parseAge(armored: string): AgeFile {
  const raw = Buffer.from(armored.replace(/-----[^-]+-----/g, ""), "base64");
  const start = raw.indexOf("\n---");
  const end = raw.indexOf("\n", start + 1);
  const lines = raw.subarray(0, start).toString("latin1").split("\n");
  const at = lines.findIndex((line) => line.startsWith("-> tlock"));
  return {
    stanza: fromBase64(lines.slice(at + 1).join("")),
    header: new Uint8Array(raw.subarray(0, start + 4)),
    mac: fromBase64(raw.subarray(start + 5, end).toString("latin1")),
    payload: new Uint8Array(raw.subarray(end + 1)),
  };
}

/** The 16-byte file key, or undefined when the ciphertext is not sound for this beacon. */
export function openStanza(engine: Engine, beacon: Uint8Array, stanza: Uint8Array): Uint8Array | undefined {
  const onG1 = beacon.length === engine.g1.encodedLength; // the beacon, that is; U is in the other group
  const u = stanza.subarray(0, -32);
  const [gt, sound] = onG1 ? inG1(engine, beacon, u) : inG2(engine, beacon, u);
  const sigma = xorBytes(
    stanza.subarray(-32, -16),
    sha256(concat(utf8("IBE-H2"), engine.gt.encode(gt))).subarray(0, 16),
  );
  const fileKey = xorBytes(stanza.subarray(-16), sha256(concat(utf8("IBE-H4"), sigma)).subarray(0, 16));
  return sound(hashToRho(engine, sigma, fileKey)) ? fileKey : undefined;
}

/** The text of a file of one segment. @throws when the header or the segment is not authentic */
export function openAge({ header, mac, payload }: AgeFile, fileKey: Uint8Array): string {
  const macKey = hkdf(sha256, fileKey, undefined, utf8("header"), 32);
  if (!equalBytes(hmac(sha256, macKey, header), mac)) throw new Error("the header is not authentic");
  const key = hkdf(sha256, fileKey, payload.subarray(0, 16), utf8("payload"), 32);
  const nonce = new Uint8Array(12);
  nonce[11] = 1;
  return Buffer.from(chacha20poly1305(key, nonce).decrypt(payload.subarray(16))).toString();
}

type Opened = readonly [Gt, (rho: Scalar) => boolean];

function inG1(engine: Engine, beacon: Uint8Array, u: Uint8Array): Opened {
  const point = engine.g2.decode(u);
  const again = (rho: Scalar) => engine.g2.multiplyPublic(engine.g2.generator, rho);
  return [engine.pair(engine.g1.decode(beacon), point), (rho) => engine.g2.equals(again(rho), point)];
}

function inG2(engine: Engine, beacon: Uint8Array, u: Uint8Array): Opened {
  const point = engine.g1.decode(u);
  const again = (rho: Scalar) => engine.g1.multiplyPublic(engine.g1.generator, rho);
  return [engine.pair(point, engine.g2.decode(beacon)), (rho) => engine.g1.equals(again(rho), point)];
}

function hashToRho(engine: Engine, sigma: Uint8Array, fileKey: Uint8Array): Scalar {
  const seed = sha256(concat(utf8("IBE-H3"), sigma, fileKey));
  for (let i = 1; i < 256; i += 1) {
    const candidate = sha256(concat(Uint8Array.of(i, 0), seed));
    candidate[0] = (candidate[0] as number) >> 1;
    try {
      return engine.scalars.decode(candidate);
    } catch {
      // r or above: the next one
    }
  }
  throw new Error("no scalar found");
}

/** What a beacon signs. */
export function beaconMessage(round: number, previous?: Uint8Array): Uint8Array {
  return sha256(previous ? concat(previous, u64(round)) : u64(round));
}

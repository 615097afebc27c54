/**
 * amcl-js: the JavaScript of the original Milagro, numbers in doubles.
 * @module
 */
import { randomBytes } from "node:crypto";
import amcl from "amcl-js";
import type { Operations } from "../engine.ts";

export function amclPeer(): Operations {
  const { BIG, ECP, ECP2, PAIR } = new amcl.CTX("BLS12381");
  const bytes = [...new Uint8Array(16), ...randomBytes(32)];
  bytes[16] = (bytes[16] as number) & 0x3f; // below r, in 48 bytes as it wants them
  const k = BIG.fromBytes(bytes);
  const [p, q] = [ECP.generator(), ECP2.generator()];
  return {
    pairing: () => PAIR.fexp(PAIR.ate(q, p)),
    "mulSecret G1": () => PAIR.G1mul(p, k),
    "mulSecret G2": () => PAIR.G2mul(q, k),
  };
}

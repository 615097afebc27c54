/**
 * amcl-js: the JavaScript of the original Milagro, numbers in doubles.
 * @module
 */
import { randomBytes } from "node:crypto";
import amcl from "amcl-js";
import type { Run } from "../harness/reporter.ts";
import type { Operations } from "./operations.ts";

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

const TAG = "BLS12381G1_XMD:SHA-256_SSWU_NU_MPIN";
const [PIN, WRONG_PIN] = [1234, 1235];

/** What its M-Pin server does with a login, the hash of the identity included. */
export function amclLoginCheck(): Run {
  const { MPIN, RAND } = new amcl.CTX("BLS12381");
  const random = new RAND();
  random.seed(128, [...randomBytes(128)]);
  const [tag, id] = [MPIN.asciitobytes(TAG), MPIN.asciitobytes("user-1")];
  const hash = (): number[] => {
    const point: number[] = [];
    MPIN.ENCODE_TO_CURVE(tag, id, point);
    return point;
  };
  const [master, serverSecret, token]: [number[], number[], number[]] = [[], [], []];
  MPIN.RANDOM_GENERATE(random, master);
  MPIN.GET_SERVER_SECRET(master, serverSecret);
  MPIN.GET_CLIENT_SECRET(master, hash(), token);
  MPIN.EXTRACT_PIN(hash(), PIN, token);

  const record = (pin: number): Run => {
    const [x, y, u, v]: [number[], number[], number[], number[]] = [[], [], [], []];
    MPIN.CLIENT_1(hash(), random, x, pin, token, v, u);
    MPIN.RANDOM_GENERATE(random, y);
    MPIN.CLIENT_2(x, y, v);
    return () => MPIN.SERVER(hash(), y, serverSecret, u, v);
  };
  const right = record(PIN);
  if (right() !== 0 || record(WRONG_PIN)() === 0) throw new Error("amcl-js does not tell PINs apart");
  return right;
}

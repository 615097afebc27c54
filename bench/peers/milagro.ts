/**
 * milagro-crypto-js: the JavaScript of the original Milagro, and how it checks an M-Pin login. It has no BLS12-381; of its curves
 * BLS383 is the closest: of the same family, two bits wider.
 * @module
 */
import { randomBytes } from "node:crypto";
import Context from "milagro-crypto-js";
import type { Run } from "../harness/reporter.ts";

export const MILAGRO_CURVE = "BLS383";
/** Time permits are not used. */
const NO_DATE = 0;
const [PIN, WRONG_PIN] = [1234, 1235];

/** Both steps of its server: the identity hashed to a point, then the pairing product. How far a wrong PIN was off is not asked. */
export function milagroLoginCheck(): Run {
  const { MPIN, RAND } = new Context(MILAGRO_CURVE);
  const random = new RAND();
  random.seed(128, [...randomBytes(128)]);
  const hash = MPIN.HASH_TYPE;
  const id = MPIN.stringtobytes("user-1");
  const [master, serverSecret, token]: [number[], number[], number[]] = [[], [], []];
  MPIN.RANDOM_GENERATE(random, master);
  MPIN.GET_SERVER_SECRET(master, serverSecret);
  MPIN.GET_CLIENT_SECRET(master, MPIN.HASH_ID(hash, id), token);
  MPIN.EXTRACT_PIN(hash, id, PIN, token);

  const record = (pin: number): Run => {
    const [x, y, u, v]: [number[], number[], number[], number[]] = [[], [], [], []];
    MPIN.CLIENT_1(hash, NO_DATE, id, random, x, pin, token, v, u, null, null);
    MPIN.RANDOM_GENERATE(random, y);
    MPIN.CLIENT_2(x, y, v);
    return () => {
      const point: number[] = [];
      MPIN.SERVER_1(hash, NO_DATE, id, point, null);
      return MPIN.SERVER_2(NO_DATE, point, null, y, serverSecret, u, null, v, null, null);
    };
  };
  const right = record(PIN);
  if (right() !== 0 || record(WRONG_PIN)() === 0) throw new Error("milagro-crypto-js does not tell PINs apart");
  return right;
}

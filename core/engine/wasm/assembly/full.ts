/**
 * The exports of the whole engine.
 */
export * from "./g1";

import { decodeAll } from "./codec";
import { conjugateFp12, mulFp12 } from "./field";
import { hashG2 } from "./hash";
import { multiScalar, multiScalarWork } from "./msm";
import { buildFixedTable, fixedTableBytes, multiplyAll, multiplyFixed } from "./multiply";
import { finalExponentiation, millerLoop, prepareLines } from "./pairing";
import { normalisePoints } from "./points";
import { equalFp12, isOneFp12, powerGt, readGt, setOneFp12, writeFp12 } from "./tower";

export {
  buildFixedTable,
  conjugateFp12,
  decodeAll,
  equalFp12,
  finalExponentiation,
  fixedTableBytes,
  hashG2,
  isOneFp12,
  millerLoop,
  mulFp12,
  multiplyAll,
  multiplyFixed,
  multiScalar,
  multiScalarWork,
  normalisePoints,
  powerGt,
  prepareLines,
  readGt,
  setOneFp12,
  writeFp12,
};

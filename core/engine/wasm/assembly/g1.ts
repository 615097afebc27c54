/**
 * The exports of the build that has G1 only: what a login client needs.
 */
import { arena, wipe } from "./memory";
import { initialise } from "./constants";
import { decodePoint, encodePoint } from "./codec";
import { addPoints, buildFixedTable, equalPoints, fixedTableBytes, isIdentity, multiplyFixed } from "./points";
import { multiplyPoint, multiplySmall, negatePoint, setIdentity } from "./points";
import { hashG1 } from "./hash";
import { multiScalar, multiScalarWork } from "./msm";
import { PAIR } from "./field";
import { scalarAdd, scalarInvert, scalarIsCanonical, scalarMultiply, scalarNegate, scalarReduce } from "./scalars";

export {
  addPoints,
  arena,
  buildFixedTable,
  decodePoint,
  encodePoint,
  equalPoints,
  fixedTableBytes,
  hashG1,
  initialise,
  isIdentity,
  multiplyFixed,
  multiplyPoint,
  multiplySmall,
  multiScalar,
  multiScalarWork,
  negatePoint,
  scalarAdd,
  scalarInvert,
  scalarIsCanonical,
  scalarMultiply,
  scalarNegate,
  scalarReduce,
  setIdentity,
  wipe,
};

/** Bytes of a pair; every other size follows from it. */
export function pairBytes(): usize {
  return PAIR;
}

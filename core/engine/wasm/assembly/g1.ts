/**
 * The exports of the build that has G1 only: what a login client needs.
 */

import { decodePoint, encodePoint } from "./codec";
import { initialise } from "./constants";
import { PAIR } from "./field";
import { hashG1 } from "./hash";
import { arena, wipe } from "./memory";
import { multiplyPoint, multiplySmall } from "./multiply";
import { addPoints, equalPoints, isIdentity, negatePoint, setIdentity } from "./points";
import { scalarAdd, scalarInvert, scalarIsCanonical, scalarMultiply, scalarNegate, scalarReduce } from "./scalars";

export {
  addPoints,
  arena,
  decodePoint,
  encodePoint,
  equalPoints,
  hashG1,
  initialise,
  isIdentity,
  multiplyPoint,
  multiplySmall,
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

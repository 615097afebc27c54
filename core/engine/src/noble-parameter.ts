/**
 * The curve parameter, from which the orders and all endomorphisms follow.
 * @module
 */
import { bls12_381 } from "@noble/curves/bls12-381.js";

/** |z| of BLS12-381, whose parameter z is negative. */
export const PARAMETER: bigint = bls12_381.params.ateLoopSize;

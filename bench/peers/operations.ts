/**
 * What every engine of the comparison does, and what it is given.
 * @module
 */
import type { Run } from "../harness/reporter.ts";

/** The operations compared, by row name; a peer has those it can do. */
export type Operations = Readonly<Record<string, Run>>;

export const TAG = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
export const MSM_SIZE = 1000;

let counter = 0;
/** 32 bytes that nobody has hashed yet, so that no cache helps. */
export function nextMessage(): Uint8Array {
  const message = new Uint8Array(32);
  new DataView(message.buffer).setUint32(0, ++counter);
  return message;
}

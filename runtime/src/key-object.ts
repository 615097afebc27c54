/**
 * Reading keys into OpenSSL. Node finds out by an exception that what it is given is no key object yet, and writes down a stack trace
 * that nobody reads: for a public key that takes five times as long as the rest (Node 24.21).
 * @module
 */
import {
  createPrivateKey,
  createPublicKey,
  type JsonWebKeyInput,
  type KeyObject,
  type PrivateKeyInput,
} from "node:crypto";

/** @throws what `createPublicKey` throws, without a stack */
export const readPublicKey = (input: JsonWebKeyInput): KeyObject => withoutStackTrace(() => createPublicKey(input));

/** @throws what `createPrivateKey` throws, without a stack */
export const readPrivateKey = (input: PrivateKeyInput): KeyObject => withoutStackTrace(() => createPrivateKey(input));

function withoutStackTrace<T>(read: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return read();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

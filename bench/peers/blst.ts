/**
 * blst, native code behind `@chainsafe/blst`: it offers signatures only.
 * @module
 */
import { randomBytes } from "node:crypto";
import blst from "@chainsafe/blst";
import { nextMessage, type Operations } from "./operations.ts";

export function blstPeer(): Operations {
  const key = blst.SecretKey.fromKeygen(randomBytes(32));
  const publicKey = key.toPublicKey();
  const message = nextMessage();
  const signature = key.sign(message);
  return { "BLS verify": () => blst.verify(message, publicKey, signature) };
}

/**
 * X25519 by OpenSSL, through `node:crypto`: the same function as noble's, some twenty times faster.
 * Source: RFC 8410 §3, §7 (the encodings that Node takes keys in).
 * @module
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from "node:crypto";
import type { X25519 } from "@milagro/crypto/hpke";

/** All that comes before the 32 bytes of the key: SEQUENCE, version, OID 1.3.101.110, wrapping. */
const PRIVATE_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

function privateKeyOf(bytes: Uint8Array): KeyObject {
  const key = Buffer.concat([PRIVATE_PREFIX, bytes]);
  try {
    return createPrivateKey({ key, format: "der", type: "pkcs8" });
  } finally {
    key.fill(0);
  }
}

export const nativeX25519: X25519 = (bytes) => {
  const privateKey = privateKeyOf(bytes);
  return {
    publicKey: () => {
      const encoded = createPublicKey(privateKey).export({ format: "der", type: "spki" });
      return new Uint8Array(encoded.subarray(PUBLIC_PREFIX.length));
    },
    sharedSecret: (peer) => {
      const key = Buffer.concat([PUBLIC_PREFIX, peer]);
      const publicKey = createPublicKey({ key, format: "der", type: "spki" });
      return new Uint8Array(diffieHellman({ privateKey, publicKey }));
    },
  };
};

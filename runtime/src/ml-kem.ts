/**
 * ML-KEM-768 by OpenSSL, through `node:crypto`: the same scheme as noble's, some twenty times faster. It draws from the system's
 * source and not from the one it is handed: OpenSSL takes none.
 *
 * Public keys go in and out as JWK, which costs a fraction of DER. Node 24.7 and later have it; before, noble's steps in.
 * Source: draft-ietf-jose-pqc-kem (`AKP`, `pub`).
 * @module
 */
import * as crypto from "node:crypto";
import { type MlKem, nobleMlKem } from "@milagro/crypto/ml-kem";
import { readPublicKey } from "./key-object.ts";

const openSslMlKem: MlKem = {
  generate() {
    const { publicKey, privateKey } = crypto.generateKeyPairSync("ml-kem-768");
    let key: crypto.KeyObject | undefined = privateKey;
    return {
      publicKey: new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" })["pub"] as string, "base64url")),
      decapsulate(ciphertext) {
        if (!key) throw new TypeError("this key was destroyed");
        return new Uint8Array(crypto.decapsulate(key, ciphertext));
      },
      destroy() {
        key = undefined; // the memory is OpenSSL's, which clears it when the object is collected
      },
    };
  },
  encapsulate(_, bytes) {
    const pub = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
    const jwk = { kty: "AKP", alg: "ML-KEM-768", pub };
    const key = readPublicKey({ key: jwk, format: "jwk" });
    const { ciphertext, sharedKey } = crypto.encapsulate(key);
    return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
  },
};

/** OpenSSL's where this Node has it. */
export const nativeMlKem: MlKem = typeof crypto.encapsulate === "function" ? openSslMlKem : nobleMlKem;

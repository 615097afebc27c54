/**
 * The sealed key store of a login server. What is in it, by entry:
 *
 *   approval        Ed25519 seed: signs approvals of further devices, which D-TAs check by the public key in their policy, and heads
 *                   of the audit log
 *   webhooks        32 bytes, from which the secret of each webhook is derived
 *   server-secret   s·g2, once it was collected; enrolment and join-tokens are there until then
 *   descriptor      the later descriptor that it is of, after a rotation
 *   oidc/…          left to the OpenID provider: its signing keys and cookie keys
 * @module
 */
import { createPrivateKey, createPublicKey, hkdfSync, type KeyObject } from "node:crypto";
import { encodeBase64url } from "@milagro/crypto/base64url";
import { concat, wipe } from "@milagro/crypto/bytes";
import { createKeyStore, type KdfCost, type KeyStore, openKeyStore } from "@milagro/runtime/key-store";
import type { Passphrase } from "@milagro/runtime/passphrase";
import { systemRandom } from "@milagro/runtime/random";

const KIND = "login-server";
/** PKCS #8 around a 32-byte Ed25519 seed. Source: RFC 8410 §7. */
const PKCS8_PREFIX = Uint8Array.from([48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32]);

/** What the store holds, open. */
export interface Keys {
  readonly store: KeyStore;
  readonly approvalKey: KeyObject;
  /** 32 bytes: what a D-TA's policy names. */
  readonly approvalPublicKey: Uint8Array;
  /** Names the key that webhook secrets come from. Public. */
  readonly webhookKeyId: string;
  /** 32 bytes, the same each time. The caller wipes them. */
  webhookSecret(id: string): Uint8Array;
  close(): Promise<void>;
}

/** Makes the store with fresh keys. @param cost - of the passphrase; the default suits people's @throws `ERR_FILE_EXISTS` */
export async function createKeys(path: string, passphrase: Passphrase, cost?: KdfCost): Promise<Keys> {
  const options = { kind: KIND, passphrase, random: systemRandom, ...(cost ? { cost } : {}) };
  const store = await createKeyStore(path, options);
  const fresh = { approval: systemRandom(32), webhooks: systemRandom(32) };
  await store.update({ set: fresh });
  wipe(fresh.approval, fresh.webhooks);
  return keysOf(store);
}

/** @throws `ERR_KEYSTORE_PASSPHRASE`, `ERR_KEYSTORE_CORRUPT`, `ERR_FILE_MISSING` */
export async function openKeys(path: string, passphrase: Passphrase): Promise<Keys> {
  return keysOf(await openKeyStore(path, { kind: KIND, passphrase, random: systemRandom }));
}

function keysOf(store: KeyStore): Keys {
  const lend = <T>(name: string, use: (bytes: Uint8Array) => T): T => {
    const entry = store.get(name);
    if (!entry) throw new TypeError(`the key store lacks its ${name} key`);
    try {
      return entry.use(use);
    } finally {
      entry.destroy();
    }
  };
  const approvalKey = lend("approval", (seed) => {
    const der = concat(PKCS8_PREFIX, seed);
    const key = createPrivateKey({ key: Buffer.from(der.buffer), format: "der", type: "pkcs8" });
    wipe(der);
    return key;
  });
  const { x = "" } = createPublicKey(approvalKey).export({ format: "jwk" });
  const derive = (label: string): Uint8Array =>
    lend("webhooks", (key) => new Uint8Array(hkdfSync("sha256", key, new Uint8Array(), label, 32)));
  return {
    store,
    approvalKey,
    approvalPublicKey: new Uint8Array(Buffer.from(x, "base64url")),
    webhookKeyId: encodeBase64url(derive("milagro webhook key id v1").subarray(0, 12)),
    webhookSecret: (id) => derive(`milagro webhook v1 ${id}`),
    close: () => store.close(),
  };
}

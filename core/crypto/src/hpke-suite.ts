/**
 * The three parts of our HPKE suite for the `hpke` library: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Hashes
 * are noble's. The two operations on the curve and the cipher are ports: noble's run everywhere, a shell may hand in native
 * ones, which are many times faster; both compute the same bytes.
 * Source: RFC 9180 §4.1 (DHKEM), §7.1.3 (DeriveKeyPair), §7.1.4 (all-zero check), §4 (LabeledExtract, LabeledExpand).
 * @module
 */
import { x25519 as nobleCurve } from "@noble/curves/ed25519.js";
import {
  type AEADFactory,
  CipherSuite,
  I2OSP,
  type KDFFactory,
  type KEMFactory,
  type Key,
  LabeledExpand,
  LabeledExtract,
  ValidationError,
} from "hpke";
import { type AeadPort, nobleAead } from "./aead.ts";
import { concat, utf8 } from "./bytes.ts";
import { hkdfExpand, hkdfExtract } from "./hkdf.ts";

/** A private key made ready: native libraries take longer for that than for multiplying. */
export interface X25519Agreement {
  publicKey(): Uint8Array;
  /** All zeroes or a throw for a public key of small order. */
  sharedSecret(publicKey: Uint8Array): Uint8Array;
}
/** RFC 7748's function, on keys of 32 bytes. */
export type X25519 = (privateKey: Uint8Array) => X25519Agreement;

/** Plain JavaScript. */
export const nobleX25519: X25519 = (privateKey) => ({
  publicKey: () => nobleCurve.getPublicKey(privateKey),
  sharedSecret: (publicKey) => nobleCurve.getSharedSecret(privateKey, publicKey),
});

/** What a shell may do faster than JavaScript; noble's where absent. */
export interface HpkePorts {
  readonly x25519?: X25519 | undefined;
  readonly aead?: AeadPort | undefined;
}

const KEM_ID = 0x0020;
const KDF_ID = 0x0001;
const AEAD_ID = 0x0002;
const LENGTH = 32;
const NAME = "DHKEM(X25519, HKDF-SHA256)";
const SUITE_ID = concat(utf8("KEM"), I2OSP(KEM_ID, 2));
const NOTHING = new Uint8Array();

/** A key as the library carries it about. The bytes are private: it must not be printed with them. */
class X25519Key implements Key {
  readonly algorithm = { name: NAME };
  readonly type: "public" | "private";
  readonly extractable: boolean;
  readonly #bytes: Uint8Array;
  readonly #agreement: X25519Agreement | undefined;

  constructor(bytes: Uint8Array, extractable: boolean, curve?: X25519) {
    this.type = curve ? "private" : "public";
    this.#bytes = bytes.slice();
    this.#agreement = curve?.(this.#bytes);
    this.extractable = extractable;
  }

  /** @throws TypeError for another library's key */
  static bytesOf(key: Key): Uint8Array {
    if (!(#bytes in key)) throw new TypeError("not a key of this suite");
    return key.#bytes;
  }

  /** @throws TypeError for a public key */
  static agreementOf(key: Key): X25519Agreement {
    if (!(#agreement in key) || !key.#agreement) throw new TypeError("not a private key of this suite");
    return key.#agreement;
  }
}

const kdf: KDFFactory = () => ({
  id: KDF_ID,
  type: "KDF",
  name: "HKDF-SHA256",
  Nh: LENGTH,
  stages: 2,
  Extract: async (salt, ikm) => hkdfExtract(ikm, salt),
  Expand: async (prk, info, length) => hkdfExpand(prk, info, length),
  Derive: async () => {
    throw new TypeError("a KDF of two stages");
  },
});

const aeadOf =
  (port: AeadPort): AEADFactory =>
  () => ({
    id: AEAD_ID,
    type: "AEAD",
    name: "AES-256-GCM",
    Nk: 32,
    Nn: 12,
    Nt: 16,
    Seal: async (key, nonce, aad, plaintext) => port.seal(key, nonce, aad, plaintext),
    Open: async (key, nonce, aad, ciphertext) => port.open(key, nonce, aad, ciphertext),
  });

function dhkem(curve: X25519, seed: Uint8Array | undefined): KEMFactory<Key> {
  const hkdf = kdf();
  const { agreementOf, bytesOf } = X25519Key;
  const publicKey = (bytes: Uint8Array): X25519Key => new X25519Key(bytes, true);
  const deriveKeyPair = async (ikm: Uint8Array, extractable: boolean) => {
    const prk = await LabeledExtract(hkdf, SUITE_ID, NOTHING, utf8("dkp_prk"), ikm);
    const secret = await LabeledExpand(hkdf, SUITE_ID, prk, utf8("sk"), NOTHING, LENGTH);
    const privateKey = new X25519Key(secret, extractable, curve);
    return { privateKey, publicKey: publicKey(agreementOf(privateKey).publicKey()) };
  };
  const generateKeyPair = (extractable: boolean) => {
    if (!seed) throw new TypeError("this operation draws no randomness");
    return deriveKeyPair(seed, extractable);
  };
  /** ExtractAndExpand over the Diffie–Hellman value. */
  const agree = async (own: Key, theirs: Uint8Array, enc: Uint8Array, receiver: Uint8Array) => {
    const dh = agreementOf(own).sharedSecret(theirs);
    if (dh.every((byte) => byte === 0)) throw new ValidationError("the shared secret is zero");
    const prk = await LabeledExtract(hkdf, SUITE_ID, NOTHING, utf8("eae_prk"), dh);
    return LabeledExpand(hkdf, SUITE_ID, prk, utf8("shared_secret"), concat(enc, receiver), LENGTH);
  };
  return () => ({
    id: KEM_ID,
    type: "KEM",
    name: NAME,
    Nsecret: LENGTH,
    Nenc: LENGTH,
    Npk: LENGTH,
    Nsk: LENGTH,
    DeriveKeyPair: deriveKeyPair,
    GenerateKeyPair: generateKeyPair,
    SerializePublicKey: async (key) => bytesOf(key).slice(),
    DeserializePublicKey: async (bytes) => publicKey(bytes),
    SerializePrivateKey: async (key) => bytesOf(key).slice(),
    DeserializePrivateKey: async (bytes, extractable) => new X25519Key(bytes, extractable, curve),
    Encap: async (receiver) => {
      const ephemeral = await generateKeyPair(false);
      const enc = bytesOf(ephemeral.publicKey).slice();
      const to = bytesOf(receiver);
      return { shared_secret: await agree(ephemeral.privateKey, to, enc, to), enc };
    },
    Decap: async (enc, own, ownPublic) => {
      const receiver = ownPublic === undefined ? agreementOf(own).publicKey() : bytesOf(ownPublic);
      return agree(own, enc, enc, receiver);
    },
  });
}

/** The suite, with an ephemeral key pair that comes from `seed`; without one it can only receive. */
export const suite = (ports: HpkePorts, seed?: Uint8Array): CipherSuite<Key> =>
  new CipherSuite(dhkem(ports.x25519 ?? nobleX25519, seed), kdf, aeadOf(ports.aead ?? nobleAead));

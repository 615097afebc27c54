/**
 * A second seal, which only a passkey opens: its PRF gives 32 bytes that no storage holds, and they become the key under which records
 * are sealed before the browser's own seal. A thief of the unlocked browser profile then needs the person's passkey as well.
 *
 * Opt-in, for browsers and authenticators that have the `prf` extension; WebAuthn wants a name for a host, so it works at `localhost`
 * and not at an IP address. It replaces neither PIN nor login: the server never hears of it.
 * @module
 */
import type { MpinStorage } from "@milagro/client/mpin-ports";
import { transcript, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";
import { openRecord, sealRecord } from "./record-seal.ts";
import { secureRandom } from "./secure-random.ts";

/** What must be kept to ask the passkey again. No secret. */
export interface PasskeySeal {
  readonly credential: Uint8Array;
  readonly salt: Uint8Array;
}

/**
 * Makes a passkey for sealing; the browser asks the person.
 * @throws `ERR_PASSKEY_UNAVAILABLE` when there is no PRF, or the person said no
 */
export async function createPasskeySeal(user: string): Promise<PasskeySeal> {
  const salt = secureRandom(32);
  const made = await asked(() =>
    navigator.credentials.create({
      publicKey: {
        rp: { name: location.hostname },
        user: { id: secureRandom(16), name: user, displayName: user },
        challenge: secureRandom(32),
        pubKeyCredParams: [
          { type: "public-key", alg: -7 },
          { type: "public-key", alg: -257 },
        ],
        authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
        extensions: { prf: {} },
      },
    }),
  );
  if (made.getClientExtensionResults().prf?.enabled !== true) throw unavailable("this passkey has no PRF");
  return { credential: new Uint8Array(made.rawId), salt };
}

/** Asks the person, and derives the key. @throws `ERR_PASSKEY_UNAVAILABLE` */
export async function openPasskeySeal(seal: PasskeySeal): Promise<CryptoKey> {
  const used = await asked(() =>
    navigator.credentials.get({
      publicKey: {
        challenge: secureRandom(32),
        allowCredentials: [{ type: "public-key", id: seal.credential.slice() }],
        userVerification: "required",
        extensions: { prf: { eval: { first: seal.salt.slice() } } },
      },
    }),
  );
  const output = used.getClientExtensionResults().prf?.results?.first;
  if (!output) throw unavailable("this passkey has no PRF");
  const bytes = new Uint8Array(output as ArrayBuffer).slice();
  const base = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  bytes.fill(0);
  return crypto.subtle.deriveKey(
    {
      name: "HKDF",
      hash: "SHA-256",
      salt: seal.salt.slice(),
      info: transcript("MILAGRO-V1-WEB-PASSKEY", utf8(location.origin)).slice(),
    },
    base,
    { name: "AES-GCM", length: 256 },
    false,
    ["encrypt", "decrypt"],
  );
}

/** The same storage, everything in it sealed once more. */
export function sealedStorage(storage: MpinStorage, key: CryptoKey, origin: string): MpinStorage {
  const place = (record: string) => ["passkey", origin, record];
  return {
    ...storage,
    async get(record) {
      const sealed = await storage.get(record);
      return sealed && openRecord(key, place(record), sealed);
    },
    put: async (record, value) => storage.put(record, await sealRecord(key, place(record), value)),
  };
}

async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  let answer: Credential | null;
  try {
    answer = await ask();
  } catch (cause) {
    throw new MilagroError("ERR_PASSKEY_UNAVAILABLE", "the passkey was not used", { cause });
  }
  if (!(answer instanceof PublicKeyCredential)) throw unavailable("the browser gave no passkey");
  return answer;
}

function unavailable(message: string): MilagroError {
  return new MilagroError("ERR_PASSKEY_UNAVAILABLE", message);
}

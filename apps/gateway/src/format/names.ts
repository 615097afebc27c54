/**
 * Encrypted names. Each part of a key between slashes is encrypted by itself, deterministically, bound to the parts before it:
 *
 *   names key = deriveKey(bucket key, "MILAGRO-V1-GATEWAY-NAMES-MAC") ‖ deriveKey(bucket key, "MILAGRO-V1-GATEWAY-NAMES-ENC")
 *   part      = base64url(AES-SIV(names key, aad = the parts before it with their slashes, part)); an empty part stays empty
 *
 * The store sees how deep a key is, how long each part is, and which objects lie in the same folder; it does not see names, and cannot sort by them.
 * Source: RFC 5297.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { concat, parseUtf8, utf8 } from "@milagro/crypto/bytes";
import { deriveKey } from "@milagro/crypto/kdf";
import { aessiv } from "@noble/ciphers/aes.js";
import type { Kek } from "./object-header.ts";
import { corrupt } from "./segments.ts";

export interface NameCipher {
  /** @param key - a whole key, or a prefix that ends with a slash */
  seal(key: string): string;
  /** @throws `ERR_OBJECT_CORRUPT` for a name that the store made up or moved */
  open(name: string): string;
}

/** Parents are met again and again; this many are remembered. */
const REMEMBERED = 10_000;

export function createNameCipher(bucketKey: Kek): NameCipher {
  const key = bucketKey.use((bytes) =>
    concat(deriveKey(bytes, "MILAGRO-V1-GATEWAY-NAMES-MAC"), deriveKey(bytes, "MILAGRO-V1-GATEWAY-NAMES-ENC")),
  );
  const sealed = new Map<string, string>([["", ""]]);
  const opened = new Map<string, string>([["", ""]]);
  const remember = (map: Map<string, string>, from: string, to: string): void => {
    if (map.size >= REMEMBERED) map.clear();
    map.set("", "").set(from, to);
  };
  const sealPart = (parent: string, part: string): string =>
    part === "" ? "" : encodeBase64url(aessiv(key, utf8(parent)).encrypt(utf8(part)));
  const openPart = (parent: string, part: string): string => {
    if (part === "") return "";
    try {
      return parseUtf8(aessiv(key, utf8(parent)).decrypt(parseBase64url(part)));
    } catch (cause) {
      return corrupt(cause);
    }
  };
  const folder = (
    map: Map<string, string>,
    path: string,
    one: (parent: string, part: string) => string,
    own: boolean,
  ): string => {
    const known = map.get(path);
    if (known !== undefined) return known;
    const cut = path.slice(0, -1).lastIndexOf("/") + 1;
    const above = folder(map, path.slice(0, cut), one, own);
    const result = `${above}${one(own ? path.slice(0, cut) : above, path.slice(cut, -1))}/`;
    remember(map, path, result);
    return result;
  };
  return {
    seal(whole) {
      const cut = whole.lastIndexOf("/") + 1;
      const parent = whole.slice(0, cut);
      return folder(sealed, parent, sealPart, true) + sealPart(parent, whole.slice(cut));
    },
    open(name) {
      const cut = name.lastIndexOf("/") + 1;
      const parent = folder(opened, name.slice(0, cut), openPart, false);
      return parent + openPart(parent, name.slice(cut));
    },
  };
}

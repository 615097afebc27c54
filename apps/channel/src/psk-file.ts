/**
 * Keys in the forms that existing programs read: what they call a PSK identity, and the key in hex.
 *
 *   mosquitto   `psk_file`: a line for each key, `identity:hex`        (mosquitto.conf(5))
 *   stunnel     `PSKsecrets`: the same lines                           (stunnel(8))
 *   openssl     the hex alone, as `-psk` of s_client and s_server takes it
 *
 * Without a key stunnel and openssl do not start, and stunnel that is told to read an empty file keeps the keys it has, expired or not. Their
 * files then hold a key that nobody has.
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";

export const PSK_FORMATS = ["mosquitto", "stunnel", "openssl"] as const;
export type PskFormat = (typeof PSK_FORMATS)[number];

export interface PskEntry {
  /** Letters, digits, `-` and `_` only: no format has to quote it. */
  readonly identity: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Whether the program's form has room for one key only, and so for one holder. */
export const holdsOneKey = (format: PskFormat): boolean => format === "openssl";

/** What stands for no key, in programs that cannot do without one. */
export const NOBODY = "nobody";

/** The whole file. It holds keys: the caller wipes it. @throws `ERR_VALUE_INVALID` for several keys in a form that holds one */
export function encodePskFile(format: PskFormat, entries: readonly PskEntry[], random: RandomBytes): Buffer {
  if (holdsOneKey(format) && entries.length > 1)
    throw new MilagroError("ERR_VALUE_INVALID", "the form of openssl holds one key: use it for one identity");
  const needsOne = entries.length === 0 && format !== "mosquitto";
  const lines = (needsOne ? [{ identity: NOBODY, key: random(32) }] : entries).map(({ identity, key }) => {
    if (!/^[A-Za-z0-9_-]{1,255}$/.test(identity) || key.length < 16) throw new TypeError("not a PSK of ours");
    const hex = hexOf(key);
    const line =
      format === "openssl"
        ? Buffer.concat([hex, Buffer.from("\n")])
        : Buffer.concat([Buffer.from(`${identity}:`), hex, Buffer.from("\n")]);
    hex.fill(0);
    return line;
  });
  const file = Buffer.concat(lines);
  for (const line of lines) line.fill(0);
  return file;
}

/** Not by way of a string: those cannot be wiped. */
export function hexOf(bytes: Uint8Array): Buffer {
  const digits = Buffer.from("0123456789abcdef", "latin1");
  const hex = Buffer.alloc(bytes.length * 2);
  for (const [i, byte] of bytes.entries()) {
    hex[2 * i] = digits[byte >> 4] as number;
    hex[2 * i + 1] = digits[byte & 15] as number;
  }
  return hex;
}

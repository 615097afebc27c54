/**
 * The number by which a person knows that the old device approves the very request that the new one has made. It is computed by
 * the two devices, from what each of them sent and got, so that a login server in between which swaps the request, or the name of
 * the device, makes them show different numbers. Source: the three-move short authentication string of Vaudenay, "Secure
 * Communications over Insecure Channels Based on Short Authenticated Strings" (CRYPTO 2005), §4.
 *
 *   new → old   commitment to request hash, label and a nonce      binds the new device before it has seen anything
 *   old → new   a nonce                                            drawn after the commitment has arrived
 *   new → old   the committed nonce                                sent after the other nonce has arrived, and been stored
 *
 * Whoever is in the middle must fix what it commits to before it knows the last nonce of either side: the numbers are then equal
 * with probability 10⁻⁷ (less than 2⁻²³) for each code that a person opens. Security: each side sends each of its messages once.
 * @module
 */
import { equalBytes, utf8 } from "@milagro/crypto/bytes";
import { digest } from "@milagro/crypto/kdf";
import { MilagroError } from "@milagro/engine/error";

/** Bytes of each nonce. */
export const QUICK_CODE_NONCE = 32;
const DIGITS = 7;

/** What the new device stands for: the hash of its request, and what its user calls it. */
export interface QuickCodeMatter {
  readonly requestHash: Uint8Array;
  readonly label: string;
}

/** `digest("MILAGRO-V1-QUICK-CODE-COMMITMENT", request hash, label, nonce)`, 32 bytes. @param nonce - 32 random bytes, secret for now */
export function commitQuickCode({ requestHash, label }: QuickCodeMatter, nonce: Uint8Array): Uint8Array {
  return digest("MILAGRO-V1-QUICK-CODE-COMMITMENT", requestHash, utf8(label), nonce);
}

/** Seven decimal digits. @param newNonce - of the new device; @param oldNonce - of the old one */
export function quickCodeNumber(
  { requestHash, label }: QuickCodeMatter,
  newNonce: Uint8Array,
  oldNonce: Uint8Array,
): string {
  const hash = digest("MILAGRO-V1-QUICK-CODE-NUMBER", requestHash, utf8(label), newNonce, oldNonce);
  // 64 bits for 10⁷ values: no number is likelier than another by more than 2⁻⁴⁰.
  const value = new DataView(hash.buffer, hash.byteOffset).getBigUint64(0);
  return String(value % 10n ** BigInt(DIGITS)).padStart(DIGITS, "0");
}

/**
 * The old device's side of the end: the number, if what was revealed is what had been committed to.
 * @throws `ERR_LOGIN_MISMATCH`
 */
export function openedQuickCodeNumber(
  matter: QuickCodeMatter,
  commitment: Uint8Array,
  newNonce: Uint8Array,
  oldNonce: Uint8Array,
): string {
  if (!equalBytes(commitQuickCode(matter, newNonce), commitment))
    throw new MilagroError("ERR_LOGIN_MISMATCH", "the new device reveals another nonce than it has committed to");
  return quickCodeNumber(matter, newNonce, oldNonce);
}

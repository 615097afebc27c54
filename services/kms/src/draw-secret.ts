/**
 * Random secrets in the form that was asked for. Text is drawn character by character without bias and stays bytes: a
 * string could not be wiped.
 * @module
 */
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import type { GenerateRequest } from "@milagro/protocol/kms-messages";

/** Below this a text secret could be guessed offline, whatever stores it. */
const MIN_BITS = 60;

/**
 * @returns the secret, for the caller to wipe
 * @throws `ERR_MESSAGE_INVALID` for an alphabet that repeats a character, or length and alphabet that leave less than 60 bits
 */
export function drawSecret(random: RandomBytes, form: GenerateRequest["form"]): Uint8Array {
  if (form.type === "bytes") return random(form.length);
  const { alphabet, length } = form;
  if (new Set(alphabet).size !== alphabet.length)
    throw new MilagroError("ERR_MESSAGE_INVALID", "the alphabet repeats a character, which would make it likelier");
  if (length * Math.log2(alphabet.length) < MIN_BITS)
    throw new MilagroError(
      "ERR_MESSAGE_INVALID",
      `length and alphabet give less than ${MIN_BITS} bits: take more characters`,
    );
  const secret = new Uint8Array(length);
  const bound = 256 - (256 % alphabet.length); // bytes from here on would favour the first characters
  for (let i = 0; i < length; ) {
    const bytes = random(length - i);
    for (const byte of bytes) if (byte < bound) secret[i++] = alphabet.charCodeAt(byte % alphabet.length);
    bytes.fill(0);
  }
  return secret;
}

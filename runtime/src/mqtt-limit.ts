/**
 * Refuses MQTT packets over a size before they are collected: the broker's parser would gather up to 256 MiB for a packet that never completes.
 * Source: MQTT 3.1.1 §2.2 (fixed header), §2.2.3 (remaining length: up to four bytes of seven bits, least significant first).
 * @module
 */
import { Transform } from "node:stream";

/** Passes bytes through; errors at the fixed header of a packet whose remaining length exceeds `maxBytes`, or is malformed. */
export function limitPackets(maxBytes: number): Transform {
  /** Bytes of the current packet's body still to come. */
  let remaining = 0;
  let inHeader = false;
  let length = 0;
  let shift = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      let offset = 0;
      while (offset < chunk.length) {
        if (remaining > 0) {
          const step = Math.min(remaining, chunk.length - offset);
          remaining -= step;
          offset += step;
          continue;
        }
        const byte = chunk[offset++] ?? 0;
        if (!inHeader) {
          inHeader = true;
          length = 0;
          shift = 0;
          continue; // packet type and flags
        }
        length += (byte & 0x7f) * 2 ** shift;
        shift += 7;
        if (length > maxBytes || (shift >= 28 && byte >= 0x80)) {
          done(new Error("an MQTT packet is too large or malformed"));
          return;
        }
        if (byte < 0x80) {
          inHeader = false;
          remaining = length;
        }
      }
      done(null, chunk);
    },
  });
}

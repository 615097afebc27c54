/**
 * Cursors of listings: the place to go on from, authenticated, so that a client can neither build one nor carry one
 * from one listing to another. Bound to who asks and to the prefix; holds the last path shown, which that client has seen.
 *
 * The key is drawn at start: a cursor does not outlive the process, and a listing then starts again.
 * @module
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { concat, transcript, utf8 } from "@milagro/crypto/bytes";
import { MilagroError } from "@milagro/engine/error";

const TAG_BYTES = 16;
const MAX_TEXT = 512;

export interface CursorScope {
  readonly identity: string;
  readonly prefix: string;
}

export interface CursorBox {
  /** @param after - the last path of the page that was shown */
  encode(scope: CursorScope, after: string): string;
  /** @throws `ERR_CURSOR_INVALID` for anything this process did not make for this very scope */
  parse(scope: CursorScope, text: string): string;
}

/** @param key - 32 secret bytes */
export function createCursorBox(key: Uint8Array): CursorBox {
  const tagOf = (scope: CursorScope, place: Uint8Array): Uint8Array => {
    const input = transcript("milagro kms cursor v1", utf8(scope.identity), utf8(scope.prefix), place);
    return createHmac("sha256", key).update(input).digest().subarray(0, TAG_BYTES);
  };
  return {
    encode(scope, after) {
      const place = utf8(after);
      return encodeBase64url(concat(tagOf(scope, place), place));
    },
    parse(scope, text) {
      const refuse = (): never => {
        throw new MilagroError("ERR_CURSOR_INVALID", "this cursor was not made for this listing: start it again");
      };
      if (text.length > MAX_TEXT) return refuse();
      let bytes: Uint8Array;
      try {
        bytes = parseBase64url(text);
      } catch {
        return refuse();
      }
      if (bytes.length <= TAG_BYTES) return refuse();
      const place = bytes.subarray(TAG_BYTES);
      if (!timingSafeEqual(bytes.subarray(0, TAG_BYTES), tagOf(scope, place))) return refuse();
      return new TextDecoder().decode(place);
    },
  };
}

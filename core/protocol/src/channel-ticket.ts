/**
 * Tickets: a PSK identity that says everything about itself to whoever holds the ticket key, and nothing to anybody else. No server
 * remembers one, so any instance opens what another has sealed.
 *
 *   ticket   = base64url(head ‖ nonce (12) ‖ AES-256-GCM(ticket key, nonce, aad = transcript("MILAGRO-V1-CHANNEL-TICKET", head, responder), content))
 *   head     = 0x01 ‖ key id (4)
 *   content  = psk (32) ‖ u32 expiry, Unix seconds ‖ credential without its domain
 *   credential = 0x00 | 0x01 ‖ u64 epoch ‖ kind "/" name | 0x02 ‖ u8 index | 0x03 ‖ u64 permit epoch ‖ kind "/" name
 *
 * A PSK identity has at most 255 bytes, so a peer whose kind and name are longer than 112 bytes gets none, and agrees each time.
 * Source: RFC 5077 §4 for the idea; the key is used with AES-GCM and random nonces, so for at most 2³² tickets (SP 800-38D §8.3).
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { ByteReader, concat, equalBytes, parseUtf8, transcript, u8, u32, u64, utf8, wipe } from "@milagro/crypto/bytes";
import { parseEpoch } from "@milagro/crypto/epoch";
import { parseIdentity } from "@milagro/crypto/identity";
import { parseMpinIdentity } from "@milagro/crypto/mpin-identity";
import { Secret } from "@milagro/crypto/secret";
import type { RandomBytes } from "@milagro/engine/engine";
import { MilagroError } from "@milagro/engine/error";
import { type Credential, credentialName } from "./channel-credential.ts";
import type { ChannelPsk } from "./channel-party.ts";

/** AES-256-GCM that answers at once: OpenSSL asks for keys in a synchronous callback. */
export interface TicketCipher {
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array;
}

/** What tickets are sealed under. */
export interface TicketKey {
  /** 4 bytes, public. */
  readonly id: Uint8Array;
  /** 32 bytes. */
  readonly key: Secret<"ticket key">;
}

/** What a ticket holds. */
export interface TicketContent {
  readonly psk: ChannelPsk;
  /** Unix seconds. */
  readonly expires: number;
  readonly peer: Credential;
}

const VERSION = 0x01;
/** Bytes of text that a PSK identity may have. */
export const MAX_PSK_IDENTITY = 255;

const refuse = (): never => {
  throw new MilagroError("ERR_CHANNEL_TICKET", "not a ticket of this server, or one of a time gone by");
};

/** @param responder - the name of the side that will open it; undefined: too long for a ticket */
export function sealTicket(
  cipher: TicketCipher,
  random: RandomBytes,
  ticketKey: TicketKey,
  responder: Credential,
  content: TicketContent,
): string | undefined {
  const head = concat(u8(VERSION), ticketKey.id);
  const nonce = random(12);
  const plaintext = content.psk.use((psk) => concat(psk, u32(content.expires), shorten(content.peer)));
  const sealed = ticketKey.key.use((key) => cipher.seal(key, nonce, associated(head, responder), plaintext));
  wipe(plaintext);
  const text = encodeBase64url(concat(head, nonce, sealed));
  return text.length > MAX_PSK_IDENTITY ? undefined : text;
}

/**
 * @param domain - the domain's name, which the ticket leaves out
 * @throws `ERR_CHANNEL_TICKET`, whatever is wrong
 */
export function openTicket(
  cipher: TicketCipher,
  keys: readonly TicketKey[],
  options: { readonly text: string; readonly domain: string; readonly responder: Credential; readonly nowMs: number },
): TicketContent {
  let plaintext: Uint8Array | undefined;
  try {
    if (options.text.length > MAX_PSK_IDENTITY) return refuse();
    const reader = new ByteReader(parseBase64url(options.text), "ERR_CHANNEL_TICKET");
    const head = reader.take(5);
    const ticketKey = keys.find(({ id }) => equalBytes(id, head.subarray(1)));
    if (head[0] !== VERSION || !ticketKey) return refuse();
    const nonce = reader.take(12);
    const sealed = reader.take(reader.remaining);
    const opened = ticketKey.key.use((key) => cipher.open(key, nonce, associated(head, options.responder), sealed));
    plaintext = opened;
    const inner = new ByteReader(opened, "ERR_CHANNEL_TICKET");
    const psk = inner.take(32);
    const expires = inner.integer(32);
    const peer = lengthen(inner, options.domain);
    if (expires * 1000 <= options.nowMs) return refuse();
    return { psk: new Secret("channel PSK", psk), expires, peer };
  } catch {
    return refuse();
  } finally {
    plaintext?.fill(0);
  }
}

function associated(head: Uint8Array, responder: Credential): Uint8Array {
  return transcript("MILAGRO-V1-CHANNEL-TICKET", head, utf8(credentialName(responder)));
}

function shorten(credential: Credential): Uint8Array {
  const rest = (text: string): Uint8Array => utf8(text.slice(text.indexOf("/") + 1));
  switch (credential.kind) {
    case "anonymous":
      return u8(0);
    case "identity":
      return concat(u8(1), u64(credential.epoch), rest(credential.identity));
    case "authority":
      return concat(u8(2), u8(credential.index));
    case "mpin":
      return concat(u8(3), u64(credential.permitEpoch), rest(credential.identity));
  }
}

function lengthen(reader: ByteReader, domain: string): Credential {
  const kind = reader.integer(8);
  if (kind === 0) return atEnd(reader, { kind: "anonymous" });
  if (kind === 2) return atEnd(reader, { kind: "authority", index: reader.integer(8) });
  if (kind !== 1 && kind !== 3) return refuse();
  const epoch = parseEpoch(reader.u64());
  const text = `milagro:${domain}/${parseUtf8(reader.take(reader.remaining))}`;
  if (kind === 1) return { kind: "identity", identity: parseIdentity(text), epoch };
  return { kind: "mpin", identity: parseMpinIdentity(text), permitEpoch: epoch };
}

function atEnd(reader: ByteReader, credential: Credential): Credential {
  reader.end();
  return credential;
}

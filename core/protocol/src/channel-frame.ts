/**
 * What an agreement looks like on a byte stream, before TLS runs on it.
 *
 *   frame  = "MLGC" ‖ u8 version = 1 ‖ u8 type ‖ u16 length ‖ body (length)
 *   offer  = u8 suite = 1 ‖ u8 purpose ‖ domainId (32) ‖ nonce (32) ‖ X_A (32) ‖ ek_A (1184)
 *   answer = nonce (32) ‖ X_B (32) ‖ ct (1088) ‖ sealed (81 to 512)
 *   all later ones: sealed (17 to 1024)            refusal = u8 reason          invitation = u8 index of a D-TA
 *
 * No frame begins like a TLS record (0x14 to 0x17), so one port can serve both; each type has its bounds, which are checked
 * before anything is waited for or computed.
 * @module
 */
import { ByteReader, concat, equalBytes, u8, u16, utf8 } from "@milagro/crypto/bytes";
import { HYBRID_ANSWER_LENGTH, HYBRID_OFFER_LENGTH } from "@milagro/crypto/hybrid-agreement";
import { MilagroError } from "@milagro/engine/error";
import type { ErrorCode } from "./error-codes.ts";

/** Bytes before the body. */
export const FRAME_HEADER_LENGTH = 8;
const MAGIC = utf8("MLGC");
const VERSION = 1;
/** X25519 with ML-KEM-768, HKDF-SHA-256, AES-256-GCM, signatures of docs/spec/signatures. The only one of version 1. */
const SUITE = 1;

/** Types by name, with the least and the greatest length of their bodies. */
const TYPES = {
  offer: { code: 1, least: 66 + HYBRID_OFFER_LENGTH, most: 66 + HYBRID_OFFER_LENGTH },
  answer: { code: 2, least: 32 + HYBRID_ANSWER_LENGTH + 81, most: 32 + HYBRID_ANSWER_LENGTH + 512 },
  proof: { code: 3, least: 17, most: 1024 },
  grant: { code: 4, least: 17, most: 1024 },
  "mpin-offer": { code: 5, least: 17, most: 1024 },
  "mpin-answer": { code: 6, least: 17, most: 1024 },
  "mpin-confirmation": { code: 7, least: 17, most: 1024 },
  invitation: { code: 8, least: 1, most: 1 },
  refusal: { code: 15, least: 1, most: 1 },
} as const;

export type FrameType = keyof typeof TYPES;
const BY_CODE = new Map(
  Object.entries(TYPES).map(([type, bounds]) => [bounds.code as number, { type: type as FrameType, ...bounds }]),
);

/** A frame that was read whole. */
export interface Frame {
  readonly type: FrameType;
  /** Header and body. */
  readonly bytes: Uint8Array;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** What is known of a frame from its header. */
export interface FrameHeader {
  readonly type: FrameType;
  /** Bytes of the body. */
  readonly length: number;
}

const malformed = (detail: string): MilagroError => new MilagroError("ERR_CHANNEL_MESSAGE", detail);

/** Whether a connection that begins so is an agreement rather than TLS. */
export const isFrameStart = (firstByte: number): boolean => firstByte === MAGIC[0];

/**
 * @param bytes - exactly the header
 * @throws `ERR_CHANNEL_MESSAGE`; `ERR_VERSION_UNSUPPORTED` for a frame of another version
 */
export function parseFrameHeader(bytes: Uint8Array): FrameHeader {
  const reader = new ByteReader(bytes, "ERR_CHANNEL_MESSAGE");
  if (!equalBytes(reader.take(4), MAGIC)) throw malformed("the peer does not speak the agreement");
  if (reader.integer(8) !== VERSION)
    throw new MilagroError("ERR_VERSION_UNSUPPORTED", "the peer speaks another version of the agreement");
  const code = reader.integer(8);
  const length = reader.integer(16);
  reader.end();
  const known = BY_CODE.get(code);
  if (!known) throw malformed("a message of an unknown type");
  if (length < known.least || length > known.most) throw malformed("a message of another length");
  return { type: known.type, length };
}

/**
 * @param bytes - the frame's from here on
 * @throws as `parseFrameHeader`, and for a body of another length
 */
export function parseFrame(bytes: Uint8Array): Frame {
  const header = bytes.subarray(0, FRAME_HEADER_LENGTH);
  const { type, length } = parseFrameHeader(header);
  const body = bytes.subarray(FRAME_HEADER_LENGTH);
  if (body.length !== length) throw malformed("a message of another length than it says");
  return { type, bytes, header, body };
}

/** The header of a frame whose body has this length. */
export function frameHeader(type: FrameType, length: number): Uint8Array {
  return concat(MAGIC, u8(VERSION), u8(TYPES[type].code), u16(length));
}

export const encodeFrame = (type: FrameType, body: Uint8Array): Uint8Array =>
  concat(frameHeader(type, body.length), body);

/** What the initiator wants of the agreed key. */
export interface ChannelPurpose {
  /** TLS follows on this stream. */
  readonly stream: boolean;
  /** A PSK identity for later connections is asked for. */
  readonly grant: boolean;
}

export interface OfferBody {
  readonly purpose: ChannelPurpose;
  readonly domainId: Uint8Array;
  readonly nonce: Uint8Array;
  /** 1216 bytes. */
  readonly share: Uint8Array;
}

export function encodeOffer({ purpose, domainId, nonce, share }: OfferBody): Uint8Array {
  const bits = (purpose.stream ? 1 : 0) | (purpose.grant ? 2 : 0);
  return encodeFrame("offer", concat(u8(SUITE), u8(bits), domainId, nonce, share));
}

/** @throws `ERR_CHANNEL_MESSAGE`; `ERR_VERSION_UNSUPPORTED` for another suite */
export function parseOffer(body: Uint8Array): OfferBody {
  const reader = new ByteReader(body, "ERR_CHANNEL_MESSAGE");
  if (reader.integer(8) !== SUITE)
    throw new MilagroError("ERR_VERSION_UNSUPPORTED", "the peer offers another cipher suite");
  const bits = reader.integer(8);
  if (bits < 1 || bits > 3) throw malformed("an offer without a purpose");
  const offer = {
    purpose: { stream: (bits & 1) !== 0, grant: (bits & 2) !== 0 },
    domainId: reader.take(32),
    nonce: reader.take(32),
    share: reader.take(HYBRID_OFFER_LENGTH),
  };
  reader.end();
  return offer;
}

export interface AnswerBody {
  readonly nonce: Uint8Array;
  /** 1120 bytes. */
  readonly share: Uint8Array;
  /** What both of these bytes are, for the hash: header ‖ nonce ‖ share. */
  readonly head: Uint8Array;
  readonly sealed: Uint8Array;
}

/** @throws `ERR_CHANNEL_MESSAGE` */
export function parseAnswer({ bytes, body }: Frame): AnswerBody {
  const reader = new ByteReader(body, "ERR_CHANNEL_MESSAGE");
  const nonce = reader.take(32);
  const share = reader.take(HYBRID_ANSWER_LENGTH);
  const head = bytes.subarray(0, bytes.length - reader.remaining);
  return { nonce, share, head, sealed: reader.take(reader.remaining) };
}

/** Why a responder goes no further, before it knows the initiator. Nothing vouches for it: it helps people, it decides nothing. */
const REASONS = {
  ERR_CHANNEL_MESSAGE: 1,
  ERR_VERSION_UNSUPPORTED: 2,
  ERR_DOMAIN_MISMATCH: 3,
  ERR_CHANNEL_BUSY: 4,
  ERR_CHANNEL_AGREEMENT: 5,
  ERR_CHANNEL_REFUSED: 6,
  ERR_EPOCH_OUT_OF_WINDOW: 7,
} as const satisfies Partial<Record<ErrorCode, number>>;

/** A frame that says why, or that it was refused where the code is for nobody else. */
export function encodeRefusal(code: string): Uint8Array {
  const reason = Object.hasOwn(REASONS, code) ? REASONS[code as keyof typeof REASONS] : REASONS.ERR_CHANNEL_REFUSED;
  return encodeFrame("refusal", u8(reason));
}

/** @throws always: what the other side says, `ERR_CHANNEL_MESSAGE` when it says nothing known */
export function throwRefusal(body: Uint8Array): never {
  const code = Object.entries(REASONS).find(([, reason]) => reason === body[0])?.[0];
  if (code === undefined) throw malformed("a refusal without a known reason");
  throw new MilagroError(code, "the other side says so");
}

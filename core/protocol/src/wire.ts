/**
 * From JSON to brands and back: what every message of the protocol is made of.
 *
 * A message is declared once, as a TypeBox schema whose leaves carry codecs. From it come the JSON Schema for OpenAPI
 * (strict enough to refuse non-canonical base64url by itself), the wire type (`XWire`: plain JSON), the parsed type
 * (`X`: bytes as `Uint8Array`, `Identity`, `Epoch`, `DomainId`) and both directions between them.
 * Curve points stay encoded bytes of the right length here: decoding them costs a subgroup check and an engine, and
 * happens where they are used. Duplicate JSON keys are invisible after `JSON.parse` (the last one wins) and cannot be
 * refused here; nothing signed depends on them, because signatures cover the canonical form of what was parsed.
 * Parsing works where a content security policy forbids `eval`; see `checker.ts`.
 * @module
 */
import { encodeBase64url, parseBase64url } from "@milagro/crypto/base64url";
import { type DomainId, parseDomainId } from "@milagro/crypto/domain-id";
import { type Epoch, parseEpoch } from "@milagro/crypto/epoch";
import { type Identity, type IdentityPattern, parseIdentity, parseIdentityPattern } from "@milagro/crypto/identity";
import { MilagroError } from "@milagro/engine/error";
import {
  type Static,
  type StaticDecode,
  type TCodec,
  type TProperties,
  type TSchema,
  type TString,
  Type,
} from "typebox";
import { checkerOf } from "./checker.ts";
import { explain } from "./explain.ts";
import { transcoderOf } from "./transcode.ts";

/** Deeply read-only, bytes and brands left alone. */
export type Frozen<T> = T extends Uint8Array | string | number | boolean | null | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : { readonly [K in keyof T]: Frozen<T[K]> };

/** What a message looks like as JSON. */
export type Wire<S extends TSchema> = Static<S>;
/** What a message is once it has been parsed. */
export type Parsed<S extends TSchema> = Frozen<StaticDecode<S>>;

/** A plain JSON object that refuses every property it does not name. */
export const strict = <P extends TProperties>(properties: P, description?: string) =>
  Type.Object(properties, { additionalProperties: false, ...(description === undefined ? {} : { description }) });

/** `"v": 1` in every message. */
export const Version = Type.Literal(1, { description: "Version of the message" });

/** For `Type.Refine`: whether a parser takes the text. */
export const accepts = (parse: (text: string) => unknown) => (text: string) => {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
};
/** The last characters that leave no stray bits after one or two bytes of a base64url group. */
const TAIL = { 1: "[A-Za-z0-9_-][AQgw]", 2: "[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048]" } as const;

const bytesCodec = (
  pattern: string,
  minimum: number,
  maximum: number,
  description: string,
): TCodec<TString, Uint8Array> =>
  Type.Codec(
    Type.String({
      pattern,
      minLength: Math.ceil((minimum * 4) / 3),
      maxLength: Math.ceil((maximum * 4) / 3),
      description,
    }),
  )
    .Decode((text: string) => parseBase64url(text))
    .Encode((bytes: Uint8Array) => encodeBase64url(bytes));

/** Exactly `length` bytes as canonical base64url without padding. */
export function bytes(length: number, what = "bytes"): TCodec<TString, Uint8Array> {
  const rest = length % 3;
  const tail = rest === 0 ? "" : TAIL[rest as 1 | 2];
  return bytesCodec(
    `^[A-Za-z0-9_-]{${length - rest === 0 ? 0 : ((length - rest) / 3) * 4}}${tail}$`,
    length,
    length,
    `${what}: ${length} bytes, base64url`,
  );
}

/** Between `minimum` and `maximum` bytes as canonical base64url without padding. */
export const bytesBetween = (minimum: number, maximum: number, what = "bytes"): TCodec<TString, Uint8Array> =>
  bytesCodec(
    `^(?:[A-Za-z0-9_-]{4})*(?:${TAIL[1]}|${TAIL[2]})?$`,
    minimum,
    maximum,
    `${what}: ${minimum} to ${maximum} bytes, base64url`,
  );

/** `milagro:<domain>/<kind>/<name>`, grammar checked. */
export const IdentityText: TCodec<TString, Identity> = Type.Codec(
  Type.Refine(
    Type.String({ minLength: 1, maxLength: 255, description: "Identity: milagro:<domain>/<kind>/<name>" }),
    accepts(parseIdentity),
    () => "must be an identity",
  ),
)
  .Decode((text: string) => parseIdentity(text))
  .Encode((identity: Identity) => identity as string);

/** An identity whose kind or name may hold wildcards. */
export const IdentityPatternText: TCodec<TString, IdentityPattern> = Type.Codec(
  Type.Refine(
    Type.String({ minLength: 1, maxLength: 255, description: "Identity pattern" }),
    accepts(parseIdentityPattern),
    () => "must be an identity pattern",
  ),
)
  .Decode((text: string) => parseIdentityPattern(text))
  .Encode((pattern: IdentityPattern) => pattern as string);

/** SHA-256 of the genesis descriptor. */
export const DomainIdBytes = Type.Codec(bytes(32, "Domain id"))
  .Decode((value: Uint8Array): DomainId => parseDomainId(value))
  .Encode((value: DomainId): Uint8Array => value);

/** An epoch number; 0 stands for keys without expiry. */
export const EpochNumber = Type.Codec(
  Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description: "Epoch; 0 for keys without expiry" }),
)
  .Decode((value: number): Epoch => parseEpoch(value))
  .Encode((value: Epoch): number => value);

/** Whole seconds since 1970-01-01T00:00Z, below the year 10000. */
export const UnixSeconds = Type.Integer({ minimum: 0, maximum: 253_402_300_799, description: "Unix seconds" });
/** A counter: sequence numbers, versions, log indices. */
export const Counter = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
/** A counter that starts at one. */
export const Ordinal = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
/** The most authorities one domain may have. */
export const MAX_AUTHORITIES = 32;
/** A D-TA's place in its domain. */
export const AuthorityIndex = Type.Integer({
  minimum: 1,
  maximum: MAX_AUTHORITIES,
  description: "Index of the D-TA, from 1",
});
/** A SHA-256 value. */
export const Hash = bytes(32, "SHA-256");
/** Text for people: one line, no control characters, trimmed. */
export const line = (maximum: number, description: string) =>
  Type.String({
    minLength: 1,
    maxLength: maximum,
    pattern: "^[^\\s\\p{C}](?:[^\\p{Cc}\\p{Cf}\\p{Cs}\\u2028\\u2029]*[^\\s\\p{C}])?$",
    description,
  });
/** An absolute http(s) URL without user, query or fragment. */
export const HttpUrl = Type.String({
  maxLength: 512,
  pattern:
    "^https?://[A-Za-z0-9.\\-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/\\-]*)?$|^https?://\\[[0-9a-fA-F:.]+\\](?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/\\-]*)?$",
  description: "http or https URL",
});
/** Where a service is: over TLS with certificates, over a channel (`milagro`), or, on one machine, plain. */
export const ServiceUrl = Type.String({
  maxLength: 512,
  pattern:
    "^(?:https?|milagro)://(?:[A-Za-z0-9.\\-]+|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/\\-]*)?$",
  description: "http, https or milagro URL",
});
/** Where a bus is: milagro, mqtt, mqtts, nats or tls, without user, query or fragment. */
export const BusUrl = Type.String({
  maxLength: 512,
  pattern:
    "^(?:milagro|mqtts?|nats|tls|wss?)://(?:[A-Za-z0-9.\\-]+|\\[[0-9a-fA-F:.]+\\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/\\-]*)?$",
  description: "Bus URL",
});
/** A stable `ERR_…` code, known to this version or not. */
export const CodeText = Type.String({ maxLength: 64, pattern: "^ERR(?:_[A-Z0-9]+)+$", description: "Error code" });

/**
 * The parser of one message.
 * @param name - what to call the message in errors
 * @returns a function that throws `ERR_MESSAGE_INVALID` (where and why, never what) or `ERR_VERSION_UNSUPPORTED`
 */
export function parserOf<S extends TSchema>(name: string, schema: S): (input: unknown) => Parsed<S> {
  const check = checkerOf(schema);
  const decode = lazily(() => transcoderOf(schema).decode);
  const versioned = "properties" in schema && Object.hasOwn(schema.properties as object, "v");
  return (input) => {
    if (!check(input)) {
      const v = versioned && typeof input === "object" && input !== null ? (input as { v?: unknown }).v : undefined;
      if (typeof v === "number" && Number.isSafeInteger(v) && v !== 1)
        throw new MilagroError("ERR_VERSION_UNSUPPORTED", `${name}: this software speaks version 1 of this message`);
      throw new MilagroError("ERR_MESSAGE_INVALID", `${name}: ${explain(schema, input)}`);
    }
    return decode()(input) as Parsed<S>;
  };
}

/** The way back: plain JSON that the parser accepts. @throws TypeError when the value is not of the type: a caller's bug */
export function encoderOf<S extends TSchema>(name: string, schema: S): (value: Parsed<S>) => Wire<S> {
  const check = checkerOf(schema);
  const encode = lazily(() => transcoderOf(schema).encode);
  return (value) => {
    const wire = encode()(value);
    if (!check(wire)) throw new TypeError(`${name}: ${explain(schema, wire)}`);
    return wire as Wire<S>;
  };
}

/** Most processes use few of the messages. */
function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Text that must be JSON. @throws `ERR_MESSAGE_INVALID` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MilagroError("ERR_MESSAGE_INVALID", "the message is not JSON"); // no cause: V8 quotes the input in it
  }
}

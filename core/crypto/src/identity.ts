/**
 * Identities: the names that keys belong to.
 *
 *   identity = "milagro:" domain "/" kind "/" name          at most 255 bytes of UTF-8, Unicode normalisation form C
 *   domain   = label *("." label)                           label: a-z 0-9, inner "-", 1 to 63; at most 253 in all
 *   kind     = a-z *31(a-z / 0-9 / "-")
 *   name     = segment *("/" segment)
 *   segment  = 1*(letter / mark / decimal digit / "." / "_" / "@" / "+" / "-")   not "." or "..", not starting with a mark
 *
 * The text is the name: comparison is by byte, nothing is folded or normalised on the way in (text in another form is
 * refused, not repaired). Letters of any script are allowed, invisible ones (Default_Ignorable_Code_Point) are not. Look-alike
 * letters of different scripts stay different identities: a registrar decides what it admits.
 *
 * Patterns over identities, for policies and grants:
 *
 *   pattern = "milagro:" domain "/" (kind / "*") "/" segment-pattern *("/" segment-pattern)
 *   segment-pattern = segment         that segment
 *                   / segment "*"     a segment that starts so (and is longer or equal)
 *                   / "*"             any one segment
 *                   / "**"            one or more segments; last place only
 *
 * The domain is never a pattern: a policy speaks about its own trust domain. Matching is by byte and takes linear time.
 * @module
 */
import type { Brand } from "./brand.ts";
import { utf8 } from "./bytes.ts";
import { MilagroError } from "./error.ts";

/** `milagro:<domain>/<kind>/<name>`, checked against the grammar. */
export type Identity = Brand<string, "Identity">;
/** A pattern, checked against the grammar. Every identity is a pattern that matches itself. */
export type IdentityPattern = Brand<string, "IdentityPattern">;

/** An identity in its parts. */
export interface IdentityParts {
  readonly domain: string;
  readonly kind: string;
  readonly name: string;
}

const PREFIX = "milagro:";
const MAX_BYTES = 255;
const DOMAIN = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const KIND = /^[a-z][a-z0-9-]{0,31}$/;
const SEGMENT = /^(?![\p{M}])[\p{L}\p{M}\p{Nd}._@+-]+$/u;
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;

function refuse(reason: string): never {
  throw new MilagroError("ERR_IDENTITY_INVALID", `${reason}; write milagro:<domain>/<kind>/<name>`);
}

/** Whether text may be the domain part. */
function isDomainName(text: string): boolean {
  return text.length <= 253 && DOMAIN.test(text);
}

/** Whether text may be the kind part. */
function isIdentityKind(text: string): boolean {
  return KIND.test(text);
}

/** Whether text may be one segment of the name. */
function isNameSegment(text: string): boolean {
  return SEGMENT.test(text) && !INVISIBLE.test(text) && text !== "." && text !== ".." && text.normalize("NFC") === text;
}

/** @throws `ERR_IDENTITY_INVALID` for anything outside the grammar above */
export function parseIdentity(text: string): Identity {
  if (text.length > MAX_BYTES || !text.isWellFormed() || utf8(text).length > MAX_BYTES)
    refuse("too long, or broken text");
  if (!text.startsWith(PREFIX)) refuse("no milagro: in front");
  const [domain = "", kind = "", ...segments] = text.slice(PREFIX.length).split("/");
  if (!isDomainName(domain)) refuse("the domain is not a lower-case DNS-like name");
  if (!isIdentityKind(kind)) refuse("the kind is not a short lower-case word");
  if (segments.length === 0 || !segments.every(isNameSegment)) refuse("the name has a segment that is not allowed");
  // Segments are each in form C and a slash never composes, so the whole text is.
  return text as Identity;
}

/** Puts an identity together. @throws `ERR_IDENTITY_INVALID` */
export function identityOf(parts: IdentityParts): Identity {
  if (parts.domain.includes("/") || parts.kind.includes("/")) refuse("a slash in the domain or kind");
  return parseIdentity(`${PREFIX}${parts.domain}/${parts.kind}/${parts.name}`);
}

/** Takes an identity apart; `identityOf` puts the same one together again. */
export function splitIdentity(identity: Identity): IdentityParts {
  const [domain = "", kind = "", ...segments] = identity.slice(PREFIX.length).split("/");
  return { domain, kind, name: segments.join("/") };
}

/** @throws `ERR_IDENTITY_PATTERN_INVALID` */
export function parseIdentityPattern(text: string): IdentityPattern {
  const [domain = "", kind = "", ...segments] = text.slice(PREFIX.length).split("/");
  const sound =
    text.length <= MAX_BYTES &&
    text.isWellFormed() &&
    utf8(text).length <= MAX_BYTES &&
    text.startsWith(PREFIX) &&
    isDomainName(domain) &&
    (kind === "*" || isIdentityKind(kind)) &&
    segments.length > 0 &&
    segments.every((segment, i) => isSegmentPattern(segment, i === segments.length - 1));
  if (!sound) {
    throw new MilagroError(
      "ERR_IDENTITY_PATTERN_INVALID",
      "write milagro:<domain>/<kind or *>/<name, with * or ** at the end>",
    );
  }
  return text as IdentityPattern;
}

/** Whether the pattern covers the identity. */
export function matchesIdentity(pattern: IdentityPattern, identity: Identity): boolean {
  const wanted = pattern.slice(PREFIX.length).split("/");
  const actual = identity.slice(PREFIX.length).split("/");
  const open = wanted.at(-1) === "**";
  if (open ? actual.length < wanted.length : actual.length !== wanted.length) return false;
  const [domain, kind, ...segments] = open ? wanted.slice(0, -1) : wanted;
  if (domain !== actual[0] || (kind !== "*" && kind !== actual[1])) return false;
  return segments.every((segment, i) => {
    const text = actual[i + 2] as string;
    return segment.endsWith("*") ? text.startsWith(segment.slice(0, -1)) : text === segment;
  });
}

function isSegmentPattern(text: string, last: boolean): boolean {
  if (text === "*" || (text === "**" && last)) return true;
  return isNameSegment(text.endsWith("*") ? text.slice(0, -1) : text);
}

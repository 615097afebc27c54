/**
 * Names of secrets, and patterns over them.
 *
 *   path    = segment *("/" segment)          at most 200 characters
 *   segment = 1*(ALPHA / DIGIT / "." / "_" / "-")      not "." or ".."
 *   pattern = as path, but a segment may end in "*" (or be it), and the last may be "**": one or more segments
 *
 * ASCII only, so a path is the same in a URL, a file system and a canonical record. Matching is by byte, in linear time.
 * @module
 */
import type { Brand } from "@milagro/crypto/brand";
import { MilagroError } from "@milagro/engine/error";
import { type TCodec, type TString, Type } from "typebox";

/** The name of a secret inside its domain. */
export type SecretPath = Brand<string, "SecretPath">;
/** A set of secret paths. Every path is the pattern of itself. */
export type SecretPathPattern = Brand<string, "SecretPathPattern">;

const MAX_LENGTH = 200;
const SEGMENT = "(?!\\.{1,2}(?:/|$))[A-Za-z0-9._\\-]+";
const PATH = `^${SEGMENT}(?:/${SEGMENT})*$`;
const PATTERN = "^(?:(?!\\.{1,2}(?:/|$))[A-Za-z0-9._\\-]+\\*?/|\\*/)*(?:(?!\\.{1,2}$)[A-Za-z0-9._\\-]+\\*?|\\*{1,2})$";
const PATH_REGEX = new RegExp(PATH, "u");
const PATTERN_REGEX = new RegExp(PATTERN, "u");

/** @throws `ERR_PATH_INVALID` */
export function parseSecretPath(text: string): SecretPath {
  if (text.length > MAX_LENGTH || !PATH_REGEX.test(text))
    throw new MilagroError(
      "ERR_PATH_INVALID",
      "a secret path is made of letters, digits, . _ - joined by /, at most 200 characters",
    );
  return text as SecretPath;
}

/** @throws `ERR_PATH_INVALID` */
export function parseSecretPathPattern(text: string): SecretPathPattern {
  if (text.length > MAX_LENGTH || !PATTERN_REGEX.test(text))
    throw new MilagroError(
      "ERR_PATH_INVALID",
      "a path pattern is a secret path whose segments may end in *, the last may be **",
    );
  return text as SecretPathPattern;
}

/** Whether the pattern covers the path. */
export function matchesSecretPath(pattern: SecretPathPattern, path: SecretPath): boolean {
  const wanted = pattern.split("/");
  const actual = path.split("/");
  const open = wanted.at(-1) === "**";
  if (open ? actual.length < wanted.length : actual.length !== wanted.length) return false;
  return (open ? wanted.slice(0, -1) : wanted).every((segment, i) => {
    const text = actual[i] as string;
    return segment.endsWith("*") ? text.startsWith(segment.slice(0, -1)) : segment === text;
  });
}

/** A secret path in a message. */
export const SecretPathText: TCodec<TString, SecretPath> = Type.Codec(
  Type.String({ minLength: 1, maxLength: MAX_LENGTH, pattern: PATH, description: "Path of a secret" }),
)
  .Decode((text: string) => parseSecretPath(text))
  .Encode((path: SecretPath) => path as string);

/** A path pattern in a message. */
export const SecretPathPatternText: TCodec<TString, SecretPathPattern> = Type.Codec(
  Type.String({ minLength: 1, maxLength: MAX_LENGTH, pattern: PATTERN, description: "Pattern over secret paths" }),
)
  .Decode((text: string) => parseSecretPathPattern(text))
  .Encode((pattern: SecretPathPattern) => pattern as string);
